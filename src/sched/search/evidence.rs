//! Is what a search has run really all there is? Checked by itself: nothing here knows how the
//! search works, and of its code only the steps are used.
//!
//! Take the explored runs as sets of events, an event being a step together with all that happens
//! before it. Let `e` and `x` race in a run `T`: they conflict, and nothing stands between them in
//! happens-before. Let `D` be `T` without `e` and all that happens after it, and let `x`'s owner be
//! ready in `D`. Then some explored run must contain `D` and, with nothing but events of `D` before
//! it, `x`'s owner's step. Likewise for each choice inside a step: some run takes it otherwise. And
//! these demands must not chase each other in a circle: each is answered by a run whose own demands
//! for that step are answered before. Then every run of the program is contained in an explored
//! one, provided that conflicts are seen (footprints are complete, also of what a step does before
//! a choice), that no event disables another, and that a step is determined by what it reads and
//! by what is chosen in it. That is proved of sets of events (`accepted_is_everything` in
//! `proofs/thm/Evidence.v`). That this code demands just that is not proved, but tested against
//! brute force.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    rc::Rc,
};

use super::super::{Access, InStep, Step, StepId};

/// The runs of a search that went to their end.
///
/// # Examples
/// Two steps that both write one cell, run in one order only:
/// ```
/// use seedloop::sched::{Access, Evidence, Footprint, Step, StepId};
/// let write = |owner| Step {
///     id: StepId { owner, ordinal: 1 },
///     footprint: Footprint::new([(owner, Access::Take), (99, Access::Write)], false),
///     choices: Vec::new(),
/// };
/// let mut evidence = Evidence::new([1, 2]);
/// evidence.add(&[write(1), write(2)]);
/// assert!(evidence.check().is_err());
/// evidence.add(&[write(2), write(1)]);
/// assert_eq!(evidence.check().unwrap().runs, 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The owners that are ready before anything has run.
    pub(super) start: Vec<u64>,
    /// The steps that occur, each once.
    steps: Vec<Step>,
    numbers: BTreeMap<Step, u32>,
    runs: Vec<Vec<u32>>,
}

/// The evidence was accepted.
///
/// # Examples
/// ```
/// use seedloop::sched::{Certificate, Evidence};
/// let nothing: Certificate = Evidence::new([]).check().unwrap();
/// assert_eq!(nothing.reversals, 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Certificate {
    /// The explored runs.
    pub runs: u64,
    /// The races that can be reversed, in all runs together: each reversal is in an explored run.
    pub reversals: u64,
    /// The other values of choices inside steps: each is in an explored run.
    pub alternatives: u64,
}

/// The evidence was refused: what is missing.
///
/// # Examples
/// ```
/// use seedloop::sched::Refusal;
/// let refusal = Refusal { reversals: 2, alternatives: 0, circular: 0 };
/// assert_eq!(refusal.to_string(), "of the races 2 reversals were not explored");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Races whose reversal is in no explored run.
    pub reversals: u64,
    /// Values of choices that are in no explored run.
    pub alternatives: u64,
    /// Demands that are only answered in a circle.
    pub circular: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Refusal { reversals, alternatives, circular } = self;
        if *reversals > 0 {
            return write!(f, "of the races {reversals} reversals were not explored");
        }
        if *alternatives > 0 {
            return write!(
                f,
                "of the choices inside steps {alternatives} values were not explored"
            );
        }
        write!(f, "{circular} demands are only answered in a circle")
    }
}

impl Evidence {
    /// Of runs that start with these owners ready.
    pub fn new(start: impl IntoIterator<Item = u64>) -> Evidence {
        Evidence { start: start.into_iter().collect(), ..Evidence::default() }
    }

    /// A run that went to its end: its steps in order, then what was ready and never ran.
    pub fn add(&mut self, steps: &[Step]) {
        let number = |step: &Step| {
            if let Some(&number) = self.numbers.get(step) {
                return number;
            }
            let number = self.steps.len() as u32;
            self.steps.push(step.clone());
            self.numbers.insert(step.clone(), number);
            number
        };
        self.runs.push(steps.iter().map(number).collect());
    }

    /// The runs, as places in the list of [steps](Evidence::steps).
    pub fn runs(&self) -> &[Vec<u32>] {
        &self.runs
    }

    /// The steps that occur in them.
    ///
    /// # Examples
    /// ```
    /// assert!(seedloop::sched::Evidence::new([]).steps().is_empty());
    /// ```
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Is it all there is?
    ///
    /// # Errors
    /// What is missing.
    pub fn check(&self) -> Result<Certificate, Refusal> {
        let mut events = Events::default();
        let runs: Vec<Run> = self.runs.iter().map(|run| events.read(&self.steps, run)).collect();
        // A few answers to each demand are enough, unless they go round in a circle.
        let few = Checker::new(self, &events, &runs, ANSWERS).check();
        match few {
            Err(Refusal { reversals: 0, alternatives: 0, .. }) => {
                Checker::new(self, &events, &runs, usize::MAX).check()
            }
            settled => settled,
        }
    }
}

/// The number of an event: a step with all that happens before it.
type Event = u32;

/// All events, each once.
#[derive(Default)]
struct Events {
    /// Of each its step, and the events right before it.
    known: Vec<(u32, Vec<Event>)>,
    numbers: BTreeMap<(u32, Vec<Event>), Event>,
}

/// A run as events.
struct Run {
    /// By place, the step's number and its event's.
    places: Vec<(u32, Event)>,
    /// `before[b][a]`: the event of place `a` happens before that of `b`.
    before: Vec<Vec<bool>>,
    /// Pairs of places that conflict, with nothing in between.
    races: Vec<(usize, usize)>,
    /// All events, sorted.
    sorted: Vec<Event>,
}

impl Events {
    fn read(&mut self, steps: &[Step], numbers: &[u32]) -> Run {
        let steps: Vec<&Step> = numbers.iter().map(|&number| &steps[number as usize]).collect();
        let mut run = Run {
            places: Vec::with_capacity(steps.len()),
            before: Vec::with_capacity(steps.len()),
            races: Vec::new(),
            sorted: Vec::new(),
        };
        for (at, step) in steps.iter().enumerate() {
            let mut before = vec![false; at];
            let mut key = Vec::new();
            for (other, earlier) in steps[..at].iter().enumerate().rev() {
                let same = earlier.id.owner == step.id.owner;
                let depends = same || earlier.footprint.conflicts(&step.footprint);
                if before[other] || !depends {
                    continue;
                }
                before[other] = true;
                let all = before.iter_mut().zip(&run.before[other]);
                all.for_each(|(before, is_before)| *before |= is_before);
                key.push(run.places[other].1);
                if !same && !earlier.id.is_clock() && !step.id.is_clock() {
                    run.races.push((other, at));
                }
            }
            key.sort_unstable();
            run.before.push(before);
            run.places.push((numbers[at], self.number(numbers[at], key)));
        }
        run.sorted = run.places.iter().map(|&(_, event)| event).collect();
        run.sorted.sort_unstable();
        run
    }

    fn number(&mut self, step: u32, before: Vec<Event>) -> Event {
        let next = self.known.len() as Event;
        let key = (step, before);
        if let Some(&number) = self.numbers.get(&key) {
            return number;
        }
        self.known.push(key.clone());
        self.numbers.insert(key, next);
        next
    }
}

impl Run {
    fn happens_after(&self, later: usize, earlier: usize) -> bool {
        later > earlier && self.before[later][earlier]
    }

    /// The places of all events but that of `first` and those that happen after it.
    fn without(&self, first: usize) -> Vec<usize> {
        let kept = |&at: &usize| at != first && !self.happens_after(at, first);
        (0..self.places.len()).filter(kept).collect()
    }

    fn has(&self, event: Event) -> bool {
        self.sorted.binary_search(&event).is_ok()
    }
}

/// A demand: a run that has all of a set of events, and the step of this name with no event before
/// it but some of these, and with these choices inside.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Demand {
    /// The events of the set that no other of it comes after.
    last: Vec<Event>,
    step: StepId,
    choices: Vec<InStep>,
    /// These choices at least. If not, one list may be the beginning of the other.
    at_least: bool,
}

/// How many answers to a demand are looked for at first.
const ANSWERS: usize = 4;

/// So many runs are looked at one by one.
const FEW: usize = 64;

/// A step of a run.
type Place = (usize, StepId);
/// The runs that answer a demand.
type Answers = Rc<Vec<usize>>;

struct Checker<'a> {
    evidence: &'a Evidence,
    events: &'a Events,
    runs: &'a [Run],
    /// The runs that contain an event, by event.
    containing: Vec<Vec<usize>>,
    answers: BTreeMap<Demand, Answers>,
    /// What each demand on a step of a run is answered by.
    demanded: BTreeMap<Place, Vec<Answers>>,
    met: Certificate,
    missing: Refusal,
    /// The runs that contain an event, as a row of bits, for events that are in many.
    rows: BTreeMap<Event, Vec<u64>>,
    /// How many answers to a demand are looked for.
    most: usize,
}

impl<'a> Checker<'a> {
    fn new(
        evidence: &'a Evidence,
        events: &'a Events,
        runs: &'a [Run],
        most: usize,
    ) -> Checker<'a> {
        let mut containing = vec![Vec::new(); events.known.len()];
        for (at, run) in runs.iter().enumerate() {
            run.sorted.iter().for_each(|&event| containing[event as usize].push(at));
        }
        let met = Certificate { runs: runs.len() as u64, reversals: 0, alternatives: 0 };
        let missing = Refusal { reversals: 0, alternatives: 0, circular: 0 };
        let (answers, demanded) = (BTreeMap::new(), BTreeMap::new());
        Checker {
            evidence,
            events,
            runs,
            containing,
            answers,
            demanded,
            met,
            missing,
            rows: BTreeMap::new(),
            most,
        }
    }

    fn check(mut self) -> Result<Certificate, Refusal> {
        for at in 0..self.runs.len() {
            self.demand_reversals(at);
            self.demand_alternatives(at);
        }
        self.missing.circular = self.unranked();
        match self.missing {
            Refusal { reversals: 0, alternatives: 0, circular: 0 } => Ok(self.met),
            missing => Err(missing),
        }
    }

    fn step(&self, run: &Run, place: usize) -> &'a Step {
        &self.evidence.steps[run.places[place].0 as usize]
    }

    /// Every race of a run that can be reversed is, in some run.
    fn demand_reversals(&mut self, at: usize) {
        let run = &self.runs[at];
        for &(first, second) in &run.races {
            let kept = run.without(first);
            if !self.is_ready(run, &kept, second) {
                continue;
            }
            let Step { id, choices, .. } = self.step(run, second);
            let answers = self.answers(run, &kept, *id, choices.clone(), false);
            match answers.is_empty() {
                true => self.missing.reversals += 1,
                false => self.met.reversals += 1,
            }
            self.demanded.entry((at, *id)).or_default().push(answers);
        }
    }

    /// Every choice inside a step of a run is made otherwise, in some run.
    fn demand_alternatives(&mut self, at: usize) {
        let run = &self.runs[at];
        for place in 0..run.places.len() {
            let Step { id, choices, .. } = self.step(run, place);
            for (chosen, choice) in choices.iter().enumerate() {
                let kept = run.without(place);
                for value in (0..choice.menu).filter(|&value| value != choice.value) {
                    let mut other = choices[..chosen].to_vec();
                    other.push(InStep { value, ..*choice });
                    match self.answers(run, &kept, *id, other, true).is_empty() {
                        true => self.missing.alternatives += 1,
                        false => self.met.alternatives += 1,
                    }
                }
            }
        }
    }

    /// Is the step's owner ready when only these places have run? It is if one of them has made it
    /// ready since its last step among them.
    fn is_ready(&self, run: &Run, kept: &[usize], place: usize) -> bool {
        let owner = self.step(run, place).id.owner;
        let mut ready = self.evidence.start.contains(&owner);
        for &at in kept.iter().take_while(|&&at| at < place) {
            let step = self.step(run, at);
            // Its own step takes the handle first, and may make it ready again.
            ready &= step.id.owner != owner;
            ready |= step.footprint.has(owner, Access::Ready);
        }
        ready
    }

    /// The runs that have all events of these places, and the step right after some of them.
    fn answers(
        &mut self,
        run: &Run,
        kept: &[usize],
        step: StepId,
        choices: Vec<InStep>,
        at_least: bool,
    ) -> Answers {
        let is_last = |&&at: &&usize| !kept.iter().any(|&later| run.happens_after(later, at));
        let mut last: Vec<Event> =
            kept.iter().filter(is_last).map(|&at| run.places[at].1).collect();
        last.sort_unstable();
        let demand = Demand { last, step, choices, at_least };
        if let Some(answers) = self.answers.get(&demand) {
            return answers.clone();
        }
        let set: BTreeSet<Event> = kept.iter().map(|&at| run.places[at].1).collect();
        let wanted: Vec<Event> =
            demand.last.iter().copied().chain(self.likely(run, kept, step)).collect();
        let mut answers = self.search(&demand, &set, &wanted);
        if answers.is_empty() || self.most == usize::MAX {
            // The step may have touched something else there.
            answers = self.search(&demand, &set, &demand.last);
        }
        let answers = Rc::new(answers);
        self.answers.insert(demand, answers.clone());
        answers
    }

    /// The event of the step, if it touches the same without what is left out of the run.
    fn likely(&self, run: &Run, kept: &[usize], step: StepId) -> Option<Event> {
        let number_of = |at: usize| run.places[at].0;
        let id_of = |number: u32| self.evidence.steps[number as usize].id;
        let place = (0..run.places.len()).find(|&at| id_of(number_of(at)) == step)?;
        let happens_before = |&at: &usize| at < place && run.before[place][at];
        let causes: Vec<usize> = kept.iter().copied().filter(happens_before).collect();
        let is_right_before =
            |&&at: &&usize| !causes.iter().any(|&later| run.happens_after(later, at));
        let mut key: Vec<Event> =
            causes.iter().filter(is_right_before).map(|&at| run.places[at].1).collect();
        key.sort_unstable();
        self.events.numbers.get(&(number_of(place), key)).copied()
    }

    /// Answers among the runs that have all of these events.
    fn search(&mut self, demand: &Demand, set: &BTreeSet<Event>, wanted: &[Event]) -> Vec<usize> {
        let runs = self.runs.len();
        let rarest = wanted.iter().min_by_key(|&&event| self.containing[event as usize].len());
        let few = rarest.filter(|&&event| self.containing[event as usize].len() <= FEW);
        if let Some(&event) = few {
            let runs = self.containing[event as usize].iter().copied();
            return runs.filter(|&at| self.meets(at, demand, set)).take(self.most).collect();
        }
        // Each of them is in many runs, all of them together perhaps in few.
        let mut all = vec![u64::MAX; runs.div_ceil(64)];
        for &event in wanted {
            let row = self.rows.entry(event).or_insert_with(|| {
                let mut row = vec![0; runs.div_ceil(64)];
                for &at in &self.containing[event as usize] {
                    row[at / 64] |= 1 << (at % 64);
                }
                row
            });
            all.iter_mut().zip(row.iter()).for_each(|(word, more)| *word &= more);
        }
        let has = |&at: &usize| all[at / 64] >> (at % 64) & 1 == 1;
        let common = (0..runs).filter(has);
        common.filter(|&at| self.meets(at, demand, set)).take(self.most).collect()
    }

    fn meets(&self, at: usize, demand: &Demand, set: &BTreeSet<Event>) -> bool {
        let run = &self.runs[at];
        if !demand.last.iter().all(|&event| run.has(event)) {
            return false;
        }
        let named =
            |&&(step, _): &&(u32, Event)| self.evidence.steps[step as usize].id == demand.step;
        let Some(&(step, event)) = run.places.iter().find(named) else { return false };
        let choices = &self.evidence.steps[step as usize].choices;
        // Where another menu is met, the step has read something else: from there on its choices
        // are others.
        let both = choices.iter().zip(&demand.choices);
        let same = both.take_while(|(a, b)| (a.kind, a.menu) == (b.kind, b.menu));
        let (mut common, mut agree) = (0, true);
        for (a, b) in same {
            common += 1;
            agree &= a.value == b.value;
        }
        let (_, before) = &self.events.known[event as usize];
        before.iter().all(|cause| set.contains(cause))
            && agree
            && (!demand.at_least || common == demand.choices.len())
    }

    /// How many steps of runs have demands that are only answered in a circle.
    fn unranked(&self) -> u64 {
        let mut ranked: BTreeSet<Place> = BTreeSet::new();
        let mut left: Vec<(&Place, &Vec<Answers>)> = self.demanded.iter().collect();
        loop {
            let before = left.len();
            let is_ranked = |place: Place, ranked: &BTreeSet<Place>| {
                ranked.contains(&place) || !self.demanded.contains_key(&place)
            };
            left.retain(|&(&(run, step), demands)| {
                let answered = demands.iter().all(|answers| {
                    answers.iter().any(|&answer| is_ranked((answer, step), &ranked))
                });
                if answered {
                    ranked.insert((run, step));
                }
                !answered
            });
            if left.len() == before {
                return left.len() as u64;
            }
        }
    }
}
