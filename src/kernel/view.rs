//! A whole state as plain data: what a checker outside compares with its own.

use super::{
    Action, CallId, FutureId, Handle, Kernel, Message, OnCancel, State, TaskId,
    calls::{Call, Place},
    futures::{Callback, Future},
    slab::Key,
    tasks::Task,
};

/// Everything that a [`Kernel`] knows.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, Handle, Kernel};
/// let mut kernel = Kernel::default();
/// let (task, timer) = (kernel.spawn(), kernel.arm(5_000, Action::Closure));
/// let view = kernel.view();
/// assert_eq!(view.ready, [Handle::Step(task)]);
/// assert_eq!(view.timers, [(5_000, timer)]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Virtual time in ns.
    pub now: u64,
    /// The iterations begun so far.
    pub iteration: u64,
    /// How many of this iteration's handles are left: the first ones that are ready.
    pub batch: usize,
    /// The loop ends after this iteration.
    pub stopping: bool,
    /// The handles that may run, in FIFO order.
    pub ready: Vec<Handle>,
    /// The armed timers with their deadlines, in the order in which they are due.
    pub timers: Vec<(u64, CallId)>,
    /// All tasks that are not released.
    pub tasks: Vec<TaskView>,
    /// All futures that are not released.
    pub futures: Vec<FutureView>,
    /// All callbacks and timers that have neither run nor been dropped.
    pub calls: Vec<CallView>,
    /// The observed futures that are done and not fetched.
    pub observed: Vec<FutureId>,
}

/// One task.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Kernel, TaskView};
/// let mut kernel = Kernel::default();
/// let task = kernel.spawn();
/// let [TaskView { id, step, queued, .. }] = kernel.view().tasks[..] else { panic!("one task") };
/// assert_eq!((id, step, queued), (task, 0, true));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Named as the fields of the kernel's own.
pub struct TaskView {
    pub id: TaskId,
    pub future: FutureId,
    pub step: u32,
    pub queued: bool,
    pub running: bool,
    pub ended: bool,
    pub aborted: bool,
    /// What is awaited, and since which step.
    pub awaits: Vec<(Option<FutureId>, u32)>,
    pub must_cancel: Option<Message>,
    pub told: Option<Message>,
    pub told_taken: bool,
    pub cancels: u32,
}

/// One future.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Kernel, OnCancel};
/// let mut kernel = Kernel::default();
/// let future = kernel.future_new(OnCancel::Itself);
/// kernel.cancel(future, &Some("bored".into()));
/// let view = &kernel.view().futures[0];
/// assert_eq!((view.id, view.message.as_deref()), (future, Some("bored")));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Named as the fields of the kernel's own.
pub struct FutureView {
    pub id: FutureId,
    pub state: State,
    /// What becomes ready when it is done.
    pub callbacks: Vec<Handle>,
    pub on_cancel: OnCancel,
    pub cancel_requested: bool,
    pub message: Message,
    pub message_once: bool,
    pub observed: bool,
}

/// One callback or timer.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, CallPlace, CallView, Kernel};
/// let mut kernel = Kernel::default();
/// let id = kernel.arm(5_000, Action::Closure);
/// let armed = CallView { id, action: Action::Closure, place: CallPlace::Armed };
/// assert_eq!(kernel.view().calls, [armed]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Named as the fields of the kernel's own.
pub struct CallView {
    pub id: CallId,
    pub action: Action,
    pub place: CallPlace,
}

/// Where a callback waits.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, CallPlace, Kernel, OnCancel, State};
/// let mut kernel = Kernel::default();
/// let future = kernel.future_new(OnCancel::Itself);
/// kernel.on_done(future);
/// assert_eq!(kernel.view().calls[0].place, CallPlace::OnDone);
/// kernel.resolve(future, State::Finished);
/// assert_eq!(kernel.view().calls[0].place, CallPlace::Queued);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPlace {
    /// In the callback list of a pending future.
    OnDone,
    /// In the timers.
    Armed,
    /// Among the ready handles.
    Queued,
    /// Among the ready handles, as a no-op.
    Cancelled,
}

impl View {
    /// How many entries it has.
    pub fn len(&self) -> usize {
        let tables = self.tasks.len() + self.futures.len() + self.calls.len();
        tables + self.ready.len() + self.timers.len()
    }

    /// Has nothing been made yet?
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// assert!(kernel.view().is_empty());
    /// kernel.spawn(); // a task, its future, and its first step
    /// assert_eq!(kernel.view().len(), 3);
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Kernel {
    /// The whole state as plain data.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// kernel.busy(5_000);
    /// assert_eq!(kernel.view().now, 5_000);
    /// ```
    pub fn view(&self) -> View {
        View {
            now: self.now,
            iteration: self.iteration,
            batch: self.ready.batch_len(),
            stopping: self.stopping,
            ready: self.ready.iter().collect(),
            timers: self.timers.iter().map(|(&(deadline, _), &call)| (deadline, call)).collect(),
            tasks: self.tasks.iter().map(|(key, task)| task.view(key)).collect(),
            futures: self.futures.iter().map(|(key, future)| future.view(key)).collect(),
            calls: self.calls.iter().map(|(key, call)| call.view(key)).collect(),
            observed: self.observed.clone(),
        }
    }
}

impl From<Callback> for Handle {
    fn from(callback: Callback) -> Handle {
        match callback {
            Callback::Wake(task) => Handle::Step(task),
            Callback::Call(call) => Handle::Call(call),
        }
    }
}

impl Task {
    fn view(&self, key: Key) -> TaskView {
        TaskView {
            id: TaskId(key),
            future: self.future,
            step: self.step,
            queued: self.queued,
            running: self.running,
            ended: self.ended,
            aborted: self.aborted,
            awaits: self.awaits.iter().map(|wait| (wait.on, wait.since)).collect(),
            must_cancel: self.must_cancel.clone(),
            told: self.told.clone(),
            told_taken: self.told_taken,
            cancels: self.cancels,
        }
    }
}

impl Future {
    fn view(&self, key: Key) -> FutureView {
        FutureView {
            id: FutureId(key),
            state: self.state,
            callbacks: self.callbacks.iter().map(|&callback| callback.into()).collect(),
            on_cancel: self.on_cancel.clone(),
            cancel_requested: self.cancel_requested,
            message: self.message.clone(),
            message_once: self.message_once,
            observed: self.observed,
        }
    }
}

impl Call {
    fn view(&self, key: Key) -> CallView {
        let place = match self.place {
            Place::OnDone => CallPlace::OnDone,
            Place::Armed(..) => CallPlace::Armed,
            Place::Queued => CallPlace::Queued,
            Place::Cancelled => CallPlace::Cancelled,
        };
        CallView { id: CallId(key), action: self.action, place }
    }
}
