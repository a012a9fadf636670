//! One of two threads runs at any time: the loop's, which lends the baton, or a worker's, which
//! gives it back. A worker has a baton of its own, and the loop lends one at a time, so of all
//! threads one runs.
//!
//! This file is also compiled with loom's types (`models/`), so it names its primitives through
//! `super::primitives` and knows nothing of loop and jobs.

use super::primitives::{
    AtomicU8, Mutex,
    Ordering::{AcqRel, Acquire},
    Thread, current, park,
};

/// The loop has it. The worker waits.
const HOME: u8 = 0;
/// The worker has it, or is to take it: the message is there.
const LENT: u8 = 1;
/// It is given back, with a message that the loop has not seen yet.
const BACK: u8 = 2;
/// The worker is to end, or has.
const OVER: u8 = 3;

/// A baton. The loop tells the worker a `D` with it, and the worker the loop a `U`.
///
/// Whoever moves it unparks the other, who looks at the place again whenever its `park` returns:
/// that may be for nothing. A move publishes all that was done before it.
pub(crate) struct Baton<D, U> {
    place: AtomicU8,
    /// Only who has the baton looks at the messages: their locks are never waited for.
    down: Mutex<Option<D>>,
    up: Mutex<Option<U>>,
    lender: Thread,
}

impl<D, U> Baton<D, U> {
    /// A baton of the loop that runs on this thread.
    pub(crate) fn new() -> Baton<D, U> {
        let (down, up) = (Mutex::new(None), Mutex::new(None));
        Baton { place: AtomicU8::new(HOME), down, up, lender: current() }
    }

    /// The loop: lends the baton to the worker on that thread, and waits until it is back. None if
    /// the worker is over.
    pub(crate) fn lend(&self, worker: &Thread, message: D) -> Option<U> {
        put(&self.down, message);
        if !self.moves(HOME, LENT) {
            drop(take(&self.down));
            return None;
        }
        worker.unpark();
        self.wait(BACK)?;
        self.moves(BACK, HOME);
        take(&self.up)
    }

    /// The worker: waits for the baton. None if it is to end.
    pub(crate) fn take(&self) -> Option<D> {
        self.wait(LENT)?;
        take(&self.down)
    }

    /// The worker: gives the baton back.
    pub(crate) fn give(&self, message: U) {
        put(&self.up, message);
        if !self.moves(LENT, BACK) {
            drop(take(&self.up));
        }
        self.lender.unpark();
    }

    /// The loop: the worker on that thread is to end.
    pub(crate) fn end(&self, worker: &Thread) {
        self.place.swap(OVER, AcqRel);
        worker.unpark();
    }

    /// The worker: it ends. The loop waits for it no longer.
    pub(crate) fn over(&self) {
        self.place.swap(OVER, AcqRel);
        self.lender.unpark();
    }

    /// Only an end comes between.
    fn moves(&self, from: u8, to: u8) -> bool {
        self.place.compare_exchange(from, to, AcqRel, Acquire).is_ok()
    }

    /// Until the baton is there. None if it never will.
    fn wait(&self, there: u8) -> Option<()> {
        loop {
            match self.place.load(Acquire) {
                OVER => return None,
                place if place == there => return Some(()),
                _ => park(),
            }
        }
    }
}

fn put<M>(slot: &Mutex<Option<M>>, message: M) {
    *slot.lock().expect("nobody panics with the lock") = Some(message);
}

fn take<M>(slot: &Mutex<Option<M>>) -> Option<M> {
    slot.lock().expect("nobody panics with the lock").take()
}
