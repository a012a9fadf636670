//! futures-concurrency #204: `race_ok` of an array polls futures again that have ended, and they
//! panic.

#[path = "../support.rs"]
mod support;

use std::process::ExitCode;

use futures_concurrency::prelude::*;
use seedloop::{Error, Event, gather, spawn_named, yield_now};
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

/// Fails after one yield, or waits for the gate after two.
async fn racer(gate: Event, fails: bool) -> Result<u32, Error> {
    if fails {
        yields(1).await?;
        return Err(Error::TimedOut);
    }
    yields(2).await?;
    gate.wait().await?;
    Ok(1)
}

async fn program() -> Result<(), Error> {
    let gate = Event::new();
    let (loses, wins) = (racer(gate.clone(), true), racer(gate.clone(), false));
    let race = spawn_named("race", async move {
        assert!([loses, wins].race_ok().await.is_ok(), "one of the two wins");
    });
    let opener = spawn_named("opener", async move {
        yields(3).await?;
        gate.set();
        Ok::<(), Error>(())
    });
    gather((race, opener)).await?;
    Ok(())
}
