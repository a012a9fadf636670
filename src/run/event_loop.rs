//! asyncio's event loop as an object: `new_event_loop`, `run_until_complete`, `run_forever`.

use std::{cell::Cell, mem, panic::Location, rc::Rc, sync::Arc, time::Duration};

use crate::{
    exec::{
        Config, Entered, Error, ExceptionContext, Expect, Handle, LoopHandle, RunReport, Shell,
        Stuck, TaskRef, raw::RawFuture,
    },
    pool::{ThreadPool, run_in_shell},
    sched::{self, Fifo, RandomWalk, RunPlan, Scheduler},
    task::{Future, Outcome, Slot, Task, spawn_in},
    time::Instant,
    trace::{Plan, Token, TokenError},
};

/// The task of a future with this output.
type TaskOf<O, M> = Task<<O as Outcome<M>>::Value, <O as Outcome<M>>::Error>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Open,
    /// The loop cannot go on: there is no clean-up.
    Stuck,
    Closed,
    Finished,
}

/// An event loop of one's own: `asyncio.new_event_loop()` (`base_events.py`). It runs only inside
/// [`run_until_complete`](Loop::run_until_complete) and [`run_forever`](Loop::run_forever), and
/// keeps what is left between them. Two loops share nothing; at most one runs on a thread at a
/// time.
///
/// Most programs want [`run`](crate::run) or [`Runner`](crate::Runner) instead, which also cancel
/// and await what is left at the end. Inside a run the loop's methods are functions:
/// [`call_soon`](crate::call_soon), [`spawn`](crate::spawn), [`now`](crate::now),
/// [`stop`](crate::stop) ...
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Config, Error, Loop, sleep, stop};
///
/// let mut event_loop = Loop::new(Config::default());
/// let task = event_loop.create_task(async {
///     sleep(Duration::from_secs(3)).await?;
///     Ok::<&str, Error>("done meanwhile")
/// })?;
/// event_loop.call_later(Duration::from_secs(5), stop)?;
/// event_loop.run_forever()?;
/// assert_eq!(event_loop.time().as_nanos(), 5_000_000_000);
/// assert_eq!(event_loop.run_until_complete(task)?, "done meanwhile");
/// event_loop.close()?;
/// assert!(matches!(event_loop.run_forever(), Err(Error::LoopClosed)));
/// # Ok::<(), Error>(())
/// ```
pub struct Loop {
    pub(super) shell: Rc<Shell>,
    /// For another run, if something of the last one is still held.
    config: Config,
    pub(super) stage: Stage,
    plan: Option<Plan>,
    /// Why the loop was left before its time.
    stuck: Option<Error>,
}

impl Loop {
    /// A loop in asyncio's order.
    pub fn new(config: Config) -> Loop {
        Loop::with_scheduler(config, Box::new(Fifo))
    }

    /// A loop in an order of `scheduler`'s choosing.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop, sched::Fifo};
    /// let mut event_loop = Loop::with_scheduler(Config::default(), Box::new(Fifo));
    /// assert_eq!(event_loop.run_until_complete(async { 5 })?, 5);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn with_scheduler(config: Config, scheduler: Box<dyn Scheduler>) -> Loop {
        let shell = Shell::new(&config, scheduler);
        Loop { shell, config, stage: Stage::Open, plan: None, stuck: None }
    }

    /// Run `run` of the random walk of `seed`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop, choose};
    /// let mut event_loop = Loop::seeded(Config::default(), 7, 41);
    /// assert!(event_loop.run_until_complete(async { choose(6) })? < 6);
    /// assert!(event_loop.finish().token.to_string().starts_with("sl1-s.random.7.41-"));
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn seeded(config: Config, seed: u64, run: u64) -> Loop {
        let mut event_loop = Loop::with_scheduler(config, Box::new(RandomWalk::new(seed, run)));
        event_loop.set_plan(RandomWalk::NAME, seed, run);
        event_loop
    }

    /// The run that the token is of; see [`Runner::replay_with`](crate::Runner::replay_with).
    ///
    /// # Errors
    /// If the token names a strategy that this version does not have.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop, choose};
    /// let mut event_loop = Loop::seeded(Config::default(), 7, 41);
    /// let rolled = event_loop.run_until_complete(async { choose(1_000) })?;
    /// let token = event_loop.finish().token;
    /// let mut again = Loop::replay_with(Config::default(), &token)?;
    /// assert_eq!(again.run_until_complete(async { choose(1_000) })?, rolled);
    /// # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
    /// ```
    pub fn replay_with(mut config: Config, token: &Token) -> Result<Loop, TokenError> {
        config.set(token.settings);
        let mut event_loop = Loop::with_scheduler(config, sched::of_plan(&token.plan)?);
        event_loop.expect(token);
        Ok(event_loop)
    }

    /// The run that comes is the token's.
    pub(super) fn expect(&mut self, token: &Token) {
        self.plan = Some(token.plan.clone());
        self.shell.core.borrow_mut().expect = Some(Expect::new(token));
    }

    pub(super) fn set_plan(&mut self, strategy: &str, seed: u64, run: u64) {
        self.plan = Some(Plan::Seed { strategy: strategy.into(), seed, run });
        if let Some(watchdog) = &self.shell.watchdog {
            watchdog.begin_run(seed, run);
        }
    }

    fn open(&self) -> Result<&Rc<Shell>, Error> {
        match self.stage {
            Stage::Open => Ok(&self.shell),
            _ => Err(Error::LoopClosed),
        }
    }

    pub(super) fn enter(&self) -> Result<Entered, Error> {
        let entered = self.shell.enter()?;
        self.open()?;
        Ok(entered)
    }

    /// As `loop.run_until_complete`: runs the loop until `future` is done, and gives its result.
    /// A [`Task`] or [`Future`] of this loop is awaited, anything else becomes a task. What else
    /// there is stays in the loop.
    ///
    /// # Errors
    /// Those of `future`; [`Error::NestedRun`] inside a run; [`Error::LoopClosed`];
    /// [`Error::Misuse`] if the loop was stopped before; if the run gets stuck
    /// [`Error::Deadlock`], [`Error::Livelock`], [`Error::StepCap`], [`Error::Interrupted`] or
    /// [`Error::Diverged`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Loop, stop, yield_now};
    /// let mut event_loop = Loop::new(Config::default());
    /// assert_eq!(event_loop.run_until_complete(async { 5 })?, 5);
    /// let stopped = event_loop.run_until_complete(async {
    ///     stop();
    ///     yield_now().await
    /// });
    /// assert!(matches!(stopped, Err(Error::Misuse(_)))); // before it was done
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn run_until_complete<F, M>(
        &mut self,
        future: F,
    ) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
    where
        F: std::future::Future<Output: Outcome<M>> + 'static,
    {
        self.complete(None, Location::caller(), future)
    }

    pub(super) fn complete<F, M>(
        &mut self,
        name: Option<Arc<str>>,
        caller: &'static Location<'static>,
        future: F,
    ) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
    where
        F: std::future::Future<Output: Outcome<M>> + 'static,
    {
        let _entered = self.enter()?;
        let future = crate::task::ensure_in(&self.shell, name, caller, future);
        let slot: Rc<Slot<_, _>> = future.slot.clone();
        drop(future);
        if !Rc::ptr_eq(slot.raw.shell(), &self.shell) {
            return Err(Error::WrongLoop.into());
        }
        self.until_done(&slot.raw)?;
        slot.outcome()
    }

    pub(super) fn until_done(&mut self, target: &RawFuture) -> Result<(), Error> {
        let shell = self.shell.clone();
        let left_by_target = Rc::new(Cell::new(false));
        let quiet = left_by_target.clone();
        let stop = target.on_done(move || {
            if !quiet.get() {
                shell.stop();
            }
        });
        let ran = self.run();
        target.remove_on_done(stop);
        if ran.is_err() {
            left_by_target.set(self.shell.interrupter.take() == target.task());
        }
        ran?;
        if !target.is_done() {
            return Err(Error::Misuse(
                "the loop was stopped before the future was done: call stop in its done callback",
            ));
        }
        Ok(())
    }

    fn run(&mut self) -> Result<(), Error> {
        self.shell.run_forever().map_err(|stuck| {
            if !matches!(stuck, Stuck::Interrupted) {
                self.stage = Stage::Stuck;
            }
            let error = stuck.into_error();
            self.stuck.get_or_insert(error.clone());
            error
        })
    }

    /// As `loop.run_forever`: runs the loop until somebody [stops](crate::stop) it.
    ///
    /// # Errors
    /// [`Error::NestedRun`] inside a run; [`Error::LoopClosed`]; if the run gets stuck
    /// [`Error::Deadlock`] and the like: with nothing ready and no timer nobody is there to stop
    /// it, unless [`Config::other_threads`] says so.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// assert!(matches!(event_loop.run_forever(), Err(Error::Deadlock(_)))); // nobody to stop it
    /// ```
    pub fn run_forever(&mut self) -> Result<(), Error> {
        let _entered = self.enter()?;
        self.run()
    }

    /// As `loop.stop`: the next [`run_forever`](Loop::run_forever) returns after one iteration.
    /// Inside a run there is [`stop`](crate::stop).
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop, log};
    /// let mut event_loop = Loop::new(Config::default().record(true));
    /// event_loop.call_soon(|| log("in the one iteration"))?;
    /// event_loop.stop();
    /// event_loop.run_forever()?;
    /// assert_eq!(event_loop.finish().trace.logs().count(), 1);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn stop(&self) {
        self.shell.stop();
    }

    /// As `loop.create_task`: the task's first step is in the loop's next iteration.
    ///
    /// # Errors
    /// [`Error::LoopClosed`]; the future is dropped.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let task = event_loop.create_task(async { 5 })?;
    /// assert_eq!(event_loop.run_until_complete(task)?, 5);
    /// event_loop.close()?;
    /// assert!(matches!(event_loop.create_task(async {}), Err(Error::LoopClosed)));
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn create_task<F, M>(&self, future: F) -> Result<TaskOf<F::Output, M>, Error>
    where
        F: std::future::Future<Output: Outcome<M>> + 'static,
    {
        let caller = Location::caller();
        self.open().map(|shell| spawn_in(shell, None, caller, future))
    }

    /// As `loop.create_future`.
    ///
    /// # Errors
    /// [`Error::LoopClosed`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Future, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let future: Future<i32> = event_loop.create_future()?;
    /// let setter = future.clone();
    /// event_loop.call_soon(move || setter.set_result(5).unwrap())?;
    /// assert_eq!(event_loop.run_until_complete(future)?, 5);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn create_future<T, E: 'static>(&self) -> Result<Future<T, E>, Error> {
        self.open().map(Future::in_shell)
    }

    /// As `loop.run_in_executor`: see [`run_in_executor`](crate::run_in_executor).
    ///
    /// # Errors
    /// [`Error::LoopClosed`], and as there; the job is dropped.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let job = event_loop.run_in_executor(None, || 5)?;
    /// assert_eq!(event_loop.run_until_complete(job)?, 5);
    /// # Ok::<(), Error>(())
    /// ```
    #[track_caller]
    pub fn run_in_executor<F, O, M>(
        &self,
        executor: Option<&ThreadPool>,
        job: F,
    ) -> Result<Future<O::Value, O::Error>, Error>
    where
        F: FnOnce() -> O + Send + 'static,
        O: Outcome<M> + Send,
    {
        let place = Location::caller();
        self.open().and_then(|shell| run_in_shell(shell, executor, job, place))
    }

    /// As `loop.call_soon`.
    ///
    /// # Errors
    /// [`Error::LoopClosed`]; the callback is dropped.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop, log, stop};
    /// let mut event_loop = Loop::new(Config::default().record(true));
    /// event_loop.call_soon(|| log("first"))?;
    /// event_loop.call_soon(|| log("second"))?;
    /// event_loop.call_soon(stop)?;
    /// event_loop.run_forever()?;
    /// assert!(event_loop.finish().trace.logs().map(|(_, text)| text).eq(["first", "second"]));
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Result<Handle, Error> {
        self.open().map(|shell| Handle::soon(shell, Box::new(callback)))
    }

    /// As `loop.call_later`.
    ///
    /// # Errors
    /// [`Error::LoopClosed`]; the callback is dropped.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Loop, stop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let timer = event_loop.call_later(Duration::from_secs(1), || unreachable!("cancelled"))?;
    /// event_loop.call_later(Duration::from_secs(2), stop)?;
    /// timer.cancel();
    /// event_loop.run_forever()?;
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn call_later(
        &self,
        duration: Duration,
        callback: impl FnOnce() + 'static,
    ) -> Result<Handle, Error> {
        self.call_at(self.time() + duration, callback)
    }

    /// As `loop.call_at`.
    ///
    /// # Errors
    /// [`Error::LoopClosed`]; the callback is dropped.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Instant, Loop, stop};
    /// let mut event_loop = Loop::new(Config::default());
    /// event_loop.call_at(Instant::from_millis(1_500), stop)?;
    /// event_loop.run_forever()?;
    /// assert_eq!(event_loop.time(), Instant::from_millis(1_500));
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn call_at(
        &self,
        deadline: Instant,
        callback: impl FnOnce() + 'static,
    ) -> Result<Handle, Error> {
        self.open().map(|shell| Handle::at(shell, deadline.as_nanos(), Box::new(callback)))
    }

    /// What other threads may have of it.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop, stop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let handle = event_loop.handle();
    /// std::thread::spawn(move || handle.call_soon_threadsafe(stop)).join().unwrap()?;
    /// event_loop.run_forever()?; // the call is there already
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn handle(&self) -> LoopHandle {
        LoopHandle::of(&self.shell)
    }

    /// As `loop.time`: virtual time; also after the run.
    pub fn time(&self) -> Instant {
        Instant::from_nanos(self.shell.core.borrow().kernel.now())
    }

    /// The loop's iteration; also after the run.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// for turn in 1..=3 {
    ///     event_loop.stop();
    ///     event_loop.run_forever()?; // one iteration
    ///     assert_eq!(event_loop.iteration(), turn);
    /// }
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn iteration(&self) -> u64 {
        self.shell.core.borrow().kernel.iteration()
    }

    /// As `loop.is_closed`. A loop that got stuck counts as closed.
    pub fn is_closed(&self) -> bool {
        self.stage != Stage::Open
    }

    /// As `loop.get_debug`.
    pub fn debug(&self) -> bool {
        self.shell.core.borrow().settings.debug
    }

    /// As `loop.set_debug`; see [`Config::debug`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop};
    /// let event_loop = Loop::new(Config::default());
    /// assert!(!event_loop.debug());
    /// event_loop.set_debug(true);
    /// assert!(event_loop.debug());
    /// ```
    pub fn set_debug(&self, on: bool) {
        self.shell.core.borrow_mut().settings.debug = on;
    }

    /// As `loop.set_exception_handler`: `handler` is told of errors that nobody else sees.
    /// Default: standard error.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// event_loop.set_exception_handler(|context| {
    ///     assert_eq!(context.message, "Task exception was never retrieved");
    /// });
    /// drop(event_loop.create_task(async { Err::<(), _>(Error::QueueFull) })?);
    /// event_loop.run_until_complete(async {})?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_exception_handler(&self, handler: impl Fn(&ExceptionContext) + 'static) {
        self.shell.set_handler(Rc::new(handler));
    }

    /// As `loop.call_exception_handler`.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use seedloop::{Config, ExceptionContext, Loop};
    /// let (event_loop, told) = (Loop::new(Config::default()), Rc::new(Cell::new(false)));
    /// let ears = told.clone();
    /// event_loop.set_exception_handler(move |context| ears.set(context.message == "odd"));
    /// event_loop.call_exception_handler(&ExceptionContext::new("odd"));
    /// assert!(told.get());
    /// ```
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        self.shell.report(context);
    }

    /// As `loop.close`: drops what is left, tasks in order of creation, and reports those that
    /// were pending. Nothing if the loop is closed. Dropping a loop closes it.
    ///
    /// # Errors
    /// [`Error::NestedRun`] inside a run.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::RefCell, rc::Rc};
    /// use seedloop::{Config, ExceptionContext, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let told = Rc::new(RefCell::new(Vec::new()));
    /// let ears = told.clone();
    /// let handler = move |context: &ExceptionContext| ears.borrow_mut().push(context.to_string());
    /// event_loop.set_exception_handler(handler);
    /// drop(event_loop.create_task(async {})?);
    /// event_loop.close()?;
    /// assert!(event_loop.is_closed());
    /// assert!(told.borrow()[0].starts_with("Task was destroyed but it is pending!"));
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn close(&mut self) -> Result<(), Error> {
        if self.stage == Stage::Finished {
            return Ok(());
        }
        drop(self.shell.enter()?);
        self.destroy();
        Ok(())
    }

    /// Closes the loop, and says what its runs came to: the digest, the token, the trace.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// event_loop.run_until_complete(async {})?;
    /// let report = event_loop.finish();
    /// assert!(report.picks.is_empty() && report.divergence.is_none());
    /// assert!(report.steps > 0);
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn finish(mut self) -> RunReport {
        self.destroy()
    }

    /// Reports the tasks that are pending, and ends the run.
    fn destroy(&mut self) -> RunReport {
        let entered = self.shell.enter_to_end();
        let open = self.stage == Stage::Open;
        let pending = self.shell.core.borrow().live_tasks();
        for task in pending.into_iter().filter(|_| open) {
            let context = ExceptionContext::new("Task was destroyed but it is pending!");
            self.shell.report(&context.task(TaskRef::new(&self.shell, task)));
        }
        drop(entered);
        self.end()
    }

    /// Why the loop was left before its time.
    pub(super) fn take_stuck(&mut self) -> Option<Error> {
        self.stuck.take()
    }

    /// Ends the run, and leaves the memory for another.
    pub(super) fn end(&mut self) -> RunReport {
        self.stage = Stage::Finished;
        let entered = self.shell.enter_to_end();
        let report = self.shell.finish(self.plan.take());
        drop(entered);
        #[cfg(feature = "lockstep")]
        self.shell.show_log();
        report
    }

    /// Another run in the same memory, with what the scheduler plans next; false if it plans
    /// nothing.
    pub(super) fn again(&mut self, last: Option<&sched::RunReport>) -> Option<RunPlan> {
        let plan = self.shell.core.borrow_mut().scheduler.next_run(last)?;
        if !self.shell.reset() {
            let scheduler =
                mem::replace(&mut self.shell.core.borrow_mut().scheduler, Box::new(Fifo));
            let executors = self.shell.executors.take();
            self.shell = Shell::new(&self.config, scheduler);
            self.shell.executors.replace(executors);
        }
        #[cfg(feature = "lockstep")]
        self.shell.core.borrow_mut().kernel.start(Some(plan.run));
        self.stage = Stage::Open;
        Some(plan)
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        if self.stage != Stage::Finished {
            self.destroy();
        }
        // Whatever of the run is still held, no thread outlives the loop.
        if let Some(executors) = self.shell.executors.take() {
            executors.end();
        }
    }
}
