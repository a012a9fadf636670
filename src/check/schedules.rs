//! Schedules as a proptest strategy.

use proptest::{collection::vec, prelude::*};

use crate::sched::{ChoiceKind, Choices, Deviation};

/// The most deviations that a schedule starts with.
const DEVIATIONS_MAX: usize = 24;

/// Schedules that shrink towards asyncio's order: fewer deviations from it, earlier, smaller. To
/// be run by [`Check::try_schedule`](crate::Check::try_schedule). Every schedule is legal for
/// every program.
///
/// # Examples
/// ```
/// use proptest::{prelude::*, test_runner::TestRunner};
/// use seedloop::{Check, Error, schedules, yield_now};
/// let check = Check::new();
/// TestRunner::default().run(&schedules(), |schedule| {
///     check.try_schedule(&schedule, || async { yield_now().await })
///         .map_err(|failure| TestCaseError::fail(failure.to_string()))?;
///     Ok(())
/// }).unwrap();
/// ```
pub fn schedules() -> impl Strategy<Value = Choices> {
    let kind = prop_oneof![
        6 => Just(ChoiceKind::Order),
        2 => Just(ChoiceKind::Cancel),
        1 => Just(ChoiceKind::Slip),
        1 => Just(ChoiceKind::User),
    ];
    let index = prop_oneof![3 => 0..16_u32, 1 => 0..128_u32];
    let deviation = (kind, index, 0..8_u32);
    let deviation = deviation.prop_map(|(kind, index, value)| Deviation { kind, index, value });
    vec(deviation, 0..=DEVIATIONS_MAX).prop_map(Choices::new)
}
