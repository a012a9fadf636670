//! What stands behind asyncio's primitives: who waits, who is next, what is free. No futures and no
//! loop: a machine is a value, and a transition gives whom to wake.
//!
//! Whether a waiter still waits is asked of the waiter itself: a cancellation reaches it first.

pub(crate) mod barrier;
pub(crate) mod condition;
pub(crate) mod event;
mod heap;
pub(crate) mod lock;
pub(crate) mod order;
pub(crate) mod queue;
pub(crate) mod semaphore;

use std::collections::VecDeque;

use crate::kernel::State;

/// A waiter as its machine sees it: an id that knows whether it still waits.
pub(crate) trait Waiting: Clone + PartialEq {
    /// Pending, woken (`Finished`), or cancelled.
    fn state(&self) -> State;
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Over {
    /// It was woken, and is told so.
    Turn,
    /// It is told of a cancellation; it may have been woken before.
    Cancelled,
    /// Its future was dropped, woken or not.
    Dropped,
}

/// Waiters in order of arrival.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Line<W>(VecDeque<W>);

impl<W> Default for Line<W> {
    fn default() -> Self {
        Line(VecDeque::new())
    }
}

impl<W: Waiting> Line<W> {
    fn push(&mut self, waiter: W) {
        self.0.push_back(waiter);
    }

    fn remove(&mut self, waiter: &W) {
        // Most often it is the first.
        if let Some(at) = self.0.iter().position(|other| other == waiter) {
            self.0.remove(at);
        }
    }

    fn first(&self) -> Option<&W> {
        self.0.front()
    }

    /// Those that are neither woken nor cancelled.
    fn pending(&self) -> impl Iterator<Item = &W> {
        self.0.iter().filter(|waiter| waiter.state() == State::Pending)
    }

    fn all_cancelled(&self) -> bool {
        self.0.iter().all(|waiter| waiter.state() == State::Cancelled)
    }

    /// Takes the first that still waits, and all before it.
    fn pop_pending(&mut self) -> Option<W> {
        std::iter::from_fn(|| self.0.pop_front()).find(|waiter| waiter.state() == State::Pending)
    }

    /// Takes all; gives those that still wait.
    fn empty(&mut self) -> Vec<W> {
        std::iter::from_fn(|| self.pop_pending()).collect()
    }
}
