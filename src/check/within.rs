//! Bounded checks: every schedule within a number of deviations from asyncio's order.

use std::collections::BTreeMap;

use super::{
    Check, Failure, Level, Report,
    crew::{Crew, Ran},
    explore::{self, Main},
    report::Counted,
};
use crate::{
    run::Runner,
    sched::{Deviating, Deviations},
};

/// So many schedules are a part.
const BLOCK: usize = 32;

impl Check {
    /// Runs the schedules with fewer deviations first. One has more of them than the one from which
    /// it is known; so all that have as many are known before the first of them runs.
    pub(super) fn within(&self, bound: u32, crew: &Crew) -> Result<Report, Box<Failure>> {
        let mut report = Report::new(self.seed, self.config.settings());
        report.level = Level::Within(bound);
        let mut to_run = BTreeMap::from([(0, vec![Deviating::default()])]);
        while let Some((_, mut level)) = to_run.pop_first() {
            let left = self.schedules - report.schedules;
            if level.len() as u64 > left {
                level.truncate(left as usize);
                report.level = Level::Unfinished;
            }
            let blocks = level.chunks(BLOCK).map(<[Deviating]>::to_vec);
            let numbered = (report.schedules..).step_by(BLOCK).zip(blocks);
            let worker = || {
                let scheduler = Deviations::within(bound);
                let all = Box::new(scheduler.clone());
                let runner = Runner::with_scheduler(self.config.clone(), all);
                Worker { check: self, scheduler, runner }
            };
            let ran = crew.run(numbered, worker, Worker::run, |ran| {
                ran.counted.iter().for_each(|run| report.count(run));
                for schedule in ran.part {
                    to_run.entry(schedule.cost).or_default().push(schedule);
                }
                ran.bad.map_or(Ok(()), Err)
            });
            ran.map_err(|bad| self.why_bad(&report, bad, crew.main))?;
            if report.level == Level::Unfinished {
                break;
            }
        }
        // No two of them are equal.
        report.distinct = report.schedules;
        Ok(report)
    }
}

/// What makes the runs of blocks.
struct Worker<'a> {
    check: &'a Check,
    scheduler: Deviations,
    runner: Runner,
}

impl Worker<'_> {
    /// Runs schedules, the first of which has this number. Gives those that are known by them.
    fn run(&mut self, (first, block): (u64, Vec<Deviating>), main: Main) -> Ran<Vec<Deviating>> {
        let (mut part, mut counted, mut bad) = (Vec::new(), Vec::new(), None);
        for (number, schedule) in (first + 1..).zip(block) {
            self.scheduler.set(schedule);
            self.runner.again(None);
            let one = explore::one(&mut self.runner, main, self.check.rules);
            part.append(&mut self.scheduler.beyond());
            counted.push(Counted::of(&one));
            bad = self.check.is_bad(one, number.is_power_of_two(), main);
            if bad.is_some() {
                break;
            }
        }
        Ran { part, counted, abandoned: 0, bad }
    }
}
