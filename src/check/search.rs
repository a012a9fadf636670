//! Exhaustive checks: every order, or one of each class of orders; the evidence that it is all, and
//! the audit of what was taken for independent.

use super::{
    Check, Failure, FailureKind, Level, Report,
    crew::{Bad, Crew, Ran},
    explore,
    report::Counted,
};
use crate::{
    exec::{Config, RunReport},
    run::Runner,
    sched::{Branch, Follow, Part, Reduction, Rounds, Swap},
};

/// How many swaps an audit makes.
const SWAPS: usize = 100;

impl Check {
    /// Runs every order, or one of each class, until one fails.
    pub(super) fn search(&self, crew: &Crew) -> Result<Report, Box<Failure>> {
        let mut reduction = match self.config.tracked || self.tracked_tasks {
            true => Reduction::Full,
            false => Reduction::None,
        };
        loop {
            let mut rounds = Rounds::with(reduction);
            let mut report = self.search_with(reduction, &mut rounds, crew)?;
            if report.level == Level::Unfinished || reduction == Reduction::None {
                return Ok(report);
            }
            let evidence = rounds.take_evidence();
            #[cfg(feature = "json")]
            self.write_evidence(&evidence)?;
            // If steps are not independent that are taken for it, the rest means nothing.
            let swaps = self.audit(&report, &evidence.swaps(SWAPS), crew.main)?;
            match (evidence.check(), reduction.weaker()) {
                (Ok(certificate), _) => report.level = Level::Behaviours { certificate, swaps },
                (Err(_), Some(weaker)) => {
                    reduction = weaker;
                    continue;
                }
                (Err(refusal), None) => report.level = Level::Uncertified(refusal),
            }
            return Ok(report);
        }
    }

    fn search_with(
        &self,
        reduction: Reduction,
        rounds: &mut Rounds,
        crew: &Crew,
    ) -> Result<Report, Box<Failure>> {
        let config = self.searched();
        let mut report = Report::new(self.seed, config.settings());
        report.level = Level::Unfinished;
        let mut number = 0;
        loop {
            let left = self.schedules - report.schedules - report.abandoned;
            let parts = rounds.parts(left);
            if parts.is_empty() {
                break;
            }
            let first = number;
            number += parts.len();
            let parts = (first + 1..).zip(parts);
            let worker = || {
                let branch = Branch::new(reduction);
                let runner = Runner::with_scheduler(config.clone(), Box::new(branch.clone()));
                Worker { check: self, branch, runner }
            };
            let mut over = Vec::new();
            let ran = crew.run(parts, worker, Worker::run, |ran| {
                ran.counted.iter().for_each(|run| report.count(run));
                report.abandoned += ran.abandoned;
                report.distinct = report.schedules;
                over.push(ran.part);
                ran.bad.map_or(Ok(()), Err)
            });
            ran.map_err(|bad| self.why_bad(&report, bad, crew.main))?;
            rounds.end(over);
        }
        if rounds.is_over() {
            report.level = Level::Interleavings;
        }
        Ok(report)
    }

    /// Runs orders with two neighbours swapped: the same steps must come out. Gives how many.
    fn audit(
        &self,
        report: &Report,
        swaps: &[Swap],
        main: explore::Main,
    ) -> Result<u64, Box<Failure>> {
        let follow = Follow::new(swaps.iter().map(|swap| swap.order.clone()));
        let config = self.searched().record(true);
        let mut runner = Runner::with_scheduler(config, Box::new(follow.clone()));
        for swap in swaps {
            if runner.again(None).is_none() {
                break;
            }
            let one = explore::one(&mut runner, main, self.rules);
            let Some(left_at) = follow.left_at() else { continue };
            if let Some(failed) =
                one.failed.filter(|failed| failed.kind != FailureKind::Interrupted)
            {
                return Err(self.explain(report, &one.report, failed, main));
            }
            let actor = |step: usize| actor(&one.report, &swap.order, step);
            let text = format!(
                "steps of {} and {} were taken for independent, but after a swap of the two {} did \
                 something else\n  do they share state that is not tracked (Rc<RefCell>, Cell, a \
                 static)? Put it into Tracked, or do not call them tracked",
                actor(swap.second - 1),
                actor(swap.second),
                actor(left_at),
            );
            let kind = FailureKind::Dependence;
            let failed = explore::Failed { kind, text, reports: Vec::new() };
            let token = one.report.token.clone();
            let mut failure = self.failure(report, &token, failed, one.report);
            // The schedule by itself does not fail.
            failure.token = None;
            return Err(failure);
        }
        Ok(swaps.len() as u64)
    }

    /// Leaves the evidence where it is wanted.
    #[cfg(feature = "json")]
    fn write_evidence(&self, evidence: &crate::sched::Evidence) -> Result<(), Box<Failure>> {
        let Some(path) = &self.evidence_file else { return Ok(()) };
        std::fs::write(path, evidence.to_json()).map_err(|error| {
            let text = format!("the evidence cannot be written to {}: {error}", path.display());
            Box::new(Failure::usage(text))
        })
    }

    /// How runs of a search are configured.
    fn searched(&self) -> Config {
        self.config.clone().one_by_one(true)
    }
}

/// What makes the runs of parts, one part after the other.
struct Worker<'a> {
    check: &'a Check,
    branch: Branch,
    runner: Runner,
}

impl Worker<'_> {
    /// Runs a part of the tree, by its number among all.
    fn run(&mut self, (number, part): (usize, Part), main: explore::Main) -> Ran<Part> {
        let Worker { check, branch, runner } = self;
        let (mut counted, mut abandoned, mut bad) = (Vec::new(), 0, None);
        branch.set(part);
        let mut last = None;
        while bad.is_none() && runner.again(last.as_ref()).is_some() {
            let one = explore::one(runner, main, check.rules);
            last = Some(one.report.summary(true));
            if branch.has_abandoned() && !branch.has_diverged() {
                abandoned += 1;
                continue;
            }
            counted.push(Counted::of(&one));
            let nth = counted.len();
            // The first part says most of a small program.
            let is_due = number.is_power_of_two()
                && if number == 1 { nth.is_power_of_two() } else { nth == 1 };
            bad = match branch.has_diverged() {
                true => Some(Bad::diverged(one)),
                false => check.is_bad(one, is_due, main),
            };
        }
        Ran { part: branch.take(), counted, abandoned, bad }
    }
}

/// Who makes a step of a run: the handles that run are counted, the moves of the clock are not.
fn actor(run: &RunReport, order: &[crate::sched::Step], at: usize) -> String {
    let moves = order.iter().take(at + 1).filter(|step| step.id.is_clock()).count();
    let turn = (at + 1 - moves) as u64;
    let event = run.trace.events().iter().find(|event| event.step == turn);
    event.map_or_else(|| "somebody".into(), |event| event.actor.to_string())
}
