//! The tree of orders in parts, round by round.
//!
//! A part that has made its share of runs is cut: each place of its last run at which something is
//! left becomes the beginning of a part of its own. What parts want to be followed at places that
//! are not theirs is heard when all of the round are over, in their order. So what is run, and in
//! which round, is a function of the program alone, however many threads share a round.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Evidence, Found, Reduction,
    node::{Node, Way},
    part::{Part, Wanted},
};

/// How many parts there are in a round at most.
const PARTS: usize = 64;

/// The number of a place.
type Id = u64;

/// A place that no part holds now.
struct Limb {
    node: Node,
    /// The place before it, and how the runs that come here leave that.
    parent: Option<(Id, Way)>,
}

/// The tree between rounds: the places at which something may be left to follow.
pub(crate) struct Rounds {
    wanted: Wanted,
    pub(super) found: Found,
    pub(super) evidence: Evidence,
    has_begun: bool,
    limbs: BTreeMap<Id, Limb>,
    /// The places, each after those beyond it.
    order: Vec<Id>,
    next_id: Id,
    /// The places at which the parts of this round began; none for the root's.
    begun: Vec<Option<Id>>,
}

impl Rounds {
    pub(crate) fn with(reduction: Reduction) -> Rounds {
        Rounds::new(Wanted::of(reduction))
    }

    pub(super) fn new(wanted: Wanted) -> Rounds {
        Rounds {
            wanted,
            found: Found::default(),
            evidence: Evidence::default(),
            has_begun: false,
            limbs: BTreeMap::new(),
            order: Vec::new(),
            next_id: 0,
            begun: Vec::new(),
        }
    }

    /// The parts of the next round, which make at most so many runs together. None if nothing is
    /// left, or no run.
    pub(crate) fn parts(&mut self, runs: u64) -> Vec<Part> {
        if !std::mem::replace(&mut self.has_begun, true) {
            self.begun = vec![None];
            return vec![Part::root(self.wanted, self.wanted.share.min(runs))];
        }
        let active = self.order.iter().filter(|id| self.limbs[id].node.has_more());
        let begun: Vec<Id> = active.take(PARTS.min(runs as usize)).copied().collect();
        let share = self.wanted.share.min(runs / begun.len().max(1) as u64);
        self.begun = begun.iter().copied().map(Some).collect();
        self.found.is_over = self.order.is_empty();
        begun.into_iter().map(|id| Part::at(self.path(id), self.wanted, share)).collect()
    }

    /// The places from the root to this one.
    fn path(&self, id: Id) -> Vec<Node> {
        let limb = &self.limbs[&id];
        let mut path = vec![limb.node.clone()];
        let mut before = &limb.parent;
        while let Some((id, way)) = before {
            let limb = &self.limbs[id];
            path.push(limb.node.clone().passed(way));
            before = &limb.parent;
        }
        path.reverse();
        path
    }

    /// The numbers of the places from the root to this one.
    fn ids(&self, id: Id) -> Vec<Id> {
        let mut ids = vec![id];
        while let Some((id, _)) = &self.limbs[&ids[ids.len() - 1]].parent {
            ids.push(*id);
        }
        ids.reverse();
        ids
    }

    /// Is nothing left to run?
    pub(crate) fn is_over(&self) -> bool {
        self.found.is_over
    }

    /// Takes what a part has found. The parts of a round are heard in their order.
    pub(super) fn hear(&mut self, part: &mut Part) {
        self.found.add(std::mem::take(&mut part.found));
        if self.evidence.runs().is_empty() {
            self.evidence = Evidence::new(part.start());
        }
        part.complete.drain(..).for_each(|steps| self.evidence.add(&steps));
    }

    /// Its runs, for the check. Takes them.
    pub(crate) fn take_evidence(&mut self) -> Evidence {
        std::mem::take(&mut self.evidence)
    }

    /// All parts of the round are over.
    pub(crate) fn end(&mut self, parts: Vec<Part>) {
        let mut demands = Vec::new();
        let begun = std::mem::take(&mut self.begun);
        for (base, mut part) in begun.into_iter().zip(parts) {
            self.hear(&mut part);
            let demanded = std::mem::take(&mut part.demands);
            demands.extend(base.map(|base| (base, demanded)));
            self.cut(base, part.into_own());
        }
        for (base, demanded) in demands {
            let ids = self.ids(base);
            for (place, owners) in demanded {
                let node = &mut self.limbs.get_mut(&ids[place]).expect("it has parts").node;
                owners.iter().for_each(|owners| node.follow(node.missing(owners)));
            }
        }
        self.forget();
    }

    /// Takes a part's own places back, each as a beginning.
    fn cut(&mut self, base: Option<Id>, nodes: Vec<Node>) {
        let mut new = Vec::new();
        let mut parent: Option<(Id, Way)> = None;
        for node in nodes {
            let way = node.way();
            let id = match (base, &parent) {
                (Some(base), None) => {
                    self.limbs.get_mut(&base).expect("it has a part").node = node;
                    base
                }
                _ => {
                    let id = self.next_id;
                    self.next_id += 1;
                    self.limbs.insert(id, Limb { node, parent });
                    new.push(id);
                    id
                }
            };
            parent = Some((id, way));
        }
        let at = base.map_or(0, |base| {
            self.order.iter().position(|&id| id == base).expect("it is one of them")
        });
        new.reverse();
        self.order.splice(at..at, new);
    }

    /// Drops the places at which nothing is left and beyond which there are no others.
    fn forget(&mut self) {
        let mut kept = Vec::with_capacity(self.order.len());
        let mut has_more = BTreeSet::new();
        for id in std::mem::take(&mut self.order) {
            let limb = &self.limbs[&id];
            if !has_more.remove(&id) && !limb.node.has_more() {
                self.limbs.remove(&id);
                continue;
            }
            has_more.extend(limb.parent.as_ref().map(|(parent, _)| *parent));
            kept.push(id);
        }
        self.order = kept;
    }
}
