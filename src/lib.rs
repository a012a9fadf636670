//! seedloop is asyncio's event loop as a pure, seedable scheduler in virtual time: it runs async
//! Rust under any interleaving of tasks, timers and cancellations, and replays each from one line.
//!
//! Run a program in asyncio's order, in no time:
//! ```
//! use std::time::Duration;
//! use seedloop::{Error, gather, now, run, sleep};
//!
//! let took = run(async {
//!     let start = now();
//!     gather((sleep(Duration::from_secs(2)), sleep(Duration::from_secs(1)))).await?;
//!     Ok::<_, Error>(now() - start)
//! });
//! assert_eq!(took.unwrap(), Duration::from_secs(2));
//! ```
//!
//! Run it under a thousand schedules, and get a line that replays the one that fails:
//! ```should_panic
//! use seedloop::{Check, Error, gather, Lock, yield_now};
//!
//! Check::new().schedules(1_000).run(|| async {
//!     let (a, b) = (Lock::new(), Lock::new());
//!     let both = |one: Lock, two: Lock| async move {
//!         let _one = one.acquire().await?;
//!         yield_now().await?;
//!         let _two = two.acquire().await?;
//!         Ok::<(), Error>(())
//!     };
//!     gather((both(a.clone(), b.clone()), both(b, a))).await
//! });
//! ```
//!
//! Show what happened, event by event:
//! ```
//! let trace = seedloop::trace_of(async { seedloop::yield_now().await });
//! assert!(trace.to_string().contains("yields"));
//! ```
//!
//! # Map
//! - Tasks: [`spawn`], [`Task`], [`Future`], [`Error`], [`Cancelled`]; how an output counts:
//!   [`Outcome`]. Cancellation is a value: own awaits give `Err(Cancelled)`; for others there is
//!   [`foreign`]. `async with` is [`with`].
//! - Time: [`sleep`], [`timeout`], [`call_later`], [`now`].
//! - Together: [`gather`], [`wait`], [`as_completed`], [`wait_for`], [`shield`], [`task_group`].
//! - Synchronisation: [`Lock`], [`Event`], [`Semaphore`], [`Condition`], [`Barrier`], [`Queue`].
//! - Runs: [`run`], [`Runner`], [`Config`], loops of one's own: [`Loop`]; many: [`Check`]; by one's
//!   own rule: [`sched`].
//! - Underneath: [`raw`] for primitives of one's own, [`kernel`] for the pure machine, [`trace`]
//!   for what happened.
//! - For newcomers: the [`guide`] goes through asyncio exercise by exercise, each with its output.
//!
//! # Reading the docs
//! A *schedule point* is an await at which other handles may run; a *cancel point* is one at which
//! a cancellation of the task arrives, if it has to wait there. What says neither is neither. Times
//! are virtual, from the loop's start, and in ns where they are plain numbers. "As `asyncio.x`
//! (`y.py`)" names what CPython 3.13 calls it, and the file in its `Lib/asyncio` whose order of
//! events it keeps.

mod check;
mod compose;
mod exec;
pub mod kernel;
mod pool;
mod run;
pub mod sched;
mod sync;
mod task;
mod time;
pub mod trace;

/// The types behind [`Outcome`] and [`gather`] that tell cases apart. Inferred, never named.
///
/// # Examples
/// ```
/// use seedloop::{Error, Outcome, marker::IsPlain};
/// /// The compiler finds the marker `M`.
/// fn is_outcome<T: Outcome<M>, M>(_: &T) {}
/// is_outcome(&Ok::<u8, Error>(1));
/// is_outcome::<u8, IsPlain>(&1);
/// ```
pub mod marker {
    pub use crate::{
        compose::{IsIter, IsTuple},
        task::{IsNever, IsPlain, IsResult, Ret, ViaDyn, ViaStd},
    };
}

/// In which order a queue gives its items back; see [`QueueOf`].
///
/// # Examples
/// ```
/// use seedloop::{QueueOf, order::Lifo};
/// let stack: QueueOf<u8, Lifo> = QueueOf::new(0);
/// stack.put_nowait(1)?;
/// stack.put_nowait(2)?;
/// assert_eq!(stack.get_nowait()?, 2);
/// # Ok::<(), seedloop::Error>(())
/// ```
pub mod order {
    pub use crate::sync::{Fifo, Lifo, Order, Priority};
}

#[cfg(feature = "proptest")]
pub use check::schedules;
pub use check::{Check, Failure, FailureKind, Jobs, Level, Report, Schedule, Shrunk, Unseen};
pub use compose::{
    AsCompleted, Awaitable, Gather, GatherEach, Gathering, GroupError, TaskGroup, Wait, Waited,
    as_completed, gather, shield, task_group, wait, wait_for,
};
#[cfg(feature = "lockstep")]
pub use exec::lockstep;
pub use exec::{
    Cancelled, Config, ContextVar, Deadlock, Divergence, Endless, Error, ExceptionContext, Handle,
    LoopHandle, RunReport, StuckTask, TaskPanic, TaskRef, all_tasks, at_end, busy,
    call_exception_handler, call_soon, choose, current_task, interrupt, is_running, iteration, log,
    loop_handle, raw, stop,
};
pub use pool::{
    ProcessPool, ThreadPool, ThreadsafeFuture, run_in_executor, set_default_executor, thread,
    to_thread,
};
pub use run::{Loop, Runner, run, trace_of};
pub use sync::{
    Barrier, BoundedSemaphore, Condition, ConditionGuard, Event, Items, LifoQueue, Lock, LockGuard,
    PriorityQueue, Queue, QueueOf, Semaphore, SemaphoreGuard, Tracked,
};
pub use task::{
    AsyncExit, AsyncGuard, CallbackId, Foreign, Future, Leaving, Outcome, Plain, Raise, State,
    Task, foreign, spawn, spawn_named, spawn_plain, with,
};
pub use time::{
    Instant, Sleep, Timeout, call_at, call_later, now, sleep, sleep_until, timeout, timeout_at,
    yield_now,
};
pub use trace::{Digest, Token, TokenError, Trace};

#[doc = include_str!("guide.md")]
pub mod guide {}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
