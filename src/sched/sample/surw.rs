//! The selectively uniform random walk: uniform over the orders in which steps touch one object.
//! Who touches it next is drawn; the others wait with their touch until then.

use std::rc::Rc;

use super::{
    Learned, Luck, Order, StepId,
    learn::Contested,
    urw::{Part, Remaining, Urw},
};

/// The walk over one of the contested objects, the more pairs of steps or of owners touch it the
/// more likely; over all steps, if there is none.
pub(super) fn order(mut luck: Luck, learned: &Rc<Learned>) -> Box<dyn Order> {
    let contested = learned.contested();
    if contested.is_empty() {
        return Box::new(Urw::new(luck, learned));
    }
    // A lock is touched often, and so is what one task works on alone while another looks at it
    // once: which of the two matters is not known.
    let by_steps = luck.below(2) == 0;
    let weight = |object: &Contested| if by_steps { object.pairs } else { object.rivals };
    let object = luck.weighted(&contested.iter().map(weight).collect::<Vec<_>>());
    let (learned, remaining) = (learned.clone(), Remaining::default());
    Box::new(Surw { luck, learned, object, remaining, next: None })
}

struct Surw {
    luck: Luck,
    learned: Rc<Learned>,
    /// Which of the contested objects.
    object: usize,
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
        let learned = self.learned.clone();
        let Contested { steps: touching, weights, .. } = &learned.contested()[self.object];
        let weight = |owner: u64| weights.get(&owner).copied().unwrap_or(0);
        for Part { from, to, all, taken } in self.remaining.meet(steps, weight) {
            // What was to come next was one of those, which one was not drawn yet.
            if self.next == Some(from) && self.luck.below(all.max(1)) < taken {
                self.next = Some(to);
            }
        }
        if self.next.is_none_or(|next| self.remaining.of(next) == 0) {
            self.draw(self.remaining.owners().collect());
        }
        let may =
            |surw: &Surw, step: &StepId| surw.next == Some(step.owner) || !touching.contains(step);
        if !steps.iter().any(|step| may(self, step)) {
            // Whoever is to be next is not ready: one of those that are.
            let left = |step: &StepId| (step.owner, self.remaining.of(step.owner).max(1));
            self.draw(steps.iter().map(left).collect());
        }
        let allowed = steps.iter().enumerate().filter(|(_, step)| may(self, step));
        let best = allowed.max_by_key(|(_, step)| self.luck.of(step.owner));
        let (at, step) = best.expect("whoever is next is ready, or another may run");
        if touching.contains(step) {
            self.remaining.ran(step.owner);
            self.next = None;
        } else {
            self.remaining.ran_beside(step.owner);
        }
        at
    }
}
