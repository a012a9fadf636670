//! How often faults are offered at each moment of the clock, and so how rare they should be.

use super::super::{ChoiceKind, Menu, random::FAULT_ONE_IN};

/// No more moments are told apart.
const MOMENTS_MAX: usize = 1 << 12;

/// The offers of a run, by kind.
#[derive(Default)]
pub(super) struct Offers([Moments; ChoiceKind::ALL.len()]);

/// The moments of the clock at which a fault is offered.
#[derive(Default)]
struct Moments {
    /// The last one, in nanoseconds.
    last: Option<u64>,
    /// In order, how often.
    offers: Vec<u32>,
}

impl Offers {
    /// A fault might be taken now. Gives as which of the moments at which one of its kind might.
    pub(super) fn add(&mut self, menu: &Menu<'_>) -> usize {
        let (moments, now) = (&mut self.0[menu.kind as usize], menu.kernel.now());
        if moments.last.replace(now) != Some(now) && moments.offers.len() < MOMENTS_MAX {
            moments.offers.push(0);
        }
        let place = moments.offers.len() - 1;
        moments.offers[place] += 1;
        place
    }

    /// Keeps the larger number of each moment.
    pub(super) fn keep_most(&mut self, other: Offers) {
        for (ours, theirs) in self.0.iter_mut().zip(other.0) {
            let more = theirs.offers.len().saturating_sub(ours.offers.len());
            ours.offers.extend(std::iter::repeat_n(0, more));
            ours.offers.iter_mut().zip(theirs.offers).for_each(|(most, n)| *most = n.max(*most));
        }
    }

    /// Of so many offers at this moment one is to be taken, if there is to be one in a run, at each
    /// moment as likely as at any other: what a burst of steps in no time is offered leaves enough
    /// for those that come late.
    pub(super) fn one_in(&self, kind: ChoiceKind, moment: usize) -> u32 {
        let offers = &self.0[kind as usize].offers;
        let now = offers.get(moment).copied().unwrap_or_else(|| offers.iter().sum());
        FAULT_ONE_IN.max(now.saturating_mul(offers.len() as u32))
    }
}
