//! Many runs of one program, each under another schedule: stops at the first that fails, and says
//! how to replay it.

mod crew;
mod environment;
mod explore;
mod failure;
mod jobs;
mod report;
mod sample;
mod schedule;
#[cfg(feature = "proptest")]
mod schedules;
mod search;
mod shrink;
mod shrunk;
mod unseen;
mod within;

use std::{panic::Location, time::Duration};

use crew::Crew;
use environment::Environment;
use explore::main_of;
pub use failure::{Failure, FailureKind};
pub use jobs::Jobs;
pub use report::{Level, Report};
pub use schedule::Schedule;
#[cfg(feature = "proptest")]
pub use schedules::schedules;
pub use shrunk::Shrunk;
pub use unseen::Unseen;

use crate::{
    exec::{Config, RunReport},
    sched::{Algorithm, Scheduler},
    task::Outcome,
};

/// Runs a program under many schedules, and stops at the first that fails: by a panic, by an error
/// of its main future, by a deadlock, a livelock, or too many steps.
///
/// The environment goes before what the program says: `SEEDLOOP_SEED`, `SEEDLOOP_SCHEDULES`,
/// `SEEDLOOP_JOBS` where [`jobs`](Check::jobs) are asked for, and `SEEDLOOP_REPLAY` with the token
/// that a failure has printed. Every check of the process reads them: have one per test, so that
/// the printed command runs it alone.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{Check, Error, gather, yield_now};
/// // Two tasks read, yield, write: one update may be lost.
/// let failure = Check::new().schedules(100).try_run(|| async {
///     let count = Rc::new(Cell::new(0));
///     let add = |count: Rc<Cell<i32>>| async move {
///         let read = count.get();
///         yield_now().await?;
///         count.set(read + 1);
///         Ok::<(), Error>(())
///     };
///     gather((add(count.clone()), add(count.clone()))).await?;
///     assert_eq!(count.get(), 2);
///     Ok::<(), Error>(())
/// });
/// let failure = failure.unwrap_err();
/// assert!(failure.to_string().contains("SEEDLOOP_REPLAY=sl1-"));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check does nothing until `run`"]
pub struct Check {
    seed: u64,
    schedules: u64,
    config: Config,
    strategy: Strategy,
    tracked_tasks: bool,
    #[cfg(feature = "json")]
    evidence_file: Option<std::path::PathBuf>,
    command: Option<String>,
    shrinks: bool,
    rules: Rules,
}

/// How long one poll may take, in real time.
const HANG: Duration = Duration::from_secs(60);

/// Which schedules are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strategy {
    Sampled(Algorithm),
    /// Within so many deviations from asyncio's order.
    Within(u32),
    Exhaustive,
}

/// How many runs an exhaustive check makes at most, if it is not told.
const SEARCH_MAX: u64 = 1_000_000;

/// What counts as a failure.
#[derive(Clone, Copy, Debug, Default)]
struct Rules {
    /// A panic that somebody looks at does not.
    tolerate_panics: bool,
    /// Whatever the exception handler is told does.
    reports_fail: bool,
    /// A task that is not done when main is does.
    tasks_must_end: bool,
}

impl Default for Check {
    fn default() -> Check {
        Check::new()
    }
}

impl Check {
    /// 1,000 schedules of seed 0, with fresh wakers, and nothing injected.
    ///
    /// # Examples
    /// ```
    /// let report = seedloop::Check::new().run(|| async {});
    /// assert_eq!((report.schedules, report.seed), (1_000, 0));
    /// assert!(report.settings.fresh_wakers && report.settings.cancellations == 0);
    /// ```
    pub fn new() -> Check {
        let config = Config::default().fresh_wakers(true).steps_max(1_000_000);
        let config = config.instant_steps_max(10_000).watchdog(Some(HANG));
        let (command, rules) = (None, Rules::default());
        Check {
            seed: 0,
            schedules: 1_000,
            config,
            strategy: Strategy::Sampled(Algorithm::Portfolio),
            tracked_tasks: false,
            #[cfg(feature = "json")]
            evidence_file: None,
            command,
            shrinks: true,
            rules,
        }
    }

    /// The seed of all schedules.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, gather, yield_now};
    /// let check = |seed| Check::new().schedules(5).seed(seed);
    /// let run = |seed| check(seed).run(|| async { gather([yield_now(), yield_now()]).await });
    /// assert_eq!(run(7), run(7));
    /// assert_eq!(run(7).seed, 7);
    /// ```
    pub fn seed(mut self, seed: u64) -> Check {
        self.seed = seed;
        self
    }

    /// How many schedules.
    ///
    /// # Examples
    /// ```
    /// let report = seedloop::Check::new().schedules(25).run(|| async {});
    /// assert_eq!((report.schedules, report.distinct), (25, 1)); // one task has one order
    /// ```
    pub fn schedules(mut self, schedules: u64) -> Check {
        self.schedules = schedules;
        self
    }

    /// Runs every interleaving of the program's steps instead of a sample, up to a million runs
    /// unless [`schedules`](Check::schedules) says otherwise after this. What a step is: from one
    /// await that waits to the next, a callback, a timer that is due. Timers come at any place once
    /// they are due, and what is chosen inside steps ([`choose`](crate::choose), cancellations) is
    /// tried in full.
    ///
    /// With [`tracked`](Check::tracked) one order of each class is enough: orders that differ in
    /// the order of independent steps alone lead to the same.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Level, gather, yield_now};
    /// let program = || async { gather([yield_now(), yield_now()]).await };
    /// let report = Check::new().exhaustive().run(program);
    /// assert_eq!(report.level, Level::Interleavings);
    /// assert!(report.to_string().starts_with("exhausted: every interleaving of the steps"));
    /// ```
    pub fn exhaustive(mut self) -> Check {
        (self.strategy, self.schedules) = (Strategy::Exhaustive, SEARCH_MAX);
        self
    }

    /// Runs every schedule within so many deviations from asyncio's order, those with fewer first,
    /// each once, up to a million of them unless [`schedules`](Check::schedules) says otherwise
    /// after this. To run the third of the ready handles is two deviations: it passes over two.
    /// Every other choice that is not asyncio's is one.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Level, gather, yield_now};
    /// let program = || async { gather([yield_now(), yield_now()]).await };
    /// let report = Check::new().deviations(2).run(program);
    /// assert_eq!(report.level, Level::Within(2));
    /// ```
    pub fn deviations(mut self, bound: u32) -> Check {
        (self.strategy, self.schedules) = (Strategy::Within(bound), SEARCH_MAX);
        self
    }

    /// All state that the program's tasks share is [`Tracked`](crate::Tracked), or in the crate's
    /// own primitives (locks, queues, futures ...), or declared by
    /// [`raw::Object::touch`](crate::raw::Object::touch). Then steps that share nothing are
    /// independent, and [`exhaustive`](Check::exhaustive) runs one order of each class. If it is
    /// not so, what it reports is wrong.
    ///
    /// # Examples
    /// Three tasks that have nothing to do with each other have one class of orders:
    /// ```
    /// use seedloop::{Check, spawn, yield_now};
    /// let check = || Check::new().exhaustive();
    /// let program = || async {
    ///     let tasks = [1, 2, 3].map(|_| spawn(yield_now()));
    ///     for task in tasks {
    ///         task.await?;
    ///     }
    ///     Ok::<(), seedloop::Error>(())
    /// };
    /// let (all, classes) = (check().run(program), check().tracked().run(program));
    /// assert!(all.is_exhausted() && classes.is_exhausted());
    /// assert!(classes.schedules < all.schedules);
    /// ```
    pub fn tracked(mut self) -> Check {
        self.config = self.config.tracked(true);
        self
    }

    /// As [`tracked`](Check::tracked), but only of the tasks that say it themselves, by
    /// [`Task::tracked`](crate::Task::tracked), and of what they spawn. The steps of all others,
    /// main among them, depend on every step.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, spawn, yield_now};
    /// let check = Check::new().exhaustive().tracked_tasks();
    /// let report = check.run(|| async { spawn(yield_now()).tracked().await });
    /// assert!(report.is_exhausted());
    /// ```
    pub fn tracked_tasks(mut self) -> Check {
        self.tracked_tasks = true;
        self
    }

    /// Where an [exhaustive](Check::exhaustive) check with [`tracked`](Check::tracked) leaves its
    /// evidence, as JSON ([`Evidence::to_json`](crate::sched::Evidence::to_json)): the example
    /// `certificate` checks it without the program. Needs the feature `json`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, sched::Evidence, yield_now};
    /// let path = std::env::temp_dir().join(format!("evidence-{}.json", std::process::id()));
    /// let check = Check::new().exhaustive().tracked().evidence_file(&path);
    /// check.run(|| async { yield_now().await });
    /// let evidence = Evidence::from_json(&std::fs::read_to_string(&path)?)?;
    /// assert_eq!(evidence.check().unwrap().runs, 1);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "json")]
    pub fn evidence_file(mut self, path: impl Into<std::path::PathBuf>) -> Check {
        self.evidence_file = Some(path.into());
        self
    }

    /// Makes a failing schedule small before it is shown: the fewest steps that must wait for
    /// others, and the fewest faults, with which it still fails in the same way: the kind, the
    /// words of the text but not its numbers, the place of a panic. Takes at most 5,000 schedules;
    /// what panics meanwhile on this thread is not printed. Default: on.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, gather, yield_now};
    /// use std::{cell::Cell, rc::Rc};
    /// let program = || async {
    ///     let door = Rc::new(Cell::new("open"));
    ///     let late = door.clone();
    ///     let leaves = async move {
    ///         yield_now().await?;
    ///         late.set("shut");
    ///         Ok::<(), seedloop::Error>(())
    ///     };
    ///     let enters = async move {
    ///         assert_eq!(door.get(), "open");
    ///         Ok::<(), seedloop::Error>(())
    ///     };
    ///     gather((leaves, enters)).await
    /// };
    /// let failure = Check::new().try_run(program).unwrap_err();
    /// assert_eq!(failure.told.len(), 1);
    /// assert!(failure.told[0].starts_with("task 2's 1st step"));
    /// assert!(failure.token.unwrap().to_string().starts_with("sl1-h.2:1@1:2-"));
    /// let found = Check::new().shrink(false).try_run(program).unwrap_err();
    /// assert!(found.token.unwrap().to_string().starts_with("sl1-s."));
    /// ```
    pub fn shrink(mut self, on: bool) -> Check {
        self.shrinks = on;
        self
    }

    /// Injects at most so many cancellations (or aborts) per schedule, into tasks that the program
    /// offers by [`Task::cancellable`](crate::Task::cancellable). A cancel is told to the task at
    /// its await, as by `Task::cancel`; an abort drops the task's future. Each
    /// is ready among the others from the step on in which it was chosen. Default: 0.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Check, sleep, spawn};
    /// let failure = Check::new().cancellations(1).try_run(|| async {
    ///     spawn(sleep(Duration::from_secs(1))).cancellable().await
    /// });
    /// assert_eq!(failure.unwrap_err().text, "main failed: cancelled");
    /// ```
    pub fn cancellations(mut self, count: u32) -> Check {
        self.config = self.config.cancellations(count);
        self
    }

    /// Cancellations may hit every task but main. Default: only those that are offered.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, spawn, yield_now};
    /// let check = Check::new().cancellations(1).cancel_any();
    /// let failure = check.try_run(|| async { spawn(yield_now()).await }); // offered or not
    /// assert_eq!(failure.unwrap_err().text, "main failed: cancelled");
    /// ```
    pub fn cancel_any(mut self) -> Check {
        self.config = self.config.cancel_any(true);
        self
    }

    /// The clock may advance so often per schedule although something is ready: a timeout may
    /// fire although the reply is there. Default: 0.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Check, timeout, yield_now};
    /// let prompt = || async { timeout(Duration::from_secs(1), yield_now()).await };
    /// assert!(Check::new().try_run(prompt).is_ok());
    /// let failure = Check::new().slips(1).try_run(prompt).unwrap_err();
    /// assert_eq!(failure.text, "main failed: timed out");
    /// ```
    pub fn slips(mut self, count: u32) -> Check {
        self.config = self.config.slips(count);
        self
    }

    /// A task that waits may be polled so often per schedule although nothing woke it: when it has
    /// begun to wait, or where the clock moves. It is ready then, and runs when its turn comes.
    /// That is legal by the contract of `Future::poll`; whoever takes any poll for the one that was
    /// promised is wrong. Default: 0.
    ///
    /// # Examples
    /// ```
    /// use std::{future::poll_fn, task::Poll, time::Duration};
    /// use seedloop::{Check, now, sleep};
    /// /// Sleeps for a second, and takes its second poll for the end of that.
    /// async fn hasty() {
    ///     let (start, mut nap) = (now(), Box::pin(sleep(Duration::from_secs(1))));
    ///     let mut is_asleep = false;
    ///     poll_fn(|context| match std::mem::replace(&mut is_asleep, true) {
    ///         false => nap.as_mut().poll(context).map(drop),
    ///         true => Poll::Ready(()),
    ///     }).await;
    ///     assert!(now() - start >= Duration::from_secs(1), "too early");
    /// }
    /// assert!(Check::new().try_run(hasty).is_ok());
    /// let failure = Check::new().spurious_polls(1).try_run(hasty).unwrap_err();
    /// assert!(failure.text.contains("too early"));
    /// ```
    pub fn spurious_polls(mut self, count: u32) -> Check {
        self.config = self.config.spurious_polls(count);
        self
    }

    /// How schedules are sampled. The default is a portfolio of all: see [`Algorithm`].
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Check, Error, FailureKind, sched::Algorithm, sleep, spawn, yield_now};
    /// // A livelock: while it spins, time stands still. A clock that slips ends it.
    /// let program = || async {
    ///     let alarm = spawn(sleep(Duration::from_secs(1)));
    ///     while !alarm.is_done() {
    ///         yield_now().await?;
    ///     }
    ///     Ok::<(), Error>(())
    /// };
    /// let check = Check::new().slips(1);
    /// assert!(check.clone().sampler(Algorithm::Random).try_run(program).is_ok());
    /// // The portfolio does without slips in every second run.
    /// let failure = check.try_run(program).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::Livelock);
    /// ```
    pub fn sampler(mut self, algorithm: Algorithm) -> Check {
        self.strategy = Strategy::Sampled(algorithm);
        self
    }

    /// Every poll gets a waker of its own, and stale ones do nothing: in each run of a search, in
    /// half of the runs of a sample. Default: on.
    ///
    /// # Examples
    /// ```
    /// use std::{future::poll_fn, task::{Poll, Waker}};
    /// use seedloop::{Check, FailureKind};
    /// /// Wakes the waker of its first poll, also from later ones.
    /// async fn keeps_its_first_waker() {
    ///     let (mut first, mut polls) = (None::<Waker>, 0);
    ///     poll_fn(|context| {
    ///         first.get_or_insert_with(|| context.waker().clone()).wake_by_ref();
    ///         polls += 1;
    ///         if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
    ///     }).await
    /// }
    /// let failure = Check::new().try_run(keeps_its_first_waker).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::Deadlock);
    /// assert!(Check::new().fresh_wakers(false).try_run(keeps_its_first_waker).is_ok());
    /// ```
    pub fn fresh_wakers(mut self, on: bool) -> Check {
        self.config = self.config.fresh_wakers(on);
        self
    }

    /// In a deadlock, tasks that wait for something foreign are polled once more, to tell a lost
    /// wake-up from a wait without end; see [`Config::probe`]. Default: on.
    ///
    /// # Examples
    /// ```
    /// use std::{future::poll_fn, task::Poll};
    /// use seedloop::Check;
    /// /// Is there at the second poll, and wakes nobody.
    /// async fn forgets_to_wake() {
    ///     let mut polls = 0;
    ///     poll_fn(|_| {
    ///         polls += 1;
    ///         if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
    ///     }).await
    /// }
    /// let text = |check: Check| check.try_run(forgets_to_wake).unwrap_err().text;
    /// assert!(text(Check::new()).contains("a wake-up was lost"));
    /// assert!(!text(Check::new().probe(false)).contains("a wake-up was lost"));
    /// ```
    pub fn probe(mut self, on: bool) -> Check {
        self.config = self.config.probe(on);
        self
    }

    /// A task that is inside one poll for longer than this, in real time, ends the process and is
    /// named; see [`Config::watchdog`]. `None` for no limit. Default: 60 s; none in
    /// [`try_schedule`](Check::try_schedule) and [`try_scheduler`](Check::try_scheduler).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::Check;
    /// // A poll that hangs would end the process after five seconds.
    /// let check = Check::new().schedules(3).watchdog(Some(Duration::from_secs(5)));
    /// assert!(check.try_run(|| async {}).is_ok());
    /// ```
    pub fn watchdog(mut self, limit: Option<Duration>) -> Check {
        self.config = self.config.watchdog(limit);
        self
    }

    /// At most so many handles run per schedule. Default: 1,000,000.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Check, FailureKind, sleep};
    /// let ticks = || async { while sleep(Duration::from_secs(1)).await.is_ok() {} };
    /// let failure = Check::new().steps_max(50).try_run(ticks).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::StepCap);
    /// ```
    pub fn steps_max(mut self, steps: u64) -> Check {
        self.config = self.config.steps_max(steps);
        self
    }

    /// At most so many handles run per schedule without the clock moving. Default: 10,000.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, FailureKind, yield_now};
    /// let spins = || async { while yield_now().await.is_ok() {} };
    /// let failure = Check::new().instant_steps_max(50).try_run(spins).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::Livelock);
    /// ```
    pub fn instant_steps_max(mut self, steps: u64) -> Check {
        self.config = self.config.instant_steps_max(steps);
        self
    }

    /// A panic of a task is an outcome: it fails the check only if nobody looks at it. Default: any
    /// panic fails it.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Error, spawn};
    /// let program = || async {
    ///     let broken = spawn(async { panic!("broken") }).await;
    ///     assert!(matches!(broken, Err(Error::Panicked(_))));
    /// };
    /// assert!(Check::new().try_run(program).is_err());
    /// assert!(Check::new().tolerate_panics().try_run(program).is_ok());
    /// ```
    pub fn tolerate_panics(mut self) -> Check {
        self.rules.tolerate_panics = true;
        self
    }

    /// Whatever the exception handler is told fails the schedule: an error that nobody retrieves,
    /// an async exit that is skipped. Default: it is printed with a failure, as asyncio logs it.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Error, FailureKind, spawn};
    /// let program = || async {
    ///     drop(spawn(async { Err::<(), _>(Error::QueueFull) })); // nobody sees it fail
    /// };
    /// assert!(Check::new().try_run(program).is_ok());
    /// let failure = Check::new().reports_fail().try_run(program).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::Report);
    /// ```
    pub fn reports_fail(mut self) -> Check {
        self.rules.reports_fail = true;
        self
    }

    /// A task that is not done when main is fails the schedule. Default: it is cancelled, as in
    /// asyncio.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Check, FailureKind, sleep, spawn};
    /// let program = || async { drop(spawn(sleep(Duration::from_secs(1)))) };
    /// assert!(Check::new().try_run(program).is_ok());
    /// let failure = Check::new().tasks_must_end().try_run(program).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::LeakedTask);
    /// ```
    pub fn tasks_must_end(mut self) -> Check {
        self.rules.tasks_must_end = true;
        self
    }

    /// The command that runs this check alone; a failure prints it after `SEEDLOOP_REPLAY=...`.
    /// Default: guessed from the process.
    ///
    /// # Examples
    /// ```
    /// use seedloop::Check;
    /// let check = Check::new().command("make check-one");
    /// let failure = check.try_run(|| async { assert_eq!(1, 2) }).unwrap_err();
    /// assert!(failure.to_string().ends_with(" make check-one"));
    /// ```
    pub fn command(mut self, command: impl Into<String>) -> Check {
        self.command = Some(command.into());
        self
    }

    /// Runs the program under every schedule.
    ///
    /// # Panics
    /// If a schedule fails: with what failed, the token and the command that replays it. If the
    /// environment has a value that makes no sense.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Lock, gather, yield_now};
    /// let report = Check::new().schedules(50).run(|| async {
    ///     let lock = Lock::new();
    ///     let enter = |lock: Lock| async move {
    ///         let _guard = lock.acquire().await?;
    ///         yield_now().await
    ///     };
    ///     gather((enter(lock.clone()), enter(lock))).await
    /// });
    /// assert!(report.to_string().starts_with("sampled 50 schedules of seed 0"));
    /// ```
    #[track_caller]
    pub fn run<P, F, M>(self, program: P) -> Report
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.try_run(program).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`run`](Check::run), with the failure as a value.
    ///
    /// # Errors
    /// The first schedule that fails.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, choose};
    /// let failure = Check::new().try_run(|| async { assert!(choose(6) != 3) }).unwrap_err();
    /// assert!(failure.schedule > 1); // the first roll was another
    /// ```
    #[track_caller]
    pub fn try_run<P, F, M>(mut self, program: P) -> Result<Report, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let environment = Environment::read().map_err(|text| Box::new(Failure::usage(text)))?;
        self.obey(&environment);
        let main = main_of(Location::caller(), &program);
        match &environment.replay {
            Some(token) => self.replay(token, &main),
            None => self.explore(&Crew { main: &main, threads: None }),
        }
    }

    /// The environment goes before what the program says.
    fn obey(&mut self, environment: &Environment) {
        self.seed = environment.seed.unwrap_or(self.seed);
        self.schedules = environment.schedules.unwrap_or(self.schedules);
    }

    /// Runs the program under one schedule that is given as data.
    ///
    /// # Errors
    /// If it fails.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, choose, sched::{ChoiceKind, Choices, Deviation}};
    /// let three = Choices::new([Deviation { kind: ChoiceKind::User, index: 0, value: 3 }]);
    /// let program = || async { assert!(choose(6) != 3) };
    /// assert!(Check::new().try_schedule(&three.into(), program).is_err());
    /// assert!(Check::new().try_schedule(&Default::default(), program).is_ok());
    /// ```
    #[track_caller]
    pub fn try_schedule<P, F, M>(
        &self,
        schedule: &Schedule,
        program: P,
    ) -> Result<RunReport, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.scheduled(schedule, &main_of(Location::caller(), &program))
    }

    /// Runs the program once under a scheduler of one's own.
    ///
    /// # Errors
    /// If it fails.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, sched::RandomWalk, yield_now};
    /// let walk = Box::new(RandomWalk::new(7, 41));
    /// let report = Check::new().try_scheduler(walk, || async { yield_now().await }).unwrap();
    /// assert!(report.steps > 0);
    /// ```
    #[track_caller]
    pub fn try_scheduler<P, F, M>(
        &self,
        scheduler: Box<dyn Scheduler>,
        program: P,
    ) -> Result<RunReport, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.once(scheduler, &main_of(Location::caller(), &program))
    }
}
