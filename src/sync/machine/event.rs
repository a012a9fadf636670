//! `asyncio.Event` without its future.

use super::{Line, Waiting};

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<W> {
    is_set: bool,
    /// A woken waiter stays until its own step.
    waiters: Line<W>,
}

impl<W: Waiting> Machine<W> {
    pub(crate) fn new(is_set: bool) -> Machine<W> {
        Machine { is_set, waiters: Line::default() }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.is_set
    }

    /// Gives whom to wake: all that wait now.
    #[must_use]
    pub(crate) fn set(&mut self) -> Vec<W> {
        match std::mem::replace(&mut self.is_set, true) {
            true => Vec::new(),
            false => self.waiters.pending().cloned().collect(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.is_set = false;
    }

    pub(crate) fn enqueue(&mut self, waiter: W) {
        self.waiters.push(waiter);
    }

    /// A wait is over.
    pub(crate) fn leave(&mut self, waiter: &W) {
        self.waiters.remove(waiter);
    }
}
