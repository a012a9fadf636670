//! Threads of the operating system that run jobs, one turn after the other. They are used again by
//! the runs of one runner, and end with it.

use std::{
    cell::{Cell, RefCell},
    panic::resume_unwind,
    rc::Rc,
    sync::Arc,
    thread::{JoinHandle, Thread},
};

use super::baton::Baton;
use crate::exec::{
    After, BesideId, JobSide, Object, Place, Said, Shell, Travelled, is_quiet, panicked_at,
    quietly, set_job,
};

/// A job: keeps what it returns, or panics with, by itself.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// When it is.
#[derive(Clone, Copy)]
struct When {
    now: u64,
    iteration: u64,
}

/// Whose job it is, and in which run.
#[derive(Clone)]
pub(super) struct Identity {
    pub(super) worker: BesideId,
    pub(super) name: Arc<str>,
    /// The job's own key, from which its objects have theirs.
    pub(super) key: u64,
    pub(super) path: Arc<str>,
    pub(super) run: u64,
}

/// What the loop tells a thread with the baton.
struct Down {
    when: When,
    /// Panics are not to be printed.
    is_quiet: bool,
    order: Order,
}

enum Order {
    Start(Work, Identity, Travelled),
    /// Another turn, or the same after a question.
    Go,
    /// The run is over: the job is to unwind.
    Unwind,
}

/// What a thread tells the loop.
struct Up {
    said: Vec<Said>,
    then: Then,
}

enum Then {
    /// The loop is to do this, and to lend the baton again in the same turn.
    Asks(Box<dyn FnOnce() + Send>),
    /// The turn is over.
    Pauses(After),
    /// The job is over. Where it panicked, if it was to be quiet.
    IsOver(Place),
}

/// What a job unwinds with whose run is over.
struct RunIsOver;

/// How far a job has come that is to unwind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unwound {
    /// To its end.
    Whole,
    /// A destructor waits for another job; it has done something since the last time.
    Further,
    /// It still waits.
    NoFurther,
}

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

    /// Has the thread begin a job. Says what it does after its first turn; it may be over.
    pub(super) fn start(
        &self,
        shell: &Shell,
        identity: Identity,
        work: Work,
        context: Travelled,
    ) -> Option<After> {
        let worker = identity.worker;
        self.lend(shell, worker, Order::Start(work, identity, context))
    }

    /// The job's next turn.
    pub(super) fn go(&self, shell: &Shell, worker: BesideId) -> Option<After> {
        self.lend(shell, worker, Order::Go)
    }

    fn thread(&self) -> &Thread {
        self.thread.as_ref().expect("it is there until the drop").thread()
    }

    fn hand(&self, down: Down) -> Up {
        self.baton.lend(self.thread(), down).expect("the thread ends with this")
    }

    fn lend(&self, shell: &Shell, worker: BesideId, order: Order) -> Option<After> {
        let mut order = order;
        loop {
            let down = Down { when: When::of(shell), is_quiet: is_quiet(), order };
            let Up { said, then } = self.hand(down);
            shell.hear(worker, said);
            match then {
                Then::Asks(question) => question(),
                Then::Pauses(after) => {
                    self.is_in_job.set(true);
                    return Some(after);
                }
                Then::IsOver(place) => {
                    panicked_at(place);
                    self.is_in_job.set(false);
                    return None;
                }
            }
            order = Order::Go;
        }
    }

    /// Ends the job, if there is one: it unwinds, and what it says then nobody hears.
    pub(super) fn unwind(&self) -> Unwound {
        if !self.is_in_job.get() {
            return Unwound::Whole;
        }
        let when = When { now: 0, iteration: 0 };
        let down = Down { when, is_quiet: is_quiet(), order: Order::Unwind };
        let Up { said, then } = self.hand(down);
        match then {
            Then::IsOver(place) => {
                panicked_at(place);
                self.is_in_job.set(false);
                Unwound::Whole
            }
            // Waking others is what it does.
            _ if said.iter().any(|said| matches!(said, Said::Wake(_))) => Unwound::Further,
            _ => Unwound::NoFurther,
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        while self.unwind() == Unwound::Further {}
        self.baton.end(self.thread());
        // If a destructor in it never ends, nor does the thread.
        if let Some(thread) = self.thread.take().filter(|_| !self.is_in_job.get()) {
            // Its jobs' panics are caught: it has nothing left to do but to return.
            let _ = thread.join();
        }
    }
}

/// The thread's side of the jobs that it runs.
struct Side {
    baton: Arc<Baton<Down, Up>>,
    identity: Identity,
    context: RefCell<Travelled>,
    when: Cell<When>,
    said: RefCell<Vec<Said>>,
    objects: Cell<u64>,
    /// It unwinds.
    is_over: Cell<bool>,
}

/// Tells the loop that the thread is over, also if it is by a panic that nobody has caught.
struct EndsWithThread<'a>(&'a Baton<Down, Up>);

impl Drop for EndsWithThread<'_> {
    fn drop(&mut self) {
        self.0.over();
    }
}

fn run_jobs(baton: &Arc<Baton<Down, Up>>) {
    let _ends = EndsWithThread(baton);
    while let Some(Down { when, is_quiet, order }) = baton.take() {
        let (mut said, mut place) = (Vec::new(), None);
        if let Order::Start(work, identity, context) = order {
            let side = Rc::new(Side {
                baton: baton.clone(),
                identity,
                context: RefCell::new(context),
                when: Cell::new(when),
                said: RefCell::default(),
                objects: Cell::new(0),
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
        baton.give(Up { said, then: Then::IsOver(place) });
    }
}

impl Side {
    /// Gives the baton back until it comes again. None if the thread is to end.
    fn hand_over(&self, then: Then) -> Option<Order> {
        self.baton.give(Up { said: self.said.take(), then });
        let Down { when, order, .. } = self.baton.take()?;
        self.when.set(when);
        Some(order)
    }
}

impl JobSide for Side {
    fn id(&self) -> BesideId {
        self.identity.worker
    }

    fn name(&self) -> Arc<str> {
        self.identity.name.clone()
    }

    fn now(&self) -> u64 {
        self.when.get().now
    }

    fn iteration(&self) -> u64 {
        self.when.get().iteration
    }

    fn new_object(&self, what: &'static str) -> (Object, Arc<str>) {
        let Identity { key, path, run, .. } = &self.identity;
        let ordinal = self.objects.get() + 1;
        self.objects.set(ordinal);
        let label = format!("{what} {path}/o{ordinal}");
        (Object::of(what, *key, ordinal, *run), label.into())
    }

    fn context(&self) -> &RefCell<Travelled> {
        &self.context
    }

    fn say(&self, said: Said) {
        self.said.borrow_mut().push(said);
    }

    fn ask(&self, question: Box<dyn FnOnce() + Send>) {
        if !self.is_over.get() {
            // The loop answers in any case.
            let _go = self.hand_over(Then::Asks(question));
        }
    }

    fn end_turn(&self, after: After) {
        let is_unwinding = std::thread::panicking();
        if self.is_over.get() {
            // Destructors wait for nothing but other destructors.
            let waits = matches!(after, After::Parked | After::ParkedUntil(_));
            if is_unwinding && waits && self.hand_over(Then::Pauses(After::Parked)).is_none() {
                loop {
                    std::thread::park();
                }
            }
        } else if let Some(Order::Go) = self.hand_over(Then::Pauses(after)) {
            return;
        }
        self.is_over.set(true);
        if !is_unwinding {
            resume_unwind(Box::new(RunIsOver));
        }
    }

    fn is_over(&self) -> bool {
        self.is_over.get()
    }
}

impl When {
    fn of(shell: &Shell) -> When {
        let core = shell.core.borrow();
        When { now: core.kernel.now(), iteration: core.iteration() }
    }
}
