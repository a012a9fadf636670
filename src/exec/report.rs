//! What a run came to, and what the exception handler is told.

use std::{any::Any, cell::Cell, fmt, rc::Rc, sync::Arc};

use super::{core::Core, raw::TaskRef, record::Divergence};
use crate::{
    sched,
    trace::{Digest, Pick, Plan, Settings, Token, Trace},
};

/// What the loop tells its exception handler: the `context` dictionary of asyncio's
/// `call_exception_handler` (`base_events.py`).
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use seedloop::{Config, Error, Runner, spawn, yield_now};
/// let (mut runner, heard) = (Runner::new(Config::default()), Rc::new(RefCell::new(Vec::new())));
/// let ears = heard.clone();
/// runner.set_exception_handler(move |context| ears.borrow_mut().push(context.to_string()));
/// runner.run(async {
///     drop(spawn(async { Err::<(), _>(Error::QueueFull) }));
///     yield_now().await?;
///     yield_now().await
/// })?;
/// assert_eq!(*heard.borrow(), ["Task exception was never retrieved (task 1): the queue is full"]);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExceptionContext {
    /// What happened.
    pub message: String,
    /// The error's text.
    pub error: Option<String>,
    /// The task that failed.
    pub task: Option<TaskRef>,
    /// Who did it: the task, or a callback.
    name: Option<Arc<str>>,
    exception: Option<Rc<dyn Any>>,
}

impl ExceptionContext {
    /// A message alone.
    pub fn new(message: impl Into<String>) -> ExceptionContext {
        let message = message.into();
        ExceptionContext { message, error: None, task: None, name: None, exception: None }
    }

    /// With the text of an error.
    ///
    /// # Examples
    /// ```
    /// let context = seedloop::ExceptionContext::new("lost").error("no reply");
    /// assert_eq!(context.to_string(), "lost: no reply");
    /// ```
    pub fn error(mut self, error: impl Into<String>) -> ExceptionContext {
        self.error = Some(error.into());
        self
    }

    /// With the error itself.
    pub(crate) fn exception(mut self, exception: Rc<dyn Any>) -> ExceptionContext {
        self.exception = Some(exception);
        self
    }

    /// The error itself, if it is known and of this type.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Runner, spawn, yield_now};
    /// let mut runner = Runner::new(Config::default());
    /// runner.set_exception_handler(|context| {
    ///     assert!(matches!(context.downcast(), Some(Error::QueueFull)));
    /// });
    /// runner.run(async {
    ///     drop(spawn(async { Err::<(), _>(Error::QueueFull) }));
    ///     yield_now().await
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn downcast<E: 'static>(&self) -> Option<&E> {
        self.exception.as_ref()?.downcast_ref()
    }

    /// With the task that failed.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{ExceptionContext, current_task, run};
    /// run(async {
    ///     let context = ExceptionContext::new("odd").task(current_task().unwrap());
    ///     assert_eq!(context.to_string(), "odd (task main)");
    /// }).unwrap();
    /// ```
    pub fn task(mut self, task: TaskRef) -> ExceptionContext {
        self.task = Some(task);
        self.name = task.known_name().map(|name| format!("task {name}").into());
        self
    }

    /// With the name of who did it.
    pub(crate) fn named(mut self, name: Option<Arc<str>>) -> ExceptionContext {
        self.name = name;
        self
    }

    /// asyncio's default handler: to standard error.
    pub(crate) fn print(&self) {
        eprintln!("seedloop: {self}");
    }
}

impl fmt::Display for ExceptionContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(name) = &self.name {
            write!(f, " ({name})")?;
        }
        match &self.error {
            Some(error) => write!(f, ": {error}"),
            None => Ok(()),
        }
    }
}

/// A task's panic.
pub(crate) struct Panic {
    pub(crate) task: Arc<str>,
    pub(crate) message: Arc<str>,
    /// Somebody has looked at it.
    pub(crate) seen: Rc<Cell<bool>>,
}

/// A task's panic, as a report shows it.
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner, spawn_named};
/// let mut runner = Runner::new(Config::default());
/// runner.run(async {
///     let parser = spawn_named("parser", async { panic!("no colon") });
///     assert!(parser.await.is_err());
/// })?;
/// let panic = &runner.finish().panics[0];
/// assert_eq!((&*panic.task, &*panic.message, panic.retrieved), ("parser", "no colon", true));
/// # Ok::<(), seedloop::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaskPanic {
    /// The task's name, or its path.
    pub task: Arc<str>,
    /// The panic's text.
    pub message: Arc<str>,
    /// Has somebody looked at it: awaited the task, or asked for its error?
    pub retrieved: bool,
}

/// What a run came to.
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner};
/// let mut runner = Runner::new(Config::default());
/// runner.run(async {})?;
/// let report = runner.finish();
/// assert!(report.picks.is_empty() && report.panics.is_empty());
/// assert!(report.token.to_string().starts_with("sl1-"));
/// # Ok::<(), seedloop::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The events, if the run recorded them.
    pub trace: Trace,
    /// How many of them were before main's end; the others are the clean-up.
    pub main_events: usize,
    /// The choices that were not asyncio's.
    pub picks: Vec<Pick>,
    /// The digest of all events.
    pub digest: Digest,
    /// The handles that ran.
    pub steps: u64,
    /// The loop's iterations.
    pub iterations: u64,
    /// The choices that were asked: menus of two or more.
    pub choices: u64,
    /// The cancellations that were injected.
    pub cancellations: u32,
    /// How often the clock advanced although something was ready.
    pub slips: u32,
    /// How often a task was polled although nothing woke it.
    pub spurious_polls: u32,
    /// Did each poll of a task get another waker?
    pub fresh_wakers: bool,
    /// Virtual time at the end, in ns.
    pub time_ns: u64,
    /// The panics of tasks, in order.
    pub panics: Vec<TaskPanic>,
    /// Replays the run: from its seed if it had one, else from its choices.
    pub token: Token,
    /// Where a replay left the run that its token is of.
    pub divergence: Option<Divergence>,
}

impl RunReport {
    /// The token that replays the run from its choices alone: an edited or shortened list of them
    /// is a run too.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, choose, trace::Plan};
    /// let ran = Check::new().try_schedule(&Default::default(), || async { choose(2); }).unwrap();
    /// assert_eq!(ran.raw_token().plan, Plan::Raw(Vec::new())); // asyncio's order has no picks
    /// ```
    pub fn raw_token(&self) -> Token {
        let settings = Settings { fresh_wakers: self.fresh_wakers, ..self.token.settings };
        Token { plan: Plan::Raw(self.picks.clone()), settings, ..self.token.clone() }
    }

    /// What a scheduler may know of it.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, sched::{RandomWalk, RunPlan, Scheduler}};
    /// let mut walk = RandomWalk::new(7, 0);
    /// let report = Runner::seeded(Config::default(), 7, 0).finish();
    /// let next = walk.next_run(Some(&report.summary(true)));
    /// assert_eq!(next, Some(RunPlan { run: 1 }));
    /// ```
    pub fn summary(&self, passed: bool) -> sched::RunReport {
        let RunReport { steps, choices, digest, .. } = *self;
        sched::RunReport { steps, choices, digest, passed }
    }
}

impl Core {
    /// Closes the record.
    pub(crate) fn report(&mut self, panics: Vec<TaskPanic>, plan: Option<Plan>) -> RunReport {
        let (digest, steps) = (self.recorder.digest, self.recorder.steps());
        let divergence = self.expect.as_mut().and_then(|expect| {
            expect.ended(steps, digest);
            expect.diverged.clone()
        });
        let token = Token {
            settings: match plan {
                // The scheduler of the seed says again which runs have fresh wakers.
                Some(_) => self.settings,
                None => Settings { fresh_wakers: self.fresh_wakers, ..self.settings },
            },
            plan: plan.unwrap_or_else(|| Plan::Raw(self.picks.clone())),
            checks: self.recorder.checks.clone(),
            digest: digest.short(),
        };
        RunReport {
            trace: self.recorder.trace.take().unwrap_or_default(),
            main_events: self.recorder.main_events,
            picks: std::mem::take(&mut self.picks),
            digest,
            steps,
            iterations: self.kernel.iteration(),
            choices: self.choices,
            cancellations: self.injected.cancellations,
            slips: self.injected.slips,
            spurious_polls: self.injected.spurious_polls,
            fresh_wakers: self.fresh_wakers,
            time_ns: self.kernel.now(),
            panics,
            token,
            divergence,
        }
    }
}
