//! tokio #1898: a `lock()` future that is dropped when the lock has just been handed to it loses
//! it: the next in the queue waits for ever. Task b must be cancelled between the two.

#[path = "../support.rs"]
mod support;

use std::{process::ExitCode, rc::Rc};

use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;
use tokio::sync::Mutex;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let mutex = Rc::new(Mutex::new(0));
    let add = |name| {
        let mutex = mutex.clone();
        spawn_named(name, async move {
            let mut count = mutex.lock().await;
            *count += 1;
            yield_now().await
        })
    };
    let _ends = gather((add("a"), add("b").cancellable(), add("c"))).return_exceptions().await?;
    Ok(())
}
