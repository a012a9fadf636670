//! asyncio's queues without their futures: items, and who waits at which end.

use std::marker::PhantomData;

use super::{Line, Over, Waiting, event, order::Order};
use crate::kernel::State;

/// What a task may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// An item.
    Get,
    /// Room.
    Put,
    /// That every item is dealt with.
    Join,
}

/// The machine, over the store of its items' order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<T, O: Order<T>, W> {
    store: O::Store,
    /// 0: no bound.
    maxsize: usize,
    /// A woken waiter is no longer in its line.
    getters: Line<W>,
    putters: Line<W>,
    /// Items put and not yet reported as done.
    unfinished: usize,
    /// Set while there are none.
    finished: event::Machine<W>,
    is_shutdown: bool,
    order: PhantomData<O>,
}

impl<T, O: Order<T>, W: Waiting> Machine<T, O, W> {
    pub(crate) fn new(maxsize: usize) -> Self {
        Machine {
            store: O::Store::default(),
            maxsize,
            getters: Line::default(),
            putters: Line::default(),
            unfinished: 0,
            finished: event::Machine::new(true),
            is_shutdown: false,
            order: PhantomData,
        }
    }

    pub(crate) fn len(&self) -> usize {
        O::len(&self.store)
    }

    pub(crate) fn maxsize(&self) -> usize {
        self.maxsize
    }

    pub(crate) fn is_full(&self) -> bool {
        self.maxsize > 0 && self.len() >= self.maxsize
    }

    pub(crate) fn is_shutdown(&self) -> bool {
        self.is_shutdown
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Adds an item: there is room. Gives whom to wake.
    #[must_use]
    pub(crate) fn put(&mut self, item: T) -> Option<W> {
        debug_assert!(!self.is_full() && !self.is_shutdown, "an item is put where it may be");
        O::put(&mut self.store, item);
        self.unfinished += 1;
        self.finished.clear();
        self.getters.pop_pending()
    }

    /// Takes an item, if there is one. Gives whom to wake.
    pub(crate) fn get(&mut self) -> Option<(T, Option<W>)> {
        let item = self.discard()?;
        Some((item, self.putters.pop_pending()))
    }

    /// Takes an item, if there is one, and makes no room for another.
    pub(crate) fn discard(&mut self) -> Option<T> {
        O::get(&mut self.store)
    }

    /// One item that was taken is dealt with: `None` if all are. Gives whom to wake.
    pub(crate) fn task_done(&mut self) -> Option<Vec<W>> {
        self.unfinished = self.unfinished.checked_sub(1)?;
        Some(if self.unfinished == 0 { self.finished.set() } else { Vec::new() })
    }

    /// From now on nothing is put.
    pub(crate) fn shut_down(&mut self) {
        self.is_shutdown = true;
    }

    /// Gives whom to wake: all at both ends look again.
    #[must_use]
    pub(crate) fn empty_lines(&mut self) -> Vec<W> {
        let mut all = self.getters.empty();
        all.extend(self.putters.empty());
        all
    }

    pub(crate) fn nobody_waits(&self, side: Side) -> bool {
        match side {
            Side::Get => self.getters.first().is_none(),
            Side::Put => self.putters.first().is_none(),
            Side::Join => self.unfinished == 0,
        }
    }

    pub(crate) fn enqueue(&mut self, side: Side, waiter: W) {
        match side {
            Side::Get => self.getters.push(waiter),
            Side::Put => self.putters.push(waiter),
            Side::Join => self.finished.enqueue(waiter),
        }
    }

    /// A wait is over. Gives whom to wake: what a woken waiter cannot take, the next in line can.
    #[must_use]
    pub(crate) fn leave(&mut self, side: Side, waiter: &W, over: Over) -> Option<W> {
        let (is_empty, is_full) = (self.len() == 0, self.is_full());
        let (line, is_open) = match side {
            Side::Get => (&mut self.getters, !is_empty),
            Side::Put => (&mut self.putters, !is_full),
            Side::Join => {
                self.finished.leave(waiter);
                return None;
            }
        };
        line.remove(waiter);
        let passes = over != Over::Turn && waiter.state() == State::Finished && is_open;
        if passes { line.pop_pending() } else { None }
    }
}
