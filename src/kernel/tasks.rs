//! Tasks: when they step, what they wait for, and how a cancellation reaches them. asyncio's
//! `Task.__step`, `cancel` and `uncancel`, for a task that may wait for several things at once.

use smallvec::SmallVec;

use super::{
    FutureId, Handle, Kernel, Message, OnCancel, State, Touched, futures::Callback, slab::Key,
};

/// Names a task.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Kernel, TaskId};
/// let mut kernel = Kernel::default();
/// let tasks: Vec<TaskId> = (0..3).map(|_| kernel.spawn()).collect();
/// assert_eq!(kernel.live_tasks(), tasks); // in order of creation
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskId(pub(super) Key);

impl TaskId {
    /// The task's place in side tables; reused once the task is gone.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// let tasks = [kernel.spawn(), kernel.spawn()];
    /// assert_eq!(tasks.map(|task| task.index()), [0, 1]);
    /// ```
    #[inline]
    pub fn index(self) -> usize {
        self.0.index()
    }

    /// The id as a number.
    pub(crate) fn to_bits(self) -> u64 {
        self.0.to_bits()
    }

    pub(crate) fn from_bits(bits: u64) -> TaskId {
        TaskId(Key::from_bits(bits))
    }
}

/// What a task does when its step is taken.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Entry, Kernel};
/// let mut kernel = Kernel::default();
/// let (task, doomed) = (kernel.spawn(), kernel.spawn());
/// kernel.cancel_task(doomed, &Some("too late".into()));
/// kernel.begin_iteration();
/// kernel.take(0);
/// assert_eq!(kernel.begin_step(task), Entry::Poll);
/// # kernel.end_step(task, seedloop::kernel::Exit::Pending);
/// kernel.take(0);
/// assert_eq!(kernel.begin_step(doomed), Entry::Drop(Some("too late".into()))); // never began
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Poll it.
    Poll,
    /// Drop its future and finish it as cancelled: aborted, cancelled before its first step, or
    /// cancelled where nothing inside it can be told.
    Drop(Message),
    /// It has ended: a wake that came too late.
    Ended,
}

/// What the poll of an await finds.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Answer, Exit, Kernel, OnCancel, State};
/// let mut kernel = Kernel::default();
/// let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
/// kernel.begin_iteration();
/// kernel.take(0);
/// kernel.begin_step(task);
/// let mut since = None;
/// assert_eq!(kernel.poll_await(task, Some(future), &mut since), Answer::Pending);
/// kernel.end_step(task, Exit::Pending);
/// kernel.resolve(future, State::Finished); // the task is ready again
/// kernel.begin_iteration();
/// kernel.take(0);
/// kernel.begin_step(task);
/// assert_eq!(kernel.poll_await(task, Some(future), &mut since), Answer::Done);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not yet; the task is woken when it is done.
    Pending,
    /// What was awaited is done.
    Done,
    /// The task is told of a cancellation here.
    Told(Message),
}

/// How a task's body ended.
///
/// # Examples
/// ```
/// use seedloop::kernel::{End, Exit, Kernel, State};
/// let ends = |end: End| {
///     let mut kernel = Kernel::default();
///     let task = kernel.spawn();
///     kernel.begin_iteration();
///     kernel.take(0);
///     kernel.begin_step(task);
///     kernel.end_step(task, Exit::Ended(end));
///     kernel.state(kernel.future_of(task).unwrap())
/// };
/// assert_eq!(ends(End::Finished), State::Finished);
/// assert_eq!(ends(End::Cancelled(None)), State::Cancelled);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// With a value.
    Finished,
    /// With an error, or by a panic.
    Failed,
    /// With an error that is a cancellation, or dropped by one.
    Cancelled(Message),
}

/// What became of a task's body after its step.
///
/// # Examples
/// ```
/// use seedloop::kernel::{End, Exit, Kernel};
/// let mut kernel = Kernel::default();
/// let task = kernel.spawn();
/// for exit in [Exit::Pending, Exit::Ended(End::Finished)] {
///     assert!(!kernel.has_ended(task));
///     kernel.wake(task);
///     kernel.begin_iteration();
///     kernel.take(0);
///     kernel.begin_step(task);
///     kernel.end_step(task, exit);
/// }
/// assert!(kernel.has_ended(task));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It waits.
    Pending,
    /// It ended.
    Ended(End),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Task {
    /// The task as a future.
    pub(super) future: FutureId,
    /// Its place in the order of creation.
    pub(super) born: u64,
    /// The steps begun so far.
    pub(super) step: u32,
    /// Its next step stands among the ready handles.
    pub(super) queued: bool,
    pub(super) running: bool,
    pub(super) ended: bool,
    pub(super) aborted: bool,
    /// What its body waits for: registered by a poll of that await, taken back when the await
    /// is answered or dropped.
    pub(super) awaits: SmallVec<[Await; 1]>,
    /// A cancellation that is asked for and not yet delivered.
    /// invariant: a task with one is queued, or running, or waits for a future that refused it
    /// and is about to be done.
    pub(super) must_cancel: Option<Message>,
    /// The cancellation that is delivered in this step, to every await registered before it.
    pub(super) told: Option<Message>,
    /// An await has taken it.
    pub(super) told_taken: bool,
    /// `cancelling()`: the requests so far less the `uncancel`s.
    pub(super) cancels: u32,
    /// A cancel is on its way down from here: one that comes back, round a cycle of awaits, is
    /// refused.
    pub(super) telling: bool,
}

/// One await of a task: a future, or nothing but the next step (`sleep(0)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Await {
    pub(super) on: Option<FutureId>,
    /// The step in which it was registered.
    pub(super) since: u32,
}

impl Task {
    /// What its next steps depend on, besides its awaits: how many steps it has made does not
    /// matter, but for the first.
    pub(super) fn write_flags(&self, mut write: impl FnMut(u64)) {
        let flags = [self.queued, self.running, self.ended, self.aborted, self.told_taken];
        flags.into_iter().for_each(|flag| write(flag.into()));
        write((self.step == 0).into());
        write(self.cancels.into());
    }

    /// The cancellation that is asked for, and the one that is being told.
    pub(super) fn requests(&self) -> [&Option<Message>; 2] {
        [&self.must_cancel, &self.told]
    }

    /// What it waits for, and whether since before this step.
    pub(super) fn waits(&self) -> impl Iterator<Item = (Option<FutureId>, bool)> + '_ {
        self.awaits.iter().map(|wait| (wait.on, wait.since < self.step))
    }
}

impl Kernel {
    /// `create_task`: the first step is ready at the end of the queue.
    pub fn spawn(&mut self) -> TaskId {
        let future = self.future_new(OnCancel::Itself);
        let task = TaskId(self.tasks.insert(Task {
            future,
            born: self.spawned,
            step: 0,
            queued: false,
            running: false,
            ended: false,
            aborted: false,
            awaits: SmallVec::new(),
            must_cancel: None,
            told: None,
            told_taken: false,
            cancels: 0,
            telling: false,
        }));
        self.spawned += 1;
        self.set_on_cancel(future, OnCancel::Task(task));
        self.wake(task);
        task
    }

    /// The task's last handle is gone, and it has ended.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{End, Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// kernel.end_step(task, Exit::Ended(End::Finished));
    /// kernel.task_release(task);
    /// assert_eq!(kernel.future_of(task), None);
    /// ```
    pub fn task_release(&mut self, task: TaskId) {
        if let Some(gone) = self.tasks.remove(task.0) {
            debug_assert!(gone.ended, "a live task is kept");
            self.future_release(gone.future);
        }
    }

    /// The task as a future.
    #[inline]
    pub fn future_of(&self, task: TaskId) -> Option<FutureId> {
        self.tasks.get(task.0).map(|task| task.future)
    }

    /// Is the task gone or done?
    #[inline]
    pub fn has_ended(&self, task: TaskId) -> bool {
        self.tasks.get(task.0).is_none_or(|task| task.ended)
    }

    /// The tasks that have not ended, in order of creation: `asyncio.all_tasks()`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{End, Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let (first, second) = (kernel.spawn(), kernel.spawn());
    /// kernel.take(0);
    /// kernel.begin_step(first);
    /// kernel.end_step(first, Exit::Ended(End::Finished));
    /// assert!(kernel.has_ended(first));
    /// assert_eq!(kernel.live_tasks(), [second]);
    /// ```
    pub fn live_tasks(&self) -> Vec<TaskId> {
        let live = self.tasks.iter().filter(|(_, task)| !task.ended);
        let mut tasks: Vec<_> = live.map(|(key, task)| (task.born, TaskId(key))).collect();
        tasks.sort_unstable_by_key(|&(born, _)| born);
        tasks.into_iter().map(|(_, task)| task).collect()
    }

    /// Will the next step be told of a cancellation?
    #[inline]
    pub fn must_cancel(&self, task: TaskId) -> bool {
        self.tasks.get(task.0).is_some_and(|task| task.must_cancel.is_some())
    }

    /// Does the task wait for nothing that the kernel knows of? Only a waker can go on with it.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// kernel.end_step(task, Exit::Pending); // it has awaited nothing of the kernel's
    /// assert!(kernel.is_parked_elsewhere(task));
    /// ```
    #[inline]
    pub fn is_parked_elsewhere(&self, task: TaskId) -> bool {
        self.tasks.get(task.0).is_some_and(|task| !task.queued && task.awaits.is_empty())
    }

    /// Does the task wait to be woken?
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// assert!(!kernel.is_parked(task)); // it is ready
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// kernel.end_step(task, Exit::Pending);
    /// assert!(kernel.is_parked(task));
    /// ```
    #[inline]
    pub fn is_parked(&self, task: TaskId) -> bool {
        self.tasks.get(task.0).is_some_and(|task| !task.ended && !task.queued)
    }

    /// How many awaits the task has, `sleep(0)` included.
    pub fn await_count(&self, task: TaskId) -> usize {
        self.tasks.get(task.0).map_or(0, |task| task.awaits.len())
    }

    /// Counts a request to cancel a part of the task, which the caller tells itself.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.count_cancel(task);
    /// assert_eq!((kernel.cancelling(task), kernel.must_cancel(task)), (1, false));
    /// ```
    pub fn count_cancel(&mut self, task: TaskId) {
        self.touch(Touched::Asked(task));
        if let Some(entry) = self.tasks.get_mut(task.0) {
            entry.cancels += 1;
        }
    }

    /// The futures that the task waits for.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel};
    /// let mut kernel = Kernel::default();
    /// let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// kernel.poll_await(task, Some(future), &mut None);
    /// kernel.poll_await(task, None, &mut None); // sleep(0)
    /// assert!(kernel.awaits(task).eq([future]));
    /// assert_eq!(kernel.await_count(task), 2);
    /// ```
    pub fn awaits(&self, task: TaskId) -> impl Iterator<Item = FutureId> + '_ {
        self.tasks.get(task.0).into_iter().flat_map(|task| task.awaits.iter().filter_map(|a| a.on))
    }

    /// The task may step again: its future is done, or a waker says so. A task is queued once,
    /// however often it is woken. Says whether it was not queued before.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// let task = kernel.spawn(); // is ready
    /// assert!(!kernel.wake(task));
    /// kernel.take(0);
    /// # kernel.begin_step(task);
    /// # kernel.end_step(task, seedloop::kernel::Exit::Pending);
    /// assert!(kernel.wake(task));
    /// assert_eq!(kernel.ready_len(), 1);
    /// ```
    #[inline(always)]
    pub fn wake(&mut self, task: TaskId) -> bool {
        let Some(entry) = self.tasks.get_mut(task.0) else {
            return false;
        };
        let (live, parked) = (!entry.ended, !entry.ended && !entry.queued);
        if parked {
            entry.queued = true;
            self.ready.push(Handle::Step(task));
        }
        if live {
            self.touch(Touched::Readied(Handle::Step(task)));
        }
        parked
    }

    /// Starts the step of a task that was taken from the ready handles.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{End, Entry, Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.take(0);
    /// assert_eq!(kernel.begin_step(task), Entry::Poll);
    /// kernel.end_step(task, Exit::Ended(End::Finished));
    /// assert_eq!(kernel.begin_step(task), Entry::Ended);
    /// ```
    #[inline(always)]
    pub fn begin_step(&mut self, task: TaskId) -> Entry {
        let Some(entry) = self.tasks.get_mut(task.0) else {
            return Entry::Ended;
        };
        entry.queued = false;
        if entry.ended {
            return Entry::Ended;
        }
        let first = entry.step == 0;
        entry.step += 1;
        entry.running = true;
        if !entry.aborted && entry.must_cancel.is_none() {
            return Entry::Poll;
        }
        entry.told = entry.must_cancel.take();
        if entry.aborted {
            return Entry::Drop(entry.told.take().flatten());
        }
        if entry.told.is_some() && (first || entry.awaits.is_empty()) {
            return Entry::Drop(entry.told.take().flatten());
        }
        Entry::Poll
    }

    /// Ends the step. A task that ended settles as a future.
    ///
    /// # Panics
    /// If there is no such task.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{End, Exit, Kernel, State};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// assert!(kernel.cancel_task(task, &None)); // right before its end
    /// kernel.end_step(task, Exit::Ended(End::Finished));
    /// assert_eq!(kernel.state(kernel.future_of(task).unwrap()), State::Cancelled);
    /// ```
    #[inline(always)]
    pub fn end_step(&mut self, task: TaskId, exit: Exit) {
        let entry = self.tasks.get_mut(task.0).expect("a stepping task exists");
        entry.running = false;
        let quiet = !entry.aborted && entry.told.is_none() && entry.must_cancel.is_none();
        if quiet && matches!(exit, Exit::Pending) {
            return;
        }
        self.end_told_step(task, exit);
    }

    /// The end of a step that ends the task, or in which it was told of something.
    fn end_told_step(&mut self, task: TaskId, exit: Exit) {
        let entry = self.tasks.get_mut(task.0).expect("a stepping task exists");
        let told = entry.told.take().filter(|_| !entry.told_taken);
        entry.told_taken = false;
        let asked = entry.must_cancel.take().or(told);
        match exit {
            Exit::Pending => {
                let aborted = entry.aborted;
                if let Some(message) = asked {
                    self.tell(task, &message);
                }
                if aborted {
                    self.wake(task);
                }
            }
            Exit::Ended(end) => {
                entry.ended = true;
                let future = entry.future;
                // An await that another task polls too (a shared future) outlives the body.
                for wait in std::mem::take(&mut entry.awaits) {
                    wait.on.into_iter().for_each(|future| self.remove_wake(future, task));
                }
                match (end, asked) {
                    // Cancelled right before its end: the value is dropped.
                    (End::Finished, Some(message)) => {
                        self.settle(future, State::Cancelled, message, false)
                    }
                    (End::Finished, None) => self.settle(future, State::Finished, None, false),
                    (End::Failed, _) => self.settle(future, State::Failed, None, false),
                    (End::Cancelled(message), _) => {
                        self.settle(future, State::Cancelled, message, true)
                    }
                };
            }
        }
    }

    /// Polls an await of the running task. `since` is what the last poll of it returned: `None`
    /// at first. A done future is answered at once; a pending one is registered.
    ///
    /// # Panics
    /// If there is no such task, or no such future to register with.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Answer, Exit, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// let mut since = None;
    /// let mut answers = Vec::new();
    /// for _ in 0..2 {
    ///     kernel.begin_iteration();
    ///     kernel.take(0);
    ///     kernel.begin_step(task);
    ///     answers.push(kernel.poll_await(task, None, &mut since)); // sleep(0)
    ///     kernel.end_step(task, Exit::Pending);
    /// }
    /// assert_eq!(answers, [Answer::Pending, Answer::Done]);
    /// ```
    #[inline(always)]
    pub fn poll_await(
        &mut self,
        task: TaskId,
        on: Option<FutureId>,
        since: &mut Option<u32>,
    ) -> Answer {
        let state = on.map_or(State::Pending, |future| self.state(future));
        if let Some(future) = on {
            self.touch(Touched::Read(future));
        }
        let entry = self.tasks.get_mut(task.0).expect("a polling task exists");
        let step = entry.step;
        let Some(registered) = *since else {
            if state != State::Pending {
                return Answer::Done;
            }
            *since = Some(step);
            entry.awaits.push(Await { on, since: step });
            match on {
                Some(future) => self.add_callback(future, Callback::Wake(task)),
                None => {
                    if !entry.queued {
                        entry.queued = true;
                        self.ready.push(Handle::Step(task));
                    }
                    self.touch(Touched::Readied(Handle::Step(task)));
                }
            }
            return Answer::Pending;
        };
        if registered < step && entry.told.is_some() {
            entry.told_taken = true;
            // The future's own cancellation goes first: it carries its own message.
            if state != State::Cancelled {
                return entry.told.clone().map_or(Answer::Done, Answer::Told);
            }
        }
        match (state, on) {
            (State::Pending, Some(_)) => Answer::Pending,
            (_, None) if registered == step => Answer::Pending,
            _ => Answer::Done,
        }
    }

    /// An await is answered, or dropped, perhaps by somebody else. A parked request that it was
    /// to deliver is told at the next step.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel, State};
    /// let mut kernel = Kernel::default();
    /// let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
    /// kernel.take(0);
    /// kernel.begin_step(task);
    /// let mut since = None;
    /// kernel.poll_await(task, Some(future), &mut since);
    /// kernel.end_await(task, Some(future), since.unwrap()); // dropped
    /// kernel.resolve(future, State::Finished);
    /// assert_eq!(kernel.ready_len(), 0); // nobody is woken
    /// ```
    #[inline(always)]
    pub fn end_await(&mut self, task: TaskId, on: Option<FutureId>, since: u32) {
        let Some(entry) = self.tasks.get_mut(task.0) else {
            return;
        };
        let gone = Await { on, since };
        if let [only] = entry.awaits[..]
            && only == gone
        {
            entry.awaits.clear();
        } else if let Some(at) = entry.awaits.iter().position(|&a| a == gone) {
            entry.awaits.remove(at);
        } else {
            return;
        }
        let is_asked = entry.must_cancel.is_some() && !entry.running;
        if let Some(future) = on {
            self.remove_wake(future, task);
        }
        if is_asked {
            self.wake(task);
        }
    }

    /// The task's future is dropped at its next step: what Rust's runtimes call abort.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Entry, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// assert!(kernel.abort(task));
    /// kernel.begin_iteration();
    /// kernel.take(0);
    /// assert_eq!(kernel.begin_step(task), Entry::Drop(None));
    /// ```
    pub fn abort(&mut self, task: TaskId) -> bool {
        self.touch(Touched::Asked(task));
        let Some(entry) = self.tasks.get_mut(task.0) else {
            return false;
        };
        if entry.ended {
            return false;
        }
        entry.aborted = true;
        if !entry.running {
            self.wake(task);
        }
        true
    }

    /// `Task.uncancel()`: gives the count that is left; at 0 a request that is not yet delivered
    /// is withdrawn.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Entry, Kernel};
    /// let mut kernel = Kernel::default();
    /// let task = kernel.spawn();
    /// kernel.cancel_task(task, &None);
    /// assert!(kernel.must_cancel(task));
    /// assert_eq!(kernel.uncancel(task), 0);
    /// kernel.begin_iteration();
    /// kernel.take(0);
    /// assert_eq!(kernel.begin_step(task), Entry::Poll); // as if nothing had been asked
    /// ```
    pub fn uncancel(&mut self, task: TaskId) -> u32 {
        self.touch(Touched::Asked(task));
        let Some(entry) = self.tasks.get_mut(task.0) else {
            return 0;
        };
        if entry.cancels > 0 {
            entry.cancels -= 1;
            if entry.cancels == 0 {
                entry.must_cancel = None;
            }
        }
        entry.cancels
    }

    /// `Task.cancelling()`.
    pub fn cancelling(&self, task: TaskId) -> u32 {
        self.tasks.get(task.0).map_or(0, |task| task.cancels)
    }

    /// Does the task wait for a future that refuses to be cancelled because it is about to be
    /// done? Then that one will wake it.
    pub(super) fn awaits_closing(&self, task: TaskId) -> bool {
        self.awaits(task).any(|future| !self.is_done(future) && self.is_closing(future))
    }

    fn set_on_cancel(&mut self, future: FutureId, on_cancel: OnCancel) {
        self.futures.get_mut(future.0).expect("a new future exists").on_cancel = on_cancel;
    }
}
