//! Waiting for one's turn in a machine's queue.

use std::{cell::Cell, rc::Rc};

use crate::{
    exec::{Error, Holder, raw::RawFuture, try_with},
    kernel::State,
};

/// A waiter as its machine sees it: an id that knows whether it still waits.
pub(super) trait Waiting: Clone + PartialEq {
    /// Pending, woken (`Finished`), or cancelled.
    fn state(&self) -> State;
}

/// A waiter in a run: the future that wakes it.
#[derive(Clone)]
pub(super) struct Waiter(Rc<RawFuture>);

impl Waiter {
    pub(super) fn wake(&self) {
        self.0.resolve();
    }
}

impl PartialEq for Waiter {
    fn eq(&self, other: &Waiter) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Waiting for Waiter {
    fn state(&self) -> State {
        self.0.state()
    }
}

/// An object that keeps a queue of waiters.
pub(super) trait WaitList: Clone {
    /// The wait has ended: by the waiter's turn, or by a cancellation.
    fn over(&self, waiter: &Waiter, is_turn: bool);

    /// The wait was dropped.
    fn dropped(&self, waiter: &Waiter) {
        self.over(waiter, false);
    }
}

/// One wait in the queue of `list`.
pub(super) struct Turn<L: WaitList> {
    list: L,
    waiter: Waiter,
    is_over: bool,
}

impl<L: WaitList> Turn<L> {
    /// A new waiter, which the caller puts into the queue.
    pub(super) fn new(list: &L, what: &'static str, bound: &Bound) -> Result<Turn<L>, Error> {
        bound.check()?;
        let waiter = Waiter(Rc::new(RawFuture::new(what)?));
        Ok(Turn { list: list.clone(), waiter, is_over: false })
    }

    pub(super) fn waiter(&self) -> Waiter {
        self.waiter.clone()
    }

    /// Names whoever is to end the wait.
    pub(super) fn held_by(self, holder: &Holder) -> Turn<L> {
        self.waiter.0.held_by(holder);
        self
    }

    /// Waits for the turn.
    pub(super) async fn wait(mut self) -> Result<(), Error> {
        let waited = self.waiter.0.wait().await;
        self.is_over = true;
        self.list.over(&self.waiter, waited.is_ok());
        waited
    }
}

impl<L: WaitList> Drop for Turn<L> {
    fn drop(&mut self) {
        if !self.is_over {
            self.list.dropped(&self.waiter);
        }
    }
}

/// The run to which an object belongs: that of its first blocking use, as in asyncio.
#[derive(Default)]
pub(super) struct Bound(Cell<Option<u64>>);

impl Bound {
    fn check(&self) -> Result<(), Error> {
        let serial = try_with(|shell| shell.serial.get()).ok_or(Error::NoRunningLoop)?;
        match self.0.get() {
            Some(bound) if bound != serial => Err(Error::WrongLoop),
            _ => {
                self.0.set(Some(serial));
                Ok(())
            }
        }
    }
}
