//! Probabilistic concurrency testing: who has the highest priority runs, and at a few random steps
//! whoever ran last falls below all others.

use std::collections::BTreeMap;

use super::{Learned, Luck, Order, StepId};

pub(super) struct Pct {
    luck: Luck,
    falls: Falls,
}

impl Pct {
    pub(super) fn new(mut luck: Luck, depth: u32, learned: &Learned) -> Pct {
        let falls = Falls::new(&mut luck, depth, learned);
        Pct { luck, falls }
    }
}

impl Order for Pct {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        self.falls.step();
        // An owner's priority is a number that belongs to its name: who was spawned first, or is
        // ready first, does not matter.
        let priority = |step: &StepId| (self.falls.standing(step.owner), self.luck.of(step.owner));
        let best = steps.iter().enumerate().max_by_key(|(_, step)| priority(step));
        let (at, step) = best.expect("something is ready");
        self.falls.ran(step.owner);
        at
    }
}

/// At which steps whoever ran last falls, and who has fallen.
pub(super) struct Falls {
    at: Vec<u64>,
    step: u64,
    last: Option<u64>,
    /// Who fell later is lower.
    fallen: BTreeMap<u64, u64>,
}

impl Falls {
    /// One less than the depth, among as many steps as a run has had.
    pub(super) fn new(luck: &mut Luck, depth: u32, learned: &Learned) -> Falls {
        let length = learned.steps.max(1);
        let at = (1..depth).map(|_| 1 + luck.below(length)).collect();
        Falls { at, step: 0, last: None, fallen: BTreeMap::new() }
    }

    /// Another step is about to be picked.
    pub(super) fn step(&mut self) {
        let falls = self.at.contains(&self.step);
        if let Some(last) = self.last.filter(|_| falls) {
            self.fallen.insert(last, self.step);
        }
        self.step += 1;
    }

    pub(super) fn ran(&mut self, owner: u64) {
        self.last = Some(owner);
    }

    /// The higher the better.
    pub(super) fn standing(&self, owner: u64) -> u64 {
        self.fallen.get(&owner).map_or(u64::MAX, |&at| u64::MAX - 1 - at)
    }
}
