//! Threads of the operating system that run jobs, one turn after the other. They are used again by
//! the runs of one runner, and end with it.

use std::{
    cell::{Cell, RefCell},
    panic::resume_unwind,
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
};

use super::baton::Baton;
use crate::exec::{After, JobSide, Place, Said, is_quiet, panicked_at, quietly, set_job};

/// A job: keeps what it returns, or panics with, by itself.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// When it is.
#[derive(Clone, Copy)]
pub(super) struct When {
    pub(super) now: u64,
    pub(super) iteration: u64,
}

/// What the loop tells a thread with the baton.
struct Down {
    when: When,
    /// Panics are not to be printed.
    is_quiet: bool,
    order: Order,
}

enum Order {
    /// By the worker of this name.
    Start(Work, Arc<str>),
    Go,
    /// The run is over: the job is to unwind.
    Unwind,
}

/// What a thread tells the loop.
struct Up {
    said: Vec<Said>,
    /// None if the job is over.
    after: Option<After>,
    /// Where it panicked, if it was to be quiet.
    place: Place,
}

/// What a job unwinds with whose run is over.
struct RunIsOver;

/// A thread that waits for jobs, or is in one.
pub(super) struct Worker {
    baton: Arc<Baton<Down, Up>>,
    thread: Option<JoinHandle<()>>,
    is_in_job: Cell<bool>,
}

impl Worker {
    pub(super) fn new() -> Worker {
        let baton = Arc::new(Baton::new());
        let theirs = baton.clone();
        let builder = std::thread::Builder::new().name("seedloop job".into());
        let thread = builder.spawn(move || run_jobs(&theirs));
        let thread = thread.unwrap_or_else(|error| panic!("no thread for a job: {error}"));
        Worker { baton, thread: Some(thread), is_in_job: Cell::new(false) }
    }

    /// Has the thread begin a job. Gives what it said in its first turn, and what it does then; it
    /// may be over.
    pub(super) fn start(
        &self,
        work: Work,
        name: Arc<str>,
        when: When,
    ) -> (Vec<Said>, Option<After>) {
        self.lend(Order::Start(work, name), when)
    }

    /// The job's next turn.
    pub(super) fn go(&self, when: When) -> (Vec<Said>, Option<After>) {
        self.lend(Order::Go, when)
    }

    /// Ends the job, if there is one: it unwinds, and what it says then nobody hears.
    pub(super) fn unwind(&self, when: When) {
        while self.is_in_job.get() {
            self.lend(Order::Unwind, when);
        }
    }

    fn lend(&self, order: Order, when: When) -> (Vec<Said>, Option<After>) {
        let down = Down { when, is_quiet: is_quiet(), order };
        let Up { said, after, place } = self.baton.lend(down).expect("the thread ends with this");
        panicked_at(place);
        self.is_in_job.set(after.is_some());
        (said, after)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.unwind(When { now: 0, iteration: 0 });
        self.baton.end();
        if let Some(thread) = self.thread.take() {
            // Its jobs' panics are caught: it has nothing left to do but to return.
            let _ = thread.join();
        }
    }
}

/// The thread's side of the jobs that it runs.
struct Side {
    baton: Arc<Baton<Down, Up>>,
    name: Arc<str>,
    when: Cell<When>,
    said: RefCell<Vec<Said>>,
    /// It unwinds.
    is_over: Cell<bool>,
}

/// Tells the loop that the thread is over, also if it is by a panic that nobody has caught.
struct EndsWithThread<'a>(&'a Baton<Down, Up>);

impl Drop for EndsWithThread<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

fn run_jobs(baton: &Arc<Baton<Down, Up>>) {
    let _ends = EndsWithThread(baton);
    while let Some(Down { when, is_quiet, order }) = baton.take() {
        let (mut said, mut place) = (Vec::new(), None);
        if let Order::Start(work, name) = order {
            let side = Rc::new(Side {
                baton: baton.clone(),
                name,
                when: Cell::new(when),
                said: RefCell::default(),
                is_over: Cell::new(false),
            });
            set_job(Some(side.clone()));
            match is_quiet {
                true => ((), place) = quietly(work),
                false => work(),
            }
            set_job(None);
            said = side.said.take();
        }
        baton.give(Up { said, after: None, place });
    }
}

impl JobSide for Side {
    fn name(&self) -> Arc<str> {
        self.name.clone()
    }

    fn now(&self) -> u64 {
        self.when.get().now
    }

    fn iteration(&self) -> u64 {
        self.when.get().iteration
    }

    fn say(&self, said: Said) {
        self.said.borrow_mut().push(said);
    }

    fn end_turn(&self, after: After) {
        if self.is_over.get() {
            // Destructors do not wait.
            return;
        }
        self.baton.give(Up { said: self.said.take(), after: Some(after), place: None });
        match self.baton.take() {
            Some(Down { when, order: Order::Go, .. }) => self.when.set(when),
            Some(_) | None => {
                self.is_over.set(true);
                // A destructor of a job that unwinds already goes on, and waits no more.
                if !std::thread::panicking() {
                    resume_unwind(Box::new(RunIsOver));
                }
            }
        }
    }
}
