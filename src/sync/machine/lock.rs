//! `asyncio.Lock` without its future: FIFO, without barging.

use super::{Line, Over, Waiting};
use crate::kernel::State;

/// The machine: who has the lock is not known, who waits is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<W> {
    locked: bool,
    /// A woken waiter stays until its own step.
    waiters: Line<W>,
}

impl<W> Default for Machine<W> {
    fn default() -> Self {
        Machine { locked: false, waiters: Line::default() }
    }
}

impl<W: Waiting> Machine<W> {
    pub(crate) fn locked(&self) -> bool {
        self.locked
    }

    /// Takes the lock, unless it is held or somebody waits.
    pub(crate) fn try_acquire(&mut self) -> bool {
        let free = !self.locked && self.waiters.all_cancelled();
        self.locked |= free;
        free
    }

    pub(crate) fn enqueue(&mut self, waiter: W) {
        self.waiters.push(waiter);
    }

    /// The held lock is free. Gives whom to wake.
    #[must_use]
    pub(crate) fn release(&mut self) -> Option<W> {
        debug_assert!(self.locked, "only a held lock is released");
        self.locked = false;
        self.next()
    }

    /// A wait is over. Gives whom to wake: a turn that is not taken passes on.
    #[must_use]
    pub(crate) fn leave(&mut self, waiter: &W, over: Over) -> Option<W> {
        self.waiters.remove(waiter);
        if over == Over::Turn {
            self.locked = true;
        }
        if self.locked { None } else { self.next() }
    }

    /// The first, unless it is woken or cancelled: then it passes the turn on itself.
    fn next(&self) -> Option<W> {
        self.waiters.first().filter(|waiter| waiter.state() == State::Pending).cloned()
    }
}
