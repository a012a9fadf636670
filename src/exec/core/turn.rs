//! A turn of a handle: it is taken, it acts, it settles. The hot path, without the user's code.

use std::{cell::RefCell, sync::Arc};

use super::Core;
use crate::{
    exec::{
        beside::Next,
        inbox::Inbox,
        names::{Context, Made, TaskInfo},
        record::Thing,
        shell::{Body, Closure},
        step::Start,
        stuck::{Endless, Stuck},
        threadsafe::Mail,
        waker::{TaskWaker, Wake},
    },
    kernel::{Action, CallId, End, Entry, Exit, Handle, State, TaskId},
    sched::{Access, ChoiceKind},
    trace::{Kind, Parent, Path},
};

impl Core {
    /// Takes the handle that runs next, unless the iteration is over.
    #[inline(always)]
    pub(crate) fn take_next(&mut self) -> Option<Next> {
        if self.beside.is_anybody() {
            return self.take_beside();
        }
        if self.kernel.iteration_over() {
            return None;
        }
        if self.is_watched() {
            return self.take_watched();
        }
        self.choose_slip();
        let len = self.kernel.ready_len();
        let index = self.choose(ChoiceKind::Order, u32::try_from(len).unwrap_or(u32::MAX));
        Some(Next::Handle(self.kernel.take(index as usize)))
    }

    /// As [`take_next`](Core::take_next), for a scheduler that watches. `None` also if it gives up.
    #[cold]
    fn take_watched(&mut self) -> Option<Next> {
        self.between_steps();
        let index = self.choose_step(false)?;
        Some(Next::Handle(self.kernel.take(index)))
    }

    /// Starts the step of a task: it acts from here on.
    #[inline(always)]
    pub(in crate::exec) fn begin_step(
        &mut self,
        task: TaskId,
        inbox: &RefCell<Arc<Inbox<Mail>>>,
    ) -> Start {
        if self.keeps_wakers && self.kernel.must_cancel(task) {
            let inner = self.told_wakers(task);
            if !inner.is_empty() {
                return Start::WakeFirst(inner);
            }
        }
        if self.steps.is_some() {
            let told = self.kernel.must_cancel(task);
            self.touch_requests(task, if told { Access::Write } else { Access::Read });
        }
        let entry = self.kernel.begin_step(task);
        self.recorder.begin_step();
        let info = match entry {
            Entry::Ended => None,
            _ => self.tasks.get_mut(task.index()),
        };
        let Some(info) = info else {
            self.note(Kind::Late, Thing::None, 0);
            return Start::Late;
        };
        info.polls = info.polls.wrapping_add(1);
        let (key, made, body) = (info.path.key(), info.made, info.body.take());
        let started = match entry {
            Entry::Drop(message) => Start::Drop(body, message),
            _ => {
                let waker = match info.waker.take() {
                    Some(waker) if !self.fresh_wakers => waker,
                    old => self.new_waker(task, old, inbox),
                };
                self.polling = Arc::as_ptr(&waker);
                Start::Poll(body.expect("a live task has a future"), waker)
            }
        };
        self.enter(Some(task), key, made);
        self.note(Kind::Step, Thing::None, 0);
        started
    }

    /// Another waker for a task: at its first poll, or at each if wakers are to be fresh.
    fn new_waker(
        &mut self,
        task: TaskId,
        old: Option<Arc<TaskWaker>>,
        inbox: &RefCell<Arc<Inbox<Mail>>>,
    ) -> Arc<TaskWaker> {
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        info.kept.recount();
        let fresh = self.fresh_wakers;
        info.waker_generation = info.waker_generation.wrapping_add(fresh.into());
        let wake = Wake { task, generation: info.waker_generation };
        let used = old.or_else(|| self.free_wakers.pop()).filter(|old| old.reuse(wake));
        used.unwrap_or_else(|| TaskWaker::new(wake, &inbox.borrow()))
    }

    /// Ends the step of a task that waits. Says whether a cancellation may be injected.
    #[inline(always)]
    pub(in crate::exec) fn end_wait(
        &mut self,
        task: TaskId,
        body: Body,
        waker: Arc<TaskWaker>,
    ) -> bool {
        self.kernel.end_step(task, Exit::Pending);
        let elsewhere = self.kernel.is_parked_elsewhere(task);
        if elsewhere {
            self.note(Kind::Foreign, Thing::None, 0);
        }
        let (made, now) = (self.actor.made, self.kernel.now());
        self.leave();
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        if elsewhere {
            info.kept.count(waker.clones(), info.polls, now);
        }
        (info.made, info.body, info.waker) = (made, Some(body), Some(waker));
        self.settings.cancellations > 0 || self.settings.spurious_polls > 0
    }

    /// Ends the last step of a task. Gives what is left of a task that nobody holds, for the
    /// caller to drop.
    pub(in crate::exec) fn end_task(
        &mut self,
        task: TaskId,
        end: End,
        waker: Option<Arc<TaskWaker>>,
    ) -> Option<TaskInfo> {
        self.kernel.end_step(task, Exit::Ended(end));
        let future = self.kernel.future_of(task).expect("an ended task is kept");
        let kind = match self.kernel.state(future) {
            State::Finished => Kind::Finished,
            State::Failed => Kind::Failed,
            _ => Kind::Cancelled,
        };
        self.note(kind, Thing::None, 0);
        let made = self.actor.made;
        self.leave();
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        info.made = made;
        let waker = waker.or_else(|| info.waker.take());
        self.free_wakers.extend(waker.filter(|waker| waker.clones() == 0));
        if info.detached { self.forget_task(task) } else { None }
    }

    /// Starts a callback: it acts from here on. Gives its closure, and whether that is to run.
    pub(crate) fn begin_call(&mut self, call: CallId) -> (Option<Closure>, bool) {
        let info = self.calls.take(call.index()).expect("a ready callback is known");
        self.recorder.begin_step();
        let label = self.recorder.trace.is_some().then(|| info.object.label());
        self.enter_as(info.object.path(), Made::default(), label);
        self.call_context = info.context;
        let action = self.kernel.begin_call(call);
        self.note(if action.is_some() { Kind::Call } else { Kind::Skip }, Thing::None, 0);
        (info.closure, action == Some(Action::Closure))
    }

    /// Ends a callback. Gives its context, for the caller to drop.
    #[must_use]
    pub(crate) fn end_call(&mut self) -> Context {
        self.leave();
        std::mem::take(&mut self.call_context)
    }

    /// A handle acts. What is not asked for on every step is set where it differs.
    #[inline]
    fn enter(&mut self, task: Option<TaskId>, key: u64, made: Made) {
        if !self.actor.inside {
            self.outside = self.actor.made;
        }
        self.actor.inside = true;
        if self.actor.label.is_some() {
            self.actor.label = None;
        }
        (self.actor.task, self.actor.key, self.actor.made) = (task, key, made);
    }

    /// Somebody acts who is no task.
    #[inline(always)]
    pub(in crate::exec) fn enter_as(&mut self, path: Path, made: Made, label: Option<Arc<str>>) {
        self.enter(None, path.key(), made);
        (self.actor.path, self.actor.parent, self.actor.label) = (path, Parent::default(), label);
    }

    /// Nobody acts but the program around the run.
    #[inline]
    pub(in crate::exec) fn leave(&mut self) {
        if self.actor.task.is_none() {
            (self.actor.path, self.actor.parent) = (self.outside_path.clone(), Parent::default());
        }
        self.actor.inside = false;
        if self.actor.label.is_some() {
            self.actor.label = None;
        }
        (self.actor.task, self.actor.key) = (None, self.outside_path.key());
        self.actor.made = self.outside;
    }

    /// A turn has ended that may be one too many, or not the one that a token knows.
    #[cold]
    pub(in crate::exec) fn hold_against(&mut self, steps: u64) -> Result<(), Stuck> {
        if let Some(expect) = &mut self.expect {
            expect.stepped(steps, self.recorder.digest);
            if let Some(divergence) = expect.diverged.clone() {
                return Err(Stuck::Diverged(Arc::new(divergence)));
            }
        }
        let limits = self.settings.limits;
        if self.recorder.instant_steps > limits.instant_steps {
            let unit = "steps of one instant";
            let endless = self.endless(limits.instant_steps, unit, "instant_steps_max");
            return Err(Stuck::Livelock(endless));
        }
        if steps > limits.steps {
            return Err(Stuck::StepCap(self.endless(limits.steps, "steps", "steps_max")));
        }
        Ok(())
    }

    /// The run has gone on for as long as it may.
    pub(in crate::exec) fn endless(
        &self,
        most: u64,
        unit: &'static str,
        raised_by: &'static str,
    ) -> Arc<Endless> {
        let handles = self.kernel.ready_handles();
        let things = handles.map(|handle| match handle {
            Handle::Step(task) => Thing::Task(task),
            Handle::Call(call) => Thing::Call(call),
        });
        let ready = things.filter_map(|thing| self.label_of(thing));
        let beside = (0..self.beside.ready_len()).filter_map(|at| self.beside.label(at));
        let ready = ready.chain(beside).collect();
        Arc::new(Endless { most, unit, ready, raised_by })
    }
}
