//! A timeout cancels what stands in its own scope, and nothing beside it: a task may run several
//! at once (`join!`). Where a task waits for nothing else, that is `task.cancel()` of timeouts.py.

use super::{
    core::Core,
    names::{Scoped, Scoping},
    raw::TaskRef,
    record::Thing,
    scopes::ScopeId,
    shell::{Shell, try_with},
};
use crate::{kernel::TaskId, sched::Access, trace::Kind};

impl TaskRef {
    /// The deadline of a scope has passed.
    pub(crate) fn expire(self, scope: ScopeId) {
        try_with(|shell| {
            shell.expire(self.id(), scope);
        });
    }

    /// The scope is over, and takes its request back. `outer` is the scope around it. Gives the
    /// requests that are left and can have reached it: not those of scopes beside it.
    pub(crate) fn end_expiry(self, scope: ScopeId, outer: Option<ScopeId>) -> u32 {
        let left = self.uncancel();
        let beside = try_with(|shell| {
            let mut guard = shell.core.borrow_mut();
            let Core { tasks, scopes, .. } = &mut *guard;
            let expired = &mut tasks.get_mut(self.id().index())?.scoping().expired;
            expired.retain(|&other| other != scope);
            let is_around = |&&other: &&ScopeId| scopes.is_within(outer, other);
            Some(expired.len() - expired.iter().filter(is_around).count())
        });
        left.saturating_sub(beside.flatten().unwrap_or(0) as u32)
    }
}

impl Shell {
    fn expire(&self, task: TaskId, scope: ScopeId) {
        let inside: Vec<Scoped> = {
            let mut guard = self.core.borrow_mut();
            guard.touch_requests(task, Access::Write);
            let Core { tasks, scopes, .. } = &mut *guard;
            let Some(info) = tasks.get_mut(task.index()) else { return };
            let Scoping { expired, scoped } = info.scoping();
            expired.push(scope);
            let inside = scoped.iter().filter(|s| scopes.is_within(Some(s.scope), scope));
            inside.copied().collect()
        };
        let all = self.core.borrow().kernel.await_count(task);
        if inside.len() == all {
            self.cancel_task(task, &None);
            return;
        }
        let wakers: Vec<_> = {
            let mut core = self.core.borrow_mut();
            core.kernel.count_cancel(task);
            core.note(Kind::Cancel, Thing::Task(task), 1);
            let refused: Vec<Scoped> = inside
                .into_iter()
                .filter(|s| !s.on.is_some_and(|future| core.kernel.cancel(future, &None)))
                .collect();
            if let Some(info) = core.tasks.get_mut(task.index()) {
                let told = info.scoping().scoped.iter_mut().filter(|s| refused.contains(s));
                told.for_each(|s| s.told = true);
            }
            if !refused.is_empty() {
                core.kernel.wake(task);
            }
            let refusing = refused.into_iter().filter_map(|s| s.on);
            refusing.flat_map(|future| core.take_wakers(future)).collect()
        };
        wakers.into_iter().for_each(std::task::Waker::wake);
    }
}
