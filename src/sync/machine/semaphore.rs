//! `asyncio.Semaphore` without its future: a released permit goes to the first waiter at once.

use super::{Line, Over, Waiting};
use crate::kernel::State;

/// The machine.
/// invariant: permits + woken waiters + permits held is constant but for `release`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<W> {
    permits: usize,
    /// A woken waiter has its permit and stays until its own step.
    waiters: Line<W>,
}

impl<W: Waiting> Machine<W> {
    pub(crate) fn new(permits: usize) -> Machine<W> {
        Machine { permits, waiters: Line::default() }
    }

    pub(crate) fn permits(&self) -> usize {
        self.permits
    }

    /// Would `acquire` wait?
    pub(crate) fn locked(&self) -> bool {
        self.permits == 0 || !self.waiters.all_cancelled()
    }

    pub(crate) fn try_acquire(&mut self) -> bool {
        let free = !self.locked();
        self.permits -= usize::from(free);
        free
    }

    pub(crate) fn enqueue(&mut self, waiter: W) {
        self.waiters.push(waiter);
    }

    /// One more permit. Gives whom to wake.
    #[must_use]
    pub(crate) fn release(&mut self) -> Vec<W> {
        self.permits = self.permits.saturating_add(1);
        self.grant(1)
    }

    /// A wait is over: a permit that is not taken goes back. Gives whom to wake: those behind had
    /// to wait for this one, although there were permits.
    #[must_use]
    pub(crate) fn leave(&mut self, waiter: &W, over: Over) -> Vec<W> {
        self.waiters.remove(waiter);
        if over != Over::Turn && waiter.state() == State::Finished {
            self.permits += 1;
        }
        self.grant(usize::MAX)
    }

    /// Gives permits to the first that still wait.
    fn grant(&mut self, most: usize) -> Vec<W> {
        let granted: Vec<W> =
            self.waiters.pending().take(most.min(self.permits)).cloned().collect();
        self.permits -= granted.len();
        granted
    }
}
