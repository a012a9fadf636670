//! A step of a run as a search sees it: whose it is, what it touched, and what was chosen inside.

use super::{ChoiceKind, Footprint};

/// Names a step in any order of the steps: whose it is, and as which of its owner's. The owner is
/// a task, a callback or the clock, by 64 bits that stand for its path.
///
/// # Examples
/// ```
/// use seedloop::sched::StepId;
/// assert_ne!(StepId { owner: 7, ordinal: 1 }, StepId { owner: 7, ordinal: 2 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepId {
    /// Whose.
    pub owner: u64,
    /// As which of the owner's steps: a task's first is 1. A callback has one, 0.
    pub ordinal: u32,
}

impl StepId {
    /// The owner of the clock's steps.
    pub const CLOCK: u64 = crate::trace::CLOCK;

    /// What comes before all steps.
    pub(crate) const START: StepId = StepId { owner: crate::trace::ROOT, ordinal: 0 };

    /// Did the clock move? Such a step is a barrier: it happens only when nothing is ready.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::StepId;
    /// assert!(StepId { owner: StepId::CLOCK, ordinal: 1 }.is_clock());
    /// ```
    pub fn is_clock(self) -> bool {
        self.owner == StepId::CLOCK
    }
}

/// A choice inside a step: a cancellation to inject, or one that the program asked for.
///
/// # Examples
/// ```
/// use seedloop::sched::{ChoiceKind, InStep};
/// let roll = InStep { kind: ChoiceKind::User, menu: 6, value: 3 };
/// assert!(roll.value < roll.menu);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InStep {
    /// What it was about.
    pub kind: ChoiceKind,
    /// Out of how many.
    pub menu: u32,
    /// Which.
    pub value: u32,
}

/// A step that has run.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{Config, Error, Runner, Tracked, sched::*, yield_now};
/// /// asyncio's order; counts the steps that wrote what is tracked.
/// struct Writes(Rc<Cell<u32>>);
/// impl Scheduler for Writes {
///     fn choose(&mut self, _: &Menu<'_>) -> u32 {
///         0
///     }
///     fn watches(&self) -> Watch {
///         Watch::Footprints
///     }
///     fn stepped(&mut self, step: Step) {
///         let writes = step.footprint.objects().any(|(_, ways)| ways & Access::Write as u8 != 0);
///         self.0.set(self.0.get() + u32::from(writes));
///     }
///     fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
///         last.is_none().then_some(RunPlan { run: 0 })
///     }
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::One
///     }
/// }
/// let writes = Rc::new(Cell::new(0));
/// let mut runner =
///     Runner::with_scheduler(Config::default(), Box::new(Writes(writes.clone())));
/// runner.run(async {
///     let cell = Tracked::new(0);
///     yield_now().await?;
///     cell.set(1);
///     yield_now().await
/// })?;
/// runner.close()?;
/// assert!(writes.get() > 0);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// What it touched; nothing if only the order is watched.
    pub footprint: Footprint,
    /// What was chosen inside it, in order.
    pub choices: Vec<InStep>,
}

/// The end of the run, as an object: a handle that was ready then, and never ran, reads it, and no
/// other step does.
pub(crate) const END: u64 = 5;

impl Step {
    /// Is it of a handle that never ran?
    pub(crate) fn is_left_over(&self) -> bool {
        self.footprint.objects().any(|(object, _)| object == END)
    }
}
