//! kanal #24, #50: a sender writes into a `recv()` that waits, and the item is gone when that is
//! dropped before it is polled again. Consumer a must be cancelled between the two. There is no
//! version without this: the fixed variant asks with `try_recv()`, and waits with nothing in hand.

#[path = "../support.rs"]
mod support;

use std::{cell::Cell, process::ExitCode, rc::Rc, time::Duration};

use kanal::{AsyncReceiver, bounded_async};
use seedloop::{Error, gather, sleep, spawn_named, yield_now};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

/// The next item, or that no more will come.
async fn next(receiver: &AsyncReceiver<u32>) -> Result<Option<u32>, Error> {
    if !cfg!(feature = "fixed") {
        return Ok(receiver.recv().await.ok());
    }
    loop {
        match receiver.try_recv() {
            Ok(None) => sleep(Duration::from_millis(1)).await?,
            Ok(item) => return Ok(item),
            Err(_) => return Ok(None),
        }
    }
}

async fn program() -> Result<(), Error> {
    let (sender, receiver) = bounded_async(1);
    let received = Rc::new(Cell::new(0));
    let consume = |name| {
        let (receiver, received) = (receiver.clone(), received.clone());
        spawn_named(name, async move {
            while next(&receiver).await?.is_some() {
                received.set(received.get() + 1);
            }
            Ok::<(), Error>(())
        })
    };
    let consumers = (consume("a").cancellable(), consume("b"));
    let sender = spawn_named("sender", async move {
        yield_now().await?;
        sender.send(7).await.expect("consumer b is there");
        Ok::<(), Error>(())
    });
    let _ends = gather((consumers.0, consumers.1, sender)).return_exceptions().await?;
    assert_eq!(received.get(), 1, "one item was sent");
    Ok(())
}
