//! Exhaustive search: every order of the steps of a program, or one of each class of orders that
//! differ only in the order of independent steps.
//!
//! A run is followed from its root again for each order, since a future cannot be copied. What a
//! step touches is known only after it has run. Therefore the search reduces by *sleep sets*
//! (Godefroid, 1996) and by *races* that it finds in whole runs, as dynamic partial-order reduction
//! does (Flanagan and Godefroid, POPL 2005; source sets: Abdulla, Aronis, Jonsson and Sagonas, POPL
//! 2014). As published that is unsound where a step is a poll, whose accesses depend on what it
//! reads. The changes that [`Reduction::Full`] and [`Reduction::Both`] make have lost nothing in
//! many thousands of random programs, but nobody has proved them: so what a search has found is
//! [checked](Evidence) by itself, and a search that fails the check is repeated with less
//! reduction.

mod bits;
mod class;
mod evidence;
mod follow;
#[cfg(feature = "json")]
mod json;
mod node;
mod part;
mod races;
mod rounds;
mod swaps;

use std::{
    cell::RefCell,
    collections::{BTreeSet, VecDeque},
    rc::Rc,
};

pub use class::ClassId;
pub use evidence::{Certificate, Evidence, Refusal};
pub(crate) use follow::Follow;
pub(crate) use part::Part;
use part::Wanted;
pub(crate) use rounds::Rounds;
pub(crate) use swaps::Swap;

use super::{Guarantee, Menu, RunPlan, RunReport, Scheduler, Step, Watch};

/// How much a search leaves out.
///
/// # Examples
/// ```
/// use seedloop::sched::Reduction;
/// assert_eq!(Reduction::Full.weaker(), Some(Reduction::Both));
/// assert_eq!(Reduction::None.weaker(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Nothing: every interleaving of the steps.
    None,
    /// Sleep sets: each class once, and runs that are given up as soon as nothing new can come of
    /// them.
    Sleep,
    /// Sleep sets and races, by both forms of what a reversed race has to begin with: that of the
    /// steps between the two, and that of the whole run.
    Both,
    /// Sleep sets and races, by the form of the whole run.
    Full,
    /// Sleep sets and races as published, for steps whose accesses do not depend on what they
    /// read. Unsound here; it exists so that tests can show that they notice.
    #[doc(hidden)]
    Textbook,
}

impl Reduction {
    /// The next that leaves out less, for a search whose evidence is refused.
    pub fn weaker(self) -> Option<Reduction> {
        match self {
            Reduction::Full => Some(Reduction::Both),
            Reduction::Both | Reduction::Textbook => Some(Reduction::Sleep),
            Reduction::Sleep | Reduction::None => None,
        }
    }

    fn races(self) -> bool {
        matches!(self, Reduction::Full | Reduction::Both | Reduction::Textbook)
    }
}

/// What a search has come to so far.
///
/// # Examples
/// ```
/// use seedloop::sched::{Reduction, Search};
/// let found = Search::new(Reduction::Full).found();
/// assert!(!found.is_over && found.complete == 0);
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Found {
    /// The runs that went to their end.
    pub complete: u64,
    /// The runs that were given up, because nothing new could come of them.
    pub abandoned: u64,
    /// Is nothing left to run?
    pub is_over: bool,
    /// The same choices have led to other steps: what a program does must depend on nothing else.
    pub diverged: bool,
    /// The classes of the complete runs, if they are [counted](Search::counting_classes).
    pub classes: BTreeSet<ClassId>,
}

impl Found {
    /// Adds what another part of the tree has come to.
    fn add(&mut self, part: Found) {
        self.complete += part.complete;
        self.abandoned += part.abandoned;
        self.diverged |= part.diverged;
        self.classes.extend(part.classes);
    }
}

/// What handles of one search share.
struct State {
    rounds: Rounds,
    /// The part that runs, those that are to run in this round, and those that have.
    part: Option<Part>,
    to_run: VecDeque<Part>,
    ended: Vec<Part>,
    runs: u64,
}

/// A scheduler that tries every order, or one of each class. Clones are handles of one search.
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner, gather, sched::{Reduction, Search}, yield_now};
/// let search = Search::new(Reduction::None);
/// let config = Config::default().one_by_one(true);
/// let mut runner = Runner::with_scheduler(config, Box::new(search.clone()));
/// let mut last = None;
/// while runner.again(last.as_ref()).is_some() {
///     runner.run(async { gather((yield_now(), yield_now())).await })?;
///     last = Some(runner.end().summary(true));
/// }
/// assert!(search.found().is_over && search.found().complete > 2);
/// # Ok::<(), seedloop::Error>(())
/// ```
#[derive(Clone)]
pub struct Search {
    wanted: Wanted,
    state: Rc<RefCell<State>>,
}

impl Search {
    /// A search that has not begun.
    pub fn new(reduction: Reduction) -> Search {
        Search::of(Wanted::of(reduction))
    }

    fn of(wanted: Wanted) -> Search {
        let state = State {
            rounds: Rounds::new(wanted),
            part: None,
            to_run: VecDeque::new(),
            ended: Vec::new(),
            runs: 0,
        };
        Search { wanted, state: Rc::new(RefCell::new(state)) }
    }

    /// It also counts the classes of its complete runs, by their footprints.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Reduction, Scheduler, Search, Watch};
    /// let plain = Search::new(Reduction::None);
    /// assert_eq!(plain.watches(), Watch::Steps);
    /// assert_eq!(plain.counting_classes().watches(), Watch::Footprints);
    /// ```
    pub fn counting_classes(self) -> Search {
        Search::of(Wanted { counts_classes: true, ..self.wanted })
    }

    /// The tree is cut into parts of so many runs, for tests of that.
    #[doc(hidden)]
    pub fn cut_after(self, runs: u64) -> Search {
        Search::of(Wanted { share: runs.max(1), ..self.wanted })
    }

    /// What it has come to.
    pub fn found(&self) -> Found {
        let state = self.state.borrow();
        let mut found = state.rounds.found.clone();
        found.add(state.part.as_ref().map_or_else(Found::default, |part| part.found.clone()));
        found
    }

    /// Its runs, for the check. Takes them.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Reduction, Search};
    /// assert!(Search::new(Reduction::Full).take_evidence().runs().is_empty());
    /// ```
    pub fn take_evidence(&self) -> Evidence {
        let state = &mut *self.state.borrow_mut();
        if let Some(part) = &mut state.part {
            state.rounds.hear(part);
        }
        std::mem::take(&mut state.rounds.evidence)
    }
}

impl Scheduler for Search {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        self.state.borrow_mut().part.as_mut().expect(BEGUN).choose(menu)
    }

    fn watches(&self) -> Watch {
        self.wanted.watches()
    }

    fn stepped(&mut self, step: Step) {
        self.state.borrow_mut().part.as_mut().expect(BEGUN).stepped(step);
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        let state = &mut *self.state.borrow_mut();
        let goes_on = state.part.as_mut().is_some_and(|part| last.is_none() || part.end());
        if !goes_on {
            state.next_part();
        }
        state.part.as_mut()?.begin();
        state.runs += 1;
        Some(RunPlan { run: state.runs - 1 })
    }

    fn guarantee(&self) -> Guarantee {
        match self.wanted.reduction {
            Reduction::None => Guarantee::Interleavings,
            _ => Guarantee::Behaviours,
        }
    }
}

impl State {
    fn next_part(&mut self) {
        if let Some(mut part) = self.part.take() {
            self.rounds.hear(&mut part);
            self.ended.push(part);
        }
        if self.rounds.found.diverged {
            return;
        }
        if self.to_run.is_empty() {
            self.rounds.end(std::mem::take(&mut self.ended));
            self.to_run = self.rounds.parts(u64::MAX).into();
        }
        self.part = self.to_run.pop_front();
    }
}

/// Why there is a part: no run begins without.
const BEGUN: &str = "a run has begun";

/// Runs one part of a search, then the next that it is given. Clones are handles of the same one.
#[derive(Clone)]
pub(crate) struct Branch {
    wanted: Wanted,
    part: Rc<RefCell<Option<Part>>>,
}

impl Branch {
    pub(crate) fn new(reduction: Reduction) -> Branch {
        Branch { wanted: Wanted::of(reduction), part: Rc::default() }
    }

    /// Runs this part next.
    pub(crate) fn set(&self, part: Part) {
        *self.part.borrow_mut() = Some(part);
    }

    /// The part, when it is over.
    pub(crate) fn take(&self) -> Part {
        self.part.borrow_mut().take().expect("it was given one")
    }

    /// Has the current run been given up?
    pub(crate) fn has_abandoned(&self) -> bool {
        self.part.borrow().as_ref().is_some_and(Part::has_abandoned)
    }

    /// Have the same choices led to other steps?
    pub(crate) fn has_diverged(&self) -> bool {
        self.part.borrow().as_ref().is_some_and(|part| part.found.diverged)
    }
}

impl Scheduler for Branch {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        self.part.borrow_mut().as_mut().expect(BEGUN).choose(menu)
    }

    fn watches(&self) -> Watch {
        self.wanted.watches()
    }

    fn stepped(&mut self, step: Step) {
        self.part.borrow_mut().as_mut().expect(BEGUN).stepped(step);
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        let part = &mut *self.part.borrow_mut();
        let part = part.as_mut().expect(BEGUN);
        if last.is_some() && !part.end() {
            return None;
        }
        part.begin();
        Some(RunPlan { run: part.runs() })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
