//! Runs given orders of steps, one after the other, and says how each went.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::super::{
    ABANDON, ChoiceKind, Guarantee, Menu, RunPlan, RunReport, Scheduler, Step, Watch,
};

/// A scheduler that follows lists of steps. Clones are handles of the same one.
#[derive(Clone, Default)]
pub(crate) struct Follow(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    to_run: VecDeque<Vec<Step>>,
    /// The order that is followed, and the steps that have run.
    order: Vec<Step>,
    ran: Vec<Step>,
    inside: usize,
    runs: u64,
}

impl Follow {
    pub(crate) fn new(orders: impl IntoIterator<Item = Vec<Step>>) -> Follow {
        let to_run = orders.into_iter().collect();
        Follow(Rc::new(RefCell::new(State { to_run, ..State::default() })))
    }

    /// Where the last run left its order: the first step that is not the one it says.
    pub(crate) fn left_at(&self) -> Option<usize> {
        let state = self.0.borrow();
        let both = state.order.iter().zip(&state.ran);
        let differs = both.into_iter().position(|(expected, ran)| expected != ran);
        let shorter = state.order.len().min(state.ran.len());
        differs.or_else(|| (state.order.len() != state.ran.len()).then_some(shorter))
    }
}

impl Scheduler for Follow {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let state = &mut *self.0.borrow_mut();
        let Some(step) = state.order.get(state.ran.len()) else {
            return if menu.steps().is_empty() { 0 } else { ABANDON };
        };
        if menu.kind() == ChoiceKind::Order && !menu.steps().is_empty() {
            state.inside = 0;
            let at = menu.steps().iter().position(|&id| id == step.id);
            return at.map_or(ABANDON, |at| at as u32);
        }
        let value = step.choices.get(state.inside).map_or(0, |choice| choice.value);
        state.inside += 1;
        value.min(menu.len() - 1)
    }

    fn watches(&self) -> Watch {
        Watch::Footprints
    }

    fn stepped(&mut self, step: Step) {
        self.0.borrow_mut().ran.push(step);
    }

    fn next_run(&mut self, _last: Option<&RunReport>) -> Option<RunPlan> {
        let state = &mut *self.0.borrow_mut();
        state.order = state.to_run.pop_front()?;
        state.ran.clear();
        state.runs += 1;
        Some(RunPlan { run: state.runs - 1 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
