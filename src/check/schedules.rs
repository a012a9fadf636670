//! Schedules as a proptest strategy.

use std::sync::{Arc, Mutex, PoisonError};

use proptest::{
    collection::vec,
    prelude::*,
    strategy::{NewTree, ValueTree},
    test_runner::TestRunner,
};

use super::{
    schedule::{Ran, Schedule},
    shrink::{Shrink, Verdict},
};
use crate::{
    exec::StepNames,
    sched::{ChoiceKind, Choices, Deviation, Holds},
};

/// The most deviations that a schedule starts with.
const DEVIATIONS_MAX: usize = 24;

/// Schedules to be run by [`Check::try_schedule`](crate::Check::try_schedule), each legal for every
/// program. They start as random deviations from asyncio's order. One that fails shrinks as a
/// check's own does: towards the fewest steps that must wait for others, and the fewest faults.
/// Where the schedule has not run (the test failed before, or in another process), it shrinks by
/// its deviations.
///
/// # Examples
/// ```
/// use proptest::{prelude::*, test_runner::TestRunner};
/// use seedloop::{Check, Error, schedules, yield_now};
/// let check = Check::new();
/// TestRunner::default().run(&schedules(), |schedule| {
///     check.try_schedule(&schedule, || async { yield_now().await })
///         .map_err(|failure| TestCaseError::fail(failure.to_string()))?;
///     Ok(())
/// }).unwrap();
/// ```
pub fn schedules() -> impl Strategy<Value = Schedule> {
    Schedules(deviations().boxed())
}

fn deviations() -> impl Strategy<Value = Vec<Deviation>> {
    let kind = prop_oneof![
        6 => Just(ChoiceKind::Order),
        2 => Just(ChoiceKind::Cancel),
        1 => Just(ChoiceKind::Slip),
        1 => Just(ChoiceKind::User),
        1 => Just(ChoiceKind::SpuriousPoll),
    ];
    let index = prop_oneof![3 => 0..16_u32, 1 => 0..128_u32];
    let deviation = (kind, index, 0..8_u32);
    let deviation = deviation.prop_map(|(kind, index, value)| Deviation { kind, index, value });
    vec(deviation, 0..=DEVIATIONS_MAX)
}

#[derive(Debug)]
struct Schedules(BoxedStrategy<Vec<Deviation>>);

impl Strategy for Schedules {
    type Tree = Tree;
    type Value = Schedule;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(Tree {
            deviations: self.0.new_tree(runner)?,
            shrink: None,
            candidate: None,
            ran: Arc::default(),
            names: StepNames::default(),
            is_smallest: false,
        })
    }
}

/// A schedule that shrinks.
struct Tree {
    deviations: Box<dyn ValueTree<Value = Vec<Deviation>>>,
    /// The search for a smaller one, once it has failed.
    shrink: Option<Shrink>,
    /// What the search proposes.
    candidate: Option<Holds>,
    /// How the last failed run went.
    ran: Arc<Mutex<Option<Ran>>>,
    names: StepNames,
    /// The search is over: the current schedule is the smallest.
    is_smallest: bool,
}

impl Tree {
    /// Goes on with the search for a smaller schedule: whether there is another to try. At its end
    /// the smallest is the current one.
    fn next(&mut self, verdict: Option<Verdict>) -> Option<bool> {
        let shrink = self.shrink.as_mut()?;
        self.candidate = shrink.next(verdict);
        if self.candidate.is_some() {
            return Some(true);
        }
        match shrink.smallest() {
            Some(smallest) => {
                (self.candidate, self.is_smallest) = (Some(smallest.holds), true);
                Some(false)
            }
            // As holds it does not fail.
            None => {
                self.shrink = None;
                None
            }
        }
    }
}

impl ValueTree for Tree {
    type Value = Schedule;

    fn current(&self) -> Schedule {
        let schedule = match &self.candidate {
            Some(holds) => Schedule::from(holds.clone()).named(&self.names),
            None => Choices::new(self.deviations.current()).into(),
        };
        schedule.reporting_to(&self.ran)
    }

    fn simplify(&mut self) -> bool {
        if self.is_smallest {
            return false;
        }
        let ran = self.ran.lock().unwrap_or_else(PoisonError::into_inner).take();
        let next = match (ran, self.candidate.is_some()) {
            (Some(Ran { recorded, names }), false) if self.shrink.is_none() => {
                self.names = names;
                self.shrink = Some(Shrink::new(recorded));
                self.next(None)
            }
            (Some(Ran { recorded, names }), true) => {
                self.names.learn(names);
                self.next(Some(Verdict::Fails(recorded)))
            }
            (None, true) => self.next(Some(Verdict::Other)),
            _ => None,
        };
        next.unwrap_or_else(|| self.deviations.simplify())
    }

    fn complicate(&mut self) -> bool {
        if self.is_smallest {
            return false;
        }
        match self.next(Some(Verdict::Other)) {
            // The smallest is the current one again: proptest runs it, and goes on to other inputs.
            Some(_) => true,
            None => self.deviations.complicate(),
        }
    }
}
