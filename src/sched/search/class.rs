//! Which class of orders a run is of: equal for two runs that differ in the order of independent
//! steps alone.

use super::super::Step;
use crate::trace::mix;

/// Stands for a class, or for a step with its causes: 128 bits.
///
/// # Examples
/// ```
/// use seedloop::sched::{Access, ClassId, Footprint, Step, StepId};
/// let step = |owner, object| Step {
///     id: StepId { owner, ordinal: 1 },
///     footprint: Footprint::new([(object, Access::Write)], false),
///     choices: Vec::new(),
/// };
/// let class = |a, b| ClassId::of(&[step(1, a), step(2, b)]);
/// let swapped = |a, b| ClassId::of(&[step(2, b), step(1, a)]);
/// assert_eq!(class(7, 8), swapped(7, 8)); // independent
/// assert_ne!(class(7, 7), swapped(7, 7));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassId {
    high: u64,
    low: u64,
}

impl ClassId {
    /// Of a run.
    pub fn of(steps: &[Step]) -> ClassId {
        let mut sum = ClassId::default();
        for id in ClassId::of_steps(steps) {
            sum.high = sum.high.wrapping_add(mix(id.high, id.low));
            sum.low = sum.low.wrapping_add(mix(id.low, id.high));
        }
        sum
    }

    /// Of each step: itself and all that happens before it.
    fn of_steps(steps: &[Step]) -> Vec<ClassId> {
        let mut ids: Vec<ClassId> = Vec::with_capacity(steps.len());
        for (at, step) in steps.iter().enumerate() {
            let mut causes: Vec<ClassId> = (0..at)
                .filter(|&other| {
                    let other = &steps[other];
                    other.id.owner == step.id.owner || other.footprint.conflicts(&step.footprint)
                })
                .map(|other| ids[other])
                .collect();
            causes.sort_unstable();
            let mut id = ClassId { high: step.id.owner, low: step.id.ordinal.into() };
            id.fold(u64::from(step.footprint.is_all()));
            for (object, ways) in step.footprint.objects() {
                id.fold(object);
                id.fold(ways.into());
            }
            for choice in &step.choices {
                id.fold(u64::from(choice.menu) << 32 | u64::from(choice.value));
            }
            for cause in causes {
                id.fold(cause.high);
                id.fold(cause.low);
            }
            ids.push(id);
        }
        ids
    }

    fn fold(&mut self, word: u64) {
        self.high = mix(self.high, word);
        self.low = mix(self.low ^ self.high, word.rotate_left(17));
    }
}
