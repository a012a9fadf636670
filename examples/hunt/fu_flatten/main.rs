//! futures-util #2726, #2728: a `FlattenUnordered` inside another keeps wakers of earlier polls,
//! and does nothing when it is polled while it is empty: its items never come.

#[path = "../support.rs"]
mod support;

use std::{process::ExitCode, time::Duration};

use futures_util::{FutureExt, StreamExt, future, stream};
use seedloop::{Error, sleep, spawn_named, yield_now};
use support::hunt;

fn main() -> ExitCode {
    hunt(program)
}

async fn a_moment() -> Result<(), Error> {
    sleep(Duration::from_millis(1)).await
}

async fn program() -> Result<(), Error> {
    let later = |_| async { yield_now().await.and(a_moment().await) }.boxed_local();
    let inner = stream::iter(0..3).then(later);
    let inner = inner.map(|_| stream::once(a_moment().boxed_local())).flatten_unordered(None);
    let outer = stream::once(future::ready(inner)).flatten_unordered(None);
    spawn_named("consumer", async move { assert_eq!(outer.count().await, 3) }).await
}
