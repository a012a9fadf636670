//! Asyncio's order, but that some steps wait for others. Such a hold ("task 2's 3rd step waits
//! until task 4 has made its 1st") says what matters of a schedule. A choice's number says it only
//! together with all choices before it; holds can be dropped one by one, and the rest still means
//! the same. As io-sim's `ScheduleMod`s, which hold a step until a list of others has run.
//!
//! Every list of holds is a legal run: a step that is held runs nevertheless when nothing else is
//! ready, and what is not reached is idle.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use super::{ChoiceKind, Guarantee, Menu, RunPlan, RunReport, Scheduler, StepId, Watch};
use crate::trace::{Draw, Hold, Plan, StepName};

/// A schedule as holds, and the choices inside steps that are not asyncio's.
///
/// # Examples
/// ```
/// use seedloop::{Check, gather, log, sched::Holds, yield_now};
/// let late: Holds = "h.1:1@2:2".parse()?; // the first task begins after the second's second step
/// let ran = Check::new().try_schedule(&late.into(), || async {
///     let tasks = ["a", "b"].map(|name| async move {
///         yield_now().await?;
///         log(name);
///         Ok::<(), seedloop::Error>(())
///     });
///     gather(tasks).await
/// });
/// assert!(ran.is_ok());
/// # Ok::<(), seedloop::TokenError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Holds {
    /// Which step waits for which.
    pub(crate) holds: BTreeMap<StepId, StepId>,
    /// What is chosen inside steps.
    pub(crate) draws: BTreeMap<Place, u32>,
}

/// The place of a choice inside a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) step: StepId,
    pub(crate) kind: ChoiceKind,
    /// Which of this kind in the step.
    pub(crate) index: u32,
}

impl Holds {
    /// How many steps wait for others.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::Holds;
    /// let holds: Holds = "h.1:1@2:2.1:2u0=3".parse()?;
    /// assert_eq!((holds.len(), holds.is_empty()), (1, false));
    /// # Ok::<(), seedloop::TokenError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.holds.len()
    }

    /// Is it asyncio's schedule?
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty() && self.draws.is_empty()
    }

    pub(crate) fn of_plan(holds: &[Hold], draws: &[Draw]) -> Holds {
        let kind = |draw: &Draw| {
            let kind = ChoiceKind::ALL.into_iter().find(|kind| kind.letter() == draw.kind);
            kind.expect("a draw has the letter of a kind")
        };
        let place =
            |draw: &Draw| Place { step: (&draw.step).into(), kind: kind(draw), index: draw.index };
        Holds {
            holds: holds.iter().map(|hold| ((&hold.step).into(), (&hold.until).into())).collect(),
            draws: draws.iter().map(|draw| (place(draw), draw.value)).collect(),
        }
    }

    /// The schedule as a token says it. `name` names steps: one that it does not know is left out.
    pub(crate) fn to_plan(&self, name: impl Fn(StepId) -> Option<StepName>) -> Plan {
        let hold = |(&step, &until)| Some(Hold { step: name(step)?, until: name(until)? });
        let draw = |(place, &value): (&Place, &u32)| {
            let (kind, index) = (place.kind.letter(), place.index);
            Some(Draw { step: name(place.step)?, kind, index, value })
        };
        let mut holds: Vec<Hold> = self.holds.iter().filter_map(hold).collect();
        let mut draws: Vec<Draw> = self.draws.iter().filter_map(draw).collect();
        holds.sort();
        draws.sort();
        Plan::Holds { holds, draws }
    }
}

/// Reads what stands in a token between `sl1-` and the settings, or in a whole token.
impl std::str::FromStr for Holds {
    type Err = crate::TokenError;

    fn from_str(text: &str) -> Result<Holds, crate::TokenError> {
        let plan = match text.starts_with("sl1-") {
            true => text.parse::<crate::Token>()?.plan,
            false => text.parse()?,
        };
        match plan {
            Plan::Holds { holds, draws } => Ok(Holds::of_plan(&holds, &draws)),
            plan => Err(crate::TokenError::new(format!("holds start with h., unlike {plan}"))),
        }
    }
}

impl From<&StepName> for StepId {
    fn from(name: &StepName) -> StepId {
        StepId { owner: name.key(), ordinal: name.ordinal() }
    }
}

/// Where a run is: which steps have run, and what has been asked inside the one that runs.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// The last step of each owner.
    last: BTreeMap<u64, u32>,
    /// The step that runs; none before the first.
    running: Option<StepId>,
    asked: [u32; ChoiceKind::ALL.len()],
}

impl Progress {
    pub(super) fn has_run(&self, step: StepId) -> bool {
        self.last.get(&step.owner).is_some_and(|&last| last >= step.ordinal)
    }

    /// This step runs next.
    pub(super) fn begin(&mut self, step: StepId) {
        self.last.insert(step.owner, step.ordinal);
        (self.running, self.asked) = (Some(step), Default::default());
    }

    /// The place of a choice that is asked now.
    pub(super) fn ask(&mut self, kind: ChoiceKind) -> Place {
        let asked = &mut self.asked[kind as usize];
        *asked += 1;
        Place { step: self.running.unwrap_or(StepId::START), kind, index: *asked - 1 }
    }
}

/// Runs a schedule that is given as holds, once.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    plan: Holds,
    progress: Progress,
}

impl Held {
    pub(crate) fn new(plan: Holds) -> Held {
        Held { plan, progress: Progress::default() }
    }
}

impl Scheduler for Held {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let Held { plan, progress } = self;
        if menu.kind() != ChoiceKind::Order {
            let value = plan.draws.get(&progress.ask(menu.kind()));
            return value.map_or(0, |value| value % menu.len());
        }
        let waits = |step| plan.holds.get(step).is_some_and(|&until| !progress.has_run(until));
        let at = menu.steps().iter().position(|step| !waits(step)).unwrap_or(0);
        progress.begin(menu.steps()[at]);
        at as u32
    }

    fn watches(&self) -> Watch {
        Watch::Steps
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        last.is_none().then_some(RunPlan { run: 0 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}

/// Lets another scheduler choose, and writes its run down as holds. Clones are handles of the same
/// one.
#[derive(Clone)]
pub(crate) struct Recording(Rc<RefCell<Record>>);

struct Record {
    inner: Box<dyn Scheduler>,
    progress: Progress,
    so_far: Recorded,
    runs: u64,
}

/// A run as holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorded {
    /// The holds that give its order: whoever was passed over waited for the one that was chosen.
    pub(crate) holds: Holds,
    /// Its steps, without the clock's.
    pub(crate) order: Vec<StepId>,
}

impl Recording {
    pub(crate) fn new(inner: Box<dyn Scheduler>) -> Recording {
        let (progress, so_far) = (Progress::default(), Recorded::default());
        Recording(Rc::new(RefCell::new(Record { inner, progress, so_far, runs: 0 })))
    }

    /// Another scheduler chooses from here on.
    pub(crate) fn choose_by(&self, inner: Box<dyn Scheduler>) {
        self.0.borrow_mut().inner = inner;
    }

    /// The run so far; forgets it.
    pub(crate) fn take(&self) -> Recorded {
        let record = &mut *self.0.borrow_mut();
        record.progress = Progress::default();
        std::mem::take(&mut record.so_far)
    }
}

impl Scheduler for Recording {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let Record { inner, progress, so_far: Recorded { holds, order }, .. } =
            &mut *self.0.borrow_mut();
        let asks = menu.len() >= 2 || inner.watches() != Watch::Nothing;
        let value = if asks { inner.choose(menu) } else { 0 };
        if menu.kind() != ChoiceKind::Order {
            let place = progress.ask(menu.kind());
            if value != 0 {
                holds.draws.insert(place, value);
            }
            return value;
        }
        let (passed, chosen) = menu.steps().split_at(value as usize);
        holds.holds.extend(passed.iter().map(|&step| (step, chosen[0])));
        progress.begin(chosen[0]);
        if !chosen[0].is_clock() {
            order.push(chosen[0]);
        }
        value
    }

    fn watches(&self) -> Watch {
        Watch::Steps
    }

    fn next_run(&mut self, _last: Option<&RunReport>) -> Option<RunPlan> {
        let record = &mut *self.0.borrow_mut();
        record.runs += 1;
        Some(RunPlan { run: record.runs - 1 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
