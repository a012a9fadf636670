//! The runs of a check: one after another in the same memory, until one fails.

use std::{cell::RefCell, panic::Location, rc::Rc};

use super::{
    Check, Failure, FailureKind, Report, Rules, Schedule, Strategy,
    crew::Crew,
    report::Counted,
    schedule::Ran,
    shrunk::{tell, tell_plan},
};
use crate::{
    exec::{Config, Error, RunReport, StepNames, caught, is_running, quietly},
    run::Runner,
    sched::{Recording, Sampler, Scheduler},
    task::Outcome,
    trace::{Token, TokenError, Trace},
};

/// Why a token is one that can be replayed.
pub(super) const JUST_MADE: &str = "the token was just made";

/// Runs the program's main future once; gives the text of its error.
pub(super) type Main<'a> = &'a dyn Fn(&mut Runner) -> Option<String>;

/// The program without its types.
pub(super) fn main_of<P, F, M>(
    caller: &'static Location<'static>,
    program: &P,
) -> impl Fn(&mut Runner) -> Option<String>
where
    P: Fn() -> F,
    F: Future<Output: Outcome<M>> + 'static,
{
    move |runner| {
        let error = runner.run_at(caller, program()).err();
        error.map(|error| <F::Output as Outcome<M>>::text(&error))
    }
}

/// Why a run failed.
pub(super) struct Failed {
    pub(super) kind: FailureKind,
    pub(super) text: String,
    /// What the exception handler was told.
    pub(super) reports: Vec<String>,
}

/// One run, and what became of it.
pub(super) struct One {
    pub(super) report: RunReport,
    pub(super) failed: Option<Failed>,
    /// What the exception handler was told.
    pub(super) reports: Vec<String>,
}

impl Check {
    /// Runs schedules until one fails.
    pub(super) fn explore(&self, crew: &Crew) -> Result<Report, Box<Failure>> {
        if is_running() {
            let text = "a Check cannot start inside a run: await the future, or spawn it";
            return Err(Box::new(Failure::usage(text.into())));
        }
        if self.schedules == 0 {
            let text = "schedules(0) would check nothing: give 1 or more";
            return Err(Box::new(Failure::usage(text.into())));
        }
        match self.strategy {
            Strategy::Sampled(algorithm) => self.sample(algorithm, crew),
            Strategy::Within(bound) => self.within(bound, crew),
            Strategy::Exhaustive => self.search(crew),
        }
    }

    /// Runs once.
    pub(super) fn once(
        &self,
        scheduler: Box<dyn Scheduler>,
        main: Main,
    ) -> Result<RunReport, Box<Failure>> {
        // A thread that looks on would cost more than the run.
        let config = self.config.clone().watchdog(None);
        let mut runner = Runner::with_scheduler(config, scheduler);
        let one = one(&mut runner, main, self.rules);
        self.given(one, main)
    }

    /// Runs a schedule that is given as data. If it fails, it learns how.
    pub(super) fn scheduled(
        &self,
        schedule: &Schedule,
        main: Main,
    ) -> Result<RunReport, Box<Failure>> {
        let recording = Recording::new(schedule.scheduler());
        let config = self.config.clone().watchdog(None).names(true);
        let mut runner = Runner::with_scheduler(config, Box::new(recording.clone()));
        let one = one(&mut runner, main, self.rules);
        if one.failed.is_none() {
            return Ok(one.report);
        }
        let names = runner.step_names();
        self.given(one, main).map_err(|mut failure| {
            let holds = schedule.holds();
            failure.told = holds.map_or_else(Vec::new, |holds| tell(holds, &names, &failure.trace));
            schedule.failed(Ran { recorded: recording.take(), names });
            failure
        })
    }

    /// What became of a schedule that was the caller's.
    fn given(&self, one: One, main: Main) -> Result<RunReport, Box<Failure>> {
        let counted = Counted::of(&one);
        let One { report: run, failed, .. } = one;
        let Some(failed) = failed else { return Ok(run) };
        let mut report = Report::new(self.seed, self.config.settings());
        report.count(&counted);
        let mut failure = self.explained(&report, &run, failed, main);
        (failure.schedules, failure.is_given) = (1, true);
        Err(failure)
    }

    /// Replays one token, with its events.
    pub(super) fn replay(&self, token: &Token, main: Main) -> Result<Report, Box<Failure>> {
        let (one, names) = self.recorded(token, main).map_err(|text| {
            let text = format!("SEEDLOOP_REPLAY={token} cannot be replayed: {text}");
            Box::new(Failure::usage(text))
        })?;
        let mut report = Report::new(self.seed, token.settings);
        report.count(&Counted::of(&one));
        let One { report: run, failed, .. } = one;
        report.distinct = 1;
        report.is_replay = true;
        let Some(failed) = failed else { return Ok(report) };
        let mut failure = self.failure(&report, token, failed, run);
        // What came after a divergence is not what the schedule says.
        let is_its_run = failure.kind != FailureKind::Diverged;
        let trace = if is_its_run { failure.trace.clone() } else { Trace::default() };
        failure.told = tell_plan(&token.plan, &names, &trace);
        Err(failure)
    }

    /// Runs a failed schedule again, to show its events, and makes it small.
    pub(super) fn explain(
        &self,
        report: &Report,
        run: &RunReport,
        failed: Failed,
        main: Main,
    ) -> Box<Failure> {
        let failure = self.explained(report, run, failed, main);
        self.shrunk(failure, &run.raw_token(), main)
    }

    /// Runs a failed schedule again, to show its events; the two must be the same.
    fn explained(
        &self,
        report: &Report,
        run: &RunReport,
        failed: Failed,
        main: Main,
    ) -> Box<Failure> {
        // Its panics were printed the first time.
        let (again, _) = quietly(|| self.recorded(&run.raw_token(), main)).0.expect(JUST_MADE);
        let failed = match &again.report.divergence {
            None => failed,
            Some(_) => diverged(&failed.text, &again.report),
        };
        self.failure(report, &run.token, failed, again.report)
    }

    /// Runs a schedule a second time (the first, the second, the fourth and so on): a program that
    /// the schedule does not determine cannot be replayed.
    pub(super) fn check_determinism(
        &self,
        report: &Report,
        run: &RunReport,
        main: Main,
    ) -> Result<(), Box<Failure>> {
        let again = self.recorded(&run.raw_token(), main).expect(JUST_MADE).0.report;
        if again.divergence.is_none() {
            return Ok(());
        }
        let failed = diverged("it passed", &again);
        Err(self.failure(report, &run.token, failed, again))
    }

    /// What a schedule is run with again, beside the settings of its token.
    pub(super) fn again_config(&self) -> Config {
        let mut config = Config::default().names(true).watchdog(self.config.watchdog);
        config.shares_watchdog = true;
        config
    }

    /// Replays a token and records its events.
    pub(super) fn recorded(&self, token: &Token, main: Main) -> Result<(One, StepNames), String> {
        let config = self.again_config().record(true);
        let mut runner = self.replaying(token, config, main).map_err(|error| error.to_string())?;
        let one = one(&mut runner, main, self.rules);
        Ok((one, runner.step_names()))
    }

    /// Ready for the run that the token is of. If its scheduler has learned from the first runs of
    /// the seed, they are run again.
    fn replaying(
        &self,
        token: &Token,
        mut config: Config,
        main: Main,
    ) -> Result<Runner, TokenError> {
        let Some((lessons, sampler)) = Sampler::to_learn(&token.plan)? else {
            return Runner::replay_with(config, token);
        };
        config.set(token.settings);
        let sampler = Rc::new(RefCell::new(sampler));
        let mut runner = Runner::with_scheduler(config, Box::new(sampler.clone()));
        let mut last = None;
        for _ in 0..lessons {
            runner.again(last.as_ref());
            let (lesson, _) = quietly(|| one(&mut runner, main, self.rules));
            last = Some(lesson.report.summary(true));
        }
        sampler.borrow_mut().skip_to_plan(&token.plan);
        runner.again(None);
        runner.expect(token);
        Ok(runner)
    }

    pub(super) fn failure(
        &self,
        report: &Report,
        token: &Token,
        failed: Failed,
        shown: RunReport,
    ) -> Box<Failure> {
        Box::new(Failure {
            kind: failed.kind,
            text: failed.text,
            reports: failed.reports,
            schedule: report.schedules,
            schedules: self.schedules,
            seed: self.seed,
            token: Some(token.clone()),
            command: self.command.clone(),
            trace: shown.trace,
            main_events: shown.main_events,
            digest: shown.digest,
            told: Vec::new(),
            shrunk: None,
            is_replay: report.is_replay,
            is_given: false,
        })
    }
}

/// Runs the program to its end, clean-up included.
pub(super) fn one(runner: &mut Runner, main: Main, rules: Rules) -> One {
    let reports = Rc::new(RefCell::new(Vec::new()));
    let heard = reports.clone();
    runner.set_exception_handler(move |context| heard.borrow_mut().push(context.to_string()));
    let error = main(runner);
    let leaked = if rules.tasks_must_end { runner.live_tasks() } else { Vec::new() };
    // What the clean-up gets stuck in is kept by the runner.
    let invariant = caught(|| drop(runner.close())).err();
    let stuck = runner.take_stuck();
    let report = runner.end();
    let reports = reports.take();
    let reported = reports.first().filter(|_| rules.reports_fail);
    let failed = judge(&report, stuck, error, rules)
        .or_else(|| Some((FailureKind::Invariant, format!("at the end: {}", invariant?))))
        .or_else(|| {
            let text = format!("not done when main was: {}", leaked.join(", "));
            (!leaked.is_empty()).then_some((FailureKind::LeakedTask, text))
        })
        .or_else(|| Some((FailureKind::Report, format!("the loop reports: {}", reported?))));
    let failed = failed.map(|(kind, text)| Failed { kind, text, reports: reports.clone() });
    One { report, failed, reports }
}

/// Has the run failed, and how?
fn judge(
    report: &RunReport,
    stuck: Option<Error>,
    error: Option<String>,
    rules: Rules,
) -> Option<(FailureKind, String)> {
    // A run that is not the token's says nothing about the program.
    if let Some(divergence) = &report.divergence {
        return Some((FailureKind::Diverged, divergence.to_string()));
    }
    if let Some(stuck) = stuck {
        return Some((FailureKind::of(&stuck), stuck.to_string()));
    }
    if let Some(panic) =
        report.panics.iter().find(|panic| !rules.tolerate_panics || !panic.retrieved)
    {
        let text = format!("{} panicked: {}", panic.task, panic.message);
        return Some((FailureKind::Panic, text));
    }
    error.map(|error| (FailureKind::Error, format!("main failed: {error}")))
}

fn diverged(before: &str, again: &RunReport) -> Failed {
    let step = again.divergence.as_ref().map(|divergence| divergence.step);
    let text = nondeterminism(before, step);
    Failed { kind: FailureKind::Nondeterminism, text, reports: Vec::new() }
}

/// The same schedule gave two runs: what to say of it.
pub(super) fn nondeterminism(before: &str, step: Option<u64>) -> String {
    let from = step.map_or(String::new(), |step| format!(", from step {step} on"));
    format!(
        "the same schedule gave another run{from}\n  the first time: {before}\n  \
         usual suspects: `select!` without `biased`, the order of a hash map, real time, \
         state outside the closure"
    )
}
