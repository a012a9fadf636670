//! Runs with two neighbours swapped that are taken for independent.

use super::{super::Step, Evidence};
use crate::trace::mix;

/// A run to come, with the places of the two steps that were swapped.
#[derive(Clone, Debug)]
pub(crate) struct Swap {
    pub(crate) order: Vec<Step>,
    pub(crate) second: usize,
}

impl Evidence {
    /// At most so many swaps, spread over the runs; the same ones each time.
    pub(crate) fn swaps(&self, most: usize) -> Vec<Swap> {
        let runs = self.runs();
        let stride = runs.len().div_ceil(most.max(1)).max(1);
        let rounds = if runs.is_empty() { 0 } else { most.div_ceil(runs.len()) };
        let picks = (0..rounds).flat_map(|round| {
            runs.iter().step_by(stride).enumerate().map(move |(at, run)| (round, at, run))
        });
        let mut swaps: Vec<Swap> = Vec::new();
        for (round, at, run) in picks {
            let mut order: Vec<Step> =
                run.iter().map(|&step| self.steps()[step as usize].clone()).collect();
            let pairs: Vec<usize> = (1..order.len())
                .filter(|&second| {
                    let (a, b) = (&order[second - 1], &order[second]);
                    let ran = !b.is_left_over() && a.id.owner != b.id.owner;
                    ran && !a.footprint.conflicts(&b.footprint)
                })
                .collect();
            if pairs.is_empty() {
                continue;
            }
            let pick = mix(round as u64, at as u64) % pairs.len() as u64;
            let second = pairs[pick as usize];
            order.swap(second - 1, second);
            let is_new = !swaps.iter().any(|other| other.order == order);
            if is_new && swaps.len() < most {
                swaps.push(Swap { order, second });
            }
        }
        swaps
    }
}
