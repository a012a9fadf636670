//! The pure machine: which tasks exist, which may run, and what time it is.
//!
//! No futures, no clocks, no randomness, no shared state: a [`Kernel`] is a value that can be
//! cloned, compared and hashed. The shell around it owns closures and wakers and decides nothing.
//! Its transitions are those of asyncio (`base_events.py`, `futures.py`, `tasks.py` of CPython
//! 3.13), over ids.
//!
//! # Examples
//! ```
//! use seedloop::kernel::{End, Entry, Exit, Handle, Kernel, Turn};
//! let mut kernel = Kernel::default();
//! let task = kernel.spawn();
//! assert_eq!(kernel.begin_iteration(), Turn::Ready);
//! assert_eq!(kernel.take(0), Handle::Step(task));
//! assert_eq!(kernel.begin_step(task), Entry::Poll);
//! kernel.end_step(task, Exit::Ended(End::Finished));
//! assert!(kernel.has_ended(task));
//! ```

mod calls;
mod cancel;
mod canonical;
mod check;
mod futures;
mod ready;
mod slab;
mod tasks;
#[cfg(test)]
mod tests;
mod touched;
#[cfg(feature = "lockstep")]
mod view;

use std::{collections::BTreeMap, sync::Arc};

pub use calls::{Action, CallId};
pub use canonical::Canonical;
pub use futures::{FutureId, OnCancel, State};
use ready::Ready;
pub(crate) use slab::{Key, Slab};
pub use tasks::{Answer, End, Entry, Exit, TaskId};
pub use touched::Touched;
#[cfg(feature = "lockstep")]
pub use view::{CallPlace, CallView, FutureView, TaskView, View};

/// The message of a cancellation, as in `task.cancel(msg)`.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Kernel, Message, OnCancel};
/// let mut kernel = Kernel::default();
/// let future = kernel.future_new(OnCancel::Itself);
/// let message: Message = Some("bored".into());
/// assert!(kernel.cancel(future, &message));
/// assert_eq!(kernel.take_message(future), message);
/// ```
pub type Message = Option<Arc<str>>;

/// What the loop runs one at a time: asyncio's `Handle`.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, Handle, Kernel};
/// let mut kernel = Kernel::default();
/// let (task, call) = (kernel.spawn(), kernel.call_soon(Action::Closure));
/// assert_eq!(kernel.ready(0), Some(Handle::Step(task)));
/// assert_eq!(kernel.ready(1), Some(Handle::Call(call)));
/// assert_eq!(kernel.ready(2), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Handle {
    /// The next step of a task.
    Step(TaskId),
    /// A callback: `call_soon`, a due timer, a done callback.
    Call(CallId),
}

/// What the start of an iteration found.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, Kernel, Turn};
/// let mut kernel = Kernel::default();
/// assert_eq!(kernel.begin_iteration(), Turn::Idle);
/// kernel.arm(5_000, Action::Closure);
/// assert_eq!(kernel.begin_iteration(), Turn::Advanced);
/// assert_eq!(kernel.begin_iteration(), Turn::Ready); // the timer has not run yet
/// assert_eq!(kernel.now(), 5_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At least one handle is ready.
    Ready,
    /// Nothing was ready: the clock moved to the least deadline, whose timers are ready now.
    Advanced,
    /// Nothing is ready and no timer is armed: only somebody outside can go on.
    Idle,
}

/// The scheduler's whole state: `base_events.py`, `events.py`, `futures.py` and `tasks.py` of
/// CPython 3.13 over ids, without values, closures or clocks. Times are in ns since the loop's
/// start.
///
/// One turn: [`begin_iteration`](Kernel::begin_iteration), then until
/// [`iteration_over`](Kernel::iteration_over) [`take`](Kernel::take) a handle and run it: a step by
/// [`begin_step`](Kernel::begin_step), any [`poll_await`](Kernel::poll_await) and
/// [`end_step`](Kernel::end_step), a callback by [`begin_call`](Kernel::begin_call).
///
/// # Examples
/// ```
/// use seedloop::kernel::{End, Entry, Exit, Handle, Kernel, State, Turn};
/// let mut kernel = Kernel::default();
/// let task = kernel.spawn();
/// assert_eq!(kernel.begin_iteration(), Turn::Ready);
/// while !kernel.iteration_over() {
///     assert_eq!(kernel.take(0), Handle::Step(task));
///     assert_eq!(kernel.begin_step(task), Entry::Poll);
///     kernel.end_step(task, Exit::Ended(End::Finished));
/// }
/// assert_eq!(kernel.state(kernel.future_of(task).unwrap()), State::Finished);
/// assert_eq!(kernel.begin_iteration(), Turn::Idle);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Kernel {
    /// Virtual time in ns since the loop's start. Never goes back.
    now: u64,
    /// The iterations begun so far: asyncio's `_run_once` calls.
    iteration: u64,
    /// The handles that may run, in FIFO order.
    /// invariant: a task's step stands here exactly once iff the task is `queued`.
    ready: Ready,
    /// Armed timers by (deadline, registration): ties fire in order of registration.
    timers: BTreeMap<(u64, u64), CallId>,
    /// The timers registered so far.
    registrations: u64,
    /// The tasks spawned so far: gives the order of creation.
    spawned: u64,
    tasks: Slab<tasks::Task>,
    futures: Slab<futures::Future>,
    calls: Slab<calls::Call>,
    /// The loop ends after this iteration: `loop.stop()`.
    stopping: bool,
    /// Observed futures that are done, and not yet fetched by the shell.
    observed: Vec<FutureId>,
    /// Does somebody want to know what the operations touch?
    is_watched: bool,
    touched: Vec<Touched>,
}

impl Kernel {
    /// Virtual time in ns since the loop's start.
    #[inline]
    pub fn now(&self) -> u64 {
        self.now
    }

    /// The iterations begun so far.
    pub fn iteration(&self) -> u64 {
        self.iteration
    }

    /// How many handles may run now.
    #[inline]
    pub fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// The `index`th ready handle in FIFO order.
    pub fn ready(&self, index: usize) -> Option<Handle> {
        self.ready.get(index)
    }

    /// The ready handles in FIFO order.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Handle, Kernel};
    /// let mut kernel = Kernel::default();
    /// let (first, second) = (kernel.spawn(), kernel.spawn());
    /// assert!(kernel.ready_handles().eq([Handle::Step(first), Handle::Step(second)]));
    /// ```
    pub fn ready_handles(&self) -> impl Iterator<Item = Handle> + '_ {
        self.ready.iter()
    }

    /// Have all handles that were ready at the iteration's start run?
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel};
    /// let mut kernel = Kernel::default();
    /// kernel.call_soon(Action::Closure);
    /// kernel.begin_iteration();
    /// kernel.call_soon(Action::Closure); // for the next one
    /// kernel.take(0);
    /// assert!(kernel.iteration_over() && kernel.ready_len() == 1);
    /// ```
    #[inline]
    pub fn iteration_over(&self) -> bool {
        self.ready.batch_len() == 0
    }

    /// The earliest deadline of an armed timer, in ns.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel};
    /// let mut kernel = Kernel::default();
    /// [7, 5].map(|deadline| kernel.arm(deadline, Action::Closure));
    /// assert_eq!(kernel.next_deadline(), Some(5));
    /// ```
    pub fn next_deadline(&self) -> Option<u64> {
        self.timers.keys().next().map(|&(deadline, _)| deadline)
    }

    /// Has somebody asked the loop to end after this iteration?
    pub fn is_stopping(&self) -> bool {
        self.stopping
    }

    /// `loop.stop()`: the loop ends after this iteration; `false` takes it back.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel, Turn};
    /// let mut kernel = Kernel::default();
    /// kernel.arm(5_000, Action::Closure);
    /// kernel.set_stopping(true);
    /// assert!(kernel.is_stopping());
    /// assert_eq!(kernel.begin_iteration(), Turn::Ready);
    /// assert_eq!(kernel.now(), 0); // a loop that stops does not wait for a timer
    /// ```
    pub fn set_stopping(&mut self, stopping: bool) {
        self.stopping = stopping;
    }

    /// Starts an iteration, as `_run_once`: if nothing is ready the clock moves to the least
    /// deadline; due timers join the ready handles; what is ready now is the iteration's batch.
    pub fn begin_iteration(&mut self) -> Turn {
        self.iteration += 1;
        let mut turn = Turn::Ready;
        if self.ready.len() == 0 && !self.stopping {
            let Some(deadline) = self.next_deadline() else {
                return Turn::Idle;
            };
            if deadline > self.now {
                self.now = deadline;
                turn = Turn::Advanced;
            }
        }
        self.collect_due();
        self.ready.begin_batch();
        turn
    }

    /// An iteration begins that is not to run: the loop has had enough.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// kernel.spawn();
    /// kernel.give_up();
    /// assert_eq!((kernel.iteration(), kernel.iteration_over()), (1, true)); // nothing is to run
    /// ```
    pub fn give_up(&mut self) {
        self.iteration += 1;
    }

    /// The clock slips to the least deadline although handles are ready: a timeout may fire
    /// although the reply is there. Says whether it moved.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel};
    /// let mut kernel = Kernel::default();
    /// let (task, timer) = (kernel.spawn(), kernel.arm(5_000, Action::Closure));
    /// assert!(kernel.slip() && !kernel.slip());
    /// assert_eq!((kernel.now(), kernel.ready_len()), (5_000, 2)); // behind the task
    /// assert_eq!(kernel.deadline(timer), None);
    /// # let _ = task;
    /// ```
    pub fn slip(&mut self) -> bool {
        match self.next_deadline() {
            Some(deadline) if deadline > self.now => {
                self.now = deadline;
                self.collect_due();
                true
            }
            _ => false,
        }
    }

    /// A new kernel in the old one's memory. Ids of the old one must not be used any more.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::Kernel;
    /// let mut kernel = Kernel::default();
    /// kernel.spawn();
    /// kernel.reset();
    /// assert_eq!(kernel, Kernel::default());
    /// ```
    pub fn reset(&mut self) {
        self.ready.reset();
        self.timers.clear();
        self.tasks.clear();
        self.futures.clear();
        self.calls.clear();
        self.observed.clear();
        self.is_watched = false;
        self.touched.clear();
        (self.now, self.iteration, self.registrations, self.spawned) = (0, 0, 0, 0);
        self.stopping = false;
    }

    /// Blocks the loop for `ns`, as `time.sleep` in a step would.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel};
    /// let mut kernel = Kernel::default();
    /// kernel.arm(5_000, Action::Closure);
    /// kernel.busy(7_000);
    /// kernel.begin_iteration();
    /// assert_eq!((kernel.now(), kernel.ready_len()), (7_000, 1)); // late
    /// ```
    pub fn busy(&mut self, ns: u64) {
        self.now = self.now.saturating_add(ns);
    }

    /// Takes the `index`th ready handle out, to be run: `begin_step` or `begin_call` is next.
    ///
    /// # Panics
    /// If there are not so many.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Handle, Kernel};
    /// let mut kernel = Kernel::default();
    /// let (first, second) = (kernel.spawn(), kernel.spawn());
    /// kernel.begin_iteration();
    /// assert_eq!(kernel.take(1), Handle::Step(second));
    /// assert_eq!(kernel.take(0), Handle::Step(first));
    /// ```
    #[inline]
    pub fn take(&mut self, index: usize) -> Handle {
        self.ready.take(index).expect("a choice is among the ready handles")
    }

    /// `_run_once`: every timer that is due joins the ready handles, in (deadline, registration).
    fn collect_due(&mut self) {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let call = entry.remove();
            self.queue_call(call);
        }
    }
}
