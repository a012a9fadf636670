//! embassy-sync #4598: `Signal::reset` throws away the waker of the task that waits: the signal
//! after it wakes nobody. The waiter must come first.

#[path = "../support.rs"]
mod support;

use std::{process::ExitCode, rc::Rc};

use embassy_sync::{blocking_mutex::raw::NoopRawMutex, signal::Signal};
use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let signal = Rc::new(Signal::<NoopRawMutex, u32>::new());
    let own = signal.clone();
    let signaller = spawn_named("signaller", async move {
        own.reset();
        yield_now().await?;
        own.signal(1);
        Ok::<(), Error>(())
    });
    let waiter = spawn_named("waiter", async move { signal.wait().await });
    gather((signaller, waiter)).await?;
    Ok(())
}
