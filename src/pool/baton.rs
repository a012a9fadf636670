//! One of two threads runs at any time: the loop's, which lends the baton, or a worker's, which
//! gives it back. A worker has a baton of its own, and the loop lends one at a time, so of all
//! threads one runs.
//!
//! This file is also compiled with loom's types (`models/`), so it names its primitives through
//! `super::primitives` and knows nothing of loop and jobs.

use super::primitives::{Condvar, Mutex, MutexGuard};

/// Where the baton of one worker is.
enum Place<D, U> {
    /// With the loop. The worker waits.
    Loop,
    /// Lent, with a message that the worker has not seen yet.
    Lent(D),
    /// With the worker.
    Worker,
    /// Given back, with a message that the loop has not seen yet.
    Back(U),
    /// The worker is to end, or has.
    Over,
}

/// A baton. The loop tells the worker a `D` with it, and the worker the loop a `U`.
pub(crate) struct Baton<D, U> {
    place: Mutex<Place<D, U>>,
    lent: Condvar,
    back: Condvar,
}

impl<D, U> Baton<D, U> {
    pub(crate) fn new() -> Baton<D, U> {
        Baton { place: Mutex::new(Place::Loop), lent: Condvar::new(), back: Condvar::new() }
    }

    fn place(&self) -> MutexGuard<'_, Place<D, U>> {
        self.place.lock().expect("nobody panics with the lock")
    }

    /// The loop: lends the baton, and waits until it is back. None if the worker is over.
    pub(crate) fn lend(&self, message: D) -> Option<U> {
        let mut place = self.place();
        if let Place::Over = *place {
            return None;
        }
        *place = Place::Lent(message);
        drop(place);
        self.lent.notify_one();
        let mut place = self.place();
        loop {
            match std::mem::replace(&mut *place, Place::Loop) {
                Place::Back(message) => return Some(message),
                Place::Over => {
                    *place = Place::Over;
                    return None;
                }
                other => *place = other,
            }
            place = self.back.wait(place).expect("nobody panics with the lock");
        }
    }

    /// The worker: waits for the baton. None if it is to end.
    pub(crate) fn take(&self) -> Option<D> {
        let mut place = self.place();
        loop {
            match std::mem::replace(&mut *place, Place::Worker) {
                Place::Lent(message) => return Some(message),
                Place::Over => {
                    *place = Place::Over;
                    return None;
                }
                other => *place = other,
            }
            place = self.lent.wait(place).expect("nobody panics with the lock");
        }
    }

    /// The worker: gives the baton back.
    pub(crate) fn give(&self, message: U) {
        let mut place = self.place();
        *place = match *place {
            Place::Over => Place::Over,
            _ => Place::Back(message),
        };
        drop(place);
        self.back.notify_one();
    }

    /// Either: the worker ends. Whoever waits for the other does so no longer.
    pub(crate) fn end(&self) {
        *self.place() = Place::Over;
        self.lent.notify_one();
        self.back.notify_one();
    }
}
