//! async-channel 1.4.2, "sometimes 100 % CPU": a sender that is woken wakes the next before it
//! knows that it can send. With a full channel they wake each other in a ring, and virtual time
//! stands still.

#[path = "../support.rs"]
mod support;

use std::{process::ExitCode, time::Duration};

use seedloop::{Error, gather, sleep, spawn_named};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let (sender, receiver) = async_channel::bounded(2);
    let send = |name| {
        let sender = sender.clone();
        spawn_named(name, async move {
            let _ = sender.send(1).await;
            Ok::<(), Error>(())
        })
    };
    let mut tasks: Vec<_> = ["s1", "s2", "s3", "s4", "s5"].map(send).into();
    tasks.push(spawn_named("receiver", async move {
        for _ in 0..5 {
            let _ = receiver.recv().await;
            sleep(Duration::from_millis(1)).await?;
        }
        Ok(())
    }));
    gather(tasks).await?;
    Ok(())
}
