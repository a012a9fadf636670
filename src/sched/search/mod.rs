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
mod races;
mod swaps;

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

pub use class::ClassId;
pub use evidence::{Certificate, Evidence, Refusal};
pub(crate) use follow::Follow;
use races::Races;
pub(crate) use swaps::Swap;

use super::{
    ABANDON, ChoiceKind, Footprint, Guarantee, InStep, Menu, RunPlan, RunReport, Scheduler, Step,
    StepId, Watch,
};

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

/// A place in the tree of orders: what may run there, and what has.
struct Node {
    enabled: Vec<StepId>,
    /// Owners whose step here leads only to what has been seen, with what that step touches.
    sleep: Vec<(u64, Footprint)>,
    /// Owners whose step here has been followed to its end.
    done: Vec<(u64, Footprint)>,
    /// Owners to follow, first to last, those that are done among them.
    todo: Vec<u64>,
    /// The owner that is followed now.
    current: u64,
    /// What to choose inside its step; beyond it the first of each menu.
    script: Vec<u32>,
    /// What was chosen inside it in the last run.
    taken: Vec<InStep>,
    /// What its step touches, whatever is chosen inside.
    touches: Footprint,
}

impl Node {
    fn sleeps(&self, owner: u64) -> bool {
        self.sleep.iter().any(|(other, _)| *other == owner)
    }

    /// What the owner's step here touches, if it has run here or is known from elsewhere.
    fn known(&self, owner: u64) -> Option<&Footprint> {
        let known = self.sleep.iter().chain(&self.done).find(|(other, _)| *other == owner);
        known.map(|(_, footprint)| footprint)
    }

    /// The next values to choose inside the current step: an odometer over its menus.
    fn next_script(&self) -> Option<Vec<u32>> {
        let at = self.taken.iter().rposition(|choice| choice.value + 1 < choice.menu)?;
        let mut script: Vec<u32> = self.taken[..=at].iter().map(|choice| choice.value).collect();
        script[at] += 1;
        Some(script)
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

#[derive(Default)]
struct State {
    stack: Vec<Node>,
    /// The node that chooses next.
    depth: usize,
    /// A node has chosen, and its step has not ended.
    running: bool,
    /// The choices inside the running step so far.
    inside: usize,
    /// The steps of this run, and those that were ready at its end and never ran.
    steps: Vec<Step>,
    left: Vec<Step>,
    abandoned: bool,
    /// The places that this run goes through again.
    known: usize,
    runs: u64,
    found: Found,
    evidence: Evidence,
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
    reduction: Reduction,
    counts_classes: bool,
    state: Rc<RefCell<State>>,
}

impl Search {
    /// A search that has not begun.
    pub fn new(reduction: Reduction) -> Search {
        Search { reduction, counts_classes: false, state: Rc::default() }
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
    pub fn counting_classes(mut self) -> Search {
        self.counts_classes = true;
        self
    }

    /// What it has come to.
    pub fn found(&self) -> Found {
        self.state.borrow().found.clone()
    }

    /// Has the current run been given up?
    pub(crate) fn has_abandoned(&self) -> bool {
        self.state.borrow().abandoned
    }

    /// Have the same choices led to other steps?
    pub(crate) fn has_diverged(&self) -> bool {
        self.state.borrow().found.diverged
    }

    /// Its runs, for the check. Takes them.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{Reduction, Search};
    /// assert!(Search::new(Reduction::Full).take_evidence().runs().is_empty());
    /// ```
    pub fn take_evidence(&self) -> Evidence {
        std::mem::take(&mut self.state.borrow_mut().evidence)
    }
}

impl Scheduler for Search {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let state = &mut *self.state.borrow_mut();
        match menu.kind() {
            ChoiceKind::Order if !menu.steps().is_empty() => {
                state.choose_step(menu.steps(), self.reduction)
            }
            _ => state.choose_inside(menu.len()),
        }
    }

    fn watches(&self) -> Watch {
        match self.reduction {
            Reduction::None if !self.counts_classes => Watch::Steps,
            _ => Watch::Footprints,
        }
    }

    fn stepped(&mut self, step: Step) {
        self.state.borrow_mut().stepped(step);
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        let state = &mut *self.state.borrow_mut();
        if last.is_some() && !state.next(self.reduction, self.counts_classes) {
            return None;
        }
        (state.depth, state.running, state.abandoned) = (0, false, false);
        state.known = state.stack.len();
        state.steps.clear();
        state.left.clear();
        state.runs += 1;
        Some(RunPlan { run: state.runs - 1 })
    }

    fn guarantee(&self) -> Guarantee {
        match self.reduction {
            Reduction::None => Guarantee::Interleavings,
            _ => Guarantee::Behaviours,
        }
    }
}

impl State {
    /// Which step runs next.
    fn choose_step(&mut self, enabled: &[StepId], reduction: Reduction) -> u32 {
        if self.depth == self.stack.len() && !self.push_node(enabled, reduction) {
            self.abandoned = true;
            return ABANDON;
        }
        let node = &self.stack[self.depth];
        let at = enabled.iter().position(|step| step.owner == node.current);
        match at.filter(|_| node.enabled == enabled) {
            Some(at) => {
                (self.running, self.inside) = (true, 0);
                at as u32
            }
            None => {
                (self.found.diverged, self.abandoned) = (true, true);
                ABANDON
            }
        }
    }

    /// A place where the search has not been. False if nothing new can come of it.
    fn push_node(&mut self, enabled: &[StepId], reduction: Reduction) -> bool {
        let sleep = match (self.stack.last(), self.steps.last()) {
            (Some(parent), Some(step)) if reduction != Reduction::None => parent.asleep_after(step),
            _ => Vec::new(),
        };
        let awake = |step: &&StepId| !sleep.iter().any(|(owner, _)| *owner == step.owner);
        let Some(first) = enabled.iter().find(awake) else { return false };
        let todo = match reduction.races() {
            true => vec![first.owner],
            false => enabled.iter().filter(awake).map(|step| step.owner).collect(),
        };
        self.stack.push(Node {
            enabled: enabled.to_vec(),
            current: first.owner,
            sleep,
            done: Vec::new(),
            todo,
            script: Vec::new(),
            taken: Vec::new(),
            touches: Footprint::default(),
        });
        true
    }

    fn choose_inside(&mut self, menu: u32) -> u32 {
        // Outside all steps nothing is tried: that is before the run, or after it.
        let Some(node) = self.stack.get(self.depth).filter(|_| self.running) else { return 0 };
        let value = node.script.get(self.inside).copied().unwrap_or(0);
        self.inside += 1;
        value.min(menu - 1)
    }

    fn stepped(&mut self, step: Step) {
        if !std::mem::take(&mut self.running) {
            self.left.push(step);
            return;
        }
        let node = &mut self.stack[self.depth];
        node.taken.clone_from(&step.choices);
        node.touches.add(&step.footprint);
        self.steps.push(step);
        self.depth += 1;
    }

    /// A run has ended: what it teaches, and where the next one leaves it. False if there is none.
    fn next(&mut self, reduction: Reduction, counts_classes: bool) -> bool {
        if self.found.diverged {
            return false;
        }
        match self.abandoned {
            true => self.found.abandoned += 1,
            false => self.found.complete += 1,
        }
        let ran = self.steps.len();
        self.steps.append(&mut self.left);
        if !self.abandoned && counts_classes {
            self.found.classes.insert(ClassId::of(&self.steps));
        }
        if !self.abandoned && (counts_classes || reduction != Reduction::None) {
            if self.evidence.runs().is_empty() {
                let start = self.stack.first().into_iter().flat_map(|node| &node.enabled);
                self.evidence = Evidence::new(start.map(|step| step.owner));
            }
            self.evidence.add(&self.steps);
        }
        if reduction.races() {
            self.follow_races(ran, reduction);
        }
        self.backtrack()
    }

    /// For each race of the run: something has to be followed at its first step's place that
    /// begins what leads to the reversed race.
    fn follow_races(&mut self, ran: usize, reduction: Reduction) {
        let first_new = match reduction {
            Reduction::Textbook => self.known.saturating_sub(1),
            _ => 0,
        };
        let races = Races::of(&self.steps);
        for (first, second) in races.pairs(first_new) {
            let enabled = &self.stack[first].enabled;
            if !races.can_reverse(&self.steps, enabled, first, second) {
                continue;
            }
            let wholes: &[bool] = match reduction {
                Reduction::Both => &[false, true],
                Reduction::Textbook => &[false],
                _ => &[true],
            };
            for &whole in wholes {
                let end = if whole { ran } else { second.min(ran) };
                let node = &mut self.stack[first];
                let owner = self.steps[second].id.owner;
                let known = node.known(owner);
                let mut begins = races.begins(&self.steps, first, second, end);
                if begins.may_be_second(known, reduction == Reduction::Textbook) {
                    begins.owners.push(owner);
                }
                let begins = begins.owners;
                let is_covered = node.todo.iter().any(|owner| begins.contains(owner))
                    || begins.iter().any(|&owner| node.sleeps(owner));
                if is_covered {
                    continue;
                }
                let mut enabled = begins.into_iter();
                let next = enabled.find(|owner| node.enabled.iter().any(|e| e.owner == *owner));
                node.todo.extend(next);
            }
        }
    }

    /// To the last place where something is left to follow.
    fn backtrack(&mut self) -> bool {
        while let Some(node) = self.stack.last_mut() {
            if let Some(script) = node.next_script() {
                node.script = script;
                return true;
            }
            let touches = std::mem::take(&mut node.touches);
            node.done.push((node.current, touches));
            let is_done = |owner: &u64| node.done.iter().any(|(other, _)| other == owner);
            let next = node.todo.iter().find(|owner| !is_done(owner) && !node.sleeps(**owner));
            if let Some(&next) = next {
                node.current = next;
                node.script.clear();
                node.taken.clear();
                return true;
            }
            self.stack.pop();
        }
        self.found.is_over = true;
        false
    }
}

impl Node {
    /// Who sleeps after a step of this place: whoever slept, or was followed before it, and is
    /// independent of it.
    fn asleep_after(&self, step: &Step) -> Vec<(u64, Footprint)> {
        let others = self.sleep.iter().chain(&self.done);
        let kept = others.filter(|(owner, touches)| {
            *owner != step.id.owner && !touches.conflicts(&step.footprint)
        });
        kept.cloned().collect()
    }
}
