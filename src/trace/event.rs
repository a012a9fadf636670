//! One event of a run: what an actor did, to what, and when.

use std::sync::Arc;

/// What an event says. The discriminants are part of the digest: append, never renumber.
///
/// # Examples
/// ```
/// use seedloop::{trace::Kind, trace_of, yield_now};
/// let trace = trace_of(async { yield_now().await });
/// let mains = trace.events().iter().filter(|event| &*event.actor == "main");
/// let kinds: Vec<Kind> = mains.map(|event| event.kind).collect();
/// assert_eq!(kinds, [Kind::Step, Kind::Yield, Kind::Step, Kind::Finished]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// A task's step begins.
    Step = 1,
    /// A callback or a due timer runs.
    Call = 2,
    /// A cancelled callback's turn: nothing runs.
    Skip = 3,
    /// A task was woken after its end: nothing runs.
    Late = 4,
    /// The clock moves to the least deadline.
    Advance = 5,
    /// The clock moves although something is ready.
    Slip = 6,
    /// A task is created.
    Spawn = 7,
    /// The task waits for the next iteration.
    Yield = 8,
    /// The task waits for an object.
    Await = 9,
    /// A future gets a value.
    Resolve = 10,
    /// A future gets an error.
    Fail = 11,
    /// A cancellation is asked for; value 1 if it was taken.
    Cancel = 12,
    /// A cancellation is taken back; the value is the count that is left.
    Uncancel = 13,
    /// A task's future is to be dropped.
    Abort = 14,
    /// A timer is armed for the value, in ns.
    Arm = 15,
    /// A timer or callback is cancelled.
    Disarm = 16,
    /// A callback is scheduled.
    Schedule = 17,
    /// A done callback is added.
    OnDone = 18,
    /// The task ended with a value.
    Finished = 19,
    /// The task ended with an error.
    Failed = 20,
    /// The task ended by a cancellation.
    Cancelled = 21,
    /// The task's code panicked.
    Panicked = 22,
    /// A waker wakes a task.
    Wake = 23,
    /// A cancellation is injected; value 2 if it is an abort.
    Doom = 24,
    /// The program chose: the value.
    Choose = 25,
    /// The program logs a text.
    Log = 26,
    /// The loop is blocked for the value, in ns.
    Busy = 27,
    /// The loop is asked to end.
    Stop = 28,
    /// A task's future is dropped at the end of the run.
    Drop = 29,
    /// The task is told of a cancellation at an await.
    Told = 30,
    /// A waker of an earlier poll is woken: nothing happens.
    Stale = 31,
    /// The task waits for something that is not the crate's.
    Foreign = 32,
    /// In a deadlock a task is polled once more: whoever goes on then has lost a wake-up.
    Probe = 33,
    /// A waker wakes a task that is ready already. In traces, and in no digest: nothing happens.
    WakeAgain = 34,
    /// A turn of somebody beside the loop begins: a thread of an executor.
    Turn = 35,
    /// It sleeps for the value, in ns.
    Sleep = 36,
    /// It waits for something to do, or for the object.
    Park = 37,
    /// It does something with what threads share: a lock, a channel, an atomic.
    Does = 38,
    /// A task that waits is to be polled once more although nothing woke it.
    SpuriousPoll = 39,
}

/// One event of a run.
///
/// # Examples
/// ```
/// let trace = seedloop::trace_of(async { seedloop::log("hello") });
/// let said = trace.events().iter().find(|event| event.object.as_deref() == Some("hello"));
/// assert_eq!(said.map(|event| (&*event.actor, event.time_ns)), Some(("main", 0)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The handle it happened in: 1 is the first of the run, 0 is before it.
    pub step: u64,
    /// The loop's iteration: 1 is the first.
    pub iteration: u64,
    /// Virtual time in ns since the loop's start.
    pub time_ns: u64,
    /// Who did it: a task's or callback's name and path, or the clock.
    pub actor: Arc<str>,
    /// What happened.
    pub kind: Kind,
    /// To what.
    pub object: Option<Arc<str>>,
    /// How much; see [`Kind`].
    pub value: u64,
}
