//! What happens before what in a run, by vector clocks (Mattern, "Virtual time and global states of
//! distributed systems", 1989), and which of its steps race.

use std::{collections::BTreeMap, rc::Rc};

use super::super::{Access, Footprint, Step, StepId};

/// With so many owners, all that was before is forgotten: a step costs time by their number.
const OWNERS_MAX: usize = 1 << 10;
/// Ways that say who is ready, and nothing of what there is.
const HANDLES: u8 = READY | Access::Take as u8;
const READY: u8 = Access::Ready as u8;

/// Two steps of different owners that do not commute, with nothing in between that the first causes
/// and that causes the second.
pub(super) struct Race {
    pub(super) object: u64,
    /// The first of them; the second is the one that has just run.
    pub(super) first: StepId,
}

/// A run so far, as a step that is still to come may race with it.
#[derive(Default)]
pub(super) struct HappensBefore {
    /// The owners, each by its place in clocks.
    owners: BTreeMap<u64, usize>,
    /// By owner, its last step.
    last: BTreeMap<u64, Rc<Past>>,
    /// By owner that is ready, the step that has made it so.
    readied: BTreeMap<u64, Rc<Past>>,
    objects: BTreeMap<u64, Touched>,
}

/// By owner's place, how many of its steps have happened before.
#[derive(Clone, Default)]
struct Clock(Vec<u32>);

/// A step, and what has happened before it, itself included.
struct Past {
    step: StepId,
    owner: usize,
    clock: Clock,
}

/// The last steps that have touched an object.
#[derive(Default)]
struct Touched {
    /// In these ways, which commute.
    ways: u8,
    last: Vec<Rc<Past>>,
    /// Those before them, which do not commute with them.
    before: Vec<Rc<Past>>,
}

impl HappensBefore {
    /// A step has run. Gives the races that it is the second of.
    pub(super) fn stepped(&mut self, step: &Step) -> Vec<Race> {
        if step.id.is_clock() || self.owners.len() >= OWNERS_MAX {
            // Nothing before the clock's step can come after it.
            *self = HappensBefore::default();
        }
        if step.id.is_clock() {
            return Vec::new();
        }
        let places = self.owners.len();
        let owner = *self.owners.entry(step.id.owner).or_insert(places);
        let causes = [self.last.remove(&step.id.owner), self.readied.remove(&step.id.owner)];
        let mut clock = Clock::default();
        causes.iter().flatten().for_each(|past| clock.join(&past.clock));
        let touched = || step.footprint.objects().filter(|(_, ways)| ways & !HANDLES != 0);
        let conflicts = touched().flat_map(|(object, ways)| {
            let objects = self.objects.get(&object);
            let pasts = objects.into_iter().flat_map(move |touched| touched.conflicting(ways));
            pasts.map(move |past| (object, past))
        });
        let conflicts: Vec<_> = conflicts.filter(|(_, past)| !past.is_in(&clock)).collect();
        let is_last = |past: &Past| {
            let mut others = conflicts.iter().filter(|(_, other)| other.step != past.step);
            !others.any(|(_, other)| past.is_in(&other.clock))
        };
        let races = conflicts.iter().filter(|(_, past)| is_last(past));
        let races = races.map(|&(object, past)| Race { object, first: past.step }).collect();
        conflicts.iter().for_each(|(_, past)| clock.join(&past.clock));
        clock.tick(owner);
        let past = Rc::new(Past { step: step.id, owner, clock });
        touched().for_each(|(object, ways)| self.touch(object, ways, &past));
        for (owner, _) in step.footprint.objects().filter(|(_, ways)| ways & READY != 0) {
            // Whoever is ready already is not made so once more.
            self.readied.entry(owner).or_insert_with(|| past.clone());
        }
        self.last.insert(step.id.owner, past);
        races
    }

    fn touch(&mut self, object: u64, ways: u8, past: &Rc<Past>) {
        let touched = self.objects.entry(object).or_default();
        if !Footprint::ways_commute(touched.ways, ways) {
            touched.before = std::mem::take(&mut touched.last);
        }
        touched.ways = ways;
        touched.last.push(past.clone());
    }
}

impl Touched {
    /// Those that do not commute with a touch in these ways.
    fn conflicting(&self, ways: u8) -> &[Rc<Past>] {
        if Footprint::ways_commute(self.ways, ways) { &self.before } else { &self.last }
    }
}

impl Past {
    fn is_in(&self, clock: &Clock) -> bool {
        let steps = |clock: &Clock| clock.0.get(self.owner).copied().unwrap_or(0);
        steps(&self.clock) <= steps(clock)
    }
}

impl Clock {
    fn join(&mut self, other: &Clock) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(ours, &theirs)| *ours = theirs.max(*ours));
    }

    fn tick(&mut self, owner: usize) {
        self.0.resize(self.0.len().max(owner + 1), 0);
        self.0[owner] += 1;
    }
}
