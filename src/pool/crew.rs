//! The workers of a run, the jobs that they are in, and the threads that its runner keeps.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    panic::Location,
    rc::Rc,
    sync::Arc,
};

use super::{
    thread_pool::Pool,
    worker::{Identity, Unwound, Work, Worker},
};
use crate::{
    exec::{
        After, BesideId, ExceptionContext, Executors, Holder, Shell, Travelled, Waiting, running,
    },
    trace::mix,
};

/// A job that waits for a worker.
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) context: Travelled,
    pub(super) place: &'static Location<'static>,
    pub(super) done: Done,
    /// Who runs it, for those who wait.
    pub(super) holder: Holder,
}

/// Does that with the run and the worker's name.
type Tell = Box<dyn FnOnce(&Shell, &str)>;

/// What happens when the job is over, with the worker's name.
pub(super) enum Done {
    /// In the turn that was its last.
    AtOnce(Tell),
    /// In a callback of the loop.
    Callback(Box<dyn FnOnce(&str)>),
}

/// A worker of a run.
pub(super) struct Hand {
    pub(super) id: BesideId,
    pub(super) name: Arc<str>,
    path: (u64, Arc<str>),
    /// How many jobs it has begun.
    jobs: Cell<u64>,
    /// Its job, between two turns.
    job: RefCell<Option<(Worker, Done)>>,
    /// It is to have a turn.
    pub(super) is_called: Cell<bool>,
}

impl Hand {
    /// A new worker, who does nothing yet.
    pub(super) fn new(
        shell: &Shell,
        what: &'static str,
        name: Option<Arc<str>>,
        turn: impl Fn(&Shell) -> After + 'static,
    ) -> Hand {
        let mut core = shell.core.borrow_mut();
        let turn = Rc::new(move || turn(&running()));
        let id = core.add_beside(what, name, turn);
        let (key, path) = core.path_beside(id);
        let (path, name) = ((key, path.into()), core.label_beside(id).expect("just made"));
        let (jobs, job, is_called) = (Cell::new(0), RefCell::default(), Cell::new(false));
        Hand { id, name, path, jobs, job, is_called }
    }

    /// It is to have a turn.
    pub(super) fn call(&self, shell: &Shell) {
        self.is_called.set(true);
        shell.core.borrow_mut().ready_beside(self.id);
    }

    pub(super) fn is_busy(&self) -> bool {
        self.job.borrow().is_some()
    }

    /// The next turn of its job, or the first of the job that `next` gives. Says what it does
    /// then; none if the job is over, or there is none.
    pub(super) fn turn(
        &self,
        shell: &Shell,
        next: impl FnOnce() -> Option<Job>,
    ) -> Option<Option<After>> {
        self.is_called.set(false);
        let threads = Threads::of(shell);
        let running = self.job.take();
        let (thread, done, after) = match running {
            Some((thread, done)) => {
                let after = thread.go(shell, self.id);
                (thread, done, after)
            }
            None => {
                let Job { work, context, place, done, holder } = next()?;
                holder.set(Some(Waiting::Job(self.id)));
                shell.core.borrow_mut().runs_job_from(self.id, place);
                let thread = threads.free.borrow_mut().pop().unwrap_or_else(Worker::new);
                let after = thread.start(shell, self.identity(shell), work, context);
                (thread, done, after)
            }
        };
        match after {
            Some(_) => *self.job.borrow_mut() = Some((thread, done)),
            None => {
                threads.free.borrow_mut().push(thread);
                match done {
                    Done::AtOnce(done) => done(shell, &self.name),
                    Done::Callback(done) => {
                        let name = self.name.clone();
                        let done = Box::new(move || done(&name));
                        shell.call_from_beside("executor result", done);
                    }
                }
            }
        }
        Some(after)
    }

    fn identity(&self, shell: &Shell) -> Identity {
        let (key, path) = &self.path;
        let job = self.jobs.get() + 1;
        self.jobs.set(job);
        Identity {
            worker: self.id,
            name: self.name.clone(),
            key: mix(*key, job),
            path: if job == 1 { path.clone() } else { format!("{path}/j{job}").into() },
            run: shell.serial.get(),
        }
    }
}

/// What the run knows of executors: the default one, who is beside the loop, and threads for jobs.
#[derive(Default)]
pub(super) struct Threads {
    free: RefCell<Vec<Worker>>,
    pub(super) default: RefCell<Option<Rc<Pool>>>,
    /// The pools of this run that have workers.
    pub(super) pools: RefCell<Vec<Rc<Pool>>>,
    /// All workers of this run, in order of creation.
    pub(super) hands: RefCell<Vec<Rc<Hand>>>,
}

impl Threads {
    pub(super) fn of(shell: &Shell) -> Rc<Threads> {
        let mut executors = shell.executors.borrow_mut();
        let threads = executors.get_or_insert_with(|| Rc::new(Threads::default()));
        threads.clone().as_any().downcast().expect("there is no other kind")
    }
}

impl Executors for Threads {
    fn end_run(&self, shell: &Shell) {
        let mut left = Vec::new();
        for hand in self.hands.take() {
            if let Some((thread, done)) = hand.job.take() {
                left.push((hand, thread, done));
            }
        }
        while !left.is_empty() {
            let mut goes_on = false;
            for (hand, thread, done) in std::mem::take(&mut left) {
                if let Some(watchdog) = &shell.watchdog {
                    watchdog.begin_turn(&hand.name);
                }
                let unwound = thread.unwind();
                if let Some(watchdog) = &shell.watchdog {
                    watchdog.end();
                }
                goes_on |= unwound != Unwound::NoFurther;
                match unwound {
                    Unwound::Whole => self.free.borrow_mut().push(thread),
                    _ => left.push((hand, thread, done)),
                }
            }
            if !goes_on {
                let names: Vec<&str> = left.iter().map(|(hand, ..)| &*hand.name).collect();
                let text = "jobs wait for each other in destructors: their threads never end";
                shell.report(&ExceptionContext::new(text).error(names.join(", ")));
                break;
            }
        }
        for pool in self.pools.take() {
            pool.end_run();
        }
        drop(self.default.take());
    }

    fn end(&self) {
        drop(self.free.take());
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}
