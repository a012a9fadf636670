//! moka #59: a `get_or_insert_with` that is dropped while it makes the value leaves an empty entry
//! behind: the others find no value in it, try again and again, and panic. Task a must be
//! cancelled while it makes the value. (moka's own threads tidy its caches up; what happens here
//! does not depend on them.)

#[path = "../support.rs"]
mod support;

use std::{
    future::poll_fn,
    mem,
    process::ExitCode,
    task::Poll::{Pending, Ready},
};

use moka::future::Cache;
use seedloop::{Error, gather, spawn_named};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

/// Makes a value, and lets others run before it has it. A cancellation drops it with its task.
async fn make() -> u32 {
    let mut polled = false;
    let pause = poll_fn(|context| {
        context.waker().wake_by_ref();
        if mem::replace(&mut polled, true) { Ready(()) } else { Pending }
    });
    pause.await;
    5
}

fn program() -> impl Future<Output = Result<(), Error>> {
    // Starts moka's threads, which takes seconds on a busy machine: outside of any poll, which the
    // watchdog would take for a hang.
    let cache = Cache::new(10);
    async move {
        let get = |name| {
            let cache = cache.clone();
            spawn_named(name, async move {
                assert_eq!(cache.get_or_insert_with("key", make()).await, 5);
            })
        };
        let _ends = gather((get("a").cancellable(), get("b"))).return_exceptions().await?;
        Ok(())
    }
}
