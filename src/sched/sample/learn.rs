//! What runs teach about a program: how many steps its tasks make, and what steps touch.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Access, Footprint, Step, StepId};

/// No more steps of a run are remembered by what they touch.
const STEPS_MAX: usize = 1 << 14;
/// So far up the owners' ancestors a step counts.
const ANCESTORS_MAX: usize = 64;

/// What has been learned.
#[derive(Default)]
pub(super) struct Learned {
    /// The most steps of a run.
    pub(super) steps: u64,
    /// Owners by the steps that they and what they lead to make.
    weights: BTreeMap<u64, u64>,
    /// Who was running when an owner first was ready.
    parents: BTreeMap<u64, u64>,
    /// What a step has touched in any run.
    footprints: BTreeMap<StepId, Footprint>,
    contested: Vec<Contested>,
}

/// What one run teaches.
#[derive(Default)]
pub(super) struct Lesson {
    steps: u64,
    counts: BTreeMap<u64, u64>,
    parents: BTreeMap<u64, u64>,
    last: u64,
    footprints: BTreeMap<StepId, Footprint>,
}

impl Lesson {
    /// Out of these steps one was picked.
    pub(super) fn picked(&mut self, steps: &[StepId], picked: StepId) {
        for step in steps {
            self.parents.entry(step.owner).or_insert(self.last);
        }
        self.last = picked.owner;
        self.steps += 1;
        *self.counts.entry(picked.owner).or_default() += 1;
    }

    pub(super) fn stepped(&mut self, step: Step) {
        if self.footprints.len() < STEPS_MAX && !step.id.is_clock() {
            self.footprints.entry(step.id).or_default().add(&step.footprint.known());
        }
    }
}

impl Learned {
    pub(super) fn add(&mut self, lesson: Lesson) {
        self.steps = self.steps.max(lesson.steps);
        self.parents.extend(&lesson.parents);
        for (owner, weight) in self.with_ancestors(&lesson.counts) {
            let most = self.weights.entry(owner).or_default();
            *most = weight.max(*most);
        }
        for (step, footprint) in lesson.footprints {
            self.footprints.entry(step).or_default().add(&footprint);
        }
    }

    /// Adds what owners have to those that they come from.
    fn with_ancestors(&self, counts: &BTreeMap<u64, u64>) -> BTreeMap<u64, u64> {
        let mut sums = BTreeMap::new();
        for (&owner, count) in counts {
            let mut at = Some(owner);
            for _ in 0..ANCESTORS_MAX {
                let Some(owner) = at else { break };
                *sums.entry(owner).or_default() += count;
                at = self.parents.get(&owner).copied().filter(|&parent| parent != owner);
            }
        }
        sums
    }

    /// How many steps the owner and what it leads to make.
    pub(super) fn weight(&self, owner: u64) -> u64 {
        self.weights.get(&owner).copied().unwrap_or(0)
    }

    /// What the step is known to touch.
    pub(super) fn footprint(&self, step: StepId) -> Option<&Footprint> {
        self.footprints.get(&step)
    }

    /// The objects that steps of two owners touch in ways that do not commute.
    pub(super) fn contested(&self) -> &[Contested] {
        &self.contested
    }

    /// The lessons are over.
    pub(super) fn conclude(&mut self) {
        let mut objects: BTreeMap<u64, (BTreeSet<StepId>, u8)> = BTreeMap::new();
        for (&step, footprint) in &self.footprints {
            for (object, ways) in footprint.objects() {
                let (steps, all) = objects.entry(object).or_default();
                steps.insert(step);
                *all |= ways;
            }
        }
        let contested = objects.into_values().filter(|&(_, ways)| is_contested(ways));
        let contested = contested.map(|(steps, _)| self.contest(steps));
        self.contested = contested.filter(|contested| contested.pairs > 0).collect();
    }

    fn contest(&self, steps: BTreeSet<StepId>) -> Contested {
        let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
        steps.iter().for_each(|step| *counts.entry(step.owner).or_default() += 1);
        let square = |n: u64| n * n;
        let own: u64 = counts.values().copied().map(square).sum();
        let pairs = square(steps.len() as u64) - own;
        let rivals = square(counts.len() as u64) - counts.len() as u64;
        Contested { pairs, rivals, weights: self.with_ancestors(&counts), steps }
    }
}

/// Is this more than making handles ready and taking them, and do not all commute?
fn is_contested(ways: u8) -> bool {
    let state = Access::Read as u8 | Access::Write as u8 | Access::Add as u8;
    let commutes = Access::ALL.iter().any(|way| way.commutes(*way) && *way as u8 == ways);
    ways & state != 0 && !commutes
}

/// An object that steps of several owners touch.
pub(super) struct Contested {
    /// How many pairs of steps of two owners there are, and how many pairs of owners.
    pub(super) pairs: u64,
    pub(super) rivals: u64,
    pub(super) steps: BTreeSet<StepId>,
    /// How many of them owners and what they lead to make.
    pub(super) weights: BTreeMap<u64, u64>,
}
