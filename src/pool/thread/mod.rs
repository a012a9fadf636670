//! What blocking code uses in a job, instead of what `std::thread` and `std::sync` have, with the
//! same interfaces: at each operation the job's turn ends, and others may have theirs before it
//! goes on. Outside a run it is what `std` has.

pub mod atomic;
mod barrier;
mod condvar;
mod deadline;
pub mod mpsc;
mod mutex;
mod poison;
mod rwlock;
mod shared;
mod spawn;

use std::time::Duration;

pub use barrier::{Barrier, BarrierWaitResult, Once, OnceLock};
pub use condvar::{Condvar, WaitTimeoutResult};
pub(super) use deadline::Deadline;
pub use mutex::{Mutex, MutexGuard};
pub use rwlock::{RwLock, RwLockReadGuard, RwLockWriteGuard};
pub(super) use shared::{Held, Shared, Then};
pub use spawn::{JoinHandle, spawn, spawn_named};

use crate::exec::{After, acting_job, busy};

/// Blocks the job for so long in virtual time, as `time.sleep` does a thread. The loop and other
/// jobs go on meanwhile. In a coroutine it blocks the loop, as [`busy`](crate::busy): await
/// [`sleep`](crate::sleep) instead. Nothing outside a run. A schedule point of the job; nothing
/// cancels it but the end of the run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, now, run, thread, to_thread};
/// run(async {
///     to_thread(|| thread::sleep(Duration::from_secs(60))).await?;
///     assert_eq!(now().as_millis(), 60_000);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
pub fn sleep(duration: Duration) {
    let Some(job) = acting_job() else { return busy(duration) };
    let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    job.end_turn(After::At(job.now().saturating_add(ns)));
}

/// Lets the loop and other jobs have their turns. Nothing outside a job. A schedule point of the
/// job; nothing cancels it but the end of the run.
///
/// # Examples
/// ```
/// use seedloop::{log, thread, to_thread, trace_of};
/// let trace = trace_of(async {
///     to_thread(|| {
///         log("first");
///         thread::yield_now();
///         log("second");
///     })
///     .await
/// });
/// assert!(trace.logs().map(|(_, text)| text).eq(["first", "second"]));
/// ```
pub fn yield_now() {
    if let Some(job) = acting_job() {
        job.end_turn(After::Ready);
    }
}

/// The name of the worker that runs the job: `threading.current_thread().name`. Outside a job the
/// thread's.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, thread, to_thread};
/// let name: Result<_, Error> = run(async { to_thread(thread::name).await });
/// assert_eq!(name.unwrap().as_deref(), Some("asyncio_0"));
/// ```
pub fn name() -> Option<String> {
    match crate::exec::job() {
        Some(job) => Some(job.name().to_string()),
        None => std::thread::current().name().map(str::to_owned),
    }
}
