//! Who is newly ready at a choice, so that the others need not be looked up once more.

use super::super::StepId;

/// The steps that were ready at the last choice, but for the one that was picked.
#[derive(Default)]
pub(super) struct Arrivals(Vec<StepId>);

impl Arrivals {
    /// These are ready. Gives those that are new: from the first on that is not as it was, since
    /// they stand in the order in which they came to be ready.
    pub(super) fn of<'a>(&mut self, steps: &'a [StepId]) -> &'a [StepId] {
        let known = self.0.iter().zip(steps).take_while(|(known, step)| known == step).count();
        self.0.truncate(known);
        let new = &steps[known..];
        self.0.extend_from_slice(new);
        new
    }

    /// The step at this place runs.
    pub(super) fn left(&mut self, at: usize) {
        self.0.remove(at);
    }
}
