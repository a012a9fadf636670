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
    /// The most owners of steps.
    pub(super) owners: u64,
    /// Owners by the steps that they and what they lead to make.
    weights: BTreeMap<u64, u64>,
    /// Who was running when an owner first was ready.
    parents: BTreeMap<u64, u64>,
    /// What a step has touched in any run.
    footprints: BTreeMap<StepId, Footprint>,
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
        self.owners = self.owners.max(lesson.counts.len() as u64);
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

    /// How many steps owners and what they lead to make.
    pub(super) fn weights(&self) -> BTreeMap<u64, u64> {
        self.weights.clone()
    }

    /// What steps are known to touch.
    pub(super) fn footprints(&self) -> BTreeMap<StepId, Footprint> {
        self.footprints.clone()
    }

    /// The objects that steps of two owners touch in ways that do not commute.
    pub(super) fn contested(&self) -> Vec<u64> {
        let mut users: BTreeMap<u64, (BTreeSet<u64>, u8)> = BTreeMap::new();
        for (step, footprint) in &self.footprints {
            for (object, ways) in footprint.objects() {
                let (owners, all) = users.entry(object).or_default();
                owners.insert(step.owner);
                *all |= ways;
            }
        }
        let state = Access::Read as u8 | Access::Write as u8 | Access::Add as u8;
        let is_contested = |owners: &BTreeSet<u64>, ways: u8| {
            let commutes = Access::ALL.iter().any(|way| way.commutes(*way) && *way as u8 == ways);
            owners.len() >= 2 && ways & state != 0 && !commutes
        };
        let contested = users.iter().filter(|(_, (owners, ways))| is_contested(owners, *ways));
        contested.map(|(&object, _)| object).collect()
    }

    /// The steps that touch the object, and how many of them owners and what they lead to make.
    pub(super) fn touching(&self, object: u64) -> (BTreeSet<StepId>, BTreeMap<u64, u64>) {
        let touches =
            |footprint: &Footprint| footprint.objects().any(|(touched, _)| touched == object);
        let steps = self.footprints.iter().filter(|(_, footprint)| touches(footprint));
        let steps: BTreeSet<StepId> = steps.map(|(&step, _)| step).collect();
        let mut counts = BTreeMap::new();
        steps.iter().for_each(|step| *counts.entry(step.owner).or_default() += 1);
        (steps, self.with_ancestors(&counts))
    }
}
