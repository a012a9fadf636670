//! The uniform random walk with changes of priority: at a few random steps, whoever ran last is
//! passed over from then on.

use std::rc::Rc;

use super::{Learned, Luck, Order, StepId, arrivals::Arrivals, pct::Falls, urw::Remaining};

pub(super) struct PctUrw {
    luck: Luck,
    falls: Falls,
    learned: Rc<Learned>,
    arrivals: Arrivals,
    remaining: Remaining,
}

impl PctUrw {
    pub(super) fn new(mut luck: Luck, depth: u32, learned: &Rc<Learned>) -> PctUrw {
        let falls = Falls::new(&mut luck, depth, learned);
        let (arrivals, remaining) = (Arrivals::default(), Remaining::default());
        PctUrw { luck, falls, learned: learned.clone(), arrivals, remaining }
    }
}

impl Order for PctUrw {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        self.falls.step();
        self.remaining.meet(self.arrivals.of(steps), |owner| self.learned.weight(owner));
        let best = steps.iter().map(|step| self.falls.standing(step.owner)).max();
        let weight = |step: &StepId| match Some(self.falls.standing(step.owner)) == best {
            true => self.remaining.of(step.owner).max(1),
            false => 0,
        };
        let weights: Vec<u64> = steps.iter().map(weight).collect();
        let at = self.luck.weighted(&weights);
        self.remaining.ran(steps[at].owner);
        self.falls.ran(steps[at].owner);
        self.arrivals.left(at);
        at
    }
}
