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
    waker::{TaskWaker, Wake},
};
use crate::{
    kernel::{Action, CallId, End, Exit, Message, TaskId},
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
        drop(garbage);
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
                self.report(&ExceptionContext::new("Exception in callback").error(text));
            }
        }
        let garbage = self.core.borrow_mut().end_call();
        drop(garbage);
    }
}

impl Core {
    /// A waker wakes a task; stale ones do nothing.
    pub(crate) fn wake(&mut self, task: TaskId, generation: u32) {
        let fresh =
            self.tasks.get(task.index()).is_some_and(|info| info.waker_generation == generation);
        if fresh && self.kernel.wake(task) {
            self.note(Kind::Wake, Thing::Task(task), 0);
        }
    }

    /// The waker for the next poll: the task's own, or a new one if wakers are to be fresh.
    pub(super) fn take_waker(&mut self, task: TaskId, inbox: &Arc<Inbox<Wake>>) -> Waker {
        let fresh = self.settings.fresh_wakers;
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        match info.waker.take() {
            Some(waker) if !fresh => waker,
            _ => {
                info.waker_generation = info.waker_generation.wrapping_add(fresh.into());
                let wake = Wake { task, generation: info.waker_generation };
                TaskWaker::waker(wake, inbox.clone())
            }
        }
    }

    /// Wakers of futures between the task and its awaits, of awaits that are done now, or that
    /// are about to be told.
    pub(super) fn due_inner_wakers(&mut self, task: TaskId) -> Vec<Waker> {
        let Some(info) = self.tasks.get_mut(task.index()) else { return Vec::new() };
        if info.inner_wakers.is_empty() {
            return Vec::new();
        }
        let told = self.kernel.must_cancel(task);
        let wakers = std::mem::take(&mut info.inner_wakers);
        let (due, kept): (Vec<_>, Vec<_>) =
            wakers.into_iter().partition(|(on, _)| told || self.kernel.is_done(*on));
        info.inner_wakers = kept;
        due.into_iter().map(|(_, waker)| waker).collect()
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
