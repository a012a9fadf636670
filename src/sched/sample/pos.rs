//! Partial-order sampling: every step that is ready has a random priority, the highest runs, and
//! then those draw another that may race with it.

use std::{collections::BTreeMap, rc::Rc};

use super::{Learned, Luck, Order, Step, StepId, Watch, learn::Pasts};

pub(super) struct Pos {
    luck: Luck,
    learned: Rc<Learned>,
    pasts: Pasts,
    priorities: BTreeMap<StepId, u64>,
}

impl Pos {
    pub(super) fn new(luck: Luck, learned: &Rc<Learned>) -> Pos {
        let (learned, pasts) = (learned.clone(), Pasts::default());
        Pos { luck, learned, pasts, priorities: BTreeMap::new() }
    }
}

impl Order for Pos {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        for step in steps {
            let luck = &mut self.luck;
            self.priorities.entry(*step).or_insert_with(|| luck.number());
        }
        let best = steps.iter().enumerate().max_by_key(|(_, step)| self.priorities[step]);
        best.expect("something is ready").0
    }

    fn stepped(&mut self, step: &Step) {
        let ran = step.footprint.known();
        self.priorities.remove(&step.id);
        self.pasts.stepped(&self.learned, step.id.owner, &ran);
        // What is not known may race with all.
        let races = |ready| {
            let expected = self.learned.expected(ready, &self.pasts);
            expected.is_none_or(|expected| expected.conflicts(&ran))
        };
        self.priorities.retain(|&ready, _| !races(ready));
    }

    fn watches(&self) -> Watch {
        Watch::Footprints
    }
}
