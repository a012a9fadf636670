//! Waiting for one's turn in a machine's queue.

use std::{cell::Cell, rc::Rc};

use super::machine::{Over, Waiting};
use crate::{
    exec::{Error, Holder, raw::RawFuture, try_with},
    kernel::State,
};

/// A waiter in a run: the future that wakes it.
#[derive(Clone)]
pub(super) struct Waiter(Rc<RawFuture>);

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

/// Wakes those that a machine names.
pub(super) fn wake(waiters: impl IntoIterator<Item = Waiter>) {
    for waiter in waiters {
        waiter.0.resolve();
    }
}

/// One wait in a machine's queue. `leave` tells the machine how it ended.
pub(super) struct Turn<F: FnMut(&Waiter, Over)> {
    waiter: Waiter,
    leave: F,
    is_over: bool,
}

impl<F: FnMut(&Waiter, Over)> Turn<F> {
    /// A new waiter, which the caller puts into the queue.
    pub(super) fn new(what: &'static str, bound: &Bound, leave: F) -> Result<Turn<F>, Error> {
        bound.check()?;
        Ok(Turn { waiter: Waiter(Rc::new(RawFuture::new(what)?)), leave, is_over: false })
    }

    pub(super) fn waiter(&self) -> Waiter {
        self.waiter.clone()
    }

    /// Names whoever is to end the wait.
    pub(super) fn held_by(self, holder: &Holder) -> Turn<F> {
        self.waiter.0.held_by(holder);
        self
    }

    /// Waits for the turn.
    pub(super) async fn wait(mut self) -> Result<(), Error> {
        let waited = self.waiter.0.wait().await;
        self.is_over = true;
        let over = if waited.is_ok() { Over::Turn } else { Over::Cancelled };
        (self.leave)(&self.waiter, over);
        waited
    }
}

impl<F: FnMut(&Waiter, Over)> Drop for Turn<F> {
    fn drop(&mut self) {
        if !self.is_over {
            (self.leave)(&self.waiter, Over::Dropped);
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
