//! A schedule as data, to be run by a check: choices by their place in the run, or holds.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    exec::StepNames,
    sched::{Choices, Held, Holds, Recorded, Scheduler},
};

/// A schedule for [`Check::try_schedule`](crate::Check::try_schedule): deviations from asyncio's
/// order by their place ([`Choices`]), or steps that wait for others ([`Holds`]). Each is legal for
/// every program. The default is asyncio's own.
///
/// # Examples
/// ```
/// use seedloop::{Check, Schedule, choose, sched::Holds};
/// let holds: Holds = "h.main:1u0=3".parse()?; // the first choice of main's first step is 3
/// let program = || async { assert!(choose(6) != 3) };
/// assert!(Check::new().try_schedule(&holds.into(), program).is_err());
/// assert!(Check::new().try_schedule(&Schedule::default(), program).is_ok());
/// # Ok::<(), seedloop::TokenError>(())
/// ```
#[derive(Clone, Default)]
pub struct Schedule {
    planned: Planned,
    /// As tokens write it.
    text: Option<String>,
    /// What became of it, if it failed: whoever generated it can go on from there.
    ran: Arc<Mutex<Option<Ran>>>,
}

#[derive(Clone)]
enum Planned {
    Choices(Choices),
    Holds(Holds),
}

impl Default for Planned {
    fn default() -> Planned {
        Planned::Holds(Holds::default())
    }
}

/// A failed run of a schedule.
#[derive(Debug)]
#[cfg_attr(not(feature = "proptest"), expect(dead_code, reason = "only proptest goes on from it"))]
pub(super) struct Ran {
    pub(super) recorded: Recorded,
    pub(super) names: StepNames,
}

impl From<Choices> for Schedule {
    fn from(choices: Choices) -> Schedule {
        Schedule { planned: Planned::Choices(choices), ..Schedule::default() }
    }
}

impl From<Holds> for Schedule {
    fn from(holds: Holds) -> Schedule {
        Schedule { planned: Planned::Holds(holds), ..Schedule::default() }
    }
}

impl Schedule {
    /// The steps that wait for others; `None` if it is choices by their place.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Schedule, sched::Choices};
    /// assert!(Schedule::default().holds().is_some_and(|holds| holds.is_empty()));
    /// assert!(Schedule::from(Choices::default()).holds().is_none());
    /// ```
    pub fn holds(&self) -> Option<&Holds> {
        match &self.planned {
            Planned::Holds(holds) => Some(holds),
            Planned::Choices(_) => None,
        }
    }

    pub(super) fn scheduler(&self) -> Box<dyn Scheduler> {
        match &self.planned {
            Planned::Choices(choices) => Box::new(choices.clone()),
            Planned::Holds(holds) => Box::new(Held::new(holds.clone())),
        }
    }

    /// It has failed.
    pub(super) fn failed(&self, ran: Ran) {
        *self.ran.lock().unwrap_or_else(PoisonError::into_inner) = Some(ran);
    }
}

#[cfg(feature = "proptest")]
impl Schedule {
    /// As tokens write it, with these names.
    pub(super) fn named(mut self, names: &StepNames) -> Schedule {
        let plan = self.holds().map(|holds| holds.to_plan(|step| names.name(step)));
        self.text = plan.map(|plan| plan.to_string());
        self
    }

    /// With a place of another for what becomes of it.
    pub(super) fn reporting_to(mut self, ran: &Arc<Mutex<Option<Ran>>>) -> Schedule {
        self.ran = ran.clone();
        self
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Schedule(")?;
        match (&self.text, &self.planned) {
            (Some(text), _) => f.write_str(text)?,
            (None, Planned::Choices(choices)) => {
                for (at, deviation) in choices.deviations().enumerate() {
                    let gap = if at == 0 { "" } else { ", " };
                    let (kind, index) = (deviation.kind, deviation.index);
                    write!(f, "{gap}{kind:?} {index} takes {}", deviation.value)?;
                }
            }
            (None, Planned::Holds(holds)) if holds.is_empty() => f.write_str("h.none")?,
            (None, Planned::Holds(holds)) => write!(f, "{} holds", holds.len())?,
        }
        f.write_str(")")
    }
}
