//! The await at the bottom of every own await: registers with the task that polls it, and takes the
//! cancellation that the task is told of.

use std::task::{Context, Poll, Waker};

use super::{
    core::Core,
    error::{Cancelled, Error},
    names::Scoped,
    record::Thing,
    scopes::ScopeId,
    shell::{Shell, try_with},
    waker::TaskWaker,
};
use crate::{
    kernel::{Answer, FutureId, TaskId},
    trace::Kind,
};

/// One await of the crate's own: registers with the task that polls it, and takes the
/// cancellation that the task is told of. Ids only, so it is `Send`.
#[derive(Debug)]
pub(crate) struct Wait<T: Target = FutureId> {
    on: T,
    registered: Option<Registered>,
    /// The cancellation scope around it.
    scope: Option<ScopeId>,
    /// The scope whose own await it is.
    own_of: Option<ScopeId>,
}

/// What an await waits for: a future, or nothing but the next iteration.
pub(crate) trait Target: Copy {
    fn future(self) -> Option<FutureId>;
}

impl Target for FutureId {
    #[inline]
    fn future(self) -> Option<FutureId> {
        Some(self)
    }
}

/// The next iteration: `sleep(0)`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NextTurn;

impl Target for NextTurn {
    #[inline]
    fn future(self) -> Option<FutureId> {
        None
    }
}

impl Target for Option<FutureId> {
    #[inline]
    fn future(self) -> Option<FutureId> {
        self
    }
}

/// With which task, in which of its steps, in which run.
#[derive(Clone, Copy, Debug)]
struct Registered {
    task: TaskId,
    since: u32,
    run: u64,
}

impl<T: Target> Wait<T> {
    #[inline]
    pub(crate) fn on(target: T) -> Wait<T> {
        Wait { on: target, registered: None, scope: None, own_of: None }
    }

    /// Waits on behalf of a scope in which nothing else hears.
    pub(crate) fn of_scope(target: T, scope: ScopeId) -> Wait<T> {
        Wait { on: target, registered: None, scope: None, own_of: Some(scope) }
    }

    /// `Ok` when what is awaited is done, however it ended.
    #[inline(always)]
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        match try_with(|shell| self.poll_in(shell, context)) {
            Some(polled) => polled,
            None => Poll::Ready(Err(Error::NoRunningLoop)),
        }
    }

    /// As [`poll`](Wait::poll), in the run of this thread.
    #[inline(always)]
    pub(crate) fn poll_in(
        &mut self,
        shell: &Shell,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        Poll::Ready(match self.ask(shell, context.waker()) {
            Ok(Answer::Pending) => return Poll::Pending,
            Ok(Answer::Done) => Ok(()),
            Ok(Answer::Told(message)) => Err(Cancelled::from_message(message).into()),
            Err(misuse) => Err(Error::Misuse(misuse)),
        })
    }

    #[inline(always)]
    fn ask(&mut self, shell: &Shell, waker: &Waker) -> Result<Answer, &'static str> {
        let mut guard = shell.core.borrow_mut();
        let core = &mut *guard;
        let Some(task) = core.actor.task else {
            return Err("awaits belong in a task: use spawn");
        };
        let serial = shell.serial.get();
        if let Some(at) = self.registered.take_if(|at| (at.task, at.run) != (task, serial)) {
            // With another run it means nothing here.
            match at.run == serial {
                true => self.end_await(core, at),
                false => self.scope = None,
            }
        }
        let mut since = self.registered.map(|at| at.since);
        let answer = match self.is_told(core) {
            true => Answer::Told(None),
            false => core.kernel.poll_await(task, self.on.future(), &mut since),
        };
        if answer != Answer::Pending {
            if matches!(answer, Answer::Told(_)) {
                core.note(Kind::Told, Thing::None, 0);
            }
            self.end_in(core);
            return Ok(answer);
        }
        let is_new = self.registered.is_none();
        if is_new {
            let since = since.expect("a pending await is registered");
            self.registered = Some(Registered { task, since, run: serial });
            match self.on.future() {
                Some(future) => core.note(Kind::Await, Thing::Future(future), 0),
                None => core.note(Kind::Yield, Thing::None, 0),
            }
            self.enter_scope(core);
        }
        if !TaskWaker::is(core.polling, waker) {
            drop(guard);
            self.keep_waker(shell, is_new, waker);
        }
        Ok(answer)
    }

    /// How the task's table knows it, if it is in a scope.
    #[inline]
    fn scoped(&self, at: Registered) -> Option<Scoped> {
        let scope = self.own_of.or(self.scope)?;
        Some(Scoped { on: self.on.future(), since: at.since, scope, told: false })
    }

    #[inline]
    fn enter_scope(&mut self, core: &mut Core) {
        if self.scope.is_none() {
            self.scope = core.scopes.join();
        }
        if let Some(at) = self.registered
            && let Some(scoped) = self.scoped(at)
            && let Some(info) = core.tasks.get_mut(at.task.index())
        {
            info.scoping().scoped.push(scoped);
        }
    }

    /// Was its scope cancelled by its own timeout, and what is awaited refused it?
    #[inline]
    fn is_told(&self, core: &Core) -> bool {
        let Some(at) = self.registered else { return false };
        self.scoped(at).is_some_and(|scoped| {
            let told = Scoped { told: true, ..scoped };
            let scoping = core.tasks.get(at.task.index()).and_then(|info| info.scoping.as_ref());
            scoping.is_some_and(|scoping| scoping.scoped.contains(&told))
        })
    }

    /// The kernel wakes the task. A future in between (`FuturesUnordered`) wants its own waker
    /// called too.
    fn keep_waker(&self, shell: &Shell, is_new: bool, waker: &Waker) {
        let Some(on) = self.on.future() else { return waker.wake_by_ref() };
        let waker = waker.clone();
        let mut core = shell.core.borrow_mut();
        core.kernel.observe(on);
        core.keeps_wakers = true;
        let info = core.futures.get_mut(on.index()).expect("an awaited future is known");
        let wakers = info.wakers.get_or_insert_default();
        let known = !is_new && wakers.iter().any(|old| old.will_wake(&waker));
        if !known {
            wakers.push(waker);
        }
    }

    /// Takes the await back.
    #[inline]
    pub(crate) fn end_now(&mut self) {
        if self.registered.is_some() {
            try_with(|shell| self.end(shell));
        }
    }

    #[cold]
    fn end(&mut self, shell: &Shell) {
        let serial = shell.serial.get();
        if self.registered.is_some_and(|at| at.run == serial) {
            self.end_in(&mut shell.core.borrow_mut());
        }
    }

    /// It is answered, or dropped.
    #[inline(always)]
    fn end_in(&mut self, core: &mut Core) {
        if let Some(at) = self.registered.take() {
            self.end_await(core, at);
        }
        if let Some(scope) = self.scope.take() {
            core.scopes.leave(scope);
        }
    }

    #[inline(always)]
    fn end_await(&self, core: &mut Core, at: Registered) {
        core.kernel.end_await(at.task, self.on.future(), at.since);
        if let Some(scoped) = self.scoped(at)
            && let Some(info) = core.tasks.get_mut(at.task.index())
        {
            let is_it = |s: &Scoped| Scoped { told: false, ..*s } == scoped;
            let scoped = &mut info.scoping().scoped;
            if let Some(at) = scoped.iter().position(is_it) {
                scoped.remove(at);
            }
        }
    }
}

impl<T: Target> Drop for Wait<T> {
    #[inline]
    fn drop(&mut self) {
        self.end_now();
    }
}
