//! tokio #3652: a `Notified` that is dropped after `notify_waiters()` and `notify_one()` takes the
//! stored permit with it, which is not its own: the next waiter waits for ever. The first waiter
//! must be cancelled between its wake-up and its next step.

#[path = "../support.rs"]
mod support;

use std::{future::poll_fn, pin::pin, process::ExitCode, rc::Rc, task::Poll};

use seedloop::{Error, Event, gather, spawn_named, yield_now};
use support::hunt;
use tokio::sync::Notify;

fn main() -> ExitCode {
    hunt(program)
}

/// Says that the first waiter waits, or never will.
struct SetOnDrop(Event);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set();
    }
}

async fn program() -> Result<(), Error> {
    let notify = Rc::new(Notify::new());
    let (registered, notified) = (Event::new(), Event::new());
    let gone = SetOnDrop(registered.clone());
    let (own, waits) = (notify.clone(), registered.clone());
    let first = spawn_named("first waiter", async move {
        let _gone = gone;
        let mut wait = pin!(own.notified());
        let polled = poll_fn(|context| Poll::Ready(wait.as_mut().poll(context))).await;
        if polled.is_pending() {
            waits.set();
            wait.await;
        }
    });
    let (own, done) = (notify.clone(), notified.clone());
    let notifier = spawn_named("notifier", async move {
        registered.wait().await?;
        own.notify_waiters();
        own.notify_one();
        done.set();
        Ok::<(), Error>(())
    });
    let second = spawn_named("second waiter", async move {
        notified.wait().await?;
        yield_now().await?;
        notify.notified().await;
        Ok::<(), Error>(())
    });
    let _ends = gather((first.cancellable(), notifier, second)).return_exceptions().await?;
    Ok(())
}
