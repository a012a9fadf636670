//! The kernel, with every operation that changes it written down. It can be read as the kernel, and
//! changed only here: there is no `DerefMut`.

use std::ops::Deref;

use super::{super::Shell, Answer, Log, Op, Step, is_taken, show};
use crate::kernel::{
    Action, Answer as AwaitAnswer, CallId, Entry, Exit, FutureId, Handle, Kernel, Message,
    OnCancel, State, TaskId, Touched, Turn,
};

/// A whole state is kept after so many operations, or as many as the last one had entries.
const VIEW_INTERVAL: usize = 64;

/// The kernel of a run and its log.
pub(crate) struct Machine {
    kernel: Kernel,
    /// None if the run is not taken, or is over.
    log: Option<Log>,
    /// The length of the log at which the next whole state is kept.
    next_view: usize,
}

impl Default for Machine {
    fn default() -> Machine {
        let log = is_taken(None).then(Log::default);
        Machine { kernel: Kernel::default(), log, next_view: VIEW_INTERVAL }
    }
}

impl Deref for Machine {
    type Target = Kernel;

    fn deref(&self) -> &Kernel {
        &self.kernel
    }
}

impl Machine {
    /// As [`Kernel::reset`]; the log starts again.
    pub(crate) fn reset(&mut self) {
        self.kernel.reset();
        self.start(None);
    }

    /// A run starts: run `run` of a check, or another.
    pub(crate) fn start(&mut self, run: Option<u64>) {
        self.log = is_taken(run).then(Log::default);
        self.next_view = VIEW_INTERVAL;
    }

    /// As [`Kernel::watch`]: no operation of the machine, so not in the log.
    pub(crate) fn watch(&mut self, on: bool) {
        self.kernel.watch(on);
    }

    /// As [`Kernel::take_touched`].
    pub(crate) fn take_touched(&mut self, to: &mut Vec<Touched>) {
        self.kernel.take_touched(to);
    }

    /// The run is over: what follows, when the last handles are dropped, is not in the log.
    fn end_log(&mut self) -> Option<Log> {
        let mut log = self.log.take()?;
        log.views.push((log.steps.len(), self.kernel.view()));
        Some(log)
    }

    fn note(&mut self, step: impl FnOnce(&Kernel) -> (Op, Answer)) {
        let Some(log) = &mut self.log else { return };
        let (op, answer) = step(&self.kernel);
        log.steps.push(Step { op, answer });
        if log.steps.len() >= self.next_view {
            let view = self.kernel.view();
            self.next_view += VIEW_INTERVAL.max(view.len());
            log.views.push((log.steps.len(), view));
        }
    }
}

/// The loop: iterations, the clock, what runs next.
impl Machine {
    pub(crate) fn begin_iteration(&mut self) -> Turn {
        let turn = self.kernel.begin_iteration();
        self.note(|_| (Op::BeginIteration, Answer::Turn(turn)));
        turn
    }

    pub(crate) fn give_up(&mut self) {
        self.kernel.give_up();
        self.note(|_| (Op::GiveUp, Answer::Unit));
    }

    pub(crate) fn slip(&mut self) -> bool {
        let slipped = self.kernel.slip();
        self.note(|_| (Op::Slip, Answer::Bool(slipped)));
        slipped
    }

    pub(crate) fn busy(&mut self, ns: u64) {
        self.kernel.busy(ns);
        self.note(|_| (Op::Busy(ns), Answer::Unit));
    }

    pub(crate) fn set_stopping(&mut self, stopping: bool) {
        self.kernel.set_stopping(stopping);
        self.note(|_| (Op::SetStopping(stopping), Answer::Unit));
    }

    pub(crate) fn take(&mut self, index: usize) -> Handle {
        let handle = self.kernel.take(index);
        self.note(|_| (Op::Take(index), Answer::Handle(handle)));
        handle
    }
}

/// Tasks: their steps and awaits.
impl Machine {
    pub(crate) fn spawn(&mut self) -> TaskId {
        let task = self.kernel.spawn();
        self.note(|kernel| {
            let future = kernel.future_of(task).expect("a new task is a future");
            (Op::Spawn, Answer::Task(task, future))
        });
        task
    }

    pub(crate) fn wake(&mut self, task: TaskId) -> bool {
        let woken = self.kernel.wake(task);
        self.note(|_| (Op::Wake(task), Answer::Bool(woken)));
        woken
    }

    pub(crate) fn begin_step(&mut self, task: TaskId) -> Entry {
        let entry = self.kernel.begin_step(task);
        self.note(|_| (Op::BeginStep(task), Answer::Entry(entry.clone())));
        entry
    }

    pub(crate) fn end_step(&mut self, task: TaskId, exit: Exit) {
        let noted = self.log.is_some().then(|| exit.clone());
        self.kernel.end_step(task, exit);
        if let Some(exit) = noted {
            self.note(|_| (Op::EndStep(task, exit), Answer::Unit));
        }
    }

    pub(crate) fn poll_await(
        &mut self,
        task: TaskId,
        on: Option<FutureId>,
        since: &mut Option<u32>,
    ) -> AwaitAnswer {
        let before = *since;
        let answer = self.kernel.poll_await(task, on, since);
        let await_answer = || Answer::Await(answer.clone(), *since);
        self.note(|_| (Op::PollAwait(task, on, before), await_answer()));
        answer
    }

    pub(crate) fn end_await(&mut self, task: TaskId, on: Option<FutureId>, since: u32) {
        self.kernel.end_await(task, on, since);
        self.note(|_| (Op::EndAwait(task, on, since), Answer::Unit));
    }

    pub(crate) fn task_release(&mut self, task: TaskId) {
        self.kernel.task_release(task);
        self.note(|_| (Op::TaskRelease(task), Answer::Unit));
    }
}

/// Cancellation.
impl Machine {
    pub(crate) fn abort(&mut self, task: TaskId) -> bool {
        let aborted = self.kernel.abort(task);
        self.note(|_| (Op::Abort(task), Answer::Bool(aborted)));
        aborted
    }

    pub(crate) fn uncancel(&mut self, task: TaskId) -> u32 {
        let left = self.kernel.uncancel(task);
        self.note(|_| (Op::Uncancel(task), Answer::Count(left)));
        left
    }

    pub(crate) fn count_cancel(&mut self, task: TaskId) {
        self.kernel.count_cancel(task);
        self.note(|_| (Op::CountCancel(task), Answer::Unit));
    }

    pub(crate) fn cancel_task(&mut self, task: TaskId, message: &Message) -> bool {
        let taken = self.kernel.cancel_task(task, message);
        self.note(|_| (Op::CancelTask(task, message.clone()), Answer::Bool(taken)));
        taken
    }

    pub(crate) fn cancel(&mut self, future: FutureId, message: &Message) -> bool {
        let taken = self.kernel.cancel(future, message);
        self.note(|_| (Op::Cancel(future, message.clone()), Answer::Bool(taken)));
        taken
    }

    pub(crate) fn take_message(&mut self, future: FutureId) -> Message {
        let message = self.kernel.take_message(future);
        self.note(|_| (Op::TakeMessage(future), Answer::Message(message.clone())));
        message
    }
}

/// Futures and what follows them.
impl Machine {
    pub(crate) fn future_new(&mut self, on_cancel: OnCancel) -> FutureId {
        let noted = self.log.is_some().then(|| on_cancel.clone());
        let future = self.kernel.future_new(on_cancel);
        if let Some(on_cancel) = noted {
            self.note(|_| (Op::FutureNew(on_cancel), Answer::Future(future)));
        }
        future
    }

    pub(crate) fn future_release(&mut self, future: FutureId) -> Vec<CallId> {
        let calls = self.kernel.future_release(future);
        self.note(|_| (Op::FutureRelease(future), Answer::Calls(calls.clone())));
        calls
    }

    pub(crate) fn resolve(&mut self, future: FutureId, state: State) -> bool {
        let open = self.kernel.resolve(future, state);
        self.note(|_| (Op::Resolve(future, state), Answer::Bool(open)));
        open
    }

    pub(crate) fn observe(&mut self, future: FutureId) {
        self.kernel.observe(future);
        self.note(|_| (Op::Observe(future), Answer::Unit));
    }

    pub(crate) fn take_observed(&mut self) -> Vec<FutureId> {
        let done = self.kernel.take_observed();
        self.note(|_| (Op::TakeObserved, Answer::Futures(done.clone())));
        done
    }

    pub(crate) fn on_done(&mut self, future: FutureId) -> CallId {
        let call = self.kernel.on_done(future);
        self.note(|_| (Op::OnDone(future), Answer::Call(call)));
        call
    }

    pub(crate) fn remove_on_done(&mut self, future: FutureId, call: CallId) -> bool {
        let removed = self.kernel.remove_on_done(future, call);
        self.note(|_| (Op::RemoveOnDone(future, call), Answer::Bool(removed)));
        removed
    }
}

/// Callbacks and timers.
impl Machine {
    pub(crate) fn call_soon(&mut self, action: Action) -> CallId {
        let call = self.kernel.call_soon(action);
        self.note(|_| (Op::CallSoon(action), Answer::Call(call)));
        call
    }

    pub(crate) fn arm(&mut self, deadline: u64, action: Action) -> CallId {
        let call = self.kernel.arm(deadline, action);
        self.note(|_| (Op::Arm(deadline, action), Answer::Call(call)));
        call
    }

    pub(crate) fn cancel_call(&mut self, call: CallId) -> bool {
        let cancelled = self.kernel.cancel_call(call);
        self.note(|_| (Op::CancelCall(call), Answer::Bool(cancelled)));
        cancelled
    }

    pub(crate) fn begin_call(&mut self, call: CallId) -> Option<Action> {
        let action = self.kernel.begin_call(call);
        self.note(|_| (Op::BeginCall(call), Answer::Action(action)));
        action
    }
}

impl Shell {
    /// A run is over: the observer looks at it, while nothing is borrowed.
    pub(crate) fn show_log(&self) {
        let log = self.core.borrow_mut().kernel.end_log();
        if let Some(log) = log {
            show(log);
        }
    }
}
