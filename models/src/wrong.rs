//! Seeded wrong inboxes. The models must catch each, or they would catch nothing.

use crate::primitives::{AtomicBool, Condvar, Mutex, Ordering};

/// What a wrong inbox does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// It looks for mail before it takes the lock to sleep: a post between the two is lost.
    LooksBeforeLock,
    /// It sets the flag and rings before the mail is in.
    RingsBeforePush,
    /// It clears the flag after it has taken the mail: also that of a post between the two.
    ClearsAfterDrain,
    /// A post finds the lock taken, and gives up.
    TriesTheLock,
}

pub(crate) struct WrongInbox<M> {
    mistake: Mistake,
    flag: AtomicBool,
    mail: Mutex<Vec<M>>,
    arrived: Condvar,
}

impl<M> WrongInbox<M> {
    pub(crate) fn new(mistake: Mistake) -> WrongInbox<M> {
        WrongInbox {
            mistake,
            flag: AtomicBool::new(false),
            mail: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
        }
    }

    fn ring(&self) {
        self.flag.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    pub(crate) fn post(&self, message: M) {
        if self.mistake == Mistake::RingsBeforePush {
            self.ring();
            self.mail.lock().unwrap().push(message);
            return;
        }
        let mut mail = match self.mistake {
            Mistake::TriesTheLock => match self.mail.try_lock() {
                Ok(mail) => mail,
                Err(_) => return,
            },
            _ => self.mail.lock().unwrap(),
        };
        mail.push(message);
        self.ring();
    }

    pub(crate) fn drain(&self) -> Vec<M> {
        if !self.flag.load(Ordering::Acquire) {
            return Vec::new();
        }
        if self.mistake == Mistake::ClearsAfterDrain {
            let mail = std::mem::take(&mut *self.mail.lock().unwrap());
            self.flag.store(false, Ordering::Release);
            return mail;
        }
        let mut mail = self.mail.lock().unwrap();
        self.flag.store(false, Ordering::Release);
        std::mem::take(&mut *mail)
    }

    pub(crate) fn park(&self) {
        if self.mistake == Mistake::LooksBeforeLock {
            if !self.flag.load(Ordering::Acquire) {
                drop(self.arrived.wait(self.mail.lock().unwrap()).unwrap());
            }
            return;
        }
        let mut mail = self.mail.lock().unwrap();
        while mail.is_empty() {
            mail = self.arrived.wait(mail).unwrap();
        }
    }
}
