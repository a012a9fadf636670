//! A list of deviations from asyncio's order, each by kind and index within its kind. Every list
//! is a legal run: options are taken modulo the menu, a deviation that is not reached is idle.
//! So it can be shrunk, mutated and cut at will; the empty list is asyncio.

use std::collections::BTreeMap;

use super::{ChoiceKind, Guarantee, Menu, RunPlan, RunReport, Scheduler};

/// One deviation: the `index`th choice of this kind takes `value`, modulo the menu.
///
/// # Examples
/// ```
/// use seedloop::{Check, choose, sched::{ChoiceKind, Choices, Deviation}};
/// let second = Deviation { kind: ChoiceKind::User, index: 1, value: 2 };
/// Check::new().try_schedule(&Choices::new([second]).into(), || async {
///     assert_eq!((choose(3), choose(3), choose(3)), (0, 2, 0));
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deviation {
    /// What the choice is about.
    pub kind: ChoiceKind,
    /// Which choice of this kind, from 0.
    pub index: u32,
    /// The option; 0 is asyncio's.
    pub value: u32,
}

/// A schedule as data.
///
/// # Examples
/// ```
/// use seedloop::sched::{ChoiceKind, Choices, Deviation};
/// let swap = Deviation { kind: ChoiceKind::Order, index: 0, value: 1 };
/// let choices = Choices::new([swap]);
/// assert_eq!(choices.deviations().count(), 1);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Choices {
    picks: BTreeMap<(ChoiceKind, u32), u32>,
    asked: [u32; ChoiceKind::ALL.len()],
}

impl Choices {
    /// The schedule with these deviations; the last of several at one place counts.
    ///
    /// # Examples
    /// ```
    /// use seedloop::sched::{ChoiceKind, Choices, Deviation};
    /// let order = |value| Deviation { kind: ChoiceKind::Order, index: 0, value };
    /// assert!(Choices::new([order(1), order(2)]).deviations().eq([order(2)]));
    /// assert_eq!(Choices::new([order(0)]), Choices::default()); // asyncio's order
    /// ```
    pub fn new(deviations: impl IntoIterator<Item = Deviation>) -> Choices {
        let picks = deviations.into_iter().map(|d| ((d.kind, d.index), d.value));
        Choices {
            picks: picks.filter(|&(_, value)| value != 0).collect(),
            asked: Default::default(),
        }
    }

    /// The deviations, by kind and index.
    pub fn deviations(&self) -> impl Iterator<Item = Deviation> + '_ {
        self.picks.iter().map(|(&(kind, index), &value)| Deviation { kind, index, value })
    }
}

impl Scheduler for Choices {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let asked = &mut self.asked[menu.kind() as usize];
        let index = *asked;
        *asked += 1;
        self.picks.get(&(menu.kind(), index)).map_or(0, |value| value % menu.len())
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        last.is_none().then_some(RunPlan { run: 0 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
