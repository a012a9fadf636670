//! The waker of a task: from the loop's own thread straight to the kernel, from any other through
//! the inbox.

use std::{
    sync::{Arc, Weak},
    task::{Wake as WakeTrait, Waker},
};

use super::{inbox::Inbox, shell::try_with, threadsafe::Mail};
use crate::kernel::TaskId;

/// Whom to wake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wake {
    pub(crate) task: TaskId,
    pub(crate) generation: u32,
}

/// Holds ids and the inbox, never the run: Send, and harmless after its end.
pub(crate) struct TaskWaker {
    wake: Wake,
    inbox: Arc<Inbox<Mail>>,
}

impl TaskWaker {
    /// A waker, and what tells how many clones of it there are.
    pub(crate) fn waker(wake: Wake, inbox: Arc<Inbox<Mail>>) -> (Waker, Weak<TaskWaker>) {
        let waker = Arc::new(TaskWaker { wake, inbox });
        let clones = Arc::downgrade(&waker);
        (Waker::from(waker), clones)
    }
}

impl WakeTrait for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Wake { task, generation } = self.wake;
        let done = try_with(|shell| {
            let own = Arc::ptr_eq(&*shell.inbox.borrow(), &self.inbox);
            let core = own.then(|| shell.core.try_borrow_mut().ok()).flatten();
            core.map(|mut core| core.wake(task, generation)).is_some()
        });
        if done != Some(true) {
            // After the run nobody is there to be woken.
            let _ = self.inbox.post(Mail::Wake(self.wake));
        }
    }
}
