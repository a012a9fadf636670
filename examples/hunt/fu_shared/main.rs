//! futures-util #2130: `Shared` polls a future that wakes itself again and again inside one poll:
//! no other task runs. The sharing task must come first.

#[path = "../support.rs"]
mod support;

use std::{cell::Cell, future::poll_fn, process::ExitCode, rc::Rc, task::Poll};

use futures_util::FutureExt;
use seedloop::{Error, gather, spawn_named};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let go = Rc::new(Cell::new(false));
    let gone = go.clone();
    let mut polls = 0;
    let asks = poll_fn(move |context| {
        polls += 1;
        assert!(polls < 4_000, "polled {polls} times, and nobody else");
        if gone.get() {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    let shared = spawn_named("shared", asks.shared());
    let setter = spawn_named("setter", async move { go.set(true) });
    gather((shared, setter)).await?;
    Ok(())
}
