//! The waker of a task: from the loop's own thread straight to the kernel, from any other through
//! the inbox.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::Waker,
};

use futures_task::ArcWake;

use super::{inbox::Inbox, shell::try_with, threadsafe::Mail};
use crate::kernel::TaskId;

/// Whom to wake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wake {
    pub(crate) task: TaskId,
    pub(crate) generation: u32,
}

/// Holds ids and the inbox, never the run: Send, and harmless after its end.
///
/// Its ids change only while nobody but the loop holds it: then nobody reads them either.
pub(crate) struct TaskWaker {
    task: AtomicU64,
    generation: AtomicU32,
    inbox: Arc<Inbox<Mail>>,
}

impl TaskWaker {
    pub(crate) fn new(wake: Wake, inbox: &Arc<Inbox<Mail>>) -> Arc<TaskWaker> {
        Arc::new(TaskWaker {
            task: AtomicU64::new(wake.task.to_bits()),
            generation: AtomicU32::new(wake.generation),
            inbox: inbox.clone(),
        })
    }

    /// The same allocation for somebody else, if no clone of it is left.
    pub(crate) fn reuse(self: &Arc<Self>, wake: Wake) -> bool {
        let is_free = self.clones() == 0;
        if is_free {
            self.task.store(wake.task.to_bits(), Ordering::Relaxed);
            self.generation.store(wake.generation, Ordering::Relaxed);
        }
        is_free
    }

    /// How many clones of it others keep.
    pub(crate) fn clones(self: &Arc<Self>) -> usize {
        Arc::strong_count(self) - 1
    }

    /// Is `waker` this one, or a clone of it?
    pub(crate) fn is(this: *const TaskWaker, waker: &Waker) -> bool {
        this.cast() == waker.data()
    }

    fn whom(&self) -> Wake {
        let task = TaskId::from_bits(self.task.load(Ordering::Relaxed));
        Wake { task, generation: self.generation.load(Ordering::Relaxed) }
    }
}

impl ArcWake for TaskWaker {
    fn wake_by_ref(this: &Arc<Self>) {
        let Wake { task, generation } = this.whom();
        let done = try_with(|shell| {
            let own = Arc::ptr_eq(&*shell.inbox.borrow(), &this.inbox);
            let core = own.then(|| shell.core.try_borrow_mut().ok()).flatten();
            core.map(|mut core| core.wake(task, generation)).is_some()
        });
        if done != Some(true) {
            // After the run nobody is there to be woken.
            let _ = this.inbox.post(Mail::Wake(this.whom()));
        }
    }
}
