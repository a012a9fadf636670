//! One handle of the loop: the step of a task, or a callback. Whatever it panics with stays here.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::Arc,
    task::{Context as PollContext, Poll, Waker},
};

use super::{
    core::Core,
    inbox::Inbox,
    names::TaskInfo,
    record::Thing,
    report::{ExceptionContext, Panic},
    shell::{Body, Shell},
    threadsafe::Mail,
    waker::{TaskWaker, Wake},
};
use crate::{
    kernel::{Action, CallId, End, Exit, FutureId, Message, TaskId},
    trace::Kind,
};

/// What the step of a task starts with.
pub(super) enum Start {
    /// These wakers stand between the task and its awaits. They are woken while the task still
    /// counts as queued, so that they do not queue it twice.
    WakeFirst(Vec<Waker>),
    /// Its future is polled with this waker.
    Poll(Waker),
    /// Its future is dropped.
    Drop(Message),
    /// It has ended.
    Late,
}

/// What the step of a task leaves to do.
pub(super) struct Settled {
    /// What is left of a task that nobody holds, for the caller to drop.
    garbage: Option<Box<TaskInfo>>,
    /// It waits, and a cancellation may be injected.
    may_doom: bool,
}

impl Settled {
    pub(super) fn new(garbage: Option<Box<TaskInfo>>, may_doom: bool) -> Settled {
        Settled { garbage, may_doom }
    }
}

impl Shell {
    /// Runs the step of a task: poll, then settle.
    pub(super) fn step(&self, task: TaskId) {
        let mut started = self.core.borrow_mut().begin_step(task, &self.inbox.borrow());
        while let Start::WakeFirst(wakers) = started {
            wakers.into_iter().for_each(Waker::wake);
            started = self.core.borrow_mut().begin_step(task, &self.inbox.borrow());
        }
        let (exit, waker) = match started {
            Start::WakeFirst(_) | Start::Late => return,
            Start::Poll(waker) => self.poll(task, waker),
            Start::Drop(message) => {
                self.drop_body(task);
                (Exit::Ended(End::Cancelled(message)), None)
            }
        };
        let Settled { garbage, may_doom } = self.core.borrow_mut().end_step(task, exit, waker);
        self.drop_safely("a task's value", garbage);
        if may_doom {
            self.choose_doom(task);
        }
    }

    /// Polls a task's future once. A panic is the task's. Gives the waker back for the next poll.
    fn poll(&self, task: TaskId, waker: Waker) -> (Exit, Option<Waker>) {
        let mut body =
            self.bodies.borrow_mut().take(task.index()).expect("a live task has a future");
        let previous = self.polling.replace(Some(waker));
        debug_assert!(previous.is_none(), "polls do not nest");
        let polled = {
            let lent = self.polling.borrow();
            let mut context = PollContext::from_waker(lent.as_ref().expect("just set"));
            catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(&mut context)))
        };
        let waker = self.polling.take();
        let exit = match polled {
            Ok(Poll::Pending) => {
                self.bodies.borrow_mut().put(task.index(), body);
                Exit::Pending
            }
            Ok(Poll::Ready(end)) => {
                self.drop_caught(task, body);
                Exit::Ended(end)
            }
            Err(payload) => {
                self.drop_caught(task, body);
                self.panicked(task, &*payload);
                Exit::Ended(End::Failed)
            }
        };
        (exit, waker)
    }

    fn drop_body(&self, task: TaskId) {
        let body = self.bodies.borrow_mut().take(task.index());
        if let Some(body) = body {
            self.drop_caught(task, body);
        }
    }

    /// Drops a task's future. A panic in a destructor is the task's too.
    pub(super) fn drop_caught(&self, task: TaskId, body: Body) {
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
    pub(super) fn call(&self, call: CallId) {
        let action = self.core.borrow_mut().begin_call(call);
        let closure = self.closures.borrow_mut().take(call.index());
        if action == Some(Action::Closure) {
            let closure = closure.expect("a live callback has a closure");
            if let Err(payload) = catch_unwind(AssertUnwindSafe(closure)) {
                let text = panic_text(&*payload);
                self.remember_panic("a callback", &text);
                self.report(&ExceptionContext::new("Exception in callback").error(text));
            }
        }
        let garbage = self.core.borrow_mut().end_call();
        self.drop_safely("a callback's variable", garbage);
    }
}

impl Core {
    /// A waker wakes a task; stale ones do nothing.
    pub(crate) fn wake(&mut self, task: TaskId, generation: u32) {
        if self.kernel.has_ended(task) {
            return;
        }
        let info = self.tasks.get(task.index());
        if info.is_none_or(|info| info.waker_generation != generation) {
            self.note(Kind::Stale, Thing::Task(task), 0);
        } else if self.kernel.wake(task) {
            self.note(Kind::Wake, Thing::Task(task), 0);
        }
    }

    /// The waker for the next poll: the task's own, or a new one if wakers are to be fresh.
    pub(super) fn take_waker(&mut self, task: TaskId, inbox: &Arc<Inbox<Mail>>) -> Waker {
        let fresh = self.settings.fresh_wakers;
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        match info.waker.take() {
            Some(waker) if !fresh => waker,
            _ => {
                info.waker_generation = info.waker_generation.wrapping_add(fresh.into());
                let wake = Wake { task, generation: info.waker_generation };
                let (waker, clones) = TaskWaker::waker(wake, inbox.clone());
                info.clones = clones;
                waker
            }
        }
    }

    /// If the task is to be told of a cancellation: the wakers that stand between it and its
    /// awaits.
    pub(super) fn told_wakers(&mut self, task: TaskId) -> Vec<Waker> {
        if !self.kernel.must_cancel(task) {
            return Vec::new();
        }
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
        info.map(|info| std::mem::take(&mut info.wakers)).unwrap_or_default()
    }

    /// An injected cancellation is picked.
    pub(super) fn doom(&mut self, task: TaskId, doom: u32) {
        self.note(Kind::Doom, Thing::Task(task), doom.into());
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
