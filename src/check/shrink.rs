//! Makes a failing schedule small: the fewest holds and faults that still fail in the same way. The
//! search proposes candidates and is told what became of them; who runs them is not its business.
//! It is written as a coroutine, so that a check and proptest can both drive it.
//!
//! Delta debugging (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input",
//! 2002) over holds instead of choices: a choice's number means something else once an earlier
//! choice has changed, a hold does not.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use crate::{
    sched::{Holds, Place, Recorded, StepId},
    trace::mix,
};

/// What became of a candidate.
pub(super) enum Verdict {
    /// It fails in the same way.
    Fails(Recorded),
    /// It does not fail.
    Passes(Recorded),
    /// It fails in another way.
    Other,
}

/// The smallest failing schedule so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Smallest {
    pub(super) holds: Holds,
    /// The steps of its run.
    order: Vec<StepId>,
    pub(super) decides: Option<Decides>,
}

/// What makes the difference between failing and passing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Decides {
    /// With the first step before the second it passes.
    Order(StepId, StepId),
    /// Without this choice inside a step it passes.
    Choice(Place),
}

/// A search for the smallest failing schedule.
pub(super) struct Shrink {
    search: Pin<Box<dyn Future<Output = ()>>>,
    slot: Rc<RefCell<Slot>>,
}

#[derive(Default)]
struct Slot {
    asked: Option<Holds>,
    answer: Option<Verdict>,
    /// None as long as nothing has failed.
    smallest: Option<Smallest>,
}

impl Shrink {
    /// Starts at a failing run.
    pub(super) fn new(failing: Recorded) -> Shrink {
        let slot = Rc::new(RefCell::new(Slot::default()));
        let search = Search { slot: slot.clone(), in_vain: BTreeSet::new() };
        Shrink { search: Box::pin(search.run(failing.holds)), slot }
    }

    /// What to run next, told what became of the candidate before: the first time nothing is told.
    /// `None` when the search is over.
    pub(super) fn next(&mut self, answer: Option<Verdict>) -> Option<Holds> {
        self.slot.borrow_mut().answer = answer;
        let mut context = Context::from_waker(Waker::noop());
        match self.search.as_mut().poll(&mut context) {
            Poll::Pending => self.slot.borrow_mut().asked.take(),
            Poll::Ready(()) => None,
        }
    }

    /// `None` if even the run that it started at does not fail, when it is written as holds.
    pub(super) fn smallest(&self) -> Option<Smallest> {
        self.slot.borrow().smallest.clone()
    }
}

/// What a schedule can do without.
#[derive(Clone, Copy)]
enum Part {
    Hold(StepId),
    Draw(Place),
}

struct Search {
    slot: Rc<RefCell<Slot>>,
    /// Candidates that did not fail in the same way, by their hashes.
    in_vain: BTreeSet<u64>,
}

impl Search {
    async fn run(mut self, start: Holds) {
        if !self.fails(start).await {
            return;
        }
        loop {
            let before = self.holds();
            self.drop_parts(Search::draws).await;
            self.lower_draws().await;
            self.draw_earlier().await;
            self.drop_parts(Search::held).await;
            self.wait_less().await;
            self.wait_for_two().await;
            self.join_chains().await;
            if self.holds() == before {
                break;
            }
        }
        self.find_what_decides().await;
    }

    fn smallest(&self) -> Smallest {
        self.slot.borrow().smallest.clone().expect("the start fails")
    }

    fn holds(&self) -> Holds {
        self.smallest().holds
    }

    fn order(&self) -> Vec<StepId> {
        self.smallest().order
    }

    async fn verdict(&mut self, candidate: Holds) -> Verdict {
        self.slot.borrow_mut().asked = Some(candidate);
        std::future::poll_fn(|_| match self.slot.borrow_mut().answer.take() {
            Some(verdict) => Poll::Ready(verdict),
            None => Poll::Pending,
        })
        .await
    }

    /// Does the candidate fail in the same way? Then it is the smallest from here on.
    async fn fails(&mut self, candidate: Holds) -> bool {
        let hash = hash(&candidate);
        if self.in_vain.contains(&hash) {
            return false;
        }
        match self.verdict(candidate.clone()).await {
            Verdict::Fails(Recorded { order, .. }) => {
                let smallest = Smallest { holds: candidate, order, decides: None };
                self.slot.borrow_mut().smallest = Some(smallest);
                true
            }
            Verdict::Passes(_) | Verdict::Other => {
                self.in_vain.insert(hash);
                false
            }
        }
    }

    /// The holds, in the order in which the held steps ran.
    fn held(&self) -> Vec<Part> {
        let Smallest { holds, order, .. } = self.smallest();
        let mut rest: BTreeSet<StepId> = holds.holds.into_keys().collect();
        let mut held: Vec<StepId> = order.into_iter().filter(|step| rest.remove(step)).collect();
        held.extend(rest);
        held.into_iter().map(Part::Hold).collect()
    }

    /// The choices inside steps, faults first.
    fn draws(&self) -> Vec<Part> {
        let mut draws: Vec<Place> = self.holds().draws.into_keys().collect();
        draws.sort_by_key(|place| !place.kind.is_fault());
        draws.into_iter().map(Part::Draw).collect()
    }

    /// Leaves out what it can: all, halves, quarters and so on down to single parts.
    async fn drop_parts(&mut self, parts: fn(&Search) -> Vec<Part>) {
        let mut size = parts(self).len();
        while size > 0 {
            let mut start = 0;
            loop {
                let all = parts(self);
                let Some(chunk) = all.get(start..).filter(|rest| !rest.is_empty()) else { break };
                let mut candidate = self.holds();
                for part in &chunk[..size.min(chunk.len())] {
                    match part {
                        Part::Hold(step) => drop(candidate.holds.remove(step)),
                        Part::Draw(place) => drop(candidate.draws.remove(place)),
                    }
                }
                if !self.fails(candidate).await {
                    start += size;
                }
            }
            size /= 2;
        }
    }

    /// Lowers what is chosen inside steps: a cancel for an abort, a smaller number.
    async fn lower_draws(&mut self) {
        let draws = self.holds().draws;
        for (place, value) in draws {
            let (mut low, mut high) = (1, value);
            while low < high {
                let middle = low + (high - low) / 2;
                let mut candidate = self.holds();
                candidate.draws.insert(place, middle);
                if self.fails(candidate).await {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
        }
    }

    /// Makes each choice inside a step in the earliest step of the same owner that is enough,
    /// without waits if that is enough, too.
    async fn draw_earlier(&mut self) {
        for (place, value) in self.holds().draws {
            let owner = place.step.owner;
            let order = self.order();
            let earlier = order.iter().filter(|step| step.owner == owner && **step < place.step);
            'moved: for &step in earlier {
                let mut candidate = self.holds();
                candidate.draws.remove(&place);
                candidate.draws.insert(Place { step, ..place }, value);
                let without_waits = Holds { draws: candidate.draws.clone(), ..Holds::default() };
                for candidate in [without_waits, candidate] {
                    if self.fails(candidate).await {
                        break 'moved;
                    }
                }
            }
        }
    }

    /// Lets each step wait for the earliest step that is enough.
    async fn wait_less(&mut self) {
        let holds = self.holds().holds;
        for (step, until) in holds {
            let order = self.order();
            let target = position(&order, until).unwrap_or(order.len());
            let (mut low, mut high) = (0, target);
            while low < high {
                let middle = low + (high - low) / 2;
                let other = order[middle].owner != step.owner;
                if other && self.fails(self.waiting(step, order[middle])).await {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
        }
    }

    fn waiting(&self, step: StepId, until: StepId) -> Holds {
        let mut candidate = self.holds();
        candidate.holds.insert(step, until);
        candidate
    }

    /// Lets a step wait longer, if another need not wait then.
    async fn wait_for_two(&mut self) {
        let steps: Vec<StepId> = self.holds().holds.into_keys().collect();
        for &step in &steps {
            self.replace_another(step, &steps).await;
        }
    }

    async fn replace_another(&mut self, step: StepId, others: &[StepId]) {
        let order = self.order();
        for other in others.iter().filter(|&&other| other != step) {
            let holds = self.holds().holds;
            let (Some(&until), true) = (holds.get(&step), holds.contains_key(other)) else {
                continue;
            };
            let later = position(&order, until).map_or(0, |at| at + 1);
            for &target in order[later..].iter().filter(|target| target.owner != step.owner) {
                let mut candidate = self.waiting(step, target);
                candidate.holds.remove(other);
                if self.fails(candidate).await {
                    return;
                }
            }
        }
    }

    /// Of two steps one of which waits for the task of the other, which waits too: lets one step of
    /// the second task wait for one of the first.
    async fn join_chains(&mut self) {
        let holds = self.holds().holds;
        for (&first, &until) in &holds {
            for &second in holds.keys().filter(|second| second.owner == until.owner) {
                self.join(first, second).await;
            }
        }
    }

    async fn join(&mut self, first: StepId, second: StepId) {
        let order = self.order();
        let of = |owner| order.iter().copied().filter(move |step: &StepId| step.owner == owner);
        for held in of(second.owner) {
            for until in of(first.owner) {
                let mut candidate = self.holds();
                let both = [first, second].map(|step| candidate.holds.remove(&step).is_some());
                candidate.holds.insert(held, until);
                if both != [true; 2] || self.fails(candidate).await {
                    return;
                }
            }
        }
    }

    /// Finds two steps whose order decides: the run with the two the other way round, and the same
    /// holds else, passes. If there are none, a choice without which it passes.
    async fn find_what_decides(&mut self) {
        let (order, holds) = (self.order(), self.holds());
        let mut held: Vec<(StepId, StepId)> =
            holds.holds.iter().map(|(&step, &until)| (step, until)).collect();
        held.sort_by_key(|&(step, _)| std::cmp::Reverse(position(&order, step)));
        for (step, until) in held {
            let at = position(&order, until).unwrap_or(order.len());
            let before = order[..at].iter().rev().find(|before| before.owner != step.owner);
            let mut candidate = holds.clone();
            match before {
                Some(&before) => candidate.holds.insert(step, before),
                None => candidate.holds.remove(&step),
            };
            let Verdict::Passes(ran) = self.verdict(candidate).await else { continue };
            let (held, freed) = (position(&ran.order, step), position(&ran.order, until));
            if held.is_some_and(|held| freed.is_none_or(|freed| held < freed)) {
                let slot = &mut *self.slot.borrow_mut();
                let decides = Some(Decides::Order(step, until));
                slot.smallest.as_mut().expect("the start fails").decides = decides;
                return;
            }
        }
        for &place in holds.draws.keys() {
            let mut candidate = holds.clone();
            candidate.draws.remove(&place);
            if let Verdict::Passes(_) = self.verdict(candidate).await {
                let slot = &mut *self.slot.borrow_mut();
                let decides = Some(Decides::Choice(place));
                slot.smallest.as_mut().expect("the start fails").decides = decides;
                return;
            }
        }
    }
}

fn position(order: &[StepId], step: StepId) -> Option<usize> {
    order.iter().position(|&ran| ran == step)
}

fn hash(holds: &Holds) -> u64 {
    let step = |hash: u64, step: &StepId| mix(mix(hash, step.owner), step.ordinal.into());
    let held = holds.holds.iter().fold(0, |hash, (held, until)| step(step(hash, held), until));
    holds.draws.iter().fold(held, |hash, (place, &value)| {
        let chosen = [place.kind as u64, place.index.into(), value.into()];
        chosen.into_iter().fold(step(hash, &place.step), mix)
    })
}
