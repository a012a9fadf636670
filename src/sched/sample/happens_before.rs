//! What happens before what in a run, by vector clocks (Mattern, "Virtual time and global states of
//! distributed systems", 1989), and which of its steps race.

use std::rc::Rc;

use smallvec::SmallVec;

use super::{
    super::{Access, Footprint, Step, StepId},
    places::Places,
};

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
    owners: Places<Owner>,
    /// How many of them have made a step.
    clocks: usize,
    objects: Places<Touched>,
    /// What the step touches, while it is gone through: objects, ways and places.
    touched: Vec<(u64, u8, usize)>,
}

#[derive(Default)]
struct Owner {
    /// Its place in clocks, if it has made a step.
    clock: Option<usize>,
    last: Option<Rc<Past>>,
    /// It is ready, and this step has made it so.
    readied: Option<Rc<Past>>,
}

/// A step, and what has happened before it, itself included.
struct Past {
    step: StepId,
    owner: usize,
    clock: Clock,
}

/// By owner's place, how many of its steps have happened before.
#[derive(Clone, Default)]
struct Clock(SmallVec<[u32; 8]>);

/// The last steps that have touched an object, of each owner one: before it come its others.
#[derive(Default)]
struct Touched {
    /// In these ways, which commute.
    ways: u8,
    last: Pasts,
    /// Those before them, which do not commute with them.
    before: Pasts,
}

type Pasts = SmallVec<[Rc<Past>; 2]>;

impl HappensBefore {
    /// Another run begins.
    pub(super) fn forget(&mut self) {
        self.owners.forget();
        self.objects.forget();
        self.clocks = 0;
    }

    /// A step has run. Gives the races that it is the second of.
    pub(super) fn stepped(&mut self, step: &Step) -> Vec<Race> {
        if step.id.is_clock() || self.clocks >= OWNERS_MAX {
            // Nothing before the clock's step can come after it.
            self.forget();
        }
        if step.id.is_clock() {
            return Vec::new();
        }
        let at = self.owners.of(step.id.owner);
        let owner = &mut self.owners[at];
        let place = *owner.clock.get_or_insert(self.clocks);
        self.clocks = self.clocks.max(place + 1);
        let mut clock = Clock::default();
        let causes = [owner.last.take(), owner.readied.take()];
        let [last, readied] = &causes;
        last.iter().for_each(|past| clock.join(&past.clock));
        // Often it has made itself ready.
        let other =
            readied.iter().filter(|past| last.as_ref().is_none_or(|last| !Rc::ptr_eq(last, past)));
        other.for_each(|past| clock.join(&past.clock));
        let mut touched = std::mem::take(&mut self.touched);
        let state = step.footprint.objects().filter(|(_, ways)| ways & !HANDLES != 0);
        touched.extend(state.map(|(object, ways)| (object, ways, self.objects.of(object))));
        let races = self.races(&touched, &mut clock);
        clock.tick(place);
        let past = Rc::new(Past { step: step.id, owner: place, clock });
        touched.drain(..).for_each(|(_, ways, at)| self.objects[at].touch(ways, &past));
        self.touched = touched;
        for (owner, _) in step.footprint.objects().filter(|(_, ways)| ways & READY != 0) {
            // Whoever is ready already is not made so once more.
            let owner = self.owners.of(owner);
            self.owners[owner].readied.get_or_insert_with(|| past.clone());
        }
        self.owners[at].last = Some(past);
        races
    }
}

impl HappensBefore {
    /// The races of a step that touches this, after what is in the clock; then all that it depends
    /// on is.
    fn races(&self, touched: &[(u64, u8, usize)], clock: &mut Clock) -> Vec<Race> {
        let conflicts = touched.iter().flat_map(|&(object, ways, at)| {
            self.objects[at].conflicting(ways).iter().map(move |past| (object, past))
        });
        let conflicts: Vec<_> = conflicts.filter(|(_, past)| !past.is_in(clock)).collect();
        let is_last = |past: &Past| {
            let mut others = conflicts.iter().filter(|(_, other)| other.step != past.step);
            !others.any(|(_, other)| past.is_in(&other.clock))
        };
        let races = conflicts.iter().filter(|(_, past)| is_last(past));
        let races = races.map(|&(object, past)| Race { object, first: past.step }).collect();
        conflicts.iter().for_each(|(_, past)| clock.join(&past.clock));
        races
    }
}

impl Touched {
    /// Those that do not commute with a touch in these ways.
    fn conflicting(&self, ways: u8) -> &[Rc<Past>] {
        if Footprint::ways_commute(self.ways, ways) { &self.before } else { &self.last }
    }

    fn touch(&mut self, ways: u8, past: &Rc<Past>) {
        if !Footprint::ways_commute(self.ways, ways) {
            self.before = std::mem::take(&mut self.last);
        }
        self.ways = ways;
        match self.last.iter_mut().find(|last| last.owner == past.owner) {
            Some(last) => *last = past.clone(),
            None => self.last.push(past.clone()),
        }
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
        if self.0.is_empty() {
            self.0 = SmallVec::from_slice(&other.0);
            return;
        }
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(ours, &theirs)| *ours = theirs.max(*ours));
    }

    fn tick(&mut self, owner: usize) {
        self.0.resize(self.0.len().max(owner + 1), 0);
        self.0[owner] += 1;
    }
}
