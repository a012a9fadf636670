//! What a bug needs before it shows: one kind of freedom of the schedule, and nothing else.

#![allow(dead_code, reason = "a case names one dimension, and the hunt only prints them")]

use std::fmt;

use seedloop::Check;

/// What a case lets the schedule do. The order of what is ready is always free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// Another order of what is ready.
    Order,
    /// One cancellation, of the task that is offered for it.
    Cancellation,
    /// Another waker for every poll.
    FreshWakers,
    /// A clock that advances once although something is ready.
    Slips,
}

impl Dimension {
    /// A check with this dimension turned on, and no other.
    pub(crate) fn check(self) -> Check {
        let check = Check::new().fresh_wakers(false);
        match self {
            Dimension::Order => check,
            Dimension::Cancellation => check.cancellations(1),
            Dimension::FreshWakers => check.fresh_wakers(true),
            Dimension::Slips => check.slips(1),
        }
    }
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Dimension::Order => "order",
            Dimension::Cancellation => "cancellation",
            Dimension::FreshWakers => "fresh wakers",
            Dimension::Slips => "slips",
        })
    }
}
