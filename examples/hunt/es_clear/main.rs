//! embassy-sync, fixed in 0.7.0: `Channel::clear` makes room and does not wake the senders that
//! wait for it.

#[path = "../support.rs"]
mod support;

use std::{process::ExitCode, rc::Rc};

use embassy_sync::{blocking_mutex::raw::NoopRawMutex, channel::Channel};
use seedloop::{Error, Event, gather, spawn_named};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let channel = Rc::new(Channel::<NoopRawMutex, u32, 1>::new());
    let first = Event::new();
    let (own, sent) = (channel.clone(), first.clone());
    let clearer = spawn_named("clearer", async move {
        sent.wait().await?;
        own.clear();
        Ok::<(), Error>(())
    });
    let sender = spawn_named("sender", async move {
        channel.send(1).await;
        first.set();
        channel.send(2).await;
    });
    gather((clearer, sender)).await?;
    Ok(())
}
