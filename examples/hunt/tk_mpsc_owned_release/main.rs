//! tokio #8075: `OwnedPermit::release` gives its place back without a word to the receiver of a
//! channel that is closed: it waits for ever for a place that is free. The receiver must close
//! while the permit is held.

#[path = "../support.rs"]
mod support;

use std::{cell::RefCell, process::ExitCode, rc::Rc};

use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;
use tokio::sync::mpsc;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let (sender, mut receiver) = mpsc::channel::<u32>(2);
    // Senders that stay: only the permit keeps the receiver waiting.
    let kept = Rc::new(RefCell::new(vec![sender.clone()]));
    let keep = kept.clone();
    let releaser = spawn_named("releaser", async move {
        if let Ok(permit) = sender.reserve_owned().await {
            yield_now().await?;
            let sender = permit.release();
            keep.borrow_mut().push(sender);
        }
        Ok::<(), Error>(())
    });
    let receiver = spawn_named("receiver", async move {
        yield_now().await?;
        receiver.close();
        while receiver.recv().await.is_some() {}
        drop(kept);
        Ok::<(), Error>(())
    });
    gather((releaser, receiver)).await?;
    Ok(())
}
