//! This process keeps the logs of its runs, besides checking them.

use std::{
    cell::RefCell,
    process,
    sync::atomic::{AtomicU64, Ordering},
    time::Instant,
};

use seedloop::lockstep::{Log, install};

use crate::lockstep::check;

thread_local! {
    static KEPT: RefCell<Vec<Log>> = const { RefCell::new(Vec::new()) };
}

static OPERATIONS: AtomicU64 = AtomicU64::new(0);
static NANOSECONDS: AtomicU64 = AtomicU64::new(0);

#[ctor::ctor]
fn keep_and_check_every_run() {
    if let Err(text) = install(Box::new(keep_and_check)) {
        eprintln!("{text}");
        process::exit(2);
    }
}

fn keep_and_check(log: Log) -> Result<(), String> {
    KEPT.with_borrow_mut(|kept| kept.push(log.clone()));
    let (start, operations) = (Instant::now(), log.steps.len() as u64);
    let checked = check(log);
    OPERATIONS.fetch_add(operations, Ordering::Relaxed);
    NANOSECONDS.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
    checked
}

/// The logs of what `program` runs on this thread.
pub(crate) fn logs_of(program: impl FnOnce()) -> Vec<Log> {
    KEPT.take();
    program();
    KEPT.take()
}

/// The operations checked so far, and ns per operation, waits for the checking threads included.
pub(crate) fn cost() -> (u64, u64) {
    let operations = OPERATIONS.load(Ordering::Relaxed);
    (operations, NANOSECONDS.load(Ordering::Relaxed) / operations.max(1))
}
