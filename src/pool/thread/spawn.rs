//! Threads of their own: `threading.Thread`, `std::thread::spawn`.

use std::{
    cell::{Cell, OnceCell},
    fmt,
    panic::Location,
    rc::Rc,
    sync::Arc,
};

use super::{
    super::{
        crew::{Done, Hand, Job, Threads},
        worker::Work,
    },
    shared::{Held, Shared, Then},
};
use crate::{
    exec::{
        After, BesideId, Holder, Shell, Travelled, Waiting, caught, is_running, job,
        raw::job_point, running,
    },
    sched::Access,
};

/// What a thread has come to.
struct Packet<T> {
    ran: Option<Result<T, String>>,
    is_over: bool,
    by: Option<Waiting>,
}

impl<T: Send> Held for Packet<T> {
    fn holder(&self) -> Option<Waiting> {
        self.by
    }
}

/// Starts a job on a thread of its own, from the loop or from another job: `threading.Thread`, with
/// the interface of [`std::thread::spawn`]. It has its turns as the jobs of pools have; if it is
/// not over when the run is, it unwinds, as a daemon thread ends. Outside a run it is `std`'s. Not
/// a schedule point.
///
/// A panic of it is one of the run, whoever looks at it.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, thread, to_thread};
/// run(async {
///     let sum = to_thread(|| {
///         let halves = [1, 2].map(|half| thread::spawn(move || half * 10));
///         halves.map(|half| half.join().unwrap()).iter().sum::<i32>()
///     });
///     assert_eq!(sum.await?, 30);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[track_caller]
pub fn spawn<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    start(None, f)
}

/// The same, by this name.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, thread};
/// run(async {
///     let writer = thread::spawn_named("writer", thread::name);
///     seedloop::yield_now().await?; // it has a turn
///     assert_eq!(writer.join().unwrap().as_deref(), Some("writer"));
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[track_caller]
pub fn spawn_named<T: Send + 'static>(
    name: impl Into<String>,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    start(Some(name.into()), f)
}

#[track_caller]
fn start<T: Send + 'static>(
    name: Option<String>,
    f: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    let place = Location::caller();
    let shared = Shared::new("thread", Packet { ran: None, is_over: false, by: None });
    let (theirs, known) = (shared.clone(), shared.clone());
    let work: Work = Box::new(move || {
        let ran = caught(f);
        theirs.change("ends", |packet| (packet.ran, packet.is_over) = (Some(ran), true));
    });
    if job().is_none() && !is_running() {
        drop(std::thread::spawn(work));
        return JoinHandle(shared);
    }
    let start = move || {
        let shell = running();
        let told = known.clone();
        let tell = move |shell: &Shell, name: &str| {
            let panicked = |packet: &mut Packet<T>| match &packet.ran {
                Some(Err(text)) => Some(text.clone()),
                _ => None,
            };
            if let Some(text) = told.unseen(Access::Read, panicked) {
                shell.job_panicked(name, text.into());
            }
        };
        let done = Done::AtOnce(Box::new(tell));
        let (context, holder) = (Travelled::default(), Holder::default());
        let hand = begin(&shell, name, Job { work, context, place, done, holder });
        known.unseen(Access::Write, |packet| packet.by = Some(Waiting::Job(hand)));
    };
    match job() {
        Some(job) => job.ask(Box::new(start)),
        None => start(),
    }
    JoinHandle(shared)
}

/// A worker for this job alone.
fn begin(shell: &Rc<Shell>, name: Option<String>, job: Job) -> BesideId {
    let job = Cell::new(Some(job));
    let own: Rc<OnceCell<Rc<Hand>>> = Rc::default();
    let theirs = own.clone();
    let hand = Rc::new(Hand::new(shell, "thread", name.map(Arc::from), move |shell| {
        let hand = theirs.get().expect("it is set before its first turn");
        hand.turn(shell, || job.take()).flatten().unwrap_or(After::Parked)
    }));
    let _new = own.set(hand.clone());
    Threads::of(shell).hands.borrow_mut().push(hand.clone());
    hand.call(shell);
    hand.id
}

/// A thread that was started.
///
/// # Examples
/// ```
/// use seedloop::thread::{JoinHandle, spawn};
/// let thread: JoinHandle<i32> = spawn(|| 5); // outside a run: a thread as any other
/// assert_eq!(thread.join().unwrap(), 5);
/// ```
pub struct JoinHandle<T: Send + 'static>(Shared<Packet<T>>);

impl<T: Send + 'static> JoinHandle<T> {
    /// As `join()`: waits until the thread is over. A schedule point of a job.
    ///
    /// # Errors
    /// It has panicked: with the text, as a `String`.
    ///
    /// # Panics
    /// In a coroutine or a callback, if it is not over.
    pub fn join(self) -> std::thread::Result<T> {
        job_point();
        let JoinHandle(shared) = self;
        let ran = shared.wait("joins", Then::Nothing, None, |packet| packet.ran.take());
        ran.expect("nothing ends it").map_err(|text| Box::new(text) as _)
    }

    /// Is the thread over? As `not is_alive()`. A schedule point of a job.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, thread::spawn, yield_now};
    /// run(async {
    ///     let thread = spawn(|| 5);
    ///     assert!(!thread.is_finished());
    ///     yield_now().await?;
    ///     assert!(thread.is_finished());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn is_finished(&self) -> bool {
        job_point();
        self.0.now("looks at", Access::Read, |packet| packet.is_over)
    }
}

impl<T: Send + 'static> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("JoinHandle").field(&self.0).finish()
    }
}
