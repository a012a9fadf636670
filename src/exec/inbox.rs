//! Where wakes from other threads wait until the loop takes them, at one defined point.
//!
//! This file is also compiled with loom's types (`models/`), so it names its primitives through
//! `super::primitives` and knows nothing of the loop.

use super::primitives::{AtomicBool, Condvar, Mutex, Ordering};

/// Mail from any thread to the loop's own.
#[derive(Debug)]
pub(crate) struct Inbox<M> {
    /// Is there mail? Read by the loop before every iteration, without the lock.
    /// invariant: set after the mail is in, cleared before it is taken out.
    flag: AtomicBool,
    mail: Mutex<Vec<M>>,
    arrived: Condvar,
}

impl<M> Inbox<M> {
    pub(crate) fn new() -> Inbox<M> {
        Inbox {
            flag: AtomicBool::new(false),
            mail: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
        }
    }

    /// Any thread: posts, and wakes the loop if it is parked.
    pub(crate) fn post(&self, message: M) {
        let mut mail = self.mail.lock().expect("nobody panics with the lock");
        mail.push(message);
        self.flag.store(true, Ordering::Release);
        drop(mail);
        self.arrived.notify_one();
    }

    /// The loop: takes what is there, in order of arrival.
    pub(crate) fn drain(&self) -> Vec<M> {
        if !self.flag.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut mail = self.mail.lock().expect("nobody panics with the lock");
        self.flag.store(false, Ordering::Release);
        std::mem::take(&mut *mail)
    }

    /// The loop: sleeps until there is mail. A post between the last drain and this is seen,
    /// because the mail is looked at under the lock.
    pub(crate) fn park(&self) {
        let mut mail = self.mail.lock().expect("nobody panics with the lock");
        while mail.is_empty() {
            mail = self.arrived.wait(mail).expect("nobody panics with the lock");
        }
    }
}
