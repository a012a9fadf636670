//! Sampled schedules on several threads. Which run is which, which failure is reported, and all
//! counts are the same for any number of threads: a run is known by seed and number, and what the
//! threads bring is put together in the order of the runs.

use std::{
    cell::RefCell,
    num::NonZero,
    panic::Location,
    rc::Rc,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use super::{
    Check, Failure, Report, Strategy,
    environment::Environment,
    explore::{self, main_of},
    report::Counted,
    unseen::Seen,
};
use crate::{
    exec::{is_running, quietly},
    run::Runner,
    sched::{Algorithm, Races, Sampler},
    task::Outcome,
};

/// So many runs a thread takes at once.
const BLOCK: u64 = 32;

/// The program without its types, for any thread.
type Main<'a> = &'a (dyn Fn(&mut Runner) -> Option<String> + Sync);

/// A check whose sampled schedules run on several threads, each with event loops of its own: by
/// [`Check::jobs`]. `SEEDLOOP_JOBS` goes before the number that the program says. Other checks
/// ([`exhaustive`](Check::exhaustive), [`deviations`](Check::deviations)) run on one.
///
/// # Examples
/// ```
/// use seedloop::{Check, gather, yield_now};
/// let program = || async { gather([yield_now(), yield_now()]).await };
/// let report = Check::new().jobs(2).run(program);
/// assert_eq!(report, Check::new().run(program)); // the same, whatever the number
/// ```
#[derive(Clone, Debug)]
#[must_use = "a check does nothing until `run`"]
pub struct Jobs {
    check: Check,
    jobs: usize,
}

impl Check {
    /// Runs sampled schedules on so many threads; 0 for as many as the machine has. What comes out
    /// does not depend on the number. It is the last word before `run`. The program must be one
    /// that threads can share (`Sync`): make an `Rc` inside of it. A panic is printed by the thread
    /// on which it happens, also that of a schedule which is not the first that fails.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, choose};
    /// let program = || async { assert!(choose(100) < 60) };
    /// let failure = |jobs| Check::new().jobs(jobs).try_run(program).unwrap_err();
    /// let (one, four) = (failure(1), failure(4));
    /// assert_eq!((one.schedule, one.token), (four.schedule, four.token));
    /// ```
    pub fn jobs(self, jobs: usize) -> Jobs {
        Jobs { check: self, jobs }
    }
}

impl Jobs {
    /// As [`Check::run`].
    ///
    /// # Panics
    /// As [`Check::run`].
    #[track_caller]
    pub fn run<P, F, M>(self, program: P) -> Report
    where
        P: Fn() -> F + Sync,
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.try_run(program).unwrap_or_else(|failure| panic!("{failure}"))
    }

    /// As [`Check::try_run`].
    ///
    /// # Errors
    /// The first schedule that fails, by its number.
    #[track_caller]
    pub fn try_run<P, F, M>(mut self, program: P) -> Result<Report, Box<Failure>>
    where
        P: Fn() -> F + Sync,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let environment = Environment::read().map_err(|text| Box::new(Failure::usage(text)))?;
        let jobs = match environment.jobs.unwrap_or(self.jobs) {
            0 => thread::available_parallelism().map_or(1, NonZero::get),
            jobs => jobs,
        };
        let main = main_of(Location::caller(), &program);
        self.check.obey(&environment);
        match (&environment.replay, self.check.strategy) {
            (Some(token), _) => self.check.replay(token, &main),
            (None, Strategy::Sampled(algorithm))
                if jobs > 1 && self.check.schedules > 0 && !is_running() =>
            {
                self.check.in_parallel(algorithm, jobs, &main)
            }
            _ => self.check.explore(&main),
        }
    }
}

/// What the threads share.
#[derive(Default)]
struct Shared {
    /// The first run that nobody has taken.
    next: AtomicU64,
    /// The first run that is known to fail.
    failed: Mutex<Option<u64>>,
    counted: Mutex<Vec<(u64, Counted)>>,
    races: Mutex<Races>,
}

impl Shared {
    fn failed(&self) -> Option<u64> {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fails(&self, run: u64) {
        let failed = &mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        *failed = Some(failed.map_or(run, |first| first.min(run)));
    }
}

impl Check {
    fn in_parallel(
        &self,
        algorithm: Algorithm,
        jobs: usize,
        main: Main,
    ) -> Result<Report, Box<Failure>> {
        let shared = Shared::default();
        thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| self.work(algorithm, &shared, main));
            }
        });
        let failed = shared.failed();
        let mut counted = shared.counted.into_inner().unwrap_or_else(PoisonError::into_inner);
        counted.sort_unstable_by_key(|&(run, _)| run);
        counted.retain(|&(run, _)| failed.is_none_or(|failed| run < failed));
        let mut report = Report::new(self.seed, self.config.settings());
        let mut seen = Seen::new(self.schedules);
        for (_, run) in &counted {
            report.count(run);
            seen.add(run.digest);
        }
        if let Some(run) = failed {
            return Err(self.fails_at(run, algorithm, report, main));
        }
        (report.distinct, report.unseen) = (seen.distinct(), seen.unseen());
        let races = shared.races.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.racing_pairs = races.counts();
        Ok(report)
    }

    /// Runs blocks of schedules until there are no more before the first that fails.
    fn work(&self, algorithm: Algorithm, shared: &Shared, main: Main) {
        let mut worker = Worker::new(self, algorithm);
        let mut counted = Vec::new();
        loop {
            let first = shared.next.fetch_add(BLOCK, Ordering::Relaxed);
            let end = self.schedules.min(first.saturating_add(BLOCK));
            if first >= end || shared.failed().is_some_and(|failed| failed < first) {
                break;
            }
            worker.learn(first, main);
            for run in first..end {
                let one = worker.run(run, main);
                let is_bad = one.failed.is_some() || self.is_chance(run, &one, main);
                if is_bad {
                    shared.fails(run);
                    break;
                }
                counted.push((run, Counted::of(&one)));
            }
        }
        shared.counted.lock().unwrap_or_else(PoisonError::into_inner).append(&mut counted);
        let races = &mut *shared.races.lock().unwrap_or_else(PoisonError::into_inner);
        races.add(worker.sampler.borrow().races());
    }

    /// As [`check_determinism`](Check::check_determinism), of the same runs.
    fn is_chance(&self, run: u64, one: &explore::One, main: Main) -> bool {
        let number = run + 1;
        let report = Report::new(self.seed, self.config.settings());
        number.is_power_of_two() && self.check_determinism(&report, &one.report, main).is_err()
    }

    /// Runs the schedule again that has failed on another thread.
    fn fails_at(
        &self,
        run: u64,
        algorithm: Algorithm,
        mut report: Report,
        main: Main,
    ) -> Box<Failure> {
        let mut worker = Worker::new(self, algorithm);
        let (one, _) = quietly(|| {
            worker.learn(run, main);
            worker.run(run, main)
        });
        report.count(&Counted::of(&one));
        match one.failed {
            Some(failed) => self.explain(&report, &one.report, failed, main),
            None => match self.check_determinism(&report, &one.report, main) {
                Err(failure) => failure,
                Ok(()) => {
                    let text = explore::nondeterminism("it failed on another thread", None);
                    let kind = super::FailureKind::Nondeterminism;
                    let failed = explore::Failed { kind, text, reports: Vec::new() };
                    self.failure(&report, &one.report.token.clone(), failed, one.report)
                }
            },
        }
    }
}

/// The runs of one thread.
struct Worker<'a> {
    check: &'a Check,
    name: String,
    sampler: Rc<RefCell<Sampler>>,
    runner: Runner,
    has_learned: bool,
}

impl<'a> Worker<'a> {
    fn new(check: &'a Check, algorithm: Algorithm) -> Worker<'a> {
        let sampler = Rc::new(RefCell::new(Sampler::new(algorithm, check.seed)));
        let runner = Runner::with_scheduler(check.config.clone(), Box::new(sampler.clone()));
        Worker { check, name: algorithm.to_string(), sampler, runner, has_learned: false }
    }

    /// Learns what is to be known before this run. The runs that teach count for nothing here.
    fn learn(&mut self, first: u64, main: Main) {
        if first > 0 && !self.has_learned {
            let lessons = self.sampler.borrow().lessons();
            for lesson in 0..lessons {
                quietly(|| self.run(lesson, main));
            }
        }
        self.has_learned = true;
    }

    fn run(&mut self, run: u64, main: Main) -> explore::One {
        self.sampler.borrow_mut().skip_to(run);
        self.runner.again(None);
        self.runner.set_plan(&self.name, self.check.seed, run);
        explore::one(&mut self.runner, main, self.check.rules)
    }
}
