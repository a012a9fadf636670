//! async-lock #41: `Semaphore::acquire_arc` loops for ever inside one poll when it has to wait: it
//! keeps its listener in a copy that goes at once. Only a thread beside can tell, so the watchdog
//! ends the process, and there is no token; the seed and the schedule replay it.

#[path = "../support.rs"]
mod support;

use std::{process::ExitCode, sync::Arc};

use async_lock::Semaphore;
use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let semaphore = Arc::new(Semaphore::new(1));
    let hold = |name| {
        let semaphore = semaphore.clone();
        spawn_named(name, async move {
            let _permit = semaphore.acquire_arc().await;
            yield_now().await
        })
    };
    gather((hold("a"), hold("b"))).await?;
    Ok(())
}
