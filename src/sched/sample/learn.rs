//! What runs teach about a program: how many steps its tasks make, and what steps touch.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use super::{
    super::{Access, Footprint, Step, StepId},
    arrivals::Arrivals,
    happens_before::Race,
    offers::Offers,
};
use crate::trace::mix;

/// What is more than making handles ready and taking them.
const STATE: u8 = Access::Read as u8 | Access::Write as u8 | Access::Add as u8;
/// No more steps of a run are remembered by what they touch.
const STEPS_MAX: usize = 1 << 14;
/// So far up the owners' ancestors a step counts.
const ANCESTORS_MAX: usize = 64;

/// What has been learned.
#[derive(Default)]
pub(super) struct Learned {
    /// The most steps of a run.
    pub(super) steps: u64,
    /// The most offers of faults of a run.
    pub(super) offers: Offers,
    /// Owners by the steps that they and what they lead to make.
    weights: BTreeMap<u64, u64>,
    /// Who was running when an owner first was ready.
    parents: BTreeMap<u64, u64>,
    lessons: Vec<Lesson>,
    contested: Vec<Contested>,
    /// What the next step has touched, by its owner and the owner's past, or by that of anybody.
    expected: BTreeMap<(Option<u64>, Past), Rc<Footprint>>,
    /// What a step of this name has touched.
    named: BTreeMap<StepId, Rc<Footprint>>,
}

/// What one run teaches.
#[derive(Default)]
pub(super) struct Lesson {
    steps: u64,
    counts: BTreeMap<u64, u64>,
    parents: BTreeMap<u64, u64>,
    last: u64,
    arrivals: Arrivals,
    touched: Vec<(StepId, Footprint)>,
    /// Which objects which steps race for.
    racing: BTreeSet<(u64, StepId)>,
}

impl Lesson {
    /// Out of these steps this one was picked.
    pub(super) fn picked(&mut self, steps: &[StepId], at: usize) {
        for step in self.arrivals.of(steps) {
            self.parents.entry(step.owner).or_insert(self.last);
        }
        self.arrivals.left(at);
        let picked = steps[at];
        self.last = picked.owner;
        self.steps += 1;
        *self.counts.entry(picked.owner).or_default() += 1;
    }

    /// A step has run, the second of these races.
    pub(super) fn stepped(&mut self, step: Step, races: &[Race]) {
        if step.id.is_clock() || self.touched.len() >= STEPS_MAX {
            return;
        }
        // Whom it has made ready was waiting for it, and would else have found what it waits for.
        let waited = |race: &&Race| step.footprint.has(race.first.owner, Access::Ready);
        for race in races.iter().filter(|race| !waited(race)) {
            self.racing.extend([(race.object, race.first), (race.object, step.id)]);
        }
        self.touched.push((step.id, step.footprint.known()));
    }

    /// Which objects which steps touch.
    fn touches(&self) -> impl Iterator<Item = (u64, StepId)> {
        self.touched.iter().flat_map(|(step, footprint)| {
            let state = footprint.objects().filter(|(_, ways)| ways & STATE != 0);
            state.map(|(object, _)| (object, *step))
        })
    }
}

impl Learned {
    pub(super) fn add(&mut self, lesson: Lesson) {
        self.steps = self.steps.max(lesson.steps);
        self.parents.extend(&lesson.parents);
        let weights = self.with_ancestors(&lesson.counts);
        keep_most(&mut self.weights, weights);
        self.lessons.push(lesson);
    }

    /// Adds what owners have to those that they come from.
    fn with_ancestors(&self, counts: &Counts) -> Counts {
        let mut sums = BTreeMap::new();
        for (&owner, count) in counts {
            let mut at = Some(owner);
            for _ in 0..ANCESTORS_MAX {
                let Some(owner) = at else { break };
                *sums.entry(owner).or_default() += count;
                at = self.parents.get(&owner).copied().filter(|&parent| parent != owner);
            }
        }
        sums
    }

    /// How many steps the owner and what it leads to make.
    pub(super) fn weight(&self, owner: u64) -> u64 {
        self.weights.get(&owner).copied().unwrap_or(0)
    }

    /// The objects that steps of two owners race for.
    pub(super) fn contested(&self) -> &[Contested] {
        &self.contested
    }

    /// What the step is expected to touch: what it did after the same past of its owner, or else
    /// after that of anybody, or else where it had the same number.
    pub(super) fn expected(&self, step: StepId, pasts: &Pasts) -> Option<&Rc<Footprint>> {
        let past = pasts.of(step.owner);
        let of = |owner| self.expected.get(&(owner, past));
        of(Some(step.owner)).or_else(|| of(None)).or_else(|| self.named.get(&step))
    }

    /// Makes of all lessons so far what is to be known.
    pub(super) fn conclude(&mut self) {
        let lessons = std::mem::take(&mut self.lessons);
        let touching = most_of_each(lessons.iter().map(Lesson::touches));
        let racing = most_of_each(lessons.iter().map(|lesson| lesson.racing.iter().copied()));
        let contest = |(object, racing)| self.contest(object, &racing, &touching[&object]);
        self.contested = racing.into_iter().map(contest).collect();
        let (mut expected, mut named) = (BTreeMap::new(), BTreeMap::new());
        for lesson in &lessons {
            let mut pasts = Pasts::default();
            for (step, footprint) in &lesson.touched {
                let past = pasts.of(step.owner);
                for key in [(Some(step.owner), past), (None, past)] {
                    expected.entry(key).or_insert_with(Vec::new).push(footprint);
                }
                named.entry(*step).or_insert_with(Vec::new).push(footprint);
                pasts.stepped(self, step.owner, footprint);
            }
        }
        let together = |all: Vec<&Footprint>| Rc::new(Footprint::together(all));
        self.expected = expected.into_iter().map(|(key, all)| (key, together(all))).collect();
        self.named = named.into_iter().map(|(step, all)| (step, together(all))).collect();
        self.lessons = lessons;
    }

    /// There are no more.
    pub(super) fn forget_lessons(&mut self) {
        self.lessons = Vec::new();
    }

    fn contest(&self, object: u64, racing: &Counts, touching: &Counts) -> Contested {
        let square = |n: u64| n * n;
        let own: u64 = racing.values().copied().map(square).sum();
        let pairs = square(racing.values().sum()) - own;
        let rivals = square(touching.len() as u64) - touching.len() as u64;
        Contested { object, pairs, rivals, weights: self.with_ancestors(touching) }
    }
}

/// By owner, how many of its steps.
type Counts = BTreeMap<u64, u64>;

/// By object and owner, the most steps of a run, of which this is for each run.
fn most_of_each<S>(runs: impl Iterator<Item = S>) -> BTreeMap<u64, Counts>
where
    S: Iterator<Item = (u64, StepId)>,
{
    let mut most: BTreeMap<u64, Counts> = BTreeMap::new();
    for steps in runs {
        let mut counts: BTreeMap<u64, Counts> = BTreeMap::new();
        for (object, step) in steps {
            *counts.entry(object).or_default().entry(step.owner).or_default() += 1;
        }
        for (object, counts) in counts {
            keep_most(most.entry(object).or_default(), counts);
        }
    }
    most
}

/// Keeps the larger of two numbers of each owner.
fn keep_most(most: &mut Counts, others: Counts) {
    for (owner, count) in others {
        let most = most.entry(owner).or_default();
        *most = count.max(*most);
    }
}

/// Stands for what an owner has done so far: how each of its steps touched the contested objects.
type Past = u64;

/// The pasts of the owners in a run.
#[derive(Default)]
pub(super) struct Pasts(BTreeMap<u64, Past>);

impl Pasts {
    fn of(&self, owner: u64) -> Past {
        self.0.get(&owner).copied().unwrap_or(0)
    }

    /// A step of the owner has touched this.
    pub(super) fn stepped(&mut self, learned: &Learned, owner: u64, footprint: &Footprint) {
        let past = self.0.entry(owner).or_default();
        *past = mix(*past, 1);
        for (object, ways) in footprint.objects() {
            let contested = &learned.contested;
            if contested.binary_search_by_key(&object, |contested| contested.object).is_ok() {
                *past = mix(*past, mix(object, ways.into()));
            }
        }
    }
}

/// An object that steps of several owners touch.
pub(super) struct Contested {
    object: u64,
    /// How many pairs there are of steps of two owners that race for it, if not with each other,
    /// and how many of owners.
    pub(super) pairs: u64,
    pub(super) rivals: u64,
    /// How often owners and what they lead to touch it.
    pub(super) weights: BTreeMap<u64, u64>,
}

impl Contested {
    pub(super) fn is_in(&self, footprint: &Footprint) -> bool {
        footprint.objects().any(|(object, ways)| object == self.object && ways & STATE != 0)
    }
}
