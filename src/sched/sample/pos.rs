//! Partial-order sampling: every step that is ready has a random priority, the highest runs, and
//! then those draw another that may race with it.

use std::rc::Rc;

use super::{super::Footprint, Learned, Luck, Order, Step, StepId, Watch, learn::Pasts};

pub(super) struct Pos {
    luck: Luck,
    learned: Rc<Learned>,
    pasts: Pasts,
    /// What was ready at the last choice, and did not run.
    ready: Vec<Ready>,
}

struct Ready {
    step: StepId,
    /// What it is expected to touch. Only steps of its own change that.
    expected: Option<Rc<Footprint>>,
    priority: Option<u64>,
}

impl Pos {
    pub(super) fn new(luck: Luck, learned: &Rc<Learned>) -> Pos {
        let (learned, pasts) = (learned.clone(), Pasts::default());
        Pos { luck, learned, pasts, ready: Vec::new() }
    }

    /// These are ready. Whoever was so before has its priority, if it did not lose it.
    fn meet(&mut self, steps: &[StepId]) {
        let in_place =
            self.ready.iter().zip(steps).take_while(|(ready, step)| ready.step == **step);
        let known = in_place.count();
        // Workers stand behind the ready handles, and so move when there is another.
        let mut moved = self.ready.split_off(known);
        for &step in &steps[known..] {
            let ready = match moved.iter().position(|ready| ready.step == step) {
                Some(at) => moved.swap_remove(at),
                None => {
                    let expected = self.learned.expected(step, &self.pasts).cloned();
                    Ready { step, expected, priority: None }
                }
            };
            self.ready.push(ready);
        }
    }
}

impl Order for Pos {
    fn pick(&mut self, steps: &[StepId]) -> usize {
        self.meet(steps);
        let luck = &mut self.luck;
        let ready = self.ready.iter_mut();
        let priorities = ready.map(|ready| *ready.priority.get_or_insert_with(|| luck.number()));
        let best = priorities.enumerate().max_by_key(|&(_, priority)| priority);
        let (at, _) = best.expect("something is ready");
        self.ready.remove(at);
        at
    }

    fn stepped(&mut self, step: &Step) {
        let ran = step.footprint.known();
        self.pasts.stepped(&self.learned, step.id.owner, &ran);
        for ready in &mut self.ready {
            // What is not known may race with all.
            if ready.expected.as_ref().is_none_or(|expected| expected.conflicts(&ran)) {
                ready.priority = None;
            }
        }
    }

    fn watches(&self) -> Watch {
        Watch::Footprints
    }
}
