//! `std::sync::Barrier` and `std::sync::Once` for jobs.

use std::fmt;

use super::shared::{Held, Shared, Then, this_job};
use crate::{
    exec::{Waiting, raw::job_point},
    sched::Access,
};

/// So many jobs wait for each other: `threading.Barrier`, with the interface of
/// [`std::sync::Barrier`]. May be used again and again.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use seedloop::{Check, Error, gather, thread::Barrier, to_thread};
/// Check::new().schedules(100).run(|| async {
///     let barrier = Arc::new(Barrier::new(3));
///     let waits = [0; 3].map(|_| {
///         let barrier = barrier.clone();
///         to_thread(move || barrier.wait().is_leader())
///     });
///     let leaders = gather(waits).await?.into_iter().filter(|&leads| leads).count();
///     assert_eq!(leaders, 1);
///     Ok::<(), Error>(())
/// });
/// ```
pub struct Barrier {
    raw: Shared<Crowd>,
    parties: usize,
}

#[derive(Default)]
struct Crowd {
    waiting: usize,
    /// How often it has opened.
    generation: u64,
}

impl Held for Crowd {}

impl Barrier {
    /// For so many. Make it inside the run, or each use of it depends on everything.
    pub fn new(parties: usize) -> Barrier {
        Barrier { raw: Shared::new("Barrier", Crowd::default()), parties }
    }

    /// Waits until as many wait. A schedule point of a job.
    ///
    /// # Panics
    /// In a coroutine or a callback, if it is not the last.
    pub fn wait(&self) -> BarrierWaitResult {
        job_point();
        let (before, leads) = self.raw.change("comes to", |crowd| {
            let before = crowd.generation;
            crowd.waiting += 1;
            let leads = crowd.waiting >= self.parties;
            if leads {
                (crowd.waiting, crowd.generation) = (0, before + 1);
            }
            (before, leads)
        });
        if !leads {
            let opened = |crowd: &mut Crowd| (crowd.generation > before).then_some(());
            self.raw.wait("passes", Then::Nothing, None, opened).expect("nothing ends it");
        }
        BarrierWaitResult(leads)
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier").field("parties", &self.parties).finish_non_exhaustive()
    }
}

/// Who came last?
///
/// # Examples
/// ```
/// use seedloop::thread::{Barrier, BarrierWaitResult};
/// let alone: BarrierWaitResult = Barrier::new(1).wait();
/// assert!(alone.is_leader());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// This one: it is so for one of them.
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

/// Something is done once: [`std::sync::Once`].
///
/// # Examples
/// ```
/// use seedloop::thread::Once;
/// let (once, mut times) = (Once::new(), 0);
/// once.call_once(|| times += 1);
/// once.call_once(|| times += 1);
/// assert!(times == 1 && once.is_completed());
/// ```
#[derive(Debug)]
pub struct Once(Shared<Stage>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    New,
    Running(Option<Waiting>),
    Done,
    Poisoned,
}

impl Held for Stage {
    fn holder(&self) -> Option<Waiting> {
        match self {
            Stage::Running(by) => *by,
            Stage::New | Stage::Done | Stage::Poisoned => None,
        }
    }
}

impl Once {
    /// Not done yet. Make it inside the run, or each use of it depends on everything.
    pub fn new() -> Once {
        Once(Shared::new("Once", Stage::New))
    }

    /// Does it, unless somebody has; waits for whoever is about it. A schedule point of a job.
    ///
    /// # Panics
    /// If whoever was about it has panicked; in a coroutine or a callback, if it would have to
    /// wait.
    pub fn call_once(&self, f: impl FnOnce()) {
        job_point();
        let found = self.0.wait("calls", Then::Nothing, None, |stage| match *stage {
            Stage::Running(_) => None,
            Stage::New => Some(std::mem::replace(stage, Stage::Running(this_job()))),
            found => Some(found),
        });
        match found.expect("nothing ends it") {
            Stage::New => {
                let running = Running(&self.0, Stage::Poisoned);
                f();
                job_point();
                running.end(Stage::Done);
            }
            Stage::Poisoned => panic!("whoever was to do it once has panicked"),
            _ => {}
        }
    }

    /// Is it done? A schedule point of a job.
    pub fn is_completed(&self) -> bool {
        job_point();
        self.0.now("looks at", Access::Read, |stage| *stage == Stage::Done)
    }
}

impl Default for Once {
    fn default() -> Self {
        Once::new()
    }
}

/// Somebody is about it, and leaves it at this stage.
struct Running<'a>(&'a Shared<Stage>, Stage);

impl Running<'_> {
    fn end(mut self, stage: Stage) {
        self.1 = stage;
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Running(shared, stage) = self;
        shared.change("ends", |now| *now = *stage);
    }
}

/// A value that is set once: [`std::sync::OnceLock`].
///
/// # Examples
/// ```
/// use seedloop::thread::OnceLock;
/// let name = OnceLock::new();
/// assert_eq!((name.get(), *name.get_or_init(|| "ann")), (None, "ann"));
/// assert_eq!(name.set("bob"), Err("bob"));
/// ```
#[derive(Debug, Default)]
pub struct OnceLock<T> {
    once: Once,
    /// invariant: set by whoever is about it, and by nobody else.
    value: std::sync::OnceLock<T>,
}

impl<T> OnceLock<T> {
    /// Without a value.
    pub fn new() -> OnceLock<T> {
        OnceLock { once: Once::new(), value: std::sync::OnceLock::new() }
    }

    /// The value, if there is one. A schedule point of a job.
    pub fn get(&self) -> Option<&T> {
        if self.once.is_completed() { self.value.get() } else { None }
    }

    /// The value; makes it, unless somebody has, and waits for whoever is about it. A schedule
    /// point of a job.
    ///
    /// # Panics
    /// As [`Once::call_once`].
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        self.once.call_once(|| drop(self.value.set(f())));
        self.value.get().expect("it has just been set")
    }

    /// Sets the value. A schedule point of a job.
    ///
    /// # Errors
    /// There is one: this one is in the error.
    ///
    /// # Panics
    /// As [`Once::call_once`].
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.get_or_init(|| value.take().expect("it is set once"));
        value.map_or(Ok(()), Err)
    }
}
