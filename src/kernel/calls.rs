//! Callbacks and timers, by id. What a callback does lives in the shell, but for the one that
//! resolves a future, which a sleep needs.

use super::{FutureId, Handle, Kernel, State, Touched, slab::Key};

/// Names a callback or timer.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, CallId, Kernel};
/// let mut kernel = Kernel::default();
/// let timer: CallId = kernel.arm(5_000, Action::Closure);
/// assert_eq!(kernel.deadline(timer), Some(5_000));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallId(pub(super) Key);

impl CallId {
    /// The call's place in side tables; reused once the call is gone.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel};
    /// let mut kernel = Kernel::default();
    /// let first = kernel.arm(1, Action::Closure);
    /// assert!(kernel.cancel_call(first)); // an armed timer is gone then
    /// let second = kernel.arm(1, Action::Closure);
    /// assert_eq!(first.index(), second.index());
    /// assert_ne!(first, second);
    /// ```
    pub fn index(self) -> usize {
        self.0.index()
    }
}

/// What a callback does when it runs.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, Handle, Kernel, OnCancel};
/// let mut kernel = Kernel::default();
/// let sleep = kernel.future_new(OnCancel::Itself);
/// kernel.arm(5_000, Action::Resolve(sleep));
/// kernel.begin_iteration();
/// let Handle::Call(call) = kernel.take(0) else { panic!("nothing steps") };
/// assert_eq!(kernel.begin_call(call), Some(Action::Resolve(sleep)));
/// assert!(kernel.is_done(sleep));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// The shell runs its closure.
    Closure,
    /// The future ends as finished, unless it is done: asyncio's sleep.
    Resolve(FutureId),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Call {
    pub(super) action: Action,
    pub(super) place: Place,
}

/// Where a callback waits. A callback that has run or was dropped is no longer in the slab.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// In the callback list of a pending future.
    OnDone,
    /// In the timers, under this key.
    Armed(u64, u64),
    /// Among the ready handles.
    Queued,
    /// Among the ready handles, as a no-op: cancelled. No event disables another.
    Cancelled,
}

impl Kernel {
    /// `loop.call_soon`.
    pub fn call_soon(&mut self, action: Action) -> CallId {
        let call = self.new_call(action, Place::Queued);
        self.touch(Touched::Readied(Handle::Call(call)));
        self.ready.push(Handle::Call(call));
        call
    }

    /// `loop.call_at`, in ns: arms a timer. Every deadline, also one that has passed, goes through
    /// the timers and joins the ready handles at the start of an iteration.
    pub fn arm(&mut self, deadline: u64, action: Action) -> CallId {
        let key = (deadline, self.registrations);
        self.registrations += 1;
        let call = self.new_call(action, Place::Armed(key.0, key.1));
        self.timers.insert(key, call);
        call
    }

    /// `Handle.cancel()`: a timer is disarmed, a ready handle stays as a no-op. Says whether
    /// there was anything to cancel.
    ///
    /// # Panics
    /// On a done callback: [`remove_on_done`](Kernel::remove_on_done) takes it back.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Handle, Kernel};
    /// let mut kernel = Kernel::default();
    /// let (soon, later) = (kernel.call_soon(Action::Closure), kernel.arm(5_000, Action::Closure));
    /// assert!(kernel.cancel_call(soon) && kernel.cancel_call(later));
    /// assert_eq!((kernel.ready_len(), kernel.next_deadline()), (1, None));
    /// kernel.begin_iteration();
    /// assert_eq!(kernel.take(0), Handle::Call(soon));
    /// assert_eq!(kernel.begin_call(soon), None); // a no-op
    /// ```
    pub fn cancel_call(&mut self, call: CallId) -> bool {
        let Some(entry) = self.calls.get_mut(call.0) else {
            return false;
        };
        match entry.place {
            Place::Armed(deadline, registration) => {
                self.timers.remove(&(deadline, registration));
                self.calls.remove(call.0);
            }
            Place::Queued => entry.place = Place::Cancelled,
            Place::Cancelled => return false,
            Place::OnDone => unreachable!("a done callback is removed from its future"),
        }
        true
    }

    /// The deadline of an armed timer, in ns; none once it is due.
    pub fn deadline(&self, call: CallId) -> Option<u64> {
        match self.calls.get(call.0)?.place {
            Place::Armed(deadline, _) => Some(deadline),
            _ => None,
        }
    }

    /// Is the callback still to run?
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Action, Kernel};
    /// let mut kernel = Kernel::default();
    /// let call = kernel.call_soon(Action::Closure);
    /// assert!(kernel.is_scheduled(call));
    /// kernel.cancel_call(call);
    /// assert!(!kernel.is_scheduled(call) && kernel.ready_len() == 1);
    /// ```
    pub fn is_scheduled(&self, call: CallId) -> bool {
        self.calls.get(call.0).is_some_and(|call| call.place != Place::Cancelled)
    }

    /// Runs a callback that was taken from the ready handles, as far as the kernel does: gives
    /// `Closure` if the shell is to run it now, `None` if it was cancelled.
    ///
    /// # Panics
    /// If there is no such callback.
    pub fn begin_call(&mut self, call: CallId) -> Option<Action> {
        let entry = self.calls.remove(call.0).expect("a ready callback exists");
        match (entry.place, entry.action) {
            (Place::Cancelled, _) => None,
            (_, Action::Closure) => Some(Action::Closure),
            (_, Action::Resolve(future)) => {
                self.resolve(future, State::Finished);
                Some(entry.action)
            }
        }
    }

    pub(super) fn new_call(&mut self, action: Action, place: Place) -> CallId {
        CallId(self.calls.insert(Call { action, place }))
    }

    /// A callback joins the ready handles: its timer is due, or its future is done.
    pub(super) fn queue_call(&mut self, call: CallId) {
        self.calls.get_mut(call.0).expect("a waiting callback exists").place = Place::Queued;
        self.touch(Touched::Readied(Handle::Call(call)));
        self.ready.push(Handle::Call(call));
    }

    pub(super) fn action(&self, call: CallId) -> Option<Action> {
        self.calls.get(call.0).map(|call| call.action)
    }

    pub(super) fn place(&self, call: CallId) -> Option<Place> {
        self.calls.get(call.0).map(|call| call.place)
    }
}
