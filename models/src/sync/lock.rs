//! The lock: mutual exclusion, in order of arrival.

use super::{Arrivals, Broken, Primitive, Task, Turn, expect, wake};
use crate::machine::{Over, lock::Machine};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Acquire,
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// Takes a free lock although somebody waits.
    Barges,
    /// A woken waiter that is cancelled tells nobody.
    KeepsItsTurn,
    /// So does a dropped one.
    DropsItsTurn,
    /// A release wakes nobody.
    ReleasesSilently,
    /// A woken waiter takes the lock without saying so.
    ForgetsToLock,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lock {
    machine: Machine<Task>,
    holder: Option<Task>,
    arrivals: Arrivals,
    wrong: Option<Wrong>,
}

impl Lock {
    pub(crate) fn new(wrong: Option<Wrong>) -> Lock {
        Lock { wrong, ..Lock::default() }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    pub(crate) fn holder(&self) -> Option<Task> {
        self.holder
    }

    pub(crate) fn acquire(&mut self, me: Task) -> Result<Turn, String> {
        if self.is(Wrong::Barges) && !self.machine.locked() {
            let _ = self.machine.leave(&me, Over::Turn);
            return self.take(me);
        }
        if self.machine.try_acquire() {
            return self.take(me);
        }
        self.machine.enqueue(me.waiter());
        self.arrivals.add(me);
        Ok(Turn::Waits)
    }

    pub(crate) fn resume(&mut self, me: Task, over: Over) -> Result<Turn, String> {
        let next = match (self.wrong, over) {
            (Some(Wrong::ForgetsToLock), Over::Turn) => self.machine.leave(&me, Over::Dropped),
            _ => self.machine.leave(&me, over),
        };
        let silent = match over {
            Over::Turn => false,
            Over::Cancelled => self.is(Wrong::KeepsItsTurn),
            Over::Dropped => self.is(Wrong::DropsItsTurn),
        };
        wake(next.filter(|_| !silent));
        let taken = if over == Over::Turn { self.take(me) } else { Ok(Turn::Failed) };
        self.arrivals.remove(me);
        taken
    }

    pub(crate) fn release(&mut self) {
        self.holder = None;
        let next = self.machine.release();
        wake(next.filter(|_| !self.is(Wrong::ReleasesSilently)));
    }

    fn take(&mut self, me: Task) -> Result<Turn, String> {
        expect(self.holder.is_none(), "two tasks hold the lock")?;
        expect(!self.arrivals.before(me).any(Task::hopes), "a task overtakes another")?;
        self.holder = Some(me);
        Ok(Turn::Done)
    }
}

impl Primitive for Lock {
    type Op = Op;

    fn begin(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match op {
            Op::Acquire => self.acquire(me),
            Op::Release => {
                self.release();
                Ok(Turn::Done)
            }
        }
    }

    fn resume(&mut self, me: Task, _op: Op, over: Over) -> Result<Turn, String> {
        self.resume(me, over)
    }

    fn end(&mut self, me: Task) -> Broken {
        if self.holder == Some(me) {
            self.release();
        }
        Ok(())
    }

    fn check(&self) -> Broken {
        expect(self.machine.locked() == self.holder.is_some(), "the lock knows that it is held")
    }

    fn rest(&self) -> Broken {
        let idle = !self.machine.locked() && !self.arrivals.pending().is_empty();
        expect(!idle, "a task waits for a free lock")
    }
}
