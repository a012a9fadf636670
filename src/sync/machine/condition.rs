//! `asyncio.Condition` without its future and without its lock: who waits for a notification.

use super::{Line, Over, Waiting};
use crate::kernel::State;

/// The machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<W> {
    /// A woken waiter stays until its own step.
    waiters: Line<W>,
}

impl<W> Default for Machine<W> {
    fn default() -> Self {
        Machine { waiters: Line::default() }
    }
}

impl<W: Waiting> Machine<W> {
    pub(crate) fn enqueue(&mut self, waiter: W) {
        self.waiters.push(waiter);
    }

    /// Gives whom to wake: the first `n` that still wait.
    #[must_use]
    pub(crate) fn notify(&mut self, n: usize) -> Vec<W> {
        self.waiters.pending().take(n).cloned().collect()
    }

    /// A wait is over. Gives whom to wake: a notification that is dropped with its waiter passes
    /// on. One whose waiter is cancelled passes on once that has the lock again.
    #[must_use]
    pub(crate) fn leave(&mut self, waiter: &W, over: Over) -> Vec<W> {
        self.waiters.remove(waiter);
        let lost = over == Over::Dropped && waiter.state() == State::Finished;
        self.notify(lost.into())
    }
}
