//! Pairs of steps that race, and in which orders they were seen. Only of runs whose footprints are
//! watched.

use std::collections::BTreeMap;

use super::super::StepId;

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
    /// Each pair with the smaller name first.
    pairs: BTreeMap<(StepId, StepId), Orders>,
}

impl Races {
    /// These two race, and came in this order.
    pub(super) fn saw(&mut self, first: StepId, second: StepId) {
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
