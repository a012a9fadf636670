//! Exhaustive checks: every order, or one of each class of orders, and the evidence that it is all.

use super::{Check, Failure, FailureKind, Level, Report, explore};
use crate::{
    run::Runner,
    sched::{Reduction, Search},
};

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
            match search.take_evidence().check() {
                Ok(certificate) => report.level = Level::Behaviours(certificate),
                Err(refusal) => {
                    report.level = Level::Uncertified(refusal);
                    if let Some(weaker) = reduction.weaker() {
                        reduction = weaker;
                        continue;
                    }
                }
            }
            return Ok(report);
        }
    }

    fn search_with(&self, search: &Search, main: explore::Main) -> Result<Report, Box<Failure>> {
        let config = self.config.clone().one_by_one(true);
        let settings = config.settings();
        let mut runner = Runner::with_scheduler(config, Box::new(search.clone()));
        let mut report = Report::new(self.seed, settings);
        report.level = Level::Unfinished;
        let mut last = None;
        while runner.again(last.as_ref()).is_some() {
            if report.schedules == self.schedules {
                return Ok(report);
            }
            let one = explore::one(&mut runner, main, self.rules);
            last = Some(one.report.summary(true));
            if search.has_diverged() {
                let failed = explore::Failed {
                    kind: FailureKind::Nondeterminism,
                    text: explore::nondeterminism("other steps were ready", None),
                    reports: one.reports,
                };
                report.schedules += 1;
                return Err(self.failure(&report, &one.report.token.clone(), failed, one.report));
            }
            if search.has_abandoned() {
                report.abandoned += 1;
                continue;
            }
            report.count(&one.report, &one.reports);
            report.distinct = report.schedules;
            if let Some(failed) = one.failed {
                return Err(self.explain(&report, &one.report.token, failed, main));
            }
            if report.schedules.is_power_of_two() {
                self.check_determinism(&report, &one.report.token, main)?;
            }
        }
        if search.found().is_over {
            report.level = Level::Interleavings;
        }
        Ok(report)
    }
}
