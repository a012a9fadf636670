//! oneshot 0.1.3: "Keep the *last* Waker in Future::poll, not the first". No order and no
//! cancellation shows it: the second poll must come with another waker.

#[path = "../support.rs"]
mod support;

use std::process::ExitCode;

use futures_util::future::join;
use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;

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
    let (sender, receiver) = oneshot::channel();
    // The yields poll the receiver again and again.
    let receiver = spawn_named("receiver", async move { join(receiver, yields(2)).await.1 });
    let sender = spawn_named("sender", async move {
        yields(3).await?;
        let _ = sender.send(1);
        Ok::<(), Error>(())
    });
    gather((receiver, sender)).await?;
    Ok(())
}
