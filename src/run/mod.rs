//! `asyncio.run` and `asyncio.Runner` (runners.py of CPython 3.13).

mod event_loop;

use std::panic::Location;

pub use event_loop::Loop;
use event_loop::Stage;

use crate::{
    compose::gather_tasks,
    exec::{Config, Error, ExceptionContext, RunReport, StepNames, TaskRef},
    pool::{has_default_executor, shutdown_default_executor},
    sched::{self, RunPlan, Scheduler},
    task::{Outcome, spawn_named},
    time::Instant,
    trace::{Token, TokenError, Trace},
};

/// As `asyncio.run` (`runners.py`): runs a future in asyncio's order, in virtual time, then cancels
/// what is left and waits for it. As there, a task that blocks inside one poll hangs the run; a
/// [`Runner`] with [`Config::watchdog`] names it.
///
/// # Errors
/// Those of the future; [`Error::NestedRun`] inside a run; [`Error::Deadlock`] and the like if the
/// run gets stuck.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// let answer = seedloop::run(async {
///     seedloop::sleep(Duration::from_secs(3600)).await?; // an hour that takes no time
///     Ok::<i32, seedloop::Error>(42)
/// });
/// assert_eq!(answer.unwrap(), 42);
/// ```
#[track_caller]
pub fn run<F, M>(
    main: F,
) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: Future<Output: Outcome<M>> + 'static,
{
    let mut runner = Runner::new(Config::default());
    let result = runner.run(main);
    match runner.close() {
        Ok(()) => result,
        // A run that got stuck says so itself.
        Err(_) if result.is_err() => result,
        Err(error) => Err(error.into()),
    }
}

/// Runs a future in asyncio's order and gives the events up to its end: for snapshots. How it
/// ended is among them.
///
/// # Panics
/// Inside a run.
///
/// # Examples
/// ```
/// let trace = seedloop::trace_of(async { seedloop::yield_now().await });
/// let kinds: Vec<String> =
///     trace.events().iter().map(|event| format!("{:?}", event.kind)).collect();
/// assert_eq!(kinds[2..6], ["Step", "Yield", "Step", "Finished"]);
/// ```
#[track_caller]
pub fn trace_of<F, M>(main: F) -> Trace
where
    F: Future<Output: Outcome<M>> + 'static,
{
    let mut runner = Runner::new(Config::default().record(true));
    if let Err(error) = runner.run(main) {
        let text = <F::Output as Outcome<M>>::text(&error);
        assert!(!crate::exec::is_running(), "{text}");
    }
    let report = runner.finish();
    report.trace.part(0..report.main_events)
}

/// A run with a set-up of its own, step by step: run, close, finish. As `asyncio.Runner`
/// (`runners.py`).
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, yield_now};
/// let mut runner = Runner::seeded(Config::default(), 7, 0);
/// runner.run(async { yield_now().await })?;
/// let report = runner.finish();
/// let again = Runner::replay(&report.token)?;
/// # drop(again);
/// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
/// ```
pub struct Runner {
    event_loop: Loop,
}

impl Runner {
    /// A run in asyncio's order.
    pub fn new(config: Config) -> Runner {
        Runner { event_loop: Loop::new(config) }
    }

    /// A run in an order of `scheduler`'s choosing.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, choose, sched::Replay, trace::Pick};
    /// let six = Pick { index: 0, kind: 'u', value: 5, menu: 6 };
    /// let replay = Box::new(Replay::new(vec![six]));
    /// let mut runner = Runner::with_scheduler(Config::default(), replay);
    /// assert_eq!(runner.run(async { 1 + choose(6) })?, 6);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn with_scheduler(config: Config, scheduler: Box<dyn Scheduler>) -> Runner {
        Runner { event_loop: Loop::with_scheduler(config, scheduler) }
    }

    /// Run `run` of the random walk of `seed`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, choose};
    /// let runner = |run| Runner::seeded(Config::default(), 0, run);
    /// let dice = |run| runner(run).run(async { choose(6) }).unwrap();
    /// assert_eq!(dice(1), dice(1));
    /// assert!((2..20).any(|run| dice(run) != dice(1)));
    /// ```
    pub fn seeded(config: Config, seed: u64, run: u64) -> Runner {
        Runner { event_loop: Loop::seeded(config, seed, run) }
    }

    /// The run that the token is of. It fails where it diverges from that run, with
    /// [`Error::Diverged`].
    ///
    /// # Errors
    /// If the token names a strategy that this version does not have.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, choose};
    /// let mut runner = Runner::seeded(Config::default(), 7, 41);
    /// let rolled = runner.run(async { choose(1_000) })?;
    /// let line = runner.finish().token.to_string();
    /// let mut again = Runner::replay(&line.parse()?)?;
    /// assert_eq!(again.run(async { choose(1_000) })?, rolled);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn replay(token: &Token) -> Result<Runner, TokenError> {
        Runner::replay_with(Config::default(), token)
    }

    /// As [`replay`](Runner::replay); the token's settings go before those of `config`.
    ///
    /// # Errors
    /// If the token names a strategy that this version does not have.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, choose, trace::Kind};
    /// let mut runner = Runner::seeded(Config::default(), 7, 41);
    /// runner.run(async { choose(1_000) })?;
    /// let report = runner.finish();
    /// assert!(report.trace.events().is_empty());
    /// let mut again = Runner::replay_with(Config::default().record(true), &report.token)?;
    /// again.run(async { choose(1_000) })?;
    /// let shown = again.finish();
    /// assert_eq!(shown.digest, report.digest);
    /// assert!(shown.trace.events().iter().any(|event| event.kind == Kind::Choose));
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn replay_with(config: Config, token: &Token) -> Result<Runner, TokenError> {
        Loop::replay_with(config, token).map(|event_loop| Runner { event_loop })
    }

    /// The run that comes is the token's.
    pub(crate) fn expect(&mut self, token: &Token) {
        self.event_loop.expect(token);
    }

    pub(crate) fn set_plan(&mut self, strategy: &str, seed: u64, run: u64) {
        self.event_loop.set_plan(strategy, seed, run);
    }

    /// What the steps of the last run are called, if its configuration keeps that.
    pub(crate) fn step_names(&self) -> StepNames {
        let core = self.event_loop.shell.core.borrow();
        core.step_names.as_deref().cloned().unwrap_or_default()
    }

    /// As `Runner.get_loop()`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, log};
    /// let mut runner = Runner::new(Config::default().record(true));
    /// runner.event_loop().call_soon(|| log("before main"))?;
    /// runner.run(async { log("main") })?;
    /// assert!(runner.finish().trace.logs().map(|(_, text)| text).eq(["before main", "main"]));
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn event_loop(&self) -> &Loop {
        &self.event_loop
    }

    /// As `loop.set_exception_handler`: `handler` is told of errors that nobody else sees.
    /// Default: standard error.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use seedloop::{Config, Error, Runner, spawn, yield_now};
    /// let mut runner = Runner::new(Config::default());
    /// let told = Rc::new(Cell::new(0));
    /// let count = told.clone();
    /// runner.set_exception_handler(move |_context| count.set(count.get() + 1));
    /// runner.run(async {
    ///     drop(spawn(async { Err::<(), _>(Error::QueueFull) }));
    ///     yield_now().await
    /// })?;
    /// assert_eq!(told.get(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_exception_handler(&self, handler: impl Fn(&ExceptionContext) + 'static) {
        self.event_loop.set_exception_handler(handler);
    }

    /// Virtual time; also after the run.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Runner, sleep};
    /// let mut runner = Runner::new(Config::default());
    /// runner.run(sleep(Duration::from_secs(3)))?;
    /// assert_eq!(runner.time().as_millis(), 3_000);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn time(&self) -> Instant {
        self.event_loop.time()
    }

    /// The loop's iteration; also after the run.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, yield_now};
    /// let mut runner = Runner::new(Config::default());
    /// runner.run(yield_now())?; // a step, a step, the done callback
    /// assert_eq!(runner.iteration(), 3);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn iteration(&self) -> u64 {
        self.event_loop.iteration()
    }

    /// As `Runner.run`: runs `main` until it is done; what else is left stays until
    /// [`close`](Runner::close). May be called again.
    ///
    /// # Errors
    /// As [`Loop::run_until_complete`].
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Error, Runner, sleep, spawn};
    /// let mut runner = Runner::new(Config::default());
    /// let task = runner.run(async {
    ///     let task = spawn(sleep(Duration::from_secs(2)));
    ///     Ok::<_, Error>(Box::new(task)) // it stays when main is over
    /// })?;
    /// runner.run(*task)?;
    /// assert_eq!(runner.time().as_millis(), 2_000);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn run<F, M>(
        &mut self,
        main: F,
    ) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
    where
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.run_at(Location::caller(), main)
    }

    pub(crate) fn run_at<F, M>(
        &mut self,
        caller: &'static Location<'static>,
        main: F,
    ) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
    where
        F: Future<Output: Outcome<M>> + 'static,
    {
        let ended = self.event_loop.complete(Some("main".into()), caller, main);
        self.mark_main_end();
        ended
    }

    fn mark_main_end(&self) {
        self.event_loop.shell.core.borrow_mut().recorder.mark_main_end();
    }

    /// As `Runner.close()`: cancels the tasks that are left, waits for them, and reports those
    /// that fail meanwhile. Nothing if the run is stuck or closed.
    ///
    /// # Errors
    /// [`Error::NestedRun`] inside a run; [`Error::Deadlock`] and the like if the clean-up gets
    /// stuck.
    ///
    /// # Panics
    /// If an invariant of [`at_end`](crate::at_end) does.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Error, Runner, log, sleep, spawn};
    /// let mut runner = Runner::new(Config::default().record(true));
    /// runner.run(async {
    ///     drop(spawn(async {
    ///         let slept = sleep(Duration::from_secs(60)).await;
    ///         log("left over");
    ///         slept
    ///     }));
    ///     sleep(Duration::from_secs(1)).await
    /// })?;
    /// runner.close()?; // cancels it, and waits for it
    /// assert_eq!(runner.finish().trace.logs().count(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn close(&mut self) -> Result<(), Error> {
        if self.event_loop.stage != Stage::Open {
            return Ok(());
        }
        let _entered = self.event_loop.enter()?;
        let closed = self.clean_up();
        if closed.is_err() {
            // What the clean-up got stuck in belongs to what happened.
            self.mark_main_end();
        }
        if self.event_loop.stage == Stage::Open {
            self.event_loop.stage = Stage::Closed;
        }
        closed?;
        let invariants = self.event_loop.shell.take_at_end();
        invariants.into_iter().for_each(|invariant| invariant());
        Ok(())
    }

    fn clean_up(&mut self) -> Result<(), Error> {
        let shell = self.event_loop.shell.clone();
        let left = shell.core.borrow().live_tasks();
        if !left.is_empty() {
            let detached: Vec<_> =
                left.iter().copied().filter(|&task| shell.retain(task)).collect();
            for &task in &left {
                TaskRef::new(&shell, task).cancel();
            }
            let all = gather_tasks(&shell, &left)?;
            let waited = self.event_loop.until_done(&all);
            for task in left.into_iter().filter(|_| waited.is_ok()) {
                if let Some(text) = shell.look_at_error(task) {
                    let text = ExceptionContext::new(SHUTDOWN).error(text);
                    shell.report(&text.task(TaskRef::new(&shell, task)));
                }
            }
            detached.into_iter().for_each(|task| shell.detach(task));
            waited?;
        }
        // asyncio shuts down its async generators and its executor, each in a task. Where nobody
        // else could run meanwhile they would be two steps that do nothing; in a search, always.
        let nobody = shell.core.borrow().settings.one_by_one || shell.is_idle();
        if nobody && !has_default_executor(&shell) {
            return Ok(());
        }
        let task = spawn_named("shutdown_asyncgens", async {});
        self.event_loop.until_done(&task.slot.raw)?;
        let task = spawn_named("shutdown_default_executor", shutdown_default_executor());
        self.event_loop.until_done(&task.slot.raw)
    }

    /// Ends the run: closes it, drops what is left in order of creation, and says what it came
    /// to.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Runner, sleep};
    /// let mut runner = Runner::new(Config::default());
    /// runner.run(sleep(Duration::from_secs(1)))?;
    /// let report = runner.finish();
    /// assert_eq!((report.time_ns, report.choices), (1_000_000_000, 0));
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn finish(mut self) -> RunReport {
        self.end()
    }

    /// The tasks that are not done: their names, and where they were spawned.
    pub(crate) fn live_tasks(&self) -> Vec<String> {
        let core = self.event_loop.shell.core.borrow();
        let live = core.live_tasks().into_iter();
        live.filter_map(|task| core.tasks.get(task.index()))
            .map(|info| format!("{} (spawned at {})", info.label(), info.spawned_at))
            .collect()
    }

    /// Why the loop was left before its time.
    pub(crate) fn take_stuck(&mut self) -> Option<Error> {
        self.event_loop.take_stuck()
    }

    /// Ends the run as [`finish`](Runner::finish) does, and keeps the memory for
    /// [another](Runner::again).
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner};
    /// let mut runner = Runner::new(Config::default());
    /// runner.run(async {})?;
    /// assert!(runner.end().steps > 0);
    /// assert!(runner.run(async {}).is_err()); // it is over
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn end(&mut self) -> RunReport {
        // What is stuck now is in the report's failure already, or nobody's business.
        let _ = self.close();
        self.event_loop.end()
    }

    /// Makes ready for what the scheduler plans next, after a run that ended like `last`, in the
    /// same memory; `None` if it plans nothing.
    ///
    /// # Examples
    /// Each order of two tasks' steps:
    /// ```
    /// use seedloop::{Config, Runner, gather, sched::{Reduction, Search}, yield_now};
    /// let search = Box::new(Search::new(Reduction::None));
    /// let mut runner = Runner::with_scheduler(Config::default().one_by_one(true), search);
    /// let (mut last, mut runs) = (None, 0);
    /// while runner.again(last.as_ref()).is_some() {
    ///     runner.run(async { gather((yield_now(), yield_now())).await })?;
    ///     last = Some(runner.end().summary(true));
    ///     runs += 1;
    /// }
    /// assert!(runs > 6);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn again(&mut self, last: Option<&sched::RunReport>) -> Option<RunPlan> {
        self.event_loop.again(last)
    }
}

const SHUTDOWN: &str = "unhandled exception during asyncio.run() shutdown";

impl Drop for Runner {
    fn drop(&mut self) {
        // If something around the run broke, nothing more of it runs: it is only dropped.
        if !std::thread::panicking() {
            let _ = self.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::sched::RandomWalk;

    #[test]
    fn runs_are_reset_and_not_rebuilt() {
        let config = Config::default();
        let mut runner = Runner::with_scheduler(config, Box::new(RandomWalk::new(0, 0)));
        let memory = Rc::as_ptr(&runner.event_loop.shell);
        let mut last = None;
        for _ in 0..5 {
            assert!(runner.again(last.as_ref()).is_some());
            let ran = runner.run(async { crate::time::yield_now().await });
            assert!(ran.is_ok());
            last = Some(runner.end().summary(true));
            assert_eq!(
                Rc::as_ptr(&runner.event_loop.shell),
                memory,
                "a run is still held by somebody"
            );
        }
    }
}
