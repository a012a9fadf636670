//! The selectively uniform random walk: uniform over the orders in which steps touch one object.
//! Who touches it next is drawn; the others wait with their touch until then.

use std::rc::Rc;

use super::{
    Learned, Luck, Order, Step, StepId, Watch,
    arrivals::Arrivals,
    learn::{Contested, Pasts},
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
    // once: which of the two matters is not known, so each has half of the runs.
    let sum = |of: fn(&Contested) -> u64| contested.iter().map(of).sum::<u64>();
    let (pairs, rivals) = (sum(|object| object.pairs), sum(|object| object.rivals));
    let weight = |object: &Contested| object.pairs * rivals + object.rivals * pairs;
    let object = luck.weighted(&contested.iter().map(weight).collect::<Vec<_>>());
    Box::new(Surw {
        luck,
        learned: learned.clone(),
        pasts: Pasts::default(),
        object,
        remaining: Remaining::default(),
        next: None,
        arrivals: Arrivals::default(),
        free: Vec::new(),
    })
}

struct Surw {
    luck: Luck,
    learned: Rc<Learned>,
    pasts: Pasts,
    /// Which of the contested objects.
    object: usize,
    remaining: Remaining,
    /// Who touches it next.
    next: Option<u64>,
    arrivals: Arrivals,
    /// Of each step that is ready, is it expected not to touch it?
    free: Vec<bool>,
}

impl Surw {
    /// These are ready. What was ready before is what it was: only steps of its owner change what
    /// it is expected to do.
    fn meet(&mut self, steps: &[StepId]) {
        let learned = self.learned.clone();
        let contested = &learned.contested()[self.object];
        let new = self.arrivals.of(steps);
        let is_free = |step: &StepId| {
            let expected = learned.expected(*step, &self.pasts);
            !expected.is_some_and(|expected| contested.is_in(expected))
        };
        self.free.truncate(steps.len() - new.len());
        self.free.extend(new.iter().map(is_free));
        let weight = |owner: u64| contested.weights.get(&owner).copied().unwrap_or(0);
        for Part { from, to, all, taken } in self.remaining.meet(new, weight) {
            // What was to come next was one of those, which one was not drawn yet.
            if self.next == Some(from) && self.luck.weighted(&[all - taken, taken]) == 1 {
                self.next = Some(to);
            }
        }
    }

    fn may(&self, steps: &[StepId], at: usize) -> bool {
        self.free[at] || self.next == Some(steps[at].owner)
    }

    fn draw(&mut self, owners: Vec<(u64, u64)>) {
        let weights: Vec<u64> = owners.iter().map(|&(_, left)| left).collect();
        self.next = (!owners.is_empty()).then(|| owners[self.luck.weighted(&weights)].0);
    }
}

impl Order for Surw {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        self.meet(steps);
        if self.next.is_none_or(|next| self.remaining.of(next) == 0) {
            self.draw(self.remaining.owners().collect());
        }
        if !(0..steps.len()).any(|at| self.may(steps, at)) {
            // Whoever is to be next is not ready: one of those that are.
            let left = |step: &StepId| (step.owner, self.remaining.of(step.owner).max(1));
            self.draw(steps.iter().map(left).collect());
        }
        let allowed = (0..steps.len()).filter(|&at| self.may(steps, at));
        let best = allowed.max_by_key(|&at| self.luck.of(steps[at].owner));
        let best = best.expect("whoever is next is ready, or another may run");
        self.arrivals.left(best);
        self.free.remove(best);
        best
    }

    fn stepped(&mut self, step: &Step) {
        let Step { id, footprint, .. } = step;
        self.pasts.stepped(&self.learned, id.owner, footprint);
        match self.learned.contested()[self.object].is_in(footprint) {
            true => {
                self.remaining.ran(id.owner);
                self.next = None;
            }
            // It was free, or was not what it was taken for: then it is still its turn.
            false => self.remaining.ran_beside(id.owner),
        }
    }

    fn watches(&self) -> Watch {
        Watch::Footprints
    }
}
