//! Exhaustive checks: every order, or one of each class of orders; the evidence that it is all, and
//! the audit of what was taken for independent.

use super::{Check, Failure, FailureKind, Level, Report, explore, report::Counted};
use crate::{
    exec::{Config, RunReport},
    run::Runner,
    sched::{Follow, Reduction, Search, Swap},
};

/// How many swaps an audit makes.
const SWAPS: usize = 100;

impl Check {
    /// Runs every order, or one of each class, until one fails.
    pub(super) fn search(&self, main: explore::Main) -> Result<Report, Box<Failure>> {
        let mut reduction = match self.config.tracked {
            true => Reduction::Full,
            false => Reduction::None,
        };
        loop {
            let search = Search::new(reduction);
            let mut report = self.search_with(&search, main)?;
            if report.level == Level::Unfinished || reduction == Reduction::None {
                return Ok(report);
            }
            let evidence = search.take_evidence();
            #[cfg(feature = "json")]
            self.write_evidence(&evidence)?;
            // If steps are not independent that are taken for it, the rest means nothing.
            let swaps = self.audit(&report, &evidence.swaps(SWAPS), main)?;
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

    fn search_with(&self, search: &Search, main: explore::Main) -> Result<Report, Box<Failure>> {
        let config = self.searched();
        let mut report = Report::new(self.seed, config.settings());
        report.level = Level::Unfinished;
        let mut runner = Runner::with_scheduler(config, Box::new(search.clone()));
        let mut last = None;
        while runner.again(last.as_ref()).is_some() {
            if report.schedules + report.abandoned == self.schedules {
                return Ok(report);
            }
            let one = explore::one(&mut runner, main, self.rules);
            last = Some(one.report.summary(true));
            if search.has_diverged() {
                report.schedules += 1;
                let text = explore::nondeterminism("other steps were ready", None);
                return Err(self.failed(&report, FailureKind::Nondeterminism, text, one.report));
            }
            if search.has_abandoned() {
                report.abandoned += 1;
                continue;
            }
            report.count(&Counted::of(&one));
            report.distinct = report.schedules;
            if let Some(failed) = one.failed {
                return Err(self.explain(&report, &one.report, failed, main));
            }
            if report.schedules.is_power_of_two() {
                self.check_determinism(&report, &one.report, main)?;
            }
        }
        if search.found().is_over {
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
                 static)? Put it into Tracked, or leave `tracked` out",
                actor(swap.second - 1),
                actor(swap.second),
                actor(left_at),
            );
            let mut failure = self.failed(report, FailureKind::Dependence, text, one.report);
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

    fn failed(
        &self,
        report: &Report,
        kind: FailureKind,
        text: String,
        run: RunReport,
    ) -> Box<Failure> {
        let token = run.token.clone();
        self.failure(report, &token, explore::Failed { kind, text, reports: Vec::new() }, run)
    }
}

/// Who makes a step of a run: the handles that run are counted, the moves of the clock are not.
fn actor(run: &RunReport, order: &[crate::sched::Step], at: usize) -> String {
    let moves = order.iter().take(at + 1).filter(|step| step.id.is_clock()).count();
    let turn = (at + 1 - moves) as u64;
    let event = run.trace.events().iter().find(|event| event.step == turn);
    event.map_or_else(|| "somebody".into(), |event| event.actor.to_string())
}
