//! Swarm testing: the random walk, but every run goes without some kinds of faults. A fault may
//! hide what a run without it shows: a clock that slips ends a livelock. Groce, Zhang, Eide, Chen
//! and Regehr, "Swarm testing", 2012; theirs leaves out any feature, this one faults alone.

use rand_chacha::rand_core::Rng;

use super::{Guarantee, Menu, RandomWalk, RunPlan, RunReport, Scheduler, random};

/// The stream that says what a run goes without; the kinds of choices have the first ones.
const WITHOUT: u64 = u64::MAX;

/// The random walk whose runs go without each kind of fault with probability 1/2.
#[derive(Clone, Debug)]
pub struct Swarm {
    seed: u64,
    walk: RandomWalk,
    /// Bit k: no fault of kind k. The highest: no fresh wakers.
    without: u32,
}

const NO_FRESH_WAKERS: u32 = 1 << 31;

impl Swarm {
    /// The name that stands for it in tokens.
    pub const NAME: &'static str = "swarm";

    /// Starts at run `run` of `seed`. Run k depends on the two numbers alone.
    pub fn new(seed: u64, run: u64) -> Swarm {
        let without = random::stream(seed, run, WITHOUT).next_u32();
        Swarm { seed, walk: RandomWalk::new(seed, run), without }
    }

    /// The walk, for the kinds of faults that a run does not go without.
    pub(super) fn walk(&mut self) -> &mut RandomWalk {
        &mut self.walk
    }
}

impl Scheduler for Swarm {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let kind = menu.kind();
        let without = kind.is_fault() && self.without >> kind as u32 & 1 == 1;
        if without { 0 } else { self.walk.choose(menu) }
    }

    fn keeps_wakers(&self) -> bool {
        self.without & NO_FRESH_WAKERS != 0
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        let plan = self.walk.next_run(last)?;
        *self = Swarm::new(self.seed, plan.run);
        Some(plan)
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Sampled
    }
}
