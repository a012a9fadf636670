//! How a run is set up.

use std::time::Duration;

use crate::trace::{Limits, Settings};

/// The set-up of a [`Runner`](crate::Runner). The default is asyncio: nothing is injected,
/// nothing is recorded but the digest.
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, yield_now};
/// let mut runner = Runner::new(Config::default().steps_max(100));
/// let result = runner.run(async { while yield_now().await.is_ok() {} });
/// assert!(matches!(result, Err(Error::StepCap(_))));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) settings: Settings,
    pub(crate) record: bool,
    pub(crate) other_threads: bool,
    pub(crate) watchdog: Option<Duration>,
    /// The one of another loop of the thread will do, which waits for this one's run.
    pub(crate) shares_watchdog: bool,
    pub(crate) tracked: bool,
    pub(crate) names: bool,
}

impl Config {
    /// At most so many loop iterations; beyond it the run is a livelock, [`Error::Livelock`].
    /// Default: no limit.
    ///
    /// [`Error::Livelock`]: crate::Error::Livelock
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Runner, yield_now};
    /// let mut runner = Runner::new(Config::default().iterations_max(5));
    /// let ran = runner.run(async { while yield_now().await.is_ok() {} });
    /// assert!(matches!(ran, Err(Error::Livelock(endless)) if endless.most == 5));
    /// ```
    pub fn iterations_max(mut self, iterations: u64) -> Config {
        self.limits().iterations = iterations;
        self
    }

    /// At most so many handles run (steps of tasks, callbacks, timers); beyond it the run ends with
    /// [`Error::StepCap`]. Default: 10,000,000.
    ///
    /// [`Error::StepCap`]: crate::Error::StepCap
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Error, Runner, sleep};
    /// let mut runner = Runner::new(Config::default().steps_max(50));
    /// let ticks = async { while sleep(Duration::from_secs(1)).await.is_ok() {} };
    /// assert!(matches!(runner.run(ticks), Err(Error::StepCap(endless)) if endless.most == 50));
    /// assert!(runner.time().as_millis() > 10_000);
    /// ```
    pub fn steps_max(mut self, steps: u64) -> Config {
        self.limits().steps = steps;
        self
    }

    /// At most so many handles without the clock moving; beyond it the run is a zero-time
    /// livelock. Default: 100,000.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Runner, yield_now};
    /// let mut runner = Runner::new(Config::default().instant_steps_max(50));
    /// let ran = runner.run(async { while yield_now().await.is_ok() {} });
    /// assert!(ran.unwrap_err().to_string().starts_with("livelock"));
    /// ```
    pub fn instant_steps_max(mut self, steps: u64) -> Config {
        self.limits().instant_steps = steps;
        self
    }

    /// Every poll gets a waker of its own, and stale ones do nothing. Legal by the contract of
    /// `Future::poll`, and the only thing that finds a whole family of bugs. Default: off.
    /// A scheduler may [do without](crate::sched::Scheduler::keeps_wakers) in some runs.
    ///
    /// # Examples
    /// ```
    /// use std::{future::poll_fn, task::Poll};
    /// use seedloop::{Config, Error, Runner, yield_now};
    /// /// Do two polls of a task get the same waker?
    /// fn same_waker(config: Config) -> bool {
    ///     Runner::new(config).run(async {
    ///         let waker = || poll_fn(|context| Poll::Ready(context.waker().clone()));
    ///         let first = waker().await;
    ///         yield_now().await?;
    ///         Ok::<bool, Error>(waker().await.will_wake(&first))
    ///     }).unwrap()
    /// }
    /// assert!(same_waker(Config::default()));
    /// assert!(!same_waker(Config::default().fresh_wakers(true)));
    /// ```
    pub fn fresh_wakers(mut self, on: bool) -> Config {
        self.settings.fresh_wakers = on;
        self
    }

    /// At most so many cancellations are injected, into tasks that the program offers
    /// ([`Task::cancellable`](crate::Task::cancellable)). Default: 0.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Runner, spawn, yield_now};
    /// let cancelled = |run| {
    ///     let mut runner = Runner::seeded(Config::default().cancellations(1), 0, run);
    ///     let ran = runner.run(async { spawn(yield_now()).cancellable().await });
    ///     matches!(ran, Err(Error::Cancelled(_)))
    /// };
    /// assert!((0..20).any(cancelled) && !(0..20).all(cancelled));
    /// ```
    pub fn cancellations(mut self, count: u32) -> Config {
        self.settings.cancellations = count;
        self
    }

    /// Cancellations may hit every task but main. Default: only those that are offered.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Runner, spawn, yield_now};
    /// let cancelled = |run| {
    ///     let config = Config::default().cancellations(1).cancel_any(true);
    ///     let ran = Runner::seeded(config, 0, run).run(async { spawn(yield_now()).await });
    ///     matches!(ran, Err(Error::Cancelled(_)))
    /// };
    /// assert!((0..20).any(cancelled));
    /// ```
    pub fn cancel_any(mut self, on: bool) -> Config {
        self.settings.cancel_any = on;
        self
    }

    /// The clock may advance so often although something is ready: a timeout may fire although
    /// the reply is there. Default: 0.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Error, Runner, timeout, yield_now};
    /// let late = |run| {
    ///     let mut runner = Runner::seeded(Config::default().slips(1), 0, run);
    ///     let ran = runner.run(async { timeout(Duration::from_secs(1), yield_now()).await });
    ///     matches!(ran, Err(Error::TimedOut))
    /// };
    /// assert!((0..20).any(late) && !(0..20).all(late));
    /// ```
    pub fn slips(mut self, count: u32) -> Config {
        self.settings.slips = count;
        self
    }

    /// A task that waits may be polled so often although nothing woke it, which is legal by the
    /// contract of `Future::poll`. Default: 0.
    ///
    /// # Examples
    /// ```
    /// use std::{future::poll_fn, task::Poll, time::Duration};
    /// use seedloop::{Config, Runner, sleep};
    /// let polls = |run| {
    ///     let mut runner = Runner::seeded(Config::default().spurious_polls(1), 0, run);
    ///     runner.run(async {
    ///         let (mut polls, mut nap) = (0, Box::pin(sleep(Duration::from_secs(1))));
    ///         poll_fn(|context| {
    ///             polls += 1;
    ///             nap.as_mut().poll(context).map(|_| polls)
    ///         }).await
    ///     }).unwrap()
    /// };
    /// assert_eq!((0..20).map(polls).max(), Some(3)); // once more than it needs
    /// assert_eq!((0..20).map(polls).min(), Some(2));
    /// ```
    pub fn spurious_polls(mut self, count: u32) -> Config {
        self.settings.spurious_polls = count;
        self
    }

    /// In a deadlock, each task that waits for something foreign is polled once more. If one goes
    /// on, nobody had woken it for what it waited for: the report says so. Default: on.
    ///
    /// # Examples
    /// ```
    /// use std::{future::poll_fn, task::Poll};
    /// use seedloop::{Config, Error, Runner};
    /// /// The task that goes on although nobody has woken it.
    /// fn lost_wakeup(config: Config) -> Option<String> {
    ///     let mut polls = 0;
    ///     let forgets_to_wake = poll_fn(move |_| {
    ///         polls += 1;
    ///         if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
    ///     });
    ///     let Err(Error::Deadlock(deadlock)) = Runner::new(config).run(forgets_to_wake) else {
    ///         panic!("nobody wakes it")
    ///     };
    ///     deadlock.lost_wakeup.as_deref().map(String::from)
    /// }
    /// assert_eq!(lost_wakeup(Config::default()), Some("main".into()));
    /// assert_eq!(lost_wakeup(Config::default().probe(false)), None);
    /// ```
    pub fn probe(mut self, on: bool) -> Config {
        self.settings.no_probe = !on;
        self
    }

    /// asyncio's debug mode: a handle that takes 100 ms or more is reported by its name to the
    /// exception handler, as `slow_callback` if it is virtual time, and as `slow in real time`.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::RefCell, rc::Rc, time::Duration};
    /// use seedloop::{Config, Runner, busy};
    /// let mut runner = Runner::new(Config::default().debug(true));
    /// let told = Rc::new(RefCell::new(Vec::new()));
    /// let ears = told.clone();
    /// runner.set_exception_handler(move |context| ears.borrow_mut().push(context.to_string()));
    /// runner.run(async { busy(Duration::from_millis(250)) })?;
    /// assert_eq!(told.borrow()[0], "slow_callback (task main): 250");
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn debug(mut self, on: bool) -> Config {
        self.settings.debug = on;
        self
    }

    /// A handle that runs for longer than this, in real time, ends the process with code 101, and a
    /// text on standard error that names the task: a hang inside one poll cannot be left in any
    /// other way. `None` for no limit. Default: none.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Config, Runner, sleep};
    /// let mut runner = Runner::new(Config::default().watchdog(Some(Duration::from_secs(5))));
    /// assert!(runner.run(sleep(Duration::from_secs(60))).is_ok()); // virtual time does not count
    /// ```
    pub fn watchdog(mut self, limit: Option<Duration>) -> Config {
        self.watchdog = limit;
        self
    }

    /// Record every event, for [`RunReport::trace`](crate::RunReport::trace). Default: off.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner, log};
    /// let events = |config| {
    ///     let mut runner = Runner::new(config);
    ///     runner.run(async { log("hello") }).unwrap();
    ///     runner.finish().trace.events().len()
    /// };
    /// assert_eq!(events(Config::default()), 0);
    /// assert!(events(Config::default().record(true)) > 0);
    /// ```
    pub fn record(mut self, on: bool) -> Config {
        self.record = on;
        self
    }

    /// Other threads hold wakers: with nothing ready and no timer, wait for them in real time
    /// instead of reporting a deadlock. Such a run is not deterministic. Default: off.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Runner};
    /// let (sender, receiver) = futures::channel::oneshot::channel();
    /// let mut runner = Runner::new(Config::default().other_threads(true));
    /// let thread = std::thread::spawn(move || sender.send(5));
    /// assert_eq!(runner.run(async { receiver.await.unwrap() })?, 5);
    /// # thread.join().unwrap().unwrap();
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn other_threads(mut self, on: bool) -> Config {
        self.other_threads = on;
        self
    }

    /// Each iteration runs one handle: a timer that is due is ready at once, and a stop takes
    /// effect at once. It is how searches run, and no order that asyncio has for timers of no
    /// length. Default: off.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Runner, gather, iteration, yield_now};
    /// let iterations = |on| {
    ///     let mut runner = Runner::new(Config::default().one_by_one(on));
    ///     runner.run(async {
    ///         gather((yield_now(), yield_now())).await?;
    ///         Ok::<u64, Error>(iteration())
    ///     })
    /// };
    /// assert!(iterations(true)? > iterations(false)?);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn one_by_one(mut self, on: bool) -> Config {
        self.settings.one_by_one = on;
        self
    }

    /// All state that tasks share is [`Tracked`](crate::Tracked), or in the crate's own
    /// primitives, or declared by [`raw::Object::touch`](crate::raw::Object::touch). Without it a
    /// step that polls or calls the program's code depends on every other. Matters only to
    /// schedulers that watch footprints. Default: off.
    ///
    /// # Examples
    /// ```
    /// let config = seedloop::Config::default().tracked(true);
    /// # let _ = config;
    /// ```
    pub fn tracked(mut self, on: bool) -> Config {
        self.tracked = on;
        self
    }

    /// Keep what the steps are called that a scheduler watches.
    pub(crate) fn names(mut self, on: bool) -> Config {
        self.names = on;
        self
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    pub(crate) fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    pub(crate) fn limits(&mut self) -> &mut Limits {
        &mut self.settings.limits
    }
}
