//! Pools: jobs wait in order for a worker that is free. `concurrent.futures.thread`, with workers
//! that have their turns where CPython's loop waits.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
};

use super::crew::{Hand, Job, Threads};
use crate::{
    exec::{After, Error, Object, Shell},
    sched::Access,
    task::Future,
};

/// A job in a queue.
pub(super) struct Queued {
    pub(super) job: Job,
    pub(super) stage: Rc<Cell<Stage>>,
    /// Cancels its future.
    pub(super) cancel: Box<dyn FnOnce()>,
}

/// How far a job has come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Queued,
    Begun,
    /// It was taken back before it began.
    Cancelled,
}

pub(super) struct Pool {
    name: String,
    most: usize,
    queue: RefCell<VecDeque<Queued>>,
    /// Whose workers they are.
    run: Cell<u64>,
    /// The queue and who is free, in a run.
    object: Object,
    workers: RefCell<Vec<Rc<Hand>>>,
    is_shut: Cell<bool>,
    /// Who waits for all jobs to be over.
    idle: RefCell<Vec<Future<()>>>,
}

impl Pool {
    pub(super) fn new(name: String, most: usize, object: Object) -> Pool {
        Pool {
            name,
            most,
            queue: RefCell::default(),
            run: Cell::new(0),
            object,
            workers: RefCell::default(),
            is_shut: Cell::new(false),
            idle: RefCell::default(),
        }
    }

    /// Has it had a job in this run?
    pub(super) fn is_used(&self) -> bool {
        !self.workers.borrow().is_empty()
    }

    /// Serves this run from now on.
    ///
    /// # Errors
    /// [`Error::WrongLoop`] if it still serves another.
    pub(super) fn enter(&self, shell: &Shell) -> Result<(), Error> {
        let run = shell.serial.get();
        if run != self.run.get() && self.is_used() {
            return Err(Error::WrongLoop);
        }
        self.run.set(run);
        Ok(())
    }

    pub(super) fn is_shut(&self) -> bool {
        self.touch(Access::Read);
        self.is_shut.get()
    }

    /// Takes no more jobs.
    pub(super) fn shut(&self) {
        self.touch(Access::Write);
        self.is_shut.set(true);
    }

    /// Takes back the jobs that have not begun.
    pub(super) fn cancel_queued(&self) {
        self.touch(Access::Write);
        let queue = self.queue.take();
        queue.into_iter().for_each(|queued| (queued.cancel)());
    }

    /// The future is to hear that no job is left.
    pub(super) fn tell_when_idle(&self, future: Future<()>) {
        self.touch(Access::Write);
        self.idle.borrow_mut().push(future);
    }

    pub(super) fn touch(&self, access: Access) {
        self.object.touch(access);
    }

    pub(super) fn submit(self: &Rc<Pool>, shell: &Shell, job: Queued) {
        self.touch(Access::Write);
        self.queue.borrow_mut().push_back(job);
        let threads = Threads::of(shell);
        let mut workers = self.workers.borrow_mut();
        if workers.is_empty() {
            threads.pools.borrow_mut().push(self.clone());
        }
        let is_free = |worker: &&Rc<Hand>| !worker.is_called.get() && !worker.is_busy();
        let free = workers.iter().find(is_free).cloned();
        let worker = match free {
            Some(worker) => worker,
            None if workers.len() == self.most => return,
            None => {
                let name: Arc<str> = format!("{}_{}", self.name, workers.len()).into();
                let (pool, at) = (self.clone(), workers.len());
                let turn = move |shell: &Shell| pool.turn(shell, at);
                let worker = Rc::new(Hand::new(shell, "worker", Some(name), turn));
                threads.hands.borrow_mut().push(worker.clone());
                workers.push(worker.clone());
                worker
            }
        };
        worker.call(shell);
    }

    /// A turn of a worker: to where its job blocks, or through jobs until there are no more.
    fn turn(&self, shell: &Shell, at: usize) -> After {
        let worker = self.workers.borrow()[at].clone();
        while let Some(after) = worker.turn(shell, || self.next_job()) {
            if let Some(after) = after {
                return after;
            }
        }
        self.tell_if_idle(shell);
        After::Parked
    }

    /// The next job that nobody has taken back.
    fn next_job(&self) -> Option<Job> {
        self.touch(Access::Write);
        let mut queue = self.queue.borrow_mut();
        while let Some(Queued { job, stage, .. }) = queue.pop_front() {
            if stage.replace(Stage::Begun) == Stage::Queued {
                return Some(job);
            }
        }
        None
    }

    /// Tells those who wait for it if no job is left.
    pub(super) fn tell_if_idle(&self, shell: &Shell) {
        self.touch(Access::Write);
        let is_busy = |worker: &Rc<Hand>| worker.is_busy();
        if !self.queue.borrow().is_empty() || self.workers.borrow().iter().any(is_busy) {
            return;
        }
        for future in self.idle.take() {
            let tell = Box::new(move || drop(future.set_result(())));
            shell.call_from_beside("executor is idle", tell);
        }
    }

    /// The run is over, and the jobs that had begun are.
    pub(super) fn end_run(&self) {
        drop(self.workers.take());
        drop(self.queue.take());
    }
}
