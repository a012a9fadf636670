//! Who picks. A [`Scheduler`] answers every menu of a run with one integer; 0 is what CPython's
//! asyncio would do. One algorithm per file. Pure: chance comes from a seed, time not at all.
//!
//! # Examples
//! ```
//! use seedloop::{Config, Error, Runner, gather, log, sched::RandomWalk};
//! let random = Box::new(RandomWalk::new(7, 0));
//! let mut runner = Runner::with_scheduler(Config::default().record(true), random);
//! runner.run(async { gather((async { log("a") }, async { log("b") })).await })?;
//! assert_eq!(runner.finish().trace.logs().count(), 2);
//! # Ok::<(), Error>(())
//! ```

mod bytes;
mod choices;
mod deviations;
mod fifo;
mod footprint;
mod holds;
mod random;
mod replay;
mod sample;
mod search;
mod step;
mod swarm;
#[cfg(test)]
mod tests;

pub use bytes::Bytes;
pub use choices::{Choices, Deviation};
pub(crate) use deviations::Deviating;
pub use deviations::Deviations;
pub use fifo::Fifo;
pub use footprint::{Access, Footprint};
pub use holds::Holds;
pub(crate) use holds::{Held, Place, Recorded, Recording};
pub use random::RandomWalk;
pub use replay::Replay;
pub(crate) use sample::Races;
pub use sample::{Algorithm, Sampler};
pub(crate) use search::{Branch, Follow, Part, Rounds, Swap};
pub use search::{Certificate, ClassId, Evidence, Found, Reduction, Refusal, Search};
pub(crate) use step::END;
pub use step::{InStep, Step, StepId};
pub use swarm::Swarm;

use std::{cell::RefCell, rc::Rc};

use crate::{
    kernel::{Handle, Kernel},
    trace::{Digest, Event, KINDS, Plan, TokenError},
};

/// What a choice is about. The numbers name ChaCha streams: append, never renumber.
///
/// # Examples
/// ```
/// use seedloop::sched::ChoiceKind;
/// let faults = ChoiceKind::ALL.into_iter().filter(|kind| kind.is_fault());
/// assert!(faults.eq([ChoiceKind::Cancel, ChoiceKind::Slip, ChoiceKind::SpuriousPoll]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum ChoiceKind {
    /// Which ready handle runs next; 0 is the first in FIFO order.
    Order = 0,
    /// Whether a cancellation is injected into a task: 0 none, 1 cancel, 2 abort.
    Cancel = 1,
    /// Whether the clock advances although something is ready: 0 no.
    Slip = 2,
    /// What the program asked for with [`choose`](crate::choose).
    User = 3,
    /// Whether a task that waits is polled once more although nothing woke it: 0 no.
    SpuriousPoll = 4,
}

impl ChoiceKind {
    /// All kinds, in order.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::ChoiceKind;
    /// assert!(ChoiceKind::ALL.is_sorted());
    /// ```
    pub const ALL: [ChoiceKind; 5] = [
        ChoiceKind::Order,
        ChoiceKind::Cancel,
        ChoiceKind::Slip,
        ChoiceKind::User,
        ChoiceKind::SpuriousPoll,
    ];

    /// The letter that stands for the kind in tokens.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::ChoiceKind;
    /// let letters: String = ChoiceKind::ALL.into_iter().map(ChoiceKind::letter).collect();
    /// assert_eq!(letters, "ocsuy");
    /// ```
    pub fn letter(self) -> char {
        KINDS[self as usize]
    }

    /// Is every option but 0 something that goes wrong? Then 0 should be likely.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::ChoiceKind;
    /// assert!(ChoiceKind::Slip.is_fault() && !ChoiceKind::Order.is_fault());
    /// ```
    pub fn is_fault(self) -> bool {
        matches!(self, ChoiceKind::Cancel | ChoiceKind::Slip | ChoiceKind::SpuriousPoll)
    }
}

/// What may be chosen: one of `len` options, 2 or more.
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use seedloop::{Check, choose, sched::*};
/// /// asyncio's order; keeps what it was asked.
/// struct Asked(Rc<RefCell<Vec<(ChoiceKind, u32)>>>);
/// impl Scheduler for Asked {
///     fn choose(&mut self, menu: &Menu<'_>) -> u32 {
///         self.0.borrow_mut().push((menu.kind(), menu.len()));
///         0
///     }
///     fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
///         last.is_none().then_some(RunPlan { run: 0 })
///     }
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::One
///     }
/// }
/// let asked = Rc::new(RefCell::new(Vec::new()));
/// let scheduler = Box::new(Asked(asked.clone()));
/// Check::new().try_scheduler(scheduler, || async { choose(6); }).unwrap();
/// assert_eq!(*asked.borrow(), [(ChoiceKind::User, 6)]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Menu<'a> {
    kind: ChoiceKind,
    len: u32,
    kernel: &'a Kernel,
    steps: &'a [StepId],
}

impl<'a> Menu<'a> {
    pub(crate) fn new(kind: ChoiceKind, len: u32, kernel: &'a Kernel) -> Self {
        Menu { kind, len, kernel, steps: &[] }
    }

    /// Which of these steps runs next.
    pub(crate) fn of_steps(steps: &'a [StepId], kernel: &'a Kernel) -> Self {
        let len = u32::try_from(steps.len()).expect("few handles are ready");
        Menu { kind: ChoiceKind::Order, len, kernel, steps }
    }

    /// The steps behind the options, if the choice is which runs next, and the scheduler
    /// [watches](Scheduler::watches) them.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use seedloop::{Config, Error, Runner, sched::*, yield_now};
    /// /// asyncio's order; counts how often there is nothing to choose.
    /// struct Forced(Rc<Cell<u32>>);
    /// impl Scheduler for Forced {
    ///     fn choose(&mut self, menu: &Menu<'_>) -> u32 {
    ///         self.0.set(self.0.get() + u32::from(menu.steps().len() == 1));
    ///         0
    ///     }
    ///     fn watches(&self) -> Watch {
    ///         Watch::Steps
    ///     }
    ///     fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
    ///         last.is_none().then_some(RunPlan { run: 0 })
    ///     }
    ///     fn guarantee(&self) -> Guarantee {
    ///         Guarantee::One
    ///     }
    /// }
    /// let forced = Rc::new(Cell::new(0));
    /// let scheduler = Box::new(Forced(forced.clone()));
    /// Runner::with_scheduler(Config::default(), scheduler).run(yield_now())?;
    /// assert!(forced.get() >= 2); // main's two steps
    /// # Ok::<(), Error>(())
    /// ```
    pub fn steps(&self) -> &'a [StepId] {
        self.steps
    }

    /// What the choice is about.
    pub fn kind(&self) -> ChoiceKind {
        self.kind
    }

    /// How many options there are.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> u32 {
        self.len
    }

    /// The handle behind an option, if the choice is which runs next and there is such an option.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, kernel::Handle, sched::*, spawn, yield_now};
    /// /// Callbacks before tasks.
    /// struct CallbacksFirst;
    /// impl Scheduler for CallbacksFirst {
    ///     fn choose(&mut self, menu: &Menu<'_>) -> u32 {
    ///         let is_call = |&option: &u32| matches!(menu.handle(option), Some(Handle::Call(_)));
    ///         (0..menu.len()).find(is_call).unwrap_or(0)
    ///     }
    ///     fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
    ///         last.is_none().then_some(RunPlan { run: 0 })
    ///     }
    ///     fn guarantee(&self) -> Guarantee {
    ///         Guarantee::One
    ///     }
    /// }
    /// let ran = Check::new().try_scheduler(Box::new(CallbacksFirst), || async {
    ///     drop(spawn(yield_now()));
    ///     seedloop::call_soon(|| {});
    ///     yield_now().await
    /// });
    /// assert!(!ran.unwrap().picks.is_empty());
    /// ```
    pub fn handle(&self, option: u32) -> Option<Handle> {
        match self.kind {
            ChoiceKind::Order => self.kernel.ready(option as usize),
            _ => None,
        }
    }
}

/// In answer to the question which step runs next: nothing new can come of this run, which ends
/// here and counts for nothing. Main's result is [`Error::Interrupted`](crate::Error::Interrupted).
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, sched::*, yield_now};
/// /// Lets nothing run.
/// struct Nothing;
/// impl Scheduler for Nothing {
///     fn choose(&mut self, _: &Menu<'_>) -> u32 {
///         ABANDON
///     }
///     fn watches(&self) -> Watch {
///         Watch::Steps
///     }
///     fn next_run(&mut self, _: Option<&RunReport>) -> Option<RunPlan> {
///         None
///     }
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::One
///     }
/// }
/// let mut runner = Runner::with_scheduler(Config::default(), Box::new(Nothing));
/// assert!(matches!(runner.run(yield_now()), Err(Error::Interrupted)));
/// assert_eq!(runner.finish().steps, 0);
/// ```
pub const ABANDON: u32 = u32::MAX;

/// What a scheduler wants to know of each step.
///
/// # Examples
/// ```
/// use seedloop::sched::{Fifo, Scheduler, Watch};
/// assert_eq!(Fifo.watches(), Watch::Nothing);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Watch {
    /// Nothing.
    Nothing,
    /// Its name, and what was chosen in it.
    Steps,
    /// Also what it touched.
    Footprints,
}

/// Answers the menus of many runs.
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, gather, log, sched::*};
/// /// The last of what is ready, always.
/// struct Lifo;
/// impl Scheduler for Lifo {
///     fn choose(&mut self, menu: &Menu<'_>) -> u32 {
///         menu.len() - 1
///     }
///     fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
///         last.is_none().then_some(RunPlan { run: 0 })
///     }
///     fn guarantee(&self) -> Guarantee {
///         Guarantee::One
///     }
/// }
/// let mut runner = Runner::with_scheduler(Config::default().record(true), Box::new(Lifo));
/// runner.run(async { gather((async { log("a") }, async { log("b") })).await })?;
/// let trace = runner.finish().trace.to_string();
/// assert!(trace.find("logs b") < trace.find("logs a"));
/// # Ok::<(), Error>(())
/// ```
pub trait Scheduler {
    /// Picks an option: less than `menu.len()`. Asked which step runs next, a scheduler that
    /// [watches](Scheduler::watches) may give [`ABANDON`].
    fn choose(&mut self, menu: &Menu<'_>) -> u32;

    /// What it wants to know of each step. If anything, it is also asked for an order of one.
    fn watches(&self) -> Watch {
        Watch::Nothing
    }

    /// Do tasks keep their waker from poll to poll in this run, even where
    /// [wakers are to be fresh](crate::Config::fresh_wakers)?
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Algorithm, Fifo, Sampler, Scheduler};
    /// assert!(!Fifo.keeps_wakers());
    /// // In a swarm half of the runs do.
    /// let keeps = |seed| Sampler::new(Algorithm::Portfolio, seed).keeps_wakers();
    /// assert!((0..20).any(keeps) && !(0..20).all(keeps));
    /// ```
    fn keeps_wakers(&self) -> bool {
        false
    }

    /// A step has ended. Called only for a scheduler that watches; for an example see [`Step`].
    /// After the last one it is called once more for each handle that is still ready, and never
    /// runs.
    fn stepped(&mut self, _step: Step) {}

    /// An event has happened. Called only while the run records its trace.
    ///
    /// # Examples
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use seedloop::{Config, Error, Runner, sched::*, trace::{Event, Kind}, yield_now};
    /// /// asyncio's order; counts the yields.
    /// struct Yields(Rc<Cell<u32>>);
    /// impl Scheduler for Yields {
    ///     fn choose(&mut self, _: &Menu<'_>) -> u32 {
    ///         0
    ///     }
    ///     fn executed(&mut self, event: &Event) {
    ///         self.0.set(self.0.get() + u32::from(event.kind == Kind::Yield));
    ///     }
    ///     fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
    ///         last.is_none().then_some(RunPlan { run: 0 })
    ///     }
    ///     fn guarantee(&self) -> Guarantee {
    ///         Guarantee::One
    ///     }
    /// }
    /// let yields = Rc::new(Cell::new(0));
    /// let scheduler = Box::new(Yields(yields.clone()));
    /// Runner::with_scheduler(Config::default().record(true), scheduler).run(yield_now())?;
    /// assert_eq!(yields.get(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    fn executed(&mut self, _event: &Event) {}

    /// What to run next, after a run that ended like `last`; `None` when all is done.
    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan>;

    /// What it means that all runs have passed.
    fn guarantee(&self) -> Guarantee;
}

/// One scheduler that several hold: to ask it, between two runs, what it has seen.
///
/// # Examples
/// ```
/// use std::{cell::RefCell, rc::Rc};
/// use seedloop::{Config, Runner, sched::{Algorithm, Sampler, Scheduler, Watch}};
/// let sampler = Rc::new(RefCell::new(Sampler::new(Algorithm::Pos, 7)));
/// let runner = Runner::with_scheduler(Config::default(), Box::new(sampler.clone()));
/// assert_eq!(sampler.watches(), Watch::Footprints); // the first runs teach
/// # drop(runner);
/// ```
impl<S: Scheduler> Scheduler for Rc<RefCell<S>> {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        self.borrow_mut().choose(menu)
    }

    fn watches(&self) -> Watch {
        self.borrow().watches()
    }

    fn keeps_wakers(&self) -> bool {
        self.borrow().keeps_wakers()
    }

    fn stepped(&mut self, step: Step) {
        self.borrow_mut().stepped(step);
    }

    fn executed(&mut self, event: &Event) {
        self.borrow_mut().executed(event);
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        self.borrow_mut().next_run(last)
    }

    fn guarantee(&self) -> Guarantee {
        self.borrow().guarantee()
    }
}

/// One run to come.
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner, sched::*};
/// let mut once = Fifo;
/// assert_eq!(once.next_run(None), Some(RunPlan { run: 0 }));
/// let ran = Runner::new(Config::default()).finish().summary(true);
/// assert_eq!(once.next_run(Some(&ran)), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunPlan {
    /// Its number, from 0.
    pub run: u64,
}

/// What a run came to, as far as a scheduler may know.
///
/// # Examples
/// ```
/// use seedloop::{Check, choose};
/// let ran = Check::new().try_schedule(&Default::default(), || async { choose(2); }).unwrap();
/// let summary = ran.summary(true);
/// assert_eq!((summary.choices, summary.digest, summary.passed), (1, ran.digest, true));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunReport {
    /// The handles that ran.
    pub steps: u64,
    /// The choices that were asked: menus of two or more.
    pub choices: u64,
    /// The digest of all events.
    pub digest: Digest,
    /// Did it end without a failure?
    pub passed: bool,
}

/// What it means that all runs of a scheduler have passed.
///
/// # Examples
/// ```
/// use seedloop::sched::{Fifo, Guarantee, RandomWalk, Scheduler};
/// assert_eq!(Fifo.guarantee(), Guarantee::One);
/// assert_eq!(RandomWalk::new(0, 0).guarantee(), Guarantee::Sampled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Guarantee {
    /// This one schedule is fine.
    One,
    /// A sample of the schedules is fine.
    Sampled,
    /// Every schedule within so many deviations from asyncio's order is fine, once the scheduler
    /// has no next run.
    Within(u32),
    /// Every interleaving of the steps is fine, once the scheduler has no next run.
    Interleavings,
    /// Every behaviour is fine, once the scheduler has no next run and its evidence is accepted,
    /// if footprints are complete.
    Behaviours,
}

/// The scheduler that does what a token's plan says.
pub(crate) fn of_plan(plan: &Plan) -> Result<Box<dyn Scheduler>, TokenError> {
    match plan {
        Plan::Raw(picks) => Ok(Box::new(Replay::new(picks.clone()))),
        Plan::Holds { holds, draws } => Ok(Box::new(Held::new(Holds::of_plan(holds, draws)))),
        Plan::Seed { strategy, seed, run } => Ok(Box::new(Sampler::at(strategy, *seed, *run)?)),
    }
}
