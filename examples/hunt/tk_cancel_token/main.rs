//! tokio-util #4497: a `CancellationToken` keeps the waker of the first poll, not of the last.
//! No order and no cancellation shows it: the second poll must come with another waker.

#[path = "../support.rs"]
mod support;

use std::process::ExitCode;

use futures_util::future::join;
use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;
use tokio_util::sync::CancellationToken;

fn main() -> ExitCode {
    hunt(program)
}

async fn yields(count: u32) -> Result<(), Error> {
    for _ in 0..count {
        yield_now().await?;
    }
    Ok(())
}

async fn program() -> Result<(), Error> {
    let token = CancellationToken::new();
    let waits = token.clone();
    // The yields poll the wait again and again.
    let waiter = spawn_named("waiter", async move { join(waits.cancelled(), yields(2)).await.1 });
    let canceller = spawn_named("canceller", async move {
        yields(3).await?;
        token.cancel();
        Ok::<(), Error>(())
    });
    gather((waiter, canceller)).await?;
    Ok(())
}
