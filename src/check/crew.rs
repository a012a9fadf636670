//! Who makes the runs of a check: the caller's thread, or several. The work is given in parts, each
//! a function of what it is given alone, and what comes of them is put together in their order, up
//! to the first that is bad. So nothing of the threads shows.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use super::{
    Check, Failure, FailureKind, Report,
    explore::{self, Failed, Main, One},
    report::Counted,
};
use crate::exec::RunReport;

/// The program without its types, for any thread.
pub(super) type SharedMain<'a> = &'a (dyn Fn(&mut crate::Runner) -> Option<String> + Sync);

/// Who makes the runs, and of what.
pub(super) struct Crew<'a> {
    pub(super) main: Main<'a>,
    /// The threads, if it is not the caller's.
    pub(super) threads: Option<(usize, SharedMain<'a>)>,
}

/// What became of a part.
pub(super) struct Ran<P> {
    pub(super) part: P,
    /// Its runs, up to one that is bad.
    pub(super) counted: Vec<Counted>,
    pub(super) abandoned: u64,
    pub(super) bad: Option<Box<Bad>>,
}

/// A run that ends the check.
pub(super) struct Bad {
    run: RunReport,
    why: Why,
}

enum Why {
    Failed(Failed),
    /// The same schedule has given another run.
    Chance,
    /// The same choices have led to other steps.
    Diverged,
}

impl Bad {
    pub(super) fn diverged(one: One) -> Box<Bad> {
        Box::new(Bad { run: one.report, why: Why::Diverged })
    }
}

impl Check {
    /// Does the run end the check? If it passed, and that is due, it is run once more to see.
    pub(super) fn is_bad(&self, one: One, is_due: bool, main: Main) -> Option<Box<Bad>> {
        let One { report: run, failed, .. } = one;
        if let Some(failed) = failed {
            return Some(Box::new(Bad { run, why: Why::Failed(failed) }));
        }
        let report = || Report::new(self.seed, self.config.settings());
        let is_chance = is_due && self.check_determinism(&report(), &run, main).is_err();
        is_chance.then(|| Box::new(Bad { run, why: Why::Chance }))
    }

    /// The last run that the report counts is bad: the failure.
    pub(super) fn why_bad(&self, report: &Report, bad: Box<Bad>, main: Main) -> Box<Failure> {
        let Bad { run, why } = *bad;
        let text = match why {
            Why::Failed(failed) => return self.explain(report, &run, failed, main),
            Why::Chance => match self.check_determinism(report, &run, main) {
                Err(failure) => return failure,
                Ok(()) => explore::nondeterminism("two runs of it differed", None),
            },
            Why::Diverged => explore::nondeterminism("other steps were ready", None),
        };
        let failed = Failed { kind: FailureKind::Nondeterminism, text, reports: Vec::new() };
        self.failure(report, &run.token.clone(), failed, run)
    }
}

impl Crew<'_> {
    /// Runs parts, and has `take` hear what became of them in their order, until it is an error.
    pub(super) fn run<P: Send, W, R: Send, E>(
        &self,
        parts: impl Iterator<Item = P> + Send,
        worker: impl Fn() -> W + Sync,
        run: impl Fn(&mut W, P, Main) -> R + Sync,
        mut take: impl FnMut(R) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((threads, main)) = self.threads else {
            let (mut worker, mut parts) = (worker(), parts);
            return parts.try_for_each(|part| take(run(&mut worker, part, self.main)));
        };
        let parts = Mutex::new(parts.enumerate());
        let next = || parts.lock().unwrap_or_else(PoisonError::into_inner).next();
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..threads {
                let sender = sender.clone();
                let (next, worker, run) = (&next, &worker, &run);
                scope.spawn(move || {
                    let mut worker = worker();
                    while let Some((at, part)) = next() {
                        // Nobody listens any more once a part was bad.
                        if sender.send((at, run(&mut worker, part, main))).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let (mut early, mut at) = (BTreeMap::new(), 0);
            for (which, ran) in receiver {
                early.insert(which, ran);
                while let Some(ran) = early.remove(&at) {
                    at += 1;
                    take(ran)?;
                }
            }
            Ok(())
        })
    }
}
