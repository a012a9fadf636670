//! The low-level API: what every primitive of the crate is built on, and what users' own
//! primitives may use. Blind to values; ids are `Send`.
//!
//! # Examples
//! A latch: who waits goes on once it is open.
//! ```
//! use std::rc::Rc;
//! use seedloop::{Error, raw::RawFuture, run, spawn};
//! run(async {
//!     let latch = Rc::new(RawFuture::new("latch")?);
//!     let waiter = spawn({ let latch = latch.clone(); async move { latch.wait().await } });
//!     latch.resolve();
//!     waiter.await
//! })?;
//! # Ok::<(), Error>(())
//! ```

use std::{
    future::Future,
    panic::Location,
    rc::{Rc, Weak},
    sync::Arc,
    task::Poll,
};

pub use super::{beside::call_from_outside, job::job_point, object::Object};
use super::{
    error::{Cancelled, Error},
    names::{Holder, Outlet},
    record::Thing,
    shell::{Body, Shell, try_with},
    wait::Wait,
};
use crate::{
    kernel::{CallId, FutureId, Message, OnCancel, State, TaskId},
    sched::Access,
    trace::Kind,
};

/// Names a task of the current run. `Copy` and `Send`; outside the run it names nothing.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, spawn, yield_now};
/// run(async {
///     let task = spawn(async { while yield_now().await.is_ok() {} });
///     let id = task.id();
///     yield_now().await?;
///     assert!(id.cancel() && !id.is_done());
///     task.await?;
///     assert!(id.is_done());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TaskRef {
    task: TaskId,
    run: u64,
}

impl TaskRef {
    pub(crate) fn new(shell: &Shell, task: TaskId) -> TaskRef {
        TaskRef { task, run: shell.serial.get() }
    }

    pub(crate) fn id(self) -> TaskId {
        self.task
    }

    /// The run, if it is the task's.
    fn with<R>(self, f: impl FnOnce(&Rc<Shell>) -> R) -> Option<R> {
        try_with(|shell| (shell.serial.get() == self.run).then(|| f(shell))).flatten()
    }

    /// The task's name: the one it was given, else its path.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{current_task, run};
    /// let main = run(async { current_task() }).unwrap().unwrap();
    /// assert_eq!(main.name(), "a task of another run"); // its run is over
    /// ```
    pub fn name(self) -> String {
        self.known_name().map_or_else(|| "a task of another run".into(), |name| name.to_string())
    }

    pub(crate) fn known_name(self) -> Option<Arc<str>> {
        self.with(|shell| shell.core.borrow().label_of(Thing::Task(self.task))).flatten()
    }

    /// As `Task.cancel()`: asks the task to end. False if it is done.
    pub fn cancel(self) -> bool {
        self.cancel_message(&None)
    }

    /// As `Task.cancel(msg)`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, yield_now};
    /// run(async {
    ///     let task = spawn(async { yield_now().await });
    ///     yield_now().await?;
    ///     assert!(task.id().cancel_with("enough"));
    ///     assert_eq!(task.await.unwrap_err().to_string(), "cancelled: enough");
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn cancel_with(self, message: &str) -> bool {
        self.cancel_message(&Some(message.into()))
    }

    fn cancel_message(self, message: &Message) -> bool {
        self.with(|shell| shell.cancel_task(self.task, message)) == Some(true)
    }

    /// Drops the task's future at its next step, as Rust's runtimes do. False if it is done.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, yield_now};
    /// run(async {
    ///     let deaf = spawn(async { loop { let _cancelled = yield_now().await; } });
    ///     assert!(deaf.id().abort());
    ///     assert!(matches!(deaf.await, Err(Error::Cancelled(_))));
    /// }).unwrap();
    /// ```
    pub fn abort(self) -> bool {
        self.with(|shell| shell.abort(self.task)) == Some(true)
    }

    /// As `Task.uncancel()`: takes one request back; gives the count that is left.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{current_task, run, yield_now};
    /// run(async {
    ///     let me = current_task().unwrap();
    ///     assert!(me.cancel() && me.cancelling() == 1);
    ///     assert_eq!(me.uncancel(), 0); // withdrawn before it was told
    ///     yield_now().await
    /// }).unwrap();
    /// ```
    pub fn uncancel(self) -> u32 {
        self.with(|shell| shell.uncancel(self.task)).unwrap_or(0)
    }

    /// As `Task.cancelling()`: the requests so far, less those taken back.
    pub fn cancelling(self) -> u32 {
        self.with(|shell| shell.cancelling(self.task)).unwrap_or(0)
    }

    /// Has the task ended?
    pub fn is_done(self) -> bool {
        self.with(|shell| shell.has_ended(self.task)).unwrap_or(true)
    }
}

impl Shell {
    pub(crate) fn cancel_task(&self, task: TaskId, message: &Message) -> bool {
        let mut core = self.core.borrow_mut();
        let taken = core.kernel.cancel_task(task, message);
        let task = core.thing_of(task);
        core.note(Kind::Cancel, task, taken.into());
        taken
    }

    pub(crate) fn abort(&self, task: TaskId) -> bool {
        let mut core = self.core.borrow_mut();
        let thing = core.thing_of(task);
        core.note(Kind::Abort, thing, 0);
        core.kernel.abort(task)
    }

    pub(crate) fn uncancel(&self, task: TaskId) -> u32 {
        let mut core = self.core.borrow_mut();
        let left = core.kernel.uncancel(task);
        let task = core.thing_of(task);
        core.note(Kind::Uncancel, task, left.into());
        left
    }

    /// Spawns a task whose body says how it ended.
    pub(crate) fn cancelling(&self, task: TaskId) -> u32 {
        let mut core = self.core.borrow_mut();
        core.touch_requests(task, Access::Read);
        core.kernel.cancelling(task)
    }

    fn has_ended(&self, task: TaskId) -> bool {
        let mut core = self.core.borrow_mut();
        core.touch_end(task);
        core.kernel.has_ended(task)
    }

    pub(crate) fn spawn(
        &self,
        name: Option<Arc<str>>,
        spawned_at: &'static Location<'static>,
    ) -> TaskId {
        let known = self.watchdog.is_some().then(|| name.clone());
        let task = self.core.borrow_mut().spawn(name, spawned_at);
        if let (Some(watchdog), Some(name)) = (&self.watchdog, known) {
            watchdog.spawned(task, name, spawned_at);
        }
        task
    }

    /// Gives a new task its body; from here on a cancellation may be injected.
    pub(crate) fn start(&self, task: TaskId, body: Body, outlet: Weak<dyn Outlet>) {
        let mut core = self.core.borrow_mut();
        let info = core.tasks.get_mut(task.index()).expect("a new task is known");
        (info.body, info.outlet) = (Some(body), Some(outlet));
        drop(core);
        self.choose_doom(task);
    }

    /// All that the task shares is seen.
    pub(crate) fn track(&self, task: TaskId) {
        self.core.borrow_mut().track_task(task);
    }

    /// From here on a cancellation may be injected.
    pub(crate) fn offer(&self, task: TaskId) {
        let newly = {
            let mut core = self.core.borrow_mut();
            core.touch_requests(task, Access::Write);
            let info = core.tasks.get_mut(task.index());
            info.is_some_and(|info| !std::mem::replace(&mut info.offered, true))
        };
        if newly {
            self.choose_doom(task);
        }
    }

    /// Keeps a task that nobody holds, also beyond its end: until `detach`. Says whether nobody
    /// held it.
    pub(crate) fn retain(&self, task: TaskId) -> bool {
        let mut core = self.core.borrow_mut();
        let info = core.tasks.get_mut(task.index()).expect("a live task is known");
        std::mem::replace(&mut info.detached, false)
    }

    /// The error of a failed task, which counts as retrieved then.
    pub(crate) fn look_at_error(&self, task: TaskId) -> Option<String> {
        let outlet = {
            let mut core = self.core.borrow_mut();
            let future = core.kernel.future_of(task);
            future.into_iter().for_each(|future| core.touch_future(future, Access::Read));
            let failed = future.map(|future| core.kernel.state(future));
            let info = core.tasks.get(task.index()).filter(|_| failed == Some(State::Failed));
            info.and_then(|info| info.outlet.clone())
        };
        outlet?.upgrade()?.look_at_error()
    }

    /// No handle of the task is left.
    pub(crate) fn detach(&self, task: TaskId) {
        let garbage = {
            let ended = self.has_ended(task);
            let mut core = self.core.borrow_mut();
            if ended {
                core.forget_task(task)
            } else {
                if let Some(info) = core.tasks.get_mut(task.index()) {
                    info.detached = true;
                }
                None
            }
        };
        drop(garbage);
    }
}

/// An `asyncio.Future` without a value: who is woken when it is done, and what its `cancel` does.
/// Belongs to the run in which it was made. Dropping it while it is pending drops its callbacks.
///
/// # Examples
/// ```
/// use std::rc::Rc;
/// use seedloop::{raw::RawFuture, run, spawn, Error};
/// run(async {
///     let gate = Rc::new(RawFuture::new("gate")?);
///     let waiter = { let gate = gate.clone(); spawn(async move { gate.wait().await }) };
///     gate.resolve();
///     waiter.await
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub struct RawFuture {
    shell: Rc<Shell>,
    id: FutureId,
    /// It is this task.
    task: Option<TaskId>,
}

impl RawFuture {
    /// A pending future; `what` is how reports call it. Its cancel ends it.
    ///
    /// # Errors
    /// [`Error::NoRunningLoop`] outside a run.
    pub fn new(what: &'static str) -> Result<RawFuture, Error> {
        RawFuture::with_cancel(what, OnCancel::Itself)
    }

    /// A pending future with another rule for its cancel.
    pub(crate) fn with_cancel(what: &'static str, rule: OnCancel) -> Result<RawFuture, Error> {
        try_with(|shell| RawFuture::in_shell(shell, what, rule)).ok_or(Error::NoRunningLoop)
    }

    pub(crate) fn in_shell(shell: &Rc<Shell>, what: &'static str, rule: OnCancel) -> RawFuture {
        let id = shell.core.borrow_mut().new_future(what, rule);
        RawFuture { shell: shell.clone(), id, task: None }
    }

    /// A task as a future, held by somebody else.
    pub(crate) fn on_task_done(shell: &Shell, task: TaskId, callback: impl FnOnce() + 'static) {
        let mut core = shell.core.borrow_mut();
        let future = core.kernel.future_of(task).expect("a live task is a future");
        let call = core.kernel.on_done(future);
        core.name_call(call, "done callback", Some(Box::new(callback)));
        core.note(Kind::OnDone, Thing::Task(task), 0);
    }

    /// A task as a future; the last handle of it.
    pub(crate) fn of_task(shell: &Rc<Shell>, task: TaskId) -> RawFuture {
        let id = shell.core.borrow().kernel.future_of(task).expect("a new task is a future");
        RawFuture { shell: shell.clone(), id, task: Some(task) }
    }

    pub(crate) fn task(&self) -> Option<TaskId> {
        self.task
    }

    pub(crate) fn id(&self) -> FutureId {
        self.id
    }

    pub(crate) fn shell(&self) -> &Rc<Shell> {
        &self.shell
    }

    /// Names whoever will resolve it, for deadlock reports.
    pub(crate) fn held_by(&self, holder: &Holder) {
        if let Some(info) = self.shell.core.borrow_mut().futures.get_mut(self.id.index()) {
            info.holder = Some(holder.clone());
        }
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        let mut core = self.shell.core.borrow_mut();
        core.touch_future(self.id, Access::Read);
        core.kernel.state(self.id)
    }

    /// Is it done?
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, raw::RawFuture, run};
    /// run(async {
    ///     let gate = RawFuture::new("gate")?;
    ///     assert!(!gate.is_done());
    ///     gate.resolve();
    ///     assert!(gate.is_done());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn is_done(&self) -> bool {
        self.state() != State::Pending
    }

    /// Ends it as finished: its callbacks are ready. False if it is done.
    pub fn resolve(&self) -> bool {
        self.end(State::Finished, Kind::Resolve)
    }

    /// Ends it as failed. False if it is done.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{kernel::State, raw::RawFuture, run, Error};
    /// run(async {
    ///     let gate = RawFuture::new("gate")?;
    ///     assert!(gate.fail() && !gate.resolve());
    ///     assert_eq!(gate.state(), State::Failed);
    ///     gate.wait().await // it is done; what failed is for its owner to say
    /// }).unwrap();
    /// ```
    pub fn fail(&self) -> bool {
        self.end(State::Failed, Kind::Fail)
    }

    fn end(&self, state: State, kind: Kind) -> bool {
        let mut core = self.shell.core.borrow_mut();
        let open = core.kernel.resolve(self.id, state);
        if open {
            core.note(kind, Thing::Future(self.id), 0);
        }
        open
    }

    /// Cancels it. False if it is done, or if what it stands for refuses.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, raw::RawFuture, run};
    /// run(async {
    ///     let gate = RawFuture::new("gate")?;
    ///     assert!(gate.cancel(Some("closed")));
    ///     assert_eq!(gate.wait().await.unwrap_err().to_string(), "cancelled: closed");
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn cancel(&self, message: Option<&str>) -> bool {
        self.cancel_message(&message.map(Arc::from))
    }

    pub(crate) fn cancel_message(&self, message: &Message) -> bool {
        let mut core = self.shell.core.borrow_mut();
        let taken = core.kernel.cancel(self.id, message);
        core.note(Kind::Cancel, Thing::Future(self.id), taken.into());
        taken
    }

    /// The cancellation that ended it, as `_make_cancelled_error`.
    pub(crate) fn take_cancelled(&self) -> Cancelled {
        let mut core = self.shell.core.borrow_mut();
        core.touch_future(self.id, Access::Write);
        Cancelled::from_message(core.kernel.take_message(self.id))
    }

    pub(crate) fn own_cancelled(&self) -> Cancelled {
        let mut core = self.shell.core.borrow_mut();
        core.touch_future(self.id, Access::Read);
        Cancelled::from_message(core.kernel.own_message(self.id))
    }

    pub(crate) fn is_cancel_requested(&self) -> bool {
        let mut core = self.shell.core.borrow_mut();
        core.touch_future(self.id, Access::Read);
        core.kernel.is_cancel_requested(self.id)
    }

    /// Runs `callback` when it is done, through the ready handles; if it is done, soon.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{log, raw::RawFuture, trace_of, yield_now};
    /// let trace = trace_of(async {
    ///     let gate = RawFuture::new("gate")?;
    ///     gate.on_done(|| log("open"));
    ///     let other = gate.on_done(|| unreachable!("it is taken back"));
    ///     assert!(gate.remove_on_done(other));
    ///     gate.resolve();
    ///     log("resolved");
    ///     yield_now().await
    /// });
    /// assert!(trace.logs().map(|(_, text)| text).eq(["resolved", "open"]));
    /// ```
    pub fn on_done(&self, callback: impl FnOnce() + 'static) -> CallId {
        let mut core = self.shell.core.borrow_mut();
        let call = core.kernel.on_done(self.id);
        core.name_call(call, "done callback", Some(Box::new(callback)));
        core.note(Kind::OnDone, Thing::Future(self.id), 0);
        call
    }

    /// Takes a callback back. False if it is not waiting any more.
    pub fn remove_on_done(&self, call: CallId) -> bool {
        let removed = {
            let mut core = self.shell.core.borrow_mut();
            let removed = core.kernel.remove_on_done(self.id, call);
            removed.then(|| core.calls.take(call.index()))
        };
        removed.is_some()
    }

    /// Waits until it is done: the current task is woken then. The cancellation of the future,
    /// or of the task, is an error. A schedule point if it is pending, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`] in another run.
    pub fn wait(&self) -> impl Future<Output = Result<(), Error>> + '_ {
        let mut wait = Wait::on(self.id);
        std::future::poll_fn(move |context| {
            if !self.shell.is_current() {
                return Poll::Ready(Err(Error::WrongLoop));
            }
            match wait.poll_in(&self.shell, context) {
                Poll::Ready(Ok(())) if self.state() == State::Cancelled => {
                    Poll::Ready(Err(self.take_cancelled().into()))
                }
                polled => polled,
            }
        })
    }
}

impl Drop for RawFuture {
    fn drop(&mut self) {
        if let Some(task) = self.task {
            return self.shell.detach(task);
        }
        let garbage = {
            let mut core = self.shell.core.borrow_mut();
            core.name_touched();
            let calls = core.kernel.future_release(self.id);
            let infos: Vec<_> = calls.iter().map(|call| core.calls.take(call.index())).collect();
            (infos, core.futures.take(self.id.index()))
        };
        drop(garbage);
    }
}
