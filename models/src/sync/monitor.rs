//! A lock with a condition, as the future of `Condition.wait` uses the two: it gives the lock up,
//! waits for a notification, and takes the lock again, also when cancelled.

use super::{Arrivals, Broken, Primitive, TASKS, Task, Turn, expect, lock::Lock, wake};
use crate::machine::{Over, condition::Machine};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A notified waiter that is cancelled tells nobody.
    KeepsTheNotification,
    /// So does one that is dropped before it knows.
    DropsTheNotification,
    /// So does one that is dropped while it takes the lock again.
    DropsItAtTheLock,
    /// A notification counts those that are cancelled.
    NotifiesTheCancelled,
    /// One more than asked for is woken.
    NotifiesOneMore,
    /// A cancelled wait does not take the lock again.
    LeavesWithoutTheLock,
}

/// What a task waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    /// The lock, in `acquire`.
    Lock,
    Notification,
    /// The lock, in `wait`.
    LockAgain {
        cancelled: bool,
        notified: bool,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Monitor {
    lock: Lock,
    machine: Machine<Task>,
    stages: [Stage; TASKS],
    arrivals: Arrivals,
    /// Notifications that were given to a waiter and are not used yet. One that is lost when
    /// nobody waits is none.
    given: usize,
    wrong: Option<Wrong>,
    /// Only who is notified goes on: more than asyncio says.
    strict: bool,
}

impl Monitor {
    pub(crate) fn new(wrong: Option<Wrong>, strict: bool) -> Monitor {
        Monitor {
            lock: Lock::default(),
            machine: Machine::default(),
            stages: [Stage::Lock; TASKS],
            arrivals: Arrivals::default(),
            given: 0,
            wrong,
            strict,
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    pub(crate) fn acquire(&mut self, me: Task) -> Result<Turn, String> {
        self.stages[me.0] = Stage::Lock;
        self.lock.acquire(me)
    }

    pub(crate) fn is_held_by(&self, me: Task) -> bool {
        self.lock.holder() == Some(me)
    }

    pub(crate) fn release(&mut self) {
        self.lock.release();
    }

    pub(crate) fn wait(&mut self, me: Task) -> Turn {
        self.release();
        self.machine.enqueue(me.waiter());
        self.arrivals.add(me);
        self.stages[me.0] = Stage::Notification;
        Turn::Waits
    }

    /// The wait is over: it goes on to the next stage, or to the end.
    pub(crate) fn resume(&mut self, me: Task, over: Over) -> Result<Turn, String> {
        match self.stages[me.0] {
            Stage::Lock => self.lock.resume(me, over),
            Stage::Notification => {
                let notified = me.was_woken();
                let mut next = self.machine.leave(&me, over);
                self.arrivals.remove(me);
                if over == Over::Dropped {
                    next.retain(|_| !self.is(Wrong::DropsTheNotification));
                    return Ok(self.fail(notified, next));
                }
                let cancelled = over == Over::Cancelled;
                if cancelled && self.is(Wrong::LeavesWithoutTheLock) {
                    self.stages[me.0] = Stage::LockAgain { cancelled, notified };
                    return self.end_wait(me);
                }
                self.lock_again(me, cancelled, notified)
            }
            Stage::LockAgain { cancelled, notified } => match self.lock.resume(me, over)? {
                Turn::Failed if over == Over::Dropped => {
                    let most = usize::from(!self.is(Wrong::DropsItAtTheLock));
                    let next = self.machine.notify(most);
                    Ok(self.fail(notified, next))
                }
                Turn::Failed => self.lock_again(me, true, notified),
                _ => {
                    self.stages[me.0] = Stage::LockAgain { cancelled, notified };
                    self.end_wait(me)
                }
            },
        }
    }

    fn lock_again(&mut self, me: Task, cancelled: bool, notified: bool) -> Result<Turn, String> {
        self.stages[me.0] = Stage::LockAgain { cancelled, notified };
        match self.lock.acquire(me)? {
            Turn::Waits => Ok(Turn::Waits),
            _ => self.end_wait(me),
        }
    }

    fn end_wait(&mut self, me: Task) -> Result<Turn, String> {
        let Stage::LockAgain { cancelled, notified } = self.stages[me.0] else {
            return Err("a wait ends with the lock".into());
        };
        expect(self.is_held_by(me), "a wait ends without the lock")?;
        if cancelled {
            let most = usize::from(!self.is(Wrong::KeepsTheNotification));
            let next = self.machine.notify(most);
            return Ok(self.fail(notified, next));
        }
        expect(self.given > 0 || !self.strict, "a wait ends that nobody has notified")?;
        self.given = self.given.saturating_sub(1);
        Ok(Turn::Done)
    }

    /// A wait fails; `next` are woken in its place.
    fn fail(&mut self, notified: bool, next: Vec<Task>) -> Turn {
        if notified && self.arrivals.pending().is_empty() {
            self.given = self.given.saturating_sub(1);
        }
        wake(next);
        Turn::Failed
    }

    pub(crate) fn notify(&mut self, n: usize) -> Broken {
        let pending = self.arrivals.pending();
        let cancelled = self.arrivals.0.len() - pending.len();
        let most = match self.wrong {
            Some(Wrong::NotifiesTheCancelled) => n.saturating_sub(cancelled),
            Some(Wrong::NotifiesOneMore) => n.saturating_add(1),
            _ => n,
        };
        wake(self.machine.notify(most));
        let woken = pending.len().min(n);
        self.given += woken;
        let is_woken: Vec<bool> = pending.iter().map(|task| task.was_woken()).collect();
        let first: Vec<bool> = (0..pending.len()).map(|at| at < woken).collect();
        expect(is_woken == first, "a notification wakes the first n that wait, and no other")
    }

    /// Without the lock, and without a word about notifications.
    pub(crate) fn notify_all(&mut self) {
        wake(self.machine.notify(usize::MAX));
    }

    pub(crate) fn pending(&self) -> Vec<Task> {
        self.arrivals.pending()
    }

    pub(crate) fn end(&mut self, me: Task) -> Broken {
        self.lock.end(me)
    }

    pub(crate) fn check(&self) -> Broken {
        self.lock.check()
    }

    pub(crate) fn rest(&self) -> Broken {
        self.lock.rest()?;
        let lost = self.given > 0 && !self.arrivals.pending().is_empty();
        expect(!lost, "a notification is lost although somebody waits")
    }
}
