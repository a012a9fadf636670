//! tokio #4814: a broadcast receiver that subscribes after the channel was closed is placed behind
//! the mark that says so, and waits for ever. It must subscribe last: one order of two.

#[path = "../support.rs"]
mod support;

use std::process::ExitCode;

use seedloop::{Error, gather, spawn_named};
use support::hunt;
use tokio::sync::broadcast::{self, error::RecvError};

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let (sender, receiver) = broadcast::channel(2);
    let subscriber = spawn_named("late subscriber", async move {
        let mut late = receiver.resubscribe();
        drop(receiver);
        while !matches!(late.recv().await, Err(RecvError::Closed)) {}
    });
    let sender = spawn_named("sender", async move {
        let _ = sender.send(1);
    });
    gather((subscriber, sender)).await?;
    Ok(())
}
