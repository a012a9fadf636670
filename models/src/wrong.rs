//! A seeded wrong inbox: it looks for mail before it takes the lock to sleep. The model must catch
//! it, or it would catch nothing.

use crate::primitives::{AtomicBool, Condvar, Mutex, Ordering};

pub(crate) struct WrongInbox<M> {
    flag: AtomicBool,
    mail: Mutex<Vec<M>>,
    arrived: Condvar,
}

impl<M> WrongInbox<M> {
    pub(crate) fn new() -> WrongInbox<M> {
        WrongInbox {
            flag: AtomicBool::new(false),
            mail: Mutex::new(Vec::new()),
            arrived: Condvar::new(),
        }
    }

    pub(crate) fn post(&self, message: M) {
        self.mail.lock().unwrap().push(message);
        self.flag.store(true, Ordering::Release);
        self.arrived.notify_one();
    }

    pub(crate) fn drain(&self) -> Vec<M> {
        self.flag.store(false, Ordering::Release);
        std::mem::take(&mut *self.mail.lock().unwrap())
    }

    pub(crate) fn park(&self) {
        if self.flag.load(Ordering::Acquire) {
            return;
        }
        // A post between the look and the sleep is lost.
        let mail = self.mail.lock().unwrap();
        drop(self.arrived.wait(mail).unwrap());
    }
}
