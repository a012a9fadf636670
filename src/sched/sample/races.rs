//! Pairs of steps that race, and in which orders they were seen. Only of runs whose footprints are
//! watched.

use std::collections::BTreeMap;

use super::super::{Access, Footprint, Step, StepId};

/// No more pairs are remembered.
const PAIRS_MAX: usize = 1 << 14;

/// The orders of a pair of steps that were seen.
#[derive(Clone, Copy, Default)]
struct Orders {
    forth: bool,
    back: bool,
}

#[derive(Default)]
pub(crate) struct Races {
    /// By object: the last steps that touched it, all of which commute.
    last: BTreeMap<u64, Vec<(StepId, u8)>>,
    /// Each pair with the smaller name first.
    pairs: BTreeMap<(StepId, StepId), Orders>,
    /// What each step of this run has made ready since.
    readied: BTreeMap<StepId, Vec<u64>>,
}

impl Races {
    /// Another run begins.
    pub(super) fn begin(&mut self) {
        self.last.clear();
        self.readied.clear();
    }

    pub(super) fn stepped(&mut self, step: &Step) {
        if step.id.is_clock() {
            // Nothing before it can come after it.
            return self.begin();
        }
        let handles = Access::Ready as u8 | Access::Take as u8;
        let mut readied = Vec::new();
        for (object, ways) in step.footprint.objects() {
            if ways & Access::Ready as u8 != 0 {
                readied.push(object);
            }
            if ways & !handles != 0 {
                self.touched(step.id, object, ways);
            }
        }
        self.readied.insert(step.id, readied);
    }

    fn touched(&mut self, step: StepId, object: u64, ways: u8) {
        let last = self.last.entry(object).or_default();
        let (same, others): (Vec<_>, Vec<_>) =
            last.drain(..).partition(|&(_, before)| Footprint::ways_commute(before, ways));
        *last = same;
        last.push((step, ways));
        for (before, _) in others {
            self.saw(before, step);
        }
    }

    /// These two conflict, and came in this order.
    fn saw(&mut self, first: StepId, second: StepId) {
        // What one of them has made possible can come in no other order.
        let follows =
            self.readied.get(&first).is_some_and(|readied| readied.contains(&second.owner));
        if first.owner == second.owner || follows {
            return;
        }
        let pair = (first.min(second), first.max(second));
        if self.pairs.len() < PAIRS_MAX || self.pairs.contains_key(&pair) {
            let orders = self.pairs.entry(pair).or_default();
            (orders.forth, orders.back) =
                (orders.forth | (first < second), orders.back | (first > second));
        }
    }

    /// Adds what was seen on another thread.
    pub(crate) fn add(&mut self, other: &Races) {
        for (&pair, orders) in &other.pairs {
            let ours = self.pairs.entry(pair).or_default();
            (ours.forth, ours.back) = (ours.forth | orders.forth, ours.back | orders.back);
        }
    }

    /// How many pairs were seen in both orders, and how many at all; zeros if there were more than
    /// are remembered.
    pub(crate) fn counts(&self) -> (u64, u64) {
        if self.pairs.len() >= PAIRS_MAX {
            return (0, 0);
        }
        let both = self.pairs.values().filter(|orders| orders.forth && orders.back).count();
        (both as u64, self.pairs.len() as u64)
    }
}
