//! Futures: a state that is set once, and what is to happen then. asyncio's `Future` without its
//! value, which the shell keeps.

use smallvec::SmallVec;

use super::{Action, CallId, Kernel, Message, TaskId, Touched, calls::Place, slab::Key};

/// Names a future.
///
/// # Examples
/// ```
/// use seedloop::kernel::{FutureId, Kernel, OnCancel, State};
/// let mut kernel = Kernel::default();
/// let future: FutureId = kernel.future_new(OnCancel::Itself);
/// assert_eq!(kernel.state(future), State::Pending);
/// kernel.future_release(future);
/// assert_eq!(kernel.state(future), State::Cancelled); // it is gone
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FutureId(pub(super) Key);

impl FutureId {
    /// The future's place in side tables; reused once the future is gone.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel};
    /// let mut kernel = Kernel::default();
    /// let first = kernel.future_new(OnCancel::Itself);
    /// kernel.future_release(first);
    /// let second = kernel.future_new(OnCancel::Itself);
    /// assert!(first.index() == second.index() && first != second);
    /// ```
    pub fn index(self) -> usize {
        self.0.index()
    }
}

/// Where a future stands. It leaves `Pending` once.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Kernel, OnCancel, State};
/// let mut kernel = Kernel::default();
/// let future = kernel.future_new(OnCancel::Itself);
/// assert!(kernel.resolve(future, State::Failed));
/// assert!(!kernel.resolve(future, State::Finished)); // once
/// assert_eq!(kernel.state(future), State::Failed);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// Not done.
    Pending,
    /// Done, with a value.
    Finished,
    /// Done, with an error.
    Failed,
    /// Done, by a cancellation.
    Cancelled,
}

/// What a future's `cancel` does.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Kernel, OnCancel, State};
/// let mut kernel = Kernel::default();
/// let children = [OnCancel::Itself, OnCancel::Itself].map(|rule| kernel.future_new(rule));
/// let gathering = kernel.future_new(OnCancel::Children(children.to_vec()));
/// assert!(kernel.cancel(gathering, &None));
/// assert!(children.iter().all(|&child| kernel.state(child) == State::Cancelled));
/// assert_eq!(kernel.state(gathering), State::Pending); // its callbacks end it
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum OnCancel {
    /// It ends as cancelled: a plain future.
    Itself,
    /// The task is told.
    Task(TaskId),
    /// Each of these is cancelled: a gathering.
    Children(Vec<FutureId>),
}

/// What is scheduled when a future is done. Takes one hop through the ready handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Callback {
    Wake(TaskId),
    Call(CallId),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Future {
    pub(super) state: State,
    /// invariant: empty once the future is done.
    pub(super) callbacks: SmallVec<[Callback; 1]>,
    pub(super) on_cancel: OnCancel,
    /// A cancel has been passed on to at least one child.
    pub(super) cancel_requested: bool,
    /// The message of the cancel that ended it.
    pub(super) message: Message,
    /// The message is for the first who asks: it belongs to the error that ended a task.
    pub(super) message_once: bool,
    /// The shell wants to know when it is done.
    pub(super) observed: bool,
}

impl Future {
    /// Whether a cancel was passed on, the message, and whether that is for the first who asks.
    pub(super) fn cancellation(&self) -> (bool, &Message, bool) {
        (self.cancel_requested, &self.message, self.message_once)
    }
}

impl Kernel {
    /// A new pending future.
    pub fn future_new(&mut self, on_cancel: OnCancel) -> FutureId {
        FutureId(self.futures.insert(Future {
            state: State::Pending,
            callbacks: SmallVec::new(),
            on_cancel,
            cancel_requested: false,
            message: None,
            message_once: false,
            observed: false,
        }))
    }

    /// The last handle is gone. A pending future's callbacks never run: they are given back.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel};
    /// let mut kernel = Kernel::default();
    /// let future = kernel.future_new(OnCancel::Itself);
    /// let call = kernel.on_done(future);
    /// assert_eq!(kernel.future_release(future), [call]);
    /// ```
    pub fn future_release(&mut self, future: FutureId) -> Vec<CallId> {
        let Some(gone) = self.futures.remove(future.0) else {
            return Vec::new();
        };
        let mut dropped = Vec::new();
        for callback in gone.callbacks {
            if let Callback::Call(call) = callback {
                self.calls.remove(call.0);
                dropped.push(call);
            }
        }
        dropped
    }

    /// Where the future stands; a future that is gone counts as cancelled.
    #[inline]
    pub fn state(&self, future: FutureId) -> State {
        self.futures.get(future.0).map_or(State::Cancelled, |future| future.state)
    }

    /// `Future.done()`.
    pub fn is_done(&self, future: FutureId) -> bool {
        self.state(future) != State::Pending
    }

    /// Was a cancel passed on to a child? The gathering then ends as cancelled in any case.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel};
    /// let mut kernel = Kernel::default();
    /// let child = kernel.future_new(OnCancel::Itself);
    /// let gathering = kernel.future_new(OnCancel::Children(vec![child]));
    /// kernel.cancel(gathering, &None);
    /// assert!(kernel.is_cancel_requested(gathering) && !kernel.is_done(gathering));
    /// ```
    pub fn is_cancel_requested(&self, future: FutureId) -> bool {
        self.futures.get(future.0).is_some_and(|future| future.cancel_requested)
    }

    /// What the future's `cancel` would do: says who is to complete it.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// let future = kernel.future_of(task).unwrap();
    /// assert_eq!(kernel.on_cancel(future), Some(&OnCancel::Task(task)));
    /// ```
    pub fn on_cancel(&self, future: FutureId) -> Option<&OnCancel> {
        self.futures.get(future.0).map(|future| &future.on_cancel)
    }

    /// The message of the cancellation, as `_make_cancelled_error`: the one of the error that
    /// ended a task is handed out once.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{End, Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// kernel.end_step(task, Exit::Ended(End::Cancelled(Some("bored".into()))));
    /// let future = kernel.future_of(task).unwrap();
    /// assert_eq!(kernel.take_message(future).as_deref(), Some("bored"));
    /// assert_eq!(kernel.take_message(future), None);
    /// ```
    pub fn take_message(&mut self, future: FutureId) -> Message {
        let future = self.futures.get_mut(future.0)?;
        if future.message_once { future.message.take() } else { future.message.clone() }
    }

    /// The message that `cancel` left on the future itself (`_cancel_message`).
    pub fn own_message(&self, future: FutureId) -> Message {
        let future = self.futures.get(future.0)?;
        if future.message_once { None } else { future.message.clone() }
    }

    /// `set_result`, `set_exception`: false if the future is done.
    pub fn resolve(&mut self, future: FutureId, state: State) -> bool {
        self.settle(future, state, None, false)
    }

    /// Is it done, or a gathering whose children all are, and whose callbacks will end it?
    pub(super) fn is_closing(&self, future: FutureId) -> bool {
        match self.futures.get(future.0) {
            Some(Future {
                state: State::Pending, on_cancel: OnCancel::Children(children), ..
            }) => children.iter().all(|&child| self.is_closing(child)),
            Some(future) => future.state != State::Pending,
            None => true,
        }
    }

    /// The shell wants to know when this pending future is done.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel, State};
    /// let mut kernel = Kernel::default();
    /// let future = kernel.future_new(OnCancel::Itself);
    /// kernel.observe(future);
    /// kernel.resolve(future, State::Finished);
    /// assert_eq!(kernel.take_observed(), [future]);
    /// assert!(kernel.take_observed().is_empty());
    /// ```
    pub fn observe(&mut self, future: FutureId) {
        if let Some(entry) = self.futures.get_mut(future.0) {
            entry.observed = true;
        }
    }

    /// Are there observed futures that are done, and not yet fetched?
    #[inline]
    pub fn has_observed(&self) -> bool {
        !self.observed.is_empty()
    }

    /// The observed futures that are done by now, each once.
    pub fn take_observed(&mut self) -> Vec<FutureId> {
        std::mem::take(&mut self.observed)
    }

    /// `add_done_callback`: on a done future the callback is ready at once.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Handle, Kernel, OnCancel, State};
    /// let mut kernel = Kernel::default();
    /// let future = kernel.future_new(OnCancel::Itself);
    /// let call = kernel.on_done(future);
    /// assert_eq!(kernel.ready_len(), 0);
    /// kernel.resolve(future, State::Finished);
    /// assert_eq!(kernel.ready(0), Some(Handle::Call(call)));
    /// assert!(!kernel.remove_on_done(future, call)); // it runs
    /// ```
    pub fn on_done(&mut self, future: FutureId) -> CallId {
        self.touch(Touched::Read(future));
        match self.futures.get(future.0) {
            Some(entry) if entry.state == State::Pending => {
                let call = self.new_call(Action::Closure, Place::OnDone);
                self.add_callback(future, Callback::Call(call));
                call
            }
            _ => self.call_soon(Action::Closure),
        }
    }

    /// `remove_done_callback`: says whether it was there. One that is already ready still runs.
    pub fn remove_on_done(&mut self, future: FutureId, call: CallId) -> bool {
        self.touch(Touched::Read(future));
        let Some(entry) = self.futures.get_mut(future.0) else {
            return false;
        };
        let before = entry.callbacks.len();
        entry.callbacks.retain(|callback| *callback != Callback::Call(call));
        let removed = entry.callbacks.len() < before;
        if removed {
            self.calls.remove(call.0);
        }
        removed
    }

    #[inline]
    pub(super) fn add_callback(&mut self, future: FutureId, callback: Callback) {
        let entry = self.futures.get_mut(future.0).expect("an awaited future exists");
        debug_assert_eq!(entry.state, State::Pending, "callbacks wait for a pending future");
        entry.callbacks.push(callback);
    }

    /// Takes one wake-up of `task` back.
    #[inline]
    pub(super) fn remove_wake(&mut self, future: FutureId, task: TaskId) {
        self.touch(Touched::Read(future));
        if let Some(entry) = self.futures.get_mut(future.0) {
            let wake = entry.callbacks.iter().position(|&c| c == Callback::Wake(task));
            if let Some(at) = wake {
                entry.callbacks.remove(at);
            }
        }
    }

    /// The future is done: each callback is scheduled, in order of registration.
    pub(super) fn settle(
        &mut self,
        future: FutureId,
        state: State,
        message: Message,
        message_once: bool,
    ) -> bool {
        self.touch(Touched::Wrote(future));
        let Some(entry) = self.futures.get_mut(future.0) else {
            return false;
        };
        if entry.state != State::Pending {
            return false;
        }
        (entry.state, entry.message, entry.message_once) = (state, message, message_once);
        if entry.observed {
            self.observed.push(future);
        }
        for callback in std::mem::take(&mut entry.callbacks) {
            match callback {
                Callback::Wake(task) => {
                    self.wake(task);
                }
                Callback::Call(call) => self.queue_call(call),
            }
        }
        true
    }
}
