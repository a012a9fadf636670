//! Replays a list of choices: these, and asyncio's everywhere else.

use super::{Guarantee, Menu, RunPlan, RunReport, Scheduler};
use crate::trace::Pick;

/// Takes the given options at the given choices, option 0 at all others.
///
/// # Examples
/// ```
/// use seedloop::{Check, choose, sched::Replay, trace::Pick};
/// let pick = Pick { index: 0, kind: 'u', value: 4, menu: 5 };
/// let ran = Check::new().try_scheduler(Box::new(Replay::new(vec![pick])), || async {
///     assert_eq!((choose(5), choose(5)), (4, 0));
/// });
/// assert_eq!(ran.unwrap().picks, [pick]);
/// ```
#[derive(Clone, Debug)]
pub struct Replay {
    picks: Vec<Pick>,
    next: usize,
    choices: u64,
}

impl Replay {
    /// Replays these picks, which rise by their index.
    pub fn new(picks: Vec<Pick>) -> Replay {
        Replay { picks, next: 0, choices: 0 }
    }
}

impl Scheduler for Replay {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let index = self.choices;
        self.choices += 1;
        match self.picks.get(self.next) {
            Some(pick) if pick.index == index => {
                self.next += 1;
                pick.value.min(menu.len() - 1)
            }
            _ => 0,
        }
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        last.is_none().then_some(RunPlan { run: 0 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
