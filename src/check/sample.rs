//! Sampled checks. A run is known by seed and number, so it is the same whichever ran before it;
//! but a sampler has to have learned from the first of the seed.

use std::{cell::RefCell, rc::Rc};

use super::{
    Check, Failure, Report,
    crew::{Crew, Ran},
    explore::{self, Main},
    report::Counted,
    unseen::Seen,
};
use crate::{
    exec::quietly,
    run::Runner,
    sched::{Algorithm, Races, Sampler},
};

/// So many runs are a part.
const BLOCK: u64 = 32;

impl Check {
    /// Runs sampled schedules, block by block.
    pub(super) fn sample(&self, algorithm: Algorithm, crew: &Crew) -> Result<Report, Box<Failure>> {
        let blocks = (0..self.schedules).step_by(BLOCK as usize);
        let worker = || Worker::new(self, algorithm);
        let mut report = Report::new(self.seed, self.config.settings());
        let (mut seen, mut races) = (Seen::new(self.schedules), Races::default());
        let ran = crew.run(blocks, worker, Worker::run, |ran| {
            for run in &ran.counted {
                report.count(run);
                seen.add(run.digest);
            }
            races.add(&ran.part);
            ran.bad.map_or(Ok(()), Err)
        });
        ran.map_err(|bad| self.why_bad(&report, bad, crew.main))?;
        (report.distinct, report.unseen) = (seen.distinct(), seen.unseen());
        report.racing_pairs = races.counts();
        Ok(report)
    }
}

/// What makes the runs of blocks.
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

    /// Runs the block of schedules that begins with this one. Gives the races that it has seen.
    fn run(&mut self, first: u64, main: Main) -> Ran<Races> {
        self.learn(first, main);
        let (mut counted, mut bad) = (Vec::new(), None);
        for run in first..self.check.schedules.min(first.saturating_add(BLOCK)) {
            let one = self.once(run, main);
            counted.push(Counted::of(&one));
            bad = self.check.is_bad(one, (run + 1).is_power_of_two(), main);
            if bad.is_some() {
                break;
            }
        }
        let part = self.sampler.borrow_mut().take_races();
        Ran { part, counted, abandoned: 0, bad }
    }

    /// Learns what is to be known before this run. The runs that teach count for nothing here.
    fn learn(&mut self, first: u64, main: Main) {
        if first > 0 && !self.has_learned {
            let lessons = self.sampler.borrow().lessons();
            for lesson in 0..lessons {
                quietly(|| self.once(lesson, main));
            }
            self.sampler.borrow_mut().take_races();
        }
        self.has_learned = true;
    }

    fn once(&mut self, run: u64, main: Main) -> explore::One {
        self.sampler.borrow_mut().skip_to(run);
        self.runner.again(None);
        self.runner.set_plan(&self.name, self.check.seed, run);
        explore::one(&mut self.runner, main, self.check.rules)
    }
}
