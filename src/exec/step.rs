//! One handle of the loop: the step of a task, or a callback. Whatever it panics with stays here.

use std::{
    any::Any,
    cell::{Cell, RefMut},
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    task::{Context as PollContext, Poll, Waker},
};

use futures_task::waker_ref;

use super::{
    core::Core,
    record::Thing,
    report::{ExceptionContext, Panic},
    shell::{Body, Shell},
    steps::Shared,
    waker::TaskWaker,
};
use crate::{
    kernel::{CallId, End, FutureId, Message, TaskId},
    sched::Access,
    trace::Kind,
};

/// What the step of a task starts with.
pub(super) enum Start {
    /// These wakers stand between the task and its awaits. They are woken while the task still
    /// counts as queued, so that they do not queue it twice.
    WakeFirst(Vec<Waker>),
    /// Its future is polled, with this waker.
    Poll(Body, Arc<TaskWaker>),
    /// Its future is dropped.
    Drop(Option<Body>, Message),
    /// It has ended.
    Late,
}

impl Shell {
    /// Runs the step of a task, which the core goes on from: poll, then settle.
    #[inline]
    pub(super) fn step<'a>(&'a self, task: TaskId, mut core: RefMut<'a, Core>) -> RefMut<'a, Core> {
        let mut started = core.begin_step(task, &self.inbox);
        while let Start::WakeFirst(wakers) = started {
            drop(core);
            wakers.into_iter().for_each(Waker::wake);
            core = self.core.borrow_mut();
            started = core.begin_step(task, &self.inbox);
        }
        match started {
            Start::WakeFirst(_) | Start::Late => core,
            Start::Poll(body, waker) => {
                drop(core);
                self.poll(task, body, waker)
            }
            Start::Drop(body, message) => {
                drop(core);
                self.drop_caught(task, body);
                self.ended(task, End::Cancelled(message), None)
            }
        }
    }

    /// Polls a task's future once. A panic is the task's.
    #[inline(always)]
    fn poll(&self, task: TaskId, mut body: Body, waker: Arc<TaskWaker>) -> RefMut<'_, Core> {
        let polled = {
            let lent = waker_ref(&waker);
            let mut context = PollContext::from_waker(&lent);
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut context)))
        };
        if let Ok(Poll::Pending) = polled {
            let mut core = self.core.borrow_mut();
            if core.end_wait(task, body, waker) {
                drop(core);
                self.choose_doom(task);
                core = self.core.borrow_mut();
                core.choose_spurious_poll(task);
            }
            return core;
        }
        self.drop_caught(task, Some(body));
        let end = match polled {
            Ok(Poll::Ready(end)) => end,
            Ok(Poll::Pending) => unreachable!("it waits"),
            Err(payload) => {
                self.panicked(task, &*payload);
                End::Failed
            }
        };
        self.ended(task, end, Some(waker))
    }

    fn ended(&self, task: TaskId, end: End, waker: Option<Arc<TaskWaker>>) -> RefMut<'_, Core> {
        let mut core = self.core.borrow_mut();
        let garbage = core.end_task(task, end, waker);
        if garbage.is_some() {
            drop(core);
            self.drop_safely("a task's value", garbage);
            core = self.core.borrow_mut();
        }
        core
    }

    /// Drops a task's future. A panic in a destructor is the task's too.
    pub(super) fn drop_caught(&self, task: TaskId, body: Option<Body>) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(body))) {
            self.panicked(task, &*payload);
        }
    }

    /// Drops what is the user's. A panic in its destructor is remembered, and stays here.
    pub(super) fn drop_safely<T>(&self, whose: &str, garbage: T) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(garbage))) {
            self.remember_panic(whose, &panic_text(&*payload));
        }
    }

    /// A panic that nobody can await.
    fn remember_panic(&self, whose: &str, text: &str) {
        self.core.borrow_mut().note(Kind::Panicked, Thing::Text(text), 0);
        let (task, message) = (whose.into(), text.into());
        self.panics.borrow_mut().push(Panic { task, message, seen: Rc::default() });
    }

    /// Hands a panic to whoever awaits the task, and remembers it.
    fn panicked(&self, task: TaskId, payload: &(dyn Any + Send)) {
        let message: Arc<str> = panic_text(payload).into();
        let (outlet, name) = {
            let mut core = self.core.borrow_mut();
            core.note(Kind::Panicked, Thing::Text(&message), 0);
            let outlet = core.tasks.get(task.index()).and_then(|info| info.outlet.clone());
            (outlet, core.label_of(Thing::Task(task)).unwrap_or_default())
        };
        let seen = Rc::new(Cell::new(false));
        if let Some(outlet) = outlet.and_then(|outlet| outlet.upgrade()) {
            outlet.panicked(message.clone(), seen.clone());
        }
        self.panics.borrow_mut().push(Panic { task: name, message, seen });
    }

    /// Runs a callback.
    pub(super) fn call<'a>(&'a self, call: CallId, mut core: RefMut<'a, Core>) -> RefMut<'a, Core> {
        let (closure, is_to_run) = core.begin_call(call);
        drop(core);
        let closure = closure.filter(|_| is_to_run);
        if let Some(closure) = closure
            && let Err(payload) = catch_unwind(AssertUnwindSafe(closure))
        {
            let text = panic_text(&*payload);
            self.remember_panic("a callback", &text);
            self.report(&ExceptionContext::new("Exception in callback").error(text));
        }
        let garbage = self.core.borrow_mut().end_call();
        self.drop_safely("a callback's variable", garbage);
        self.core.borrow_mut()
    }
}

impl Core {
    /// A waker wakes a task; stale ones do nothing.
    pub(crate) fn wake(&mut self, task: TaskId, generation: u32) {
        if self.kernel.has_ended(task) {
            self.touch_handle(task, Access::Ready);
            return;
        }
        let info = self.tasks.get(task.index());
        if info.is_none_or(|info| info.waker_generation != generation) {
            // Had the task not run since, it would have been woken.
            self.touch_handle(task, Access::Read);
            self.note(Kind::Stale, Thing::Task(task), 0);
        } else if self.kernel.wake(task) {
            self.note(Kind::Wake, Thing::Task(task), 0);
        } else if self.recorder.trace.is_some() {
            self.record(Kind::WakeAgain, Thing::Task(task), 0);
        }
    }

    /// The task is to be told of a cancellation: the wakers that stand between it and its awaits.
    pub(super) fn told_wakers(&mut self, task: TaskId) -> Vec<Waker> {
        let awaits: Vec<_> = self.kernel.awaits(task).collect();
        awaits.into_iter().flat_map(|future| self.take_wakers(future)).collect()
    }

    /// The wakers that stand between tasks and futures that are done now.
    pub(super) fn done_wakers(&mut self) -> Vec<Waker> {
        let done = self.kernel.take_observed();
        done.into_iter().flat_map(|future| self.take_wakers(future)).collect()
    }

    pub(super) fn take_wakers(&mut self, future: FutureId) -> Vec<Waker> {
        let info = self.futures.get_mut(future.index());
        let wakers = info.and_then(|info| info.wakers.take());
        if wakers.is_some() {
            self.touch_shared(Shared::KeptWakers, Access::Write);
        }
        wakers.map_or_else(Vec::new, |wakers| *wakers)
    }

    /// An injected cancellation is picked.
    pub(super) fn doom(&mut self, task: TaskId, doom: u32) {
        let thing = self.thing_of(task);
        self.note(Kind::Doom, thing, doom.into());
        match doom {
            2 => self.kernel.abort(task),
            _ => self.kernel.cancel_task(task, &None),
        };
    }
}

/// The message of a panic.
pub(crate) fn panic_text(payload: &(dyn Any + Send)) -> String {
    match (payload.downcast_ref::<&str>(), payload.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_string(),
        (_, Some(text)) => text.clone(),
        _ => "a panic without a text".to_string(),
    }
}
