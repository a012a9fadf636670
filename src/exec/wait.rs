//! The await at the bottom of every own await: registers with the task that polls it, and takes the
//! cancellation that the task is told of.

use std::task::{Context, Poll};

use super::{
    core::Core,
    error::{Cancelled, Error},
    names::Scoped,
    record::Thing,
    scopes::ScopeId,
    shell::{Shell, try_with},
};
use crate::{
    kernel::{Answer, FutureId, TaskId},
    trace::Kind,
};

/// One await of the crate's own: registers with the task that polls it, and takes the
/// cancellation that the task is told of. Ids only, so it is `Send`.
#[derive(Debug)]
pub(crate) struct Wait {
    on: Option<FutureId>,
    /// With which task, in which of its steps.
    registered: Option<(TaskId, u32)>,
    /// In which run.
    run: u64,
    /// The cancellation scope around it.
    scope: Option<ScopeId>,
    /// The scope whose own await it is.
    own_of: Option<ScopeId>,
}

impl Wait {
    /// Waits for a future.
    pub(crate) fn on(future: FutureId) -> Wait {
        Wait { on: Some(future), registered: None, run: 0, scope: None, own_of: None }
    }

    /// Waits for a future on behalf of a scope in which nothing else hears.
    pub(crate) fn of_scope(future: FutureId, scope: ScopeId) -> Wait {
        Wait { own_of: Some(scope), ..Wait::on(future) }
    }

    /// Waits for the next iteration.
    pub(crate) fn for_turn() -> Wait {
        Wait { on: None, registered: None, run: 0, scope: None, own_of: None }
    }

    /// `Ok` when what is awaited is done, however it ended.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        try_with(|shell| self.poll_in(shell, context))
            .unwrap_or(Poll::Ready(Err(Error::NoRunningLoop)))
    }

    fn poll_in(&mut self, shell: &Shell, context: &Context<'_>) -> Poll<Result<(), Error>> {
        if self.run != shell.serial.get() {
            // A registration with another run means nothing here.
            (self.registered, self.scope, self.run) = (None, None, shell.serial.get());
        }
        let mut core = shell.core.borrow_mut();
        let Some(task) = core.actor.task else {
            return Poll::Ready(Err(Error::Misuse("awaits belong in a task: use spawn")));
        };
        if let Some((owner, since)) = self.registered.take_if(|(owner, _)| *owner != task) {
            core.end_await(owner, self.on, since, self.label());
        }
        let mut since = self.registered.map(|(_, since)| since);
        let answer = match self.is_told(&core) {
            true => Answer::Told(None),
            false => core.kernel.poll_await(task, self.on, &mut since),
        };
        let ended = match answer {
            Answer::Pending => {
                let is_new = self.registered.is_none();
                if is_new {
                    self.registered = since.map(|since| (task, since));
                    match self.on {
                        Some(future) => core.note(Kind::Await, Thing::Future(future), 0),
                        None => core.note(Kind::Yield, Thing::None, 0),
                    }
                }
                if is_new && self.scope.is_none() {
                    self.scope = shell.scopes.borrow_mut().join();
                }
                if is_new {
                    self.enter_label(&mut core);
                }
                drop(core);
                self.keep_waker(shell, is_new, context);
                return Poll::Pending;
            }
            Answer::Done => Ok(()),
            Answer::Told(message) => {
                core.note(Kind::Told, Thing::None, 0);
                Err(Cancelled::from_message(message).into())
            }
        };
        if let Some((task, since)) = self.registered.take() {
            core.end_await(task, self.on, since, self.label());
        }
        drop(core);
        self.leave_scope(shell);
        Poll::Ready(ended)
    }

    /// The scope that it hears for.
    fn label(&self) -> Option<ScopeId> {
        self.own_of.or(self.scope)
    }

    /// How the task's table knows it.
    fn scoped(&self) -> Option<(TaskId, Scoped)> {
        let ((task, since), scope) = (self.registered?, self.label()?);
        Some((task, Scoped { on: self.on, since, scope, told: false }))
    }

    fn enter_label(&self, core: &mut Core) {
        if let Some((task, scoped)) = self.scoped()
            && let Some(info) = core.tasks.get_mut(task.index())
        {
            info.scoped.push(scoped);
        }
    }

    /// Was its scope cancelled by its own timeout, and what is awaited refused it?
    fn is_told(&self, core: &Core) -> bool {
        self.scoped().is_some_and(|(task, scoped)| {
            let told = Scoped { told: true, ..scoped };
            core.tasks.get(task.index()).is_some_and(|info| info.scoped.contains(&told))
        })
    }

    /// The kernel wakes the task. A future in between (`FuturesUnordered`) wants its own waker
    /// called too.
    fn keep_waker(&self, shell: &Shell, is_new: bool, context: &Context<'_>) {
        if shell.is_own_waker(context.waker()) {
            return;
        }
        match self.on {
            None => context.waker().wake_by_ref(),
            Some(on) => {
                let waker = context.waker().clone();
                let mut core = shell.core.borrow_mut();
                core.kernel.observe(on);
                let info = core.futures.get_mut(on.index()).expect("an awaited future is known");
                let known = !is_new && info.wakers.iter().any(|old| old.will_wake(&waker));
                if !known {
                    info.wakers.push(waker);
                }
            }
        }
    }

    /// Takes the await back.
    pub(crate) fn end_now(&mut self) {
        if self.registered.is_some() {
            try_with(|shell| self.end(shell));
        }
    }

    fn leave_scope(&mut self, shell: &Shell) {
        if let Some(scope) = self.scope.take() {
            shell.scopes.borrow_mut().leave(scope);
        }
    }

    fn end(&mut self, shell: &Shell) {
        if self.run != shell.serial.get() {
            return;
        }
        if let Some((task, since)) = self.registered.take() {
            shell.core.borrow_mut().end_await(task, self.on, since, self.label());
        }
        self.leave_scope(shell);
    }
}

impl Core {
    /// An await is answered, or dropped.
    fn end_await(
        &mut self,
        task: TaskId,
        on: Option<FutureId>,
        since: u32,
        label: Option<ScopeId>,
    ) {
        self.kernel.end_await(task, on, since);
        if let Some(scope) = label
            && let Some(info) = self.tasks.get_mut(task.index())
        {
            let is_it = |s: &Scoped| (s.on, s.since, s.scope) == (on, since, scope);
            if let Some(at) = info.scoped.iter().position(is_it) {
                info.scoped.remove(at);
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.end_now();
    }
}
