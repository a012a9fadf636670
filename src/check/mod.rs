//! Many runs of one program, each under another schedule: stops at the first that fails, and says
//! how to replay it.

mod environment;
mod failure;
mod report;
#[cfg(feature = "proptest")]
mod schedules;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use environment::Environment;
pub use failure::{Failure, FailureKind};
pub use report::Report;
#[cfg(feature = "proptest")]
pub use schedules::schedules;

use crate::{
    exec::{Config, RunReport},
    run::Runner,
    sched::{Choices, RandomWalk, Scheduler},
    task::Outcome,
    trace::{Token, Trace},
};

/// How many different schedules are counted one by one.
const DISTINCT_MAX: usize = 1 << 16;

/// Runs a program under many schedules, and stops at the first that fails: by a panic, by an error
/// of its main future, by a deadlock, a livelock, or too many steps.
///
/// The environment goes before what the program says: `SEEDLOOP_SEED`, `SEEDLOOP_SCHEDULES`, and
/// `SEEDLOOP_REPLAY` with the token that a failure has printed.
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
    command: Option<String>,
}

impl Default for Check {
    fn default() -> Check {
        Check::new()
    }
}

impl Check {
    /// 1,000 schedules of seed 0, with fresh wakers, and nothing injected.
    pub fn new() -> Check {
        let config = Config::default().fresh_wakers(true).steps_max(1_000_000);
        let config = config.instant_steps_max(10_000);
        Check { seed: 0, schedules: 1_000, config, command: None }
    }

    /// The seed of all schedules.
    pub fn seed(mut self, seed: u64) -> Check {
        self.seed = seed;
        self
    }

    /// How many schedules.
    pub fn schedules(mut self, schedules: u64) -> Check {
        self.schedules = schedules;
        self
    }

    /// Injects at most so many cancellations (or aborts) per schedule, into tasks that the program
    /// offers by [`Task::cancellable`](crate::Task::cancellable). Default: 0.
    pub fn cancellations(mut self, count: u32) -> Check {
        self.config = self.config.cancellations(count);
        self
    }

    /// Cancellations may hit every task but main. Default: only those that are offered.
    pub fn cancel_any(mut self) -> Check {
        self.config = self.config.cancel_any(true);
        self
    }

    /// The clock may advance so often per schedule although something is ready: a timeout may
    /// fire although the reply is there. Default: 0.
    pub fn slips(mut self, count: u32) -> Check {
        self.config = self.config.slips(count);
        self
    }

    /// Every poll gets a waker of its own, and stale ones do nothing. Default: on.
    pub fn fresh_wakers(mut self, on: bool) -> Check {
        self.config = self.config.fresh_wakers(on);
        self
    }

    /// At most so many handles run per schedule. Default: 1,000,000.
    pub fn steps_max(mut self, steps: u64) -> Check {
        self.config = self.config.steps_max(steps);
        self
    }

    /// At most so many handles run per schedule without the clock moving. Default: 10,000.
    pub fn instant_steps_max(mut self, steps: u64) -> Check {
        self.config = self.config.instant_steps_max(steps);
        self
    }

    /// The command that runs this check alone; a failure prints it after `SEEDLOOP_REPLAY=...`.
    /// Default: guessed from the process.
    pub fn command(mut self, command: impl Into<String>) -> Check {
        self.command = Some(command.into());
        self
    }

    /// Runs the program under every schedule.
    ///
    /// # Panics
    /// If a schedule fails: with what failed, the token and the command that replays it. If the
    /// environment has a value that makes no sense.
    #[track_caller]
    pub fn run<P, F, M>(self, program: P) -> Report
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        match self.try_run(program) {
            Ok(report) => report,
            Err(failure) => panic!("{failure}"),
        }
    }

    /// As [`run`](Check::run), with the failure as a value.
    ///
    /// # Errors
    /// The first schedule that fails.
    pub fn try_run<P, F, M>(mut self, program: P) -> Result<Report, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let environment = Environment::read().map_err(|text| self.usage(text))?;
        self.seed = environment.seed.unwrap_or(self.seed);
        self.schedules = environment.schedules.unwrap_or(self.schedules);
        match &environment.replay {
            Some(token) => self.replay(token, &program),
            None => self.explore(&program),
        }
    }

    fn explore<P, F, M>(&self, program: &P) -> Result<Report, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let mut runner =
            Runner::with_scheduler(self.config.clone(), Box::new(RandomWalk::new(self.seed, 0)));
        let mut report = Report::new(self.seed, self.config.settings());
        let mut distinct = BTreeSet::new();
        let mut last = None;
        while report.schedules < self.schedules {
            let Some(run) = runner.again(&self.config, last.as_ref()) else {
                break;
            };
            runner.set_plan(RandomWalk::NAME, self.seed, run);
            let one = one(&mut runner, program);
            report.count(&one.report);
            if let Some(failed) = one.failed {
                return Err(self.explain(report, &one.report.token, failed, program));
            }
            if run == 0 {
                self.check_determinism(&report, &one.report, program)?;
            }
            if distinct.len() < DISTINCT_MAX {
                distinct.insert(one.report.digest);
            }
            last = Some(one.report.summary(true));
        }
        report.distinct = distinct.len() as u64;
        Ok(report)
    }

    /// Runs the program under one schedule that is given as data.
    ///
    /// # Errors
    /// If it fails.
    pub fn try_schedule<P, F, M>(
        &self,
        choices: &Choices,
        program: P,
    ) -> Result<RunReport, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        self.try_scheduler(Box::new(choices.clone()), program)
    }

    /// Runs the program once under a scheduler of one's own.
    ///
    /// # Errors
    /// If it fails.
    pub fn try_scheduler<P, F, M>(
        &self,
        scheduler: Box<dyn Scheduler>,
        program: P,
    ) -> Result<RunReport, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let mut runner = Runner::with_scheduler(self.config.clone(), scheduler);
        let one = one(&mut runner, &program);
        match one.failed {
            None => Ok(one.report),
            Some(failed) => {
                let mut report = Report::new(self.seed, self.config.settings());
                report.count(&one.report);
                Err(self.explain(report, &one.report.token, failed, &program))
            }
        }
    }

    /// Replays one token, with its trace.
    fn replay<P, F, M>(&self, token: &Token, program: &P) -> Result<Report, Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let (one, trace) = recorded(token, program).map_err(|text| self.usage(text))?;
        let mut report = Report::new(self.seed, token.settings);
        report.count(&one.report);
        match one.failed {
            Some(failed) => Err(self.failure(report, token, failed, trace)),
            None => Ok(report),
        }
    }

    /// Runs a failed schedule again, to show its events; the two must be the same.
    fn explain<P, F, M>(
        &self,
        report: Report,
        token: &Token,
        failed: Failed,
        program: &P,
    ) -> Box<Failure>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let (again, trace) = recorded(token, program).expect("a token that was just made");
        let same = again.report.divergence.is_none();
        let failed = match same {
            true => failed,
            false => Failed::nondeterminism(failed.text, &again),
        };
        self.failure(report, token, failed, trace)
    }

    /// Runs the first schedule a second time: a program that the schedule does not determine
    /// cannot be replayed.
    fn check_determinism<P, F, M>(
        &self,
        report: &Report,
        first: &RunReport,
        program: &P,
    ) -> Result<(), Box<Failure>>
    where
        P: Fn() -> F,
        F: Future<Output: Outcome<M>> + 'static,
    {
        let (again, trace) = recorded(&first.token, program).expect("a token that was just made");
        match again.report.divergence {
            None => Ok(()),
            Some(_) => {
                let failed = Failed::nondeterminism("it passed the first time".into(), &again);
                Err(self.failure(report.clone(), &first.token, failed, trace))
            }
        }
    }

    fn failure(&self, report: Report, token: &Token, failed: Failed, trace: Trace) -> Box<Failure> {
        Box::new(Failure {
            kind: failed.kind,
            text: failed.text,
            reports: failed.reports,
            schedule: report.schedules,
            schedules: self.schedules,
            seed: self.seed,
            token: Some(token.clone()),
            command: self.command.clone(),
            trace,
        })
    }

    fn usage(&self, text: String) -> Box<Failure> {
        Box::new(Failure::usage(text))
    }
}

/// Why a run failed.
struct Failed {
    kind: FailureKind,
    text: String,
    reports: Vec<String>,
}

impl Failed {
    fn nondeterminism(before: String, again: &One) -> Failed {
        let divergence = again.report.divergence.as_ref().map(ToString::to_string);
        let text = format!(
            "the same schedule gave another run: {}\n  the first time: {before}",
            divergence.unwrap_or_default()
        );
        Failed { kind: FailureKind::Nondeterminism, text, reports: Vec::new() }
    }
}

/// One run and what became of it.
struct One {
    report: RunReport,
    failed: Option<Failed>,
}

/// Runs the program to its end, clean-up included.
fn one<P, F, M>(runner: &mut Runner, program: &P) -> One
where
    P: Fn() -> F,
    F: Future<Output: Outcome<M>> + 'static,
{
    let reports = Rc::new(RefCell::new(Vec::new()));
    let heard = reports.clone();
    runner.set_exception_handler(move |context| heard.borrow_mut().push(context.to_string()));
    let result = runner.run(program());
    let error = result.err().map(|error| <F::Output as Outcome<M>>::text(&error));
    let _ = runner.close();
    let stuck = runner.take_stuck();
    let report = runner.end();
    let panic = report.panics.iter().find(|panic| error.is_some() || !panic.retrieved);
    let (kind, text) = match (stuck, panic, error) {
        (Some(stuck), _, _) => (FailureKind::of(&stuck), stuck.to_string()),
        (None, Some(panic), _) => {
            (FailureKind::Panic, format!("{} panicked: {}", panic.task, panic.message))
        }
        (None, None, Some(error)) => (FailureKind::Error, format!("main failed: {error}")),
        (None, None, None) => match &report.divergence {
            Some(divergence) => (FailureKind::Diverged, divergence.to_string()),
            None => {
                return One { report, failed: None };
            }
        },
    };
    let reports = reports.take();
    One { report, failed: Some(Failed { kind, text, reports }) }
}

/// Replays a token and records its events.
fn recorded<P, F, M>(token: &Token, program: &P) -> Result<(One, Trace), String>
where
    P: Fn() -> F,
    F: Future<Output: Outcome<M>> + 'static,
{
    let config = Config::default().record(true);
    let mut runner = Runner::replay_with(config, token).map_err(|error| error.to_string())?;
    let mut one = one(&mut runner, program);
    let trace = std::mem::take(&mut one.report.trace);
    Ok((one, trace))
}
