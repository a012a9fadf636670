//! async-broadcast 0.3.3: a channel whose last receiver goes as an inactive one is never closed,
//! and its sender waits for ever.

#[path = "../support.rs"]
mod support;

use std::process::ExitCode;

use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let (sender, mut active) = async_broadcast::broadcast::<u32>(1);
    let other = active.clone();
    let active = spawn_named("active", async move {
        let _ = active.recv().await;
    });
    let inactive = spawn_named("inactive", async move {
        let _inactive = other.deactivate();
        yield_now().await?;
        yield_now().await
    });
    let sender = spawn_named("sender", async move {
        for number in 0..8 {
            if sender.broadcast(number).await.is_err() {
                break;
            }
            yield_now().await?;
        }
        Ok::<(), Error>(())
    });
    gather((active, inactive, sender)).await?;
    Ok(())
}
