//! Where wakes from other threads wait until the loop takes them, at one defined point.
//!
//! This file is also compiled with loom's types (`models/`), so it names its primitives through
//! `super::primitives` and knows nothing of the loop.

use super::primitives::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};

/// Mail from any thread to the loop's own.
pub(crate) struct Inbox<M> {
    /// Is there mail? Read by the loop before every iteration, without the lock.
    /// invariant: set after the mail is in, cleared before it is taken out.
    flag: AtomicBool,
    /// None once it is closed.
    mail: Mutex<Option<Vec<M>>>,
    arrived: Condvar,
}

impl<M> Inbox<M> {
    pub(crate) fn new() -> Inbox<M> {
        Inbox {
            flag: AtomicBool::new(false),
            mail: Mutex::new(Some(Vec::new())),
            arrived: Condvar::new(),
        }
    }

    fn mail(&self) -> MutexGuard<'_, Option<Vec<M>>> {
        self.mail.lock().expect("nobody panics with the lock")
    }

    /// Any thread: posts, and wakes the loop if it is parked. Gives the message back if the inbox
    /// is closed.
    pub(crate) fn post(&self, message: M) -> Result<(), M> {
        let mut mail = self.mail();
        let Some(open) = &mut *mail else { return Err(message) };
        open.push(message);
        self.flag.store(true, Ordering::Release);
        drop(mail);
        self.arrived.notify_one();
        Ok(())
    }

    /// The loop: is there mail? No, if somebody is about to post.
    pub(crate) fn has_mail(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }

    /// The loop: takes what is there, in order of arrival.
    pub(crate) fn drain(&self) -> Vec<M> {
        if !self.has_mail() {
            return Vec::new();
        }
        let mut mail = self.mail();
        self.flag.store(false, Ordering::Release);
        mail.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The loop: takes what is left. Nothing more is posted.
    pub(crate) fn close(&self) -> Vec<M> {
        self.mail().take().unwrap_or_default()
    }

    /// Any thread.
    pub(crate) fn is_closed(&self) -> bool {
        self.mail().is_none()
    }

    /// The loop: sleeps until there is mail. A post between the last drain and this is seen,
    /// because the mail is looked at under the lock.
    pub(crate) fn park(&self) {
        let mut mail = self.mail();
        while mail.as_ref().is_some_and(Vec::is_empty) {
            mail = self.arrived.wait(mail).expect("nobody panics with the lock");
        }
    }
}
