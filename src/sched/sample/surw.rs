//! The selectively uniform random walk: uniform over the orders in which steps touch one object. Who
//! touches it next is drawn; the others wait with their touch until then.

use std::collections::BTreeSet;

use super::{
    Learned, Luck, Order, StepId,
    urw::{Remaining, Urw},
};

/// The walk over one of the contested objects; over all steps, if there is none.
pub(super) fn order(mut luck: Luck, learned: &Learned) -> Box<dyn Order> {
    let objects = learned.contested();
    if objects.is_empty() {
        return Box::new(Urw::new(luck, learned));
    }
    let object = objects[luck.below(objects.len() as u64) as usize];
    let (touching, weights) = learned.touching(object);
    Box::new(Surw { luck, touching, remaining: Remaining::new(weights), next: None })
}

struct Surw {
    luck: Luck,
    /// The steps that are known to touch the object.
    touching: BTreeSet<StepId>,
    remaining: Remaining,
    /// Who touches it next.
    next: Option<u64>,
}

impl Surw {
    fn draw(&mut self, owners: Vec<(u64, u64)>) {
        let weights: Vec<u64> = owners.iter().map(|&(_, left)| left).collect();
        self.next = (!owners.is_empty()).then(|| owners[self.luck.weighted(&weights)].0);
    }
}

impl Order for Surw {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        self.remaining.meet(steps);
        if self.next.is_none_or(|next| self.remaining.of(next) == 0) {
            self.draw(self.remaining.owners().collect());
        }
        let may = |surw: &Surw, step: &StepId| {
            surw.next == Some(step.owner) || !surw.touching.contains(step)
        };
        if !steps.iter().any(|step| may(self, step)) {
            // Whoever is to be next is not ready: one of those that are.
            let left = |step: &StepId| (step.owner, self.remaining.of(step.owner).max(1));
            self.draw(steps.iter().map(left).collect());
        }
        let allowed = steps.iter().enumerate().filter(|(_, step)| may(self, step));
        let best = allowed.max_by_key(|(_, step)| self.luck.of(step.owner));
        let (at, step) = best.expect("whoever is next is ready, or another may run");
        if self.touching.contains(step) {
            self.remaining.ran(step.owner);
            self.next = None;
        } else {
            self.remaining.ran_beside(step.owner);
        }
        at
    }
}
