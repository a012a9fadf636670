//! Every schedule within a number of deviations from asyncio's order, those with fewer first, each
//! once. Emmi, Qadeer and Rakamarić, "Delay-bounded scheduling" (POPL 2011), with asyncio's order
//! as the deterministic scheduler.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use super::{ChoiceKind, Guarantee, Menu, RunPlan, RunReport, Scheduler};

/// Runs every schedule whose deviations from asyncio's order are at most so many. To run the third
/// of the ready handles is two: it passes over two. Every other choice that is not asyncio's (a
/// cancellation, a slip, what the program asked for) is one. Clones are handles of one enumeration.
///
/// # Examples
/// ```
/// use seedloop::sched::{Deviations, Guarantee, Scheduler};
/// assert_eq!(Deviations::within(2).guarantee(), Guarantee::Within(2));
/// ```
#[derive(Clone)]
pub struct Deviations(Rc<RefCell<State>>);

/// A choice that is not asyncio's: its place among the run's choices, and the value.
type Deviation = (usize, u32);

/// A schedule by its deviations, which cost so much.
#[derive(Clone, Default)]
pub(crate) struct Deviating {
    pub(crate) cost: u32,
    deviations: Vec<Deviation>,
}

#[derive(Default)]
struct State {
    bound: u32,
    /// The schedules that are known and not run yet, by their number of deviations.
    to_run: BTreeMap<u32, VecDeque<Vec<Deviation>>>,
    /// The schedule that runs, and its number of deviations.
    current: Vec<Deviation>,
    cost: u32,
    /// Its menus so far.
    menus: Vec<(ChoiceKind, u32)>,
    runs: u64,
}

impl Deviations {
    /// Within this number of deviations; 0 is asyncio's order alone.
    pub fn within(bound: u32) -> Deviations {
        Deviations(Rc::new(RefCell::new(State { bound, ..State::default() })))
    }

    /// Runs this schedule next.
    pub(crate) fn set(&self, schedule: Deviating) {
        let state = &mut *self.0.borrow_mut();
        (state.current, state.cost) = (schedule.deviations, schedule.cost);
    }

    /// The schedules that have one deviation more than the one that has run.
    pub(crate) fn beyond(&self) -> Vec<Deviating> {
        self.0.borrow().beyond()
    }
}

impl Scheduler for Deviations {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let state = &mut *self.0.borrow_mut();
        let at = state.menus.len();
        state.menus.push((menu.kind(), menu.len()));
        let deviation = state.current.binary_search_by_key(&at, |&(place, _)| place);
        deviation.map_or(0, |found| state.current[found].1.min(menu.len() - 1))
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        let state = &mut *self.0.borrow_mut();
        if last.is_some() && !state.next() {
            return None;
        }
        state.menus.clear();
        state.runs += 1;
        Some(RunPlan { run: state.runs - 1 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::Within(self.0.borrow().bound)
    }
}

impl State {
    /// A schedule's own deviations come before the new one, so that each list of deviations has one
    /// way to be reached.
    fn beyond(&self) -> Vec<Deviating> {
        let first = self.current.last().map_or(0, |&(place, _)| place + 1);
        let mut beyond = Vec::new();
        for (place, &(kind, len)) in self.menus.iter().enumerate().skip(first) {
            for value in 1..len {
                let cost = self.cost + if kind == ChoiceKind::Order { value } else { 1 };
                if cost > self.bound {
                    break;
                }
                let mut deviations = self.current.clone();
                deviations.push((place, value));
                beyond.push(Deviating { cost, deviations });
            }
        }
        beyond
    }

    /// Goes on to the next schedule.
    fn next(&mut self) -> bool {
        for schedule in self.beyond() {
            self.to_run.entry(schedule.cost).or_default().push_back(schedule.deviations);
        }
        let Some(mut fewest) = self.to_run.first_entry() else { return false };
        self.cost = *fewest.key();
        self.current = fewest.get_mut().pop_front().expect("no queue is left empty");
        if fewest.get().is_empty() {
            fewest.remove();
        }
        true
    }
}
