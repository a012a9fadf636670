//! The uniform random walk: whoever has more steps to make is more likely to be next.

use std::collections::BTreeMap;

use super::{Learned, Luck, Order, StepId};

pub(super) struct Urw {
    luck: Luck,
    remaining: Remaining,
}

impl Urw {
    pub(super) fn new(luck: Luck, learned: &Learned) -> Urw {
        Urw { luck, remaining: Remaining::new(learned.weights()) }
    }
}

impl Order for Urw {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        self.remaining.meet(steps);
        let weights: Vec<u64> =
            steps.iter().map(|step| self.remaining.of(step.owner).max(1)).collect();
        let at = self.luck.weighted(&weights);
        self.remaining.ran(steps[at].owner);
        at
    }
}

/// How many steps owners have left, with those of what they will lead to.
pub(super) struct Remaining {
    learned: BTreeMap<u64, u64>,
    left: BTreeMap<u64, u64>,
    last: Option<u64>,
}

impl Remaining {
    pub(super) fn new(learned: BTreeMap<u64, u64>) -> Remaining {
        Remaining { learned, left: BTreeMap::new(), last: None }
    }

    /// These are ready. Whoever is new has come from the one that ran last, and takes its part.
    pub(super) fn meet(&mut self, steps: &[StepId]) {
        for step in steps {
            if self.left.contains_key(&step.owner) {
                continue;
            }
            let weight = self.learned.get(&step.owner).copied().unwrap_or(0);
            self.left.insert(step.owner, weight);
            let parent = self.last.filter(|&last| last != step.owner);
            if let Some(left) = parent.and_then(|parent| self.left.get_mut(&parent)) {
                *left = left.saturating_sub(weight);
            }
        }
    }

    pub(super) fn of(&self, owner: u64) -> u64 {
        self.left.get(&owner).copied().unwrap_or(0)
    }

    /// Those that have some left.
    pub(super) fn owners(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.left.iter().map(|(&owner, &left)| (owner, left)).filter(|&(_, left)| left > 0)
    }

    /// It has made one of them.
    pub(super) fn made(&mut self, owner: u64) {
        if let Some(left) = self.left.get_mut(&owner) {
            *left = left.saturating_sub(1);
        }
    }

    /// It has run, and made one of them.
    pub(super) fn ran(&mut self, owner: u64) {
        self.made(owner);
        self.last = Some(owner);
    }

    /// It has run, but that does not count.
    pub(super) fn ran_beside(&mut self, owner: u64) {
        self.last = Some(owner);
    }
}
