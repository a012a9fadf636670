//! The probe of a deadlock: does a task go on if it is only polled once more? Then what it waits
//! for is there, and a wake-up was lost.

use std::sync::Arc;

use super::{beside::Next, record::Thing, shell::Shell};
use crate::{
    kernel::{Handle, TaskId},
    trace::Kind,
};

impl Shell {
    /// Polls the tasks that wait for something foreign, one after the other, until one goes on.
    pub(super) fn probe(&self) -> Option<Arc<str>> {
        let parked: Vec<TaskId> = {
            let mut core = self.core.borrow_mut();
            if core.settings.no_probe {
                return None;
            }
            core.inject_nothing();
            let live = core.live_tasks().into_iter();
            live.filter(|&task| core.kernel.is_parked_elsewhere(task)).collect()
        };
        let lost = parked.into_iter().find(|&task| self.goes_on(task))?;
        self.core.borrow().label_of(Thing::Task(lost))
    }

    fn goes_on(&self, task: TaskId) -> bool {
        {
            let mut core = self.core.borrow_mut();
            core.note(Kind::Probe, Thing::Task(task), 0);
            core.kernel.wake(task);
            core.kernel.begin_iteration();
            // The only one that is ready: nothing is asked.
            let next = core.take_next();
            debug_assert_eq!(next, Some(Next::Handle(Handle::Step(task))));
        }
        let core = self.step(task, self.core.borrow_mut());
        // Where a replay has diverged is kept for its report.
        let _ = self.end_turn(core, None);
        let kernel = &self.core.borrow().kernel;
        kernel.ready_len() > 0 || kernel.has_ended(task) || !kernel.is_parked_elsewhere(task)
    }
}
