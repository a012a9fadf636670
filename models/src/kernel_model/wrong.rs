//! The kernel's operations, as they are and as they could be wrong.

use super::{
    reference::{Item, Name, TaskName},
    world::World,
};
use crate::kernel::{Action, Answer, CallId, Exit, FutureId, Handle, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A future forgets one that waits for it.
    ForgetsAWaiter,
    /// A future that is done wakes those that wait in reverse.
    WakesInReverse,
    /// An answered await stays registered.
    KeepsAnAwait,
    /// Timers of one instant fire in reverse.
    TiesInReverse,
    /// A timer fires too early.
    FiresEarly,
    /// A disarmed timer still moves the clock.
    LeavesATimer,
    /// A cancelled ready callback leaves the queue.
    RemovesAReadyCall,
    /// It runs all the same.
    RunsACancelledCall,
    /// A cancel is counted, and nobody is told.
    CancelsSilently,
    /// A cancel of a gathering reaches its first child alone.
    CancelsTheFirstAlone,
    /// A cancel is told twice.
    TellsTwice,
    /// A task that waits for a closing gathering is woken to be told.
    WakesAtAClosing,
    /// `uncancel` leaves the request.
    UncancelsTheCountAlone,
    /// An abort waits until somebody wakes the task.
    AbortsSilently,
    /// A cancel of a task that runs is forgotten when the step ends.
    ForgetsACancelOfItself,
}

impl World {
    pub(crate) fn kernel_begin_call(&mut self, call: CallId) -> Option<Action> {
        let action = self.kernel.begin_call(call);
        if self.is(Wrong::RunsACancelledCall) && action.is_none() {
            self.kernel.resolve(self.ids.futures[&Name::Plain(0)], State::Finished);
        }
        action
    }

    pub(crate) fn kernel_resolve(&mut self, name: Name, state: State) {
        if self.is(Wrong::WakesInReverse) {
            let waiting: Vec<_> = self.reference.born.iter().rev().copied().collect();
            for task in waiting {
                if self.reference.tasks[&task].awaits.contains(&Some(name)) {
                    self.kernel.wake(self.ids.tasks[&task]);
                }
            }
        }
        self.kernel.resolve(self.ids.futures[&name], state);
    }

    pub(crate) fn kernel_poll_await(
        &mut self,
        task: TaskName,
        on: Option<Name>,
        since: &mut Option<u32>,
    ) -> Answer {
        let (id, future) = (self.ids.tasks[&task], on.map(|name| self.ids.futures[&name]));
        let is_new = since.is_none();
        let answer = self.kernel.poll_await(id, future, since);
        if let (true, true, Some(since)) = (self.is(Wrong::ForgetsAWaiter), is_new, *since) {
            self.kernel.end_await(id, future, since);
        }
        answer
    }

    pub(crate) fn kernel_end_await(&mut self, task: TaskName, on: Option<Name>, since: u32) {
        if !self.is(Wrong::KeepsAnAwait) {
            let future = on.map(|name| self.ids.futures[&name]);
            self.kernel.end_await(self.ids.tasks[&task], future, since);
        }
    }

    pub(crate) fn kernel_end_step(&mut self, task: TaskName, exit: Exit) {
        let id = self.ids.tasks[&task];
        if self.is(Wrong::ForgetsACancelOfItself) && self.kernel.must_cancel(id) {
            let cancels = self.kernel.cancelling(id);
            (0..cancels).for_each(|_| {
                self.kernel.uncancel(id);
            });
            (0..cancels).for_each(|_| self.kernel.count_cancel(id));
        }
        let was_told = exit == Exit::Pending && self.reference.tasks[&task].is_told();
        self.kernel.end_step(id, exit);
        if self.is(Wrong::TellsTwice) && was_told {
            self.kernel.uncancel(id);
            self.kernel.cancel_task(id, &None);
        }
    }

    pub(crate) fn kernel_arm(&mut self, deadline: u64, future: FutureId) -> CallId {
        let action = Action::Resolve(future);
        if self.is(Wrong::FiresEarly) {
            return self.kernel.arm(deadline - 1, action);
        }
        let is_tie = |call: &CallId| self.kernel.deadline(*call) == Some(deadline);
        let tied = self.ids.calls.keys().copied().find(is_tie);
        let call = self.kernel.arm(deadline, action);
        if let Some(tied) = tied.filter(|_| self.is(Wrong::TiesInReverse)) {
            let item = self.ids.calls.remove(&tied).expect("just found");
            let Item::Timer(task) = item else { unreachable!("only sleeps are armed") };
            self.kernel.cancel_call(tied);
            let again = Action::Resolve(self.ids.futures[&Name::Sleep(task)]);
            let rearmed = self.kernel.arm(deadline, again);
            self.ids.calls.insert(rearmed, item);
        }
        call
    }

    pub(crate) fn kernel_cancel_call(&mut self, call: CallId) {
        let deadline = self.kernel.deadline(call);
        self.kernel.cancel_call(call);
        if let Some(deadline) = deadline.filter(|_| self.is(Wrong::LeavesATimer)) {
            self.kernel.arm(deadline, Action::Closure);
        }
        let handle = Handle::Call(call);
        let at = (0..self.kernel.ready_len()).find(|&at| self.kernel.ready(at) == Some(handle));
        if let Some(at) = at.filter(|_| self.is(Wrong::RemovesAReadyCall)) {
            self.kernel.take(at);
            self.kernel.begin_call(call);
        }
    }

    pub(crate) fn kernel_cancel_task(&mut self, task: TaskName) -> bool {
        let id = self.ids.tasks[&task];
        match self.wrong {
            Some(Wrong::CancelsSilently) => {
                self.kernel.count_cancel(id);
                !self.kernel.has_ended(id)
            }
            Some(Wrong::CancelsTheFirstAlone) if self.gathers(task) => {
                self.kernel.count_cancel(id);
                let first = self.reference.futures[&Name::Gather(task)].first_child();
                self.kernel.cancel(self.ids.futures[&first], &None)
            }
            _ => {
                let took = self.kernel.cancel_task(id, &None);
                if self.is(Wrong::WakesAtAClosing) && self.parks(task) {
                    self.kernel.wake(id);
                }
                took
            }
        }
    }

    /// Is it to be cancelled, by a gathering that refuses?
    fn parks(&self, task: TaskName) -> bool {
        self.kernel.must_cancel(self.ids.tasks[&task]) && self.gathers(task)
    }

    fn gathers(&self, task: TaskName) -> bool {
        self.reference.tasks[&task].awaits.contains(&Some(Name::Gather(task)))
    }

    pub(crate) fn kernel_uncancel(&mut self, task: TaskName) {
        let id = self.ids.tasks[&task];
        let asked = self.kernel.must_cancel(id);
        self.kernel.uncancel(id);
        if self.is(Wrong::UncancelsTheCountAlone) && asked {
            self.kernel.cancel_task(id, &None);
        }
    }

    pub(crate) fn kernel_abort(&mut self, task: TaskName) {
        if !self.is(Wrong::AbortsSilently) {
            self.kernel.abort(self.ids.tasks[&task]);
        }
    }
}
