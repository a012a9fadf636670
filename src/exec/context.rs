//! What a program may ask of the run that it is in.

use std::{
    any::Any,
    fmt::Display,
    marker::PhantomData,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    handle::Handle,
    job::{Said, acting_job, job},
    names::CopyOut,
    raw::TaskRef,
    record::Thing,
    report::ExceptionContext,
    shell::{Shell, try_with},
};
use crate::{sched::ChoiceKind, trace::Kind};

/// Is there a run on this thread? As `loop.is_running()` of the thread's loop.
///
/// # Examples
/// ```
/// assert!(!seedloop::is_running());
/// assert!(seedloop::run(async { seedloop::is_running() }).unwrap());
/// ```
pub fn is_running() -> bool {
    try_with(|_| ()).is_some()
}

/// The loop's iteration: 1 is the first; 0 outside a run. For comparisons with CPython.
///
/// # Examples
/// ```
/// use seedloop::{Error, iteration, run, yield_now};
/// run(async {
///     let before = iteration();
///     yield_now().await?;
///     assert_eq!(iteration(), before + 1);
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn iteration() -> u64 {
    let iteration = try_with(|shell| {
        let mut core = shell.core.borrow_mut();
        core.touch_all();
        core.iteration()
    });
    iteration.or_else(|| Some(job()?.iteration())).unwrap_or(0)
}

/// As `asyncio.current_task()`: the task that runs; none in callbacks and outside a run.
///
/// # Examples
/// ```
/// use seedloop::{current_task, run, spawn_named, Error};
/// run(async {
///     let name = spawn_named("worker", async { current_task().map(|task| task.name()) });
///     assert_eq!(name.await?, Some("worker".to_string()));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn current_task() -> Option<TaskRef> {
    try_with(|shell| {
        let task = shell.core.borrow().actor.task;
        task.map(|task| TaskRef::new(shell, task))
    })
    .flatten()
}

/// As `asyncio.all_tasks()`: the tasks that are not done, in order of creation; none outside a run.
///
/// # Examples
/// ```
/// use seedloop::{all_tasks, run, spawn_named};
/// run(async {
///     let _worker = spawn_named("worker", async {});
///     let names: Vec<String> = all_tasks().into_iter().map(|task| task.name()).collect();
///     assert_eq!(names, ["main", "worker"]);
/// })?;
/// # Ok::<(), seedloop::Error>(())
/// ```
pub fn all_tasks() -> Vec<TaskRef> {
    let tasks = try_with(|shell| {
        let mut core = shell.core.borrow_mut();
        core.touch_all();
        let live = core.live_tasks();
        drop(core);
        live.into_iter().map(|task| TaskRef::new(shell, task)).collect()
    });
    tasks.unwrap_or_default()
}

/// Blocks the loop for so long in virtual time, as `time.sleep` in a coroutine does: nothing else
/// runs, and every deadline in between is late. Not a schedule point. Nothing outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{busy, now, run};
/// run(async {
///     let start = now();
///     busy(Duration::from_secs(1));
///     assert_eq!(now() - start, Duration::from_secs(1));
/// })?;
/// # Ok::<(), seedloop::Error>(())
/// ```
pub fn busy(duration: Duration) {
    let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    try_with(|shell| {
        let mut core = shell.core.borrow_mut();
        core.touch_all();
        core.kernel.busy(ns);
        if ns > 0 {
            core.recorder.instant_steps = 0;
        }
        core.note(Kind::Busy, Thing::None, ns);
    });
}

/// As `loop.stop()`: [`Loop::run_forever`](crate::Loop::run_forever) returns after this iteration.
/// [`Runner::run`](crate::Runner::run) gives an error if its future is not done then. Nothing
/// outside a run.
///
/// # Examples
/// ```
/// use seedloop::{Config, Loop, stop};
/// let mut event_loop = Loop::new(Config::default());
/// event_loop.call_soon(stop)?;
/// event_loop.run_forever()?;
/// # Ok::<(), seedloop::Error>(())
/// ```
pub fn stop() {
    try_with(|shell| shell.stop());
}

/// Leaves the loop right after the current handle, as `SystemExit` and `KeyboardInterrupt` do in
/// asyncio: [`Runner::run`](crate::Runner::run) gives [`Error::Interrupted`](crate::Error), and
/// what was ready is run by the clean-up. Nothing outside a run. Not a schedule point.
///
/// # Examples
/// ```
/// use seedloop::{Error, interrupt, run, yield_now};
/// let left = run(async {
///     interrupt();
///     yield_now().await
/// });
/// assert!(matches!(left, Err(Error::Interrupted)));
/// ```
pub fn interrupt() {
    try_with(|shell| shell.interrupt());
}

/// As `loop.call_soon`: runs `callback` in the next iteration. Not a schedule point.
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{Error, call_soon, run, yield_now};
/// run(async {
///     let called = Rc::new(Cell::new(false));
///     let seen = called.clone();
///     call_soon(move || seen.set(true));
///     assert!(!called.get());
///     yield_now().await?;
///     assert!(called.get());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn call_soon(callback: impl FnOnce() + 'static) -> Handle {
    Handle::soon(&running(), Box::new(callback))
}

/// The run of this thread.
///
/// # Panics
/// Outside a run.
#[track_caller]
pub(crate) fn running() -> Rc<Shell> {
    match try_with(Rc::clone) {
        Some(shell) => shell,
        None => panic!("no running loop: call this inside seedloop::run, or in a Check"),
    }
}

/// As `loop.call_exception_handler`: tells the handler that
/// [`Runner::set_exception_handler`](crate::Runner::set_exception_handler) set, else standard
/// error.
///
/// # Examples
/// ```
/// use seedloop::{Config, ExceptionContext, Runner, call_exception_handler};
/// let mut runner = Runner::new(Config::default());
/// runner.set_exception_handler(|context| assert_eq!(context.to_string(), "odd: too few"));
/// runner.run(async { call_exception_handler(ExceptionContext::new("odd").error("too few")) })?;
/// # Ok::<(), seedloop::Error>(())
/// ```
pub fn call_exception_handler(context: ExceptionContext) {
    match try_with(|shell| shell.clone()) {
        Some(shell) => shell.report(&context),
        None => context.print(),
    }
}

/// Asserts what must hold at rest: `invariant` runs after the clean-up, when main is done and
/// nothing is left that could run; not if the run gets stuck. Its panic fails a
/// [`Check`](crate::Check); without one it goes on. Nothing outside a run.
///
/// # Examples
/// ```
/// use seedloop::{Check, Error, Semaphore, at_end, gather, yield_now};
/// Check::new().schedules(10).run(|| async {
///     let permits = Semaphore::new(3);
///     let held = permits.clone();
///     at_end(move || assert_eq!(held.permits(), 3, "every permit is back"));
///     let work = |permits: Semaphore| async move {
///         let _permit = permits.acquire().await?;
///         yield_now().await
///     };
///     gather((work(permits.clone()), work(permits.clone()))).await?;
///     Ok::<(), Error>(())
/// });
/// ```
pub fn at_end(invariant: impl FnOnce() + 'static) {
    try_with(|shell| shell.at_end(Box::new(invariant)));
}

/// Writes a line into the trace, and into the digest; [`Trace::logs`](crate::Trace::logs) reads it
/// back. Nothing outside a run. Not a schedule point.
///
/// # Examples
/// ```
/// let trace = seedloop::trace_of(async { seedloop::log("halfway") });
/// assert!(trace.to_string().contains("main                logs halfway"));
/// ```
pub fn log(text: impl Display) {
    let text = text.to_string();
    if let Some(job) = acting_job() {
        return job.say(Said::Log(text));
    }
    try_with(|shell| shell.core.borrow_mut().note(Kind::Log, Thing::Text(&text), 0));
}

/// The program's own nondeterminism: a number below `options`, chosen by the scheduler. 0 in
/// asyncio's order, and outside a run. Not a schedule point.
///
/// # Panics
/// If `options` is 0.
///
/// # Examples
/// ```
/// # seedloop::run(async {
/// let lost = seedloop::choose(2) == 1;
/// assert!(!lost);
/// # }).unwrap();
/// ```
pub fn choose(options: u32) -> u32 {
    assert!(options > 0, "choose needs at least one option");
    let chosen = try_with(|shell| {
        let mut core = shell.core.borrow_mut();
        let chosen = core.choose(ChoiceKind::User, options);
        core.note(Kind::Choose, Thing::None, chosen.into());
        chosen
    });
    chosen.unwrap_or(0)
}

/// A context variable: each task has its own value. As `contextvars.ContextVar` (PEP 567): a task,
/// a callback and a timer start with a copy of the values of whoever made them, and what they set
/// is seen by nobody else. A future that is awaited directly shares its awaiter's values.
///
/// # Examples
/// ```
/// use seedloop::{ContextVar, run, spawn, Error};
/// let user = ContextVar::new("user");
/// run(async move {
///     user.set("ann");
///     let theirs = user.clone();
///     spawn(async move { theirs.set("bob") }).await?;
///     assert_eq!(user.get(), Some("ann"));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub struct ContextVar<T> {
    id: u64,
    name: Arc<str>,
    default: Option<Arc<T>>,
    copy: Option<CopyOut>,
    value: PhantomData<fn() -> T>,
}

impl<T> Clone for ContextVar<T> {
    fn clone(&self) -> Self {
        let (name, default) = (self.name.clone(), self.default.clone());
        ContextVar { id: self.id, name, default, copy: self.copy, value: PhantomData }
    }
}

impl<T: 'static> ContextVar<T> {
    /// A variable without a value. Two variables of one name are two variables.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{ContextVar, run};
    /// let (one, two) = (ContextVar::new("id"), ContextVar::new("id"));
    /// run(async move {
    ///     one.set(1);
    ///     assert_eq!((one.get(), two.get()), (Some(1), None::<i32>));
    /// }).unwrap();
    /// ```
    pub fn new(name: &str) -> ContextVar<T> {
        // Tells variables apart; never in a trace.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        ContextVar { id, name: name.into(), default: None, copy: None, value: PhantomData }
    }

    /// With a value for where none was set.
    ///
    /// # Examples
    /// ```
    /// let depth = seedloop::ContextVar::new("depth").with_default(0);
    /// assert_eq!(depth.get(), Some(0));
    /// ```
    pub fn with_default(mut self, default: T) -> ContextVar<T> {
        self.default = Some(Arc::new(default));
        self
    }

    /// Its values travel into the jobs of [`to_thread`](crate::to_thread), which runs them in a
    /// copy of the context; a job starts with what it was at the call, and what it sets nobody else
    /// sees. Jobs are on other threads, so a value must be `Send`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{ContextVar, Error, run, to_thread};
    /// let user = ContextVar::new("user").travels();
    /// run(async move {
    ///     user.set("ann");
    ///     let theirs = user.clone();
    ///     let job = to_thread(move || {
    ///         let seen = theirs.get();
    ///         theirs.set("bob");
    ///         (seen, theirs.get())
    ///     });
    ///     assert_eq!(job.await?, (Some("ann"), Some("bob")));
    ///     assert_eq!(user.get(), Some("ann"));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn travels(mut self) -> ContextVar<T>
    where
        T: Clone + Send,
    {
        self.copy = Some(|value| {
            Box::new(value.downcast_ref::<T>().expect("a variable has one type").clone())
        });
        self
    }

    fn copy(&self) -> CopyOut {
        let name = &self.name;
        self.copy.unwrap_or_else(|| {
            panic!("the context variable {name} is used in a job: make it with `travels()`")
        })
    }

    /// The variable's name.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(seedloop::ContextVar::<i32>::new("depth").name(), "depth");
    /// ```
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value in the current context, else the default.
    ///
    /// # Panics
    /// In a job, of a variable that does not [travel](ContextVar::travels).
    pub fn get(&self) -> Option<T>
    where
        T: Clone,
    {
        if let Some(job) = acting_job() {
            self.copy();
            let context = job.context().borrow();
            let value = context.get(&self.id).and_then(|value| value.downcast_ref::<T>());
            return value.or(self.default.as_deref()).cloned();
        }
        let value = try_with(|shell| shell.core.borrow().context().get(self.id)).flatten();
        let value =
            value.map(|value: Rc<dyn Any>| value.downcast::<T>().expect("a variable has one type"));
        value.as_deref().or(self.default.as_deref()).cloned()
    }

    /// Sets the value in the current context. Nothing outside a run.
    ///
    /// # Panics
    /// In a job, of a variable that does not [travel](ContextVar::travels).
    ///
    /// # Examples
    /// ```
    /// use seedloop::{ContextVar, Error, run, spawn};
    /// let user = ContextVar::new("user");
    /// run(async move {
    ///     user.set("ann");
    ///     let seen = spawn({ let user = user.clone(); async move { user.get() } });
    ///     user.set("bob"); // the task has its copy already
    ///     assert_eq!(seen.await?, Some("ann"));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn set(&self, value: T) {
        if let Some(job) = acting_job() {
            job.context().borrow_mut().insert(self.id, self.copy()(&value));
            return;
        }
        let value = Rc::new(value);
        let old =
            try_with(|shell| shell.core.borrow_mut().context_mut().set(self.id, value, self.copy));
        drop(old);
    }
}
