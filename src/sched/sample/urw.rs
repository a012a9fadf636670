//! The uniform random walk: whoever has more steps to make is more likely to be next.

use std::{collections::BTreeMap, rc::Rc};

use super::{Learned, Luck, Order, StepId, arrivals::Arrivals};

pub(super) struct Urw {
    luck: Luck,
    learned: Rc<Learned>,
    arrivals: Arrivals,
    /// Of each step that is ready, how many its owner has left.
    weights: Vec<u64>,
    remaining: Remaining,
}

impl Urw {
    pub(super) fn new(luck: Luck, learned: &Rc<Learned>) -> Urw {
        let (arrivals, remaining) = (Arrivals::default(), Remaining::default());
        Urw { luck, learned: learned.clone(), arrivals, weights: Vec::new(), remaining }
    }
}

impl Order for Urw {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        let new = self.arrivals.of(steps);
        self.remaining.meet(new, |owner| self.learned.weight(owner));
        // Of the others nothing was taken: whoever ran last is new, if it is ready.
        self.weights.truncate(steps.len() - new.len());
        self.weights.extend(new.iter().map(|step| self.remaining.of(step.owner).max(1)));
        let at = self.luck.weighted(&self.weights);
        self.remaining.ran(steps[at].owner);
        self.arrivals.left(at);
        self.weights.remove(at);
        at
    }
}

/// How many steps owners have left, with those of what they will lead to.
#[derive(Default)]
pub(super) struct Remaining {
    left: BTreeMap<u64, u64>,
    last: Option<u64>,
}

impl Remaining {
    /// These are newly ready. Whoever is new has come from the one that ran last, and takes its
    /// part: `weight` says how much that is. Gives whoever was new and took a part.
    pub(super) fn meet(&mut self, steps: &[StepId], weight: impl Fn(u64) -> u64) -> Vec<Part> {
        let mut parts = Vec::new();
        for step in steps {
            if self.left.contains_key(&step.owner) {
                continue;
            }
            let weight = weight(step.owner);
            self.left.insert(step.owner, weight);
            let parent = self.last.filter(|&last| last != step.owner);
            if let Some(left) = parent.and_then(|parent| self.left.get_mut(&parent)) {
                let (from, to, all) = (parent.expect("it has some"), step.owner, *left);
                parts.push(Part { from, to, all, taken: weight.min(all) });
                *left = left.saturating_sub(weight);
            }
        }
        parts
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

/// A part of what an owner had left, which another took.
pub(super) struct Part {
    pub(super) from: u64,
    pub(super) to: u64,
    /// What there was, and how much was taken.
    pub(super) all: u64,
    pub(super) taken: u64,
}
