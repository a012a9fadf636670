//! Which steps of a run caused which, and which pairs of them race.

use super::{
    super::{Access, Footprint, Step, StepId},
    bits::Bits,
};

/// A run's happens-before, and its races: pairs of steps of different owners that conflict, with
/// nothing in between that the first causes and that causes the second.
pub(super) struct Races {
    /// Of each step, the steps that happen before it.
    before: Vec<Bits>,
    pairs: Vec<(usize, usize)>,
}

/// What leads to a reversed race: the steps that it may begin with.
pub(super) struct Begins {
    pub(super) owners: Vec<u64>,
    /// Between the race's two steps, those that do not happen after the first.
    between: Vec<Footprint>,
    /// May the second step come before those, by what it touched where it ran?
    first_of_all: bool,
    /// Is one of them a step of the second's owner?
    owner_is_inside: bool,
}

impl Races {
    pub(super) fn of(steps: &[Step]) -> Races {
        let mut races = Races { before: Vec::with_capacity(steps.len()), pairs: Vec::new() };
        for (at, step) in steps.iter().enumerate() {
            let mut before = Bits::below(steps.len());
            for other in (0..at).rev() {
                if before.has(other) {
                    continue;
                }
                let same = steps[other].id.owner == step.id.owner;
                if same || steps[other].footprint.conflicts(&step.footprint) {
                    before.add(&races.before[other]);
                    before.insert(other);
                    if !same && !step.id.is_clock() && !steps[other].id.is_clock() {
                        races.pairs.push((other, at));
                    }
                }
            }
            races.before.push(before);
        }
        races
    }

    /// The races whose second step is this one or a later one, in order of their second steps.
    pub(super) fn pairs(&self, from: usize) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.pairs.iter().copied().filter(move |&(_, second)| second >= from)
    }

    fn is_before(&self, first: usize, second: usize) -> bool {
        self.before[second].has(first)
    }

    /// Could the second step of a race run without the first? That is, is its handle ready when
    /// all has run that does not happen after the first, which the first has not made ready.
    pub(super) fn can_reverse(
        &self,
        steps: &[Step],
        enabled: &[StepId],
        first: usize,
        second: usize,
    ) -> bool {
        let owner = steps[second].id.owner;
        let own = (first + 1..second).rev().find(|&at| steps[at].id.owner == owner);
        let was_ready = own.is_none() && enabled.iter().any(|step| step.owner == owner);
        was_ready
            || (own.unwrap_or(first + 1)..second).any(|at| {
                !self.is_before(first, at) && steps[at].footprint.has(owner, Access::Ready)
            })
    }

    /// With which steps a run may begin, from the place of `first` on, that has all up to `end`
    /// that does not happen after `first`, and then the step of `second`.
    pub(super) fn begins(&self, steps: &[Step], first: usize, second: usize, end: usize) -> Begins {
        let mut inside = Bits::below(steps.len());
        let mut begins = Begins {
            owners: Vec::new(),
            between: Vec::new(),
            first_of_all: true,
            owner_is_inside: false,
        };
        for at in first + 1..end {
            if at == second || self.is_before(first, at) {
                continue;
            }
            let owner = steps[at].id.owner;
            if self.before[at].is_disjoint(&inside) && !begins.owners.contains(&owner) {
                begins.owners.push(owner);
            }
            inside.insert(at);
            begins.between.push(steps[at].footprint.clone());
            begins.first_of_all &= !self.is_before(at, second);
            begins.owner_is_inside |= owner == steps[second].id.owner;
        }
        begins
    }
}

impl Begins {
    /// May it begin with the race's second step? What that touched after the first step says
    /// nothing of what it touches before it: only what is known of it from this place does.
    pub(super) fn may_be_second(&self, known: Option<&Footprint>, textbook: bool) -> bool {
        if textbook {
            return self.first_of_all;
        }
        let independent = |known: &Footprint| {
            !self.owner_is_inside && !self.between.iter().any(|other| other.conflicts(known))
        };
        self.between.is_empty() || known.is_some_and(independent)
    }
}
