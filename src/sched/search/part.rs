//! A part of the tree of orders: all that is left to follow from one place on, run after run.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{ABANDON, ChoiceKind, Menu, Step, StepId, Watch},
    ClassId, Found, Reduction,
    node::Node,
    races::Races,
};

/// How many runs a part makes before it is cut, if nothing else is said.
const SHARE: u64 = 128;

/// What is wanted of a search.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) reduction: Reduction,
    pub(super) counts_classes: bool,
    /// How many runs a part of the tree makes before it is cut.
    pub(super) share: u64,
}

impl Wanted {
    pub(super) fn of(reduction: Reduction) -> Wanted {
        Wanted { reduction, counts_classes: false, share: SHARE }
    }

    pub(super) fn watches(self) -> Watch {
        if self.keeps_runs() { Watch::Footprints } else { Watch::Steps }
    }

    /// Are the steps of its runs kept?
    fn keeps_runs(self) -> bool {
        self.counts_classes || self.reduction != Reduction::None
    }
}

/// The search below one place. It is a function of how it begins, so parts that begin together may
/// run on several threads.
pub(crate) struct Part {
    wanted: Wanted,
    /// The places of the current run. The last that is not the part's own is before `base`.
    stack: Vec<Node>,
    base: usize,
    /// How many runs it makes at most.
    most: u64,
    runs: u64,
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
    pub(super) found: Found,
    /// Its runs that went to their end, if they are kept.
    pub(super) complete: Vec<Vec<Step>>,
    /// What has to be followed at places before its own: by place, the owners of which one has to
    /// be.
    pub(super) demands: BTreeMap<usize, BTreeSet<Vec<u64>>>,
}

impl Part {
    /// The search from the root on.
    pub(super) fn root(wanted: Wanted, most: u64) -> Part {
        Part {
            wanted,
            stack: Vec::new(),
            base: 0,
            most,
            runs: 0,
            depth: 0,
            running: false,
            inside: 0,
            steps: Vec::new(),
            left: Vec::new(),
            abandoned: false,
            known: 0,
            found: Found::default(),
            complete: Vec::new(),
            demands: BTreeMap::new(),
        }
    }

    /// What is left to follow at the last of these places; those before it lead there.
    pub(super) fn at(mut stack: Vec<Node>, wanted: Wanted, most: u64) -> Part {
        let base = stack.len() - 1;
        stack[base].advance();
        Part { stack, base, ..Part::root(wanted, most) }
    }

    /// Its own places, when it is over.
    pub(super) fn into_own(mut self) -> Vec<Node> {
        self.stack.split_off(self.base)
    }

    /// Who was ready at the root.
    pub(super) fn start(&self) -> impl Iterator<Item = u64> {
        self.stack.first().into_iter().flat_map(|node| &node.enabled).map(|step| step.owner)
    }

    /// How many runs it has made.
    pub(super) fn runs(&self) -> u64 {
        self.runs
    }

    pub(super) fn has_abandoned(&self) -> bool {
        self.abandoned
    }

    /// A run begins.
    pub(super) fn begin(&mut self) {
        (self.depth, self.running, self.abandoned) = (0, false, false);
        self.known = self.stack.len();
        self.steps.clear();
        self.left.clear();
    }

    pub(super) fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        match menu.kind() {
            ChoiceKind::Order if !menu.steps().is_empty() => self.choose_step(menu.steps()),
            _ => self.choose_inside(menu.len()),
        }
    }

    /// Which step runs next.
    fn choose_step(&mut self, enabled: &[StepId]) -> u32 {
        if self.depth == self.stack.len() && !self.push_node(enabled) {
            self.abandoned = true;
            return ABANDON;
        }
        let node = &self.stack[self.depth];
        let at = enabled.iter().position(|step| Some(step.owner) == node.current);
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
    fn push_node(&mut self, enabled: &[StepId]) -> bool {
        let parent = self.stack.last().zip(self.steps.last());
        let sleeps = self.wanted.reduction != Reduction::None;
        let node = Node::new(enabled, parent, sleeps, self.wanted.reduction.races());
        let is_new = node.is_some();
        self.stack.extend(node);
        is_new
    }

    fn choose_inside(&mut self, menu: u32) -> u32 {
        // Outside all steps nothing is tried: that is before the run, or after it.
        let Some(node) = self.stack.get(self.depth).filter(|_| self.running) else { return 0 };
        let value = node.inside(self.inside);
        self.inside += 1;
        value.min(menu - 1)
    }

    pub(super) fn stepped(&mut self, step: Step) {
        if !std::mem::take(&mut self.running) {
            self.left.push(step);
            return;
        }
        self.stack[self.depth].ran(&step);
        self.steps.push(step);
        self.depth += 1;
    }

    /// A run has ended: what it teaches, and where the next one leaves it. False if there is none,
    /// or if it is not this part's.
    pub(super) fn end(&mut self) -> bool {
        if self.found.diverged {
            return false;
        }
        match self.abandoned {
            true => self.found.abandoned += 1,
            false => self.found.complete += 1,
        }
        let ran = self.steps.len();
        self.steps.append(&mut self.left);
        if !self.abandoned && self.wanted.counts_classes {
            self.found.classes.insert(ClassId::of(&self.steps));
        }
        if self.wanted.reduction.races() {
            self.follow_races(ran);
        }
        if !self.abandoned && self.wanted.keeps_runs() {
            self.complete.push(std::mem::take(&mut self.steps));
        }
        self.runs += 1;
        self.runs < self.most && self.backtrack()
    }

    /// For each race of the run: something has to be followed at its first step's place that
    /// begins what leads to the reversed race.
    fn follow_races(&mut self, ran: usize) {
        let reduction = self.wanted.reduction;
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
                let mut begins = races.begins(&self.steps, first, second, end);
                if begins.may_be_second(node.known(owner), reduction == Reduction::Textbook) {
                    begins.owners.push(owner);
                }
                match node.missing(&begins.owners) {
                    Some(_) if first < self.base => {
                        self.demands.entry(first).or_default().insert(begins.owners);
                    }
                    missing => node.follow(missing),
                }
            }
        }
    }

    /// To the last of its places where something is left to follow.
    fn backtrack(&mut self) -> bool {
        loop {
            let place = self.stack.len() - 1;
            if self.stack[place].advance() {
                return true;
            }
            if place == self.base {
                return false;
            }
            self.stack.pop();
        }
    }
}
