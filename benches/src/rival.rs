//! The same programs in tokio: its `current_thread` runtime with a paused clock, which skips to
//! the next timer when nothing else is ready.

use std::time::Duration;

use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::sleep,
};

use crate::table::Cell;

fn runtime() -> Runtime {
    let built = Builder::new_current_thread().enable_time().start_paused(true).build();
    built.expect("a runtime without I/O")
}

/// A runtime for each run.
pub(crate) fn built<F: Future>(program: impl Fn() -> F + 'static) -> Cell {
    Cell::new(move || {
        runtime().block_on(program());
    })
}

/// One runtime for all.
pub(crate) fn reused<F: Future>(program: impl Fn() -> F + 'static) -> Cell {
    let runtime = runtime();
    Cell::new(move || {
        runtime.block_on(program());
    })
}

/// Spawns so many tasks and awaits them all.
pub(crate) async fn tasks<F: Future<Output = ()> + Send + 'static>(
    count: u64,
    body: impl Fn() -> F,
) {
    let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(body())).collect();
    for task in tasks {
        task.await.expect("the task does not fail");
    }
}

pub(crate) async fn own_yields(count: u64) {
    for _ in 0..count {
        yield_now().await;
    }
}

pub(crate) async fn joins(count: u64) {
    for _ in 0..count {
        tokio::spawn(async {}).await.expect("the task does not fail");
    }
}

pub(crate) async fn sleeps(count: u64) {
    for _ in 0..count {
        sleep(Duration::from_millis(1)).await;
    }
}
