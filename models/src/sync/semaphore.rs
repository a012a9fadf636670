//! The semaphore: permits are neither lost nor made, and given in order of arrival.

use super::{Arrivals, Broken, Primitive, TASKS, Task, Turn, expect, wake};
use crate::machine::{Over, semaphore::Machine};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Acquire,
    /// Gives a permit back, or adds one.
    Release,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A woken waiter that is cancelled keeps its permit.
    LosesAPermit,
    /// One that was never woken gives a permit back.
    MakesAPermit,
    /// Who leaves does not look for those behind.
    LeavesSilently,
    /// A release takes the permit and wakes nobody.
    ReleasesSilently,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Semaphore {
    machine: Machine<Task>,
    held: [usize; TASKS],
    total: usize,
    arrivals: Arrivals,
    wrong: Option<Wrong>,
}

impl Semaphore {
    pub(crate) fn new(permits: usize, wrong: Option<Wrong>) -> Semaphore {
        let machine = Machine::new(permits);
        let arrivals = Arrivals::default();
        Semaphore { machine, held: [0; TASKS], total: permits, arrivals, wrong }
    }

    fn take(&mut self, me: Task) -> Result<Turn, String> {
        expect(!self.arrivals.before(me).any(Task::is_pending), "a task overtakes another")?;
        self.held[me.0] += 1;
        Ok(Turn::Done)
    }

    fn release(&mut self) {
        let next = self.machine.release();
        wake(next.into_iter().filter(|_| self.wrong != Some(Wrong::ReleasesSilently)));
    }
}

impl Primitive for Semaphore {
    type Op = Op;

    fn begin(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match op {
            Op::Acquire if self.machine.try_acquire() => self.take(me),
            Op::Acquire => {
                self.machine.enqueue(me.waiter());
                self.arrivals.add(me);
                Ok(Turn::Waits)
            }
            Op::Release => {
                match self.held[me.0].checked_sub(1) {
                    Some(left) => self.held[me.0] = left,
                    None => self.total += 1,
                }
                self.release();
                Ok(Turn::Done)
            }
        }
    }

    fn resume(&mut self, me: Task, _op: Op, over: Over) -> Result<Turn, String> {
        let told = match self.wrong {
            Some(Wrong::LosesAPermit) => Over::Turn,
            _ => over,
        };
        if self.wrong == Some(Wrong::MakesAPermit) && over != Over::Turn && !me.was_woken() {
            wake(self.machine.release());
        }
        let next = self.machine.leave(&me, told);
        wake(next.into_iter().filter(|_| self.wrong != Some(Wrong::LeavesSilently)));
        let taken = if over == Over::Turn { self.take(me) } else { Ok(Turn::Failed) };
        self.arrivals.remove(me);
        taken
    }

    fn end(&mut self, me: Task) -> Broken {
        for _ in 0..std::mem::take(&mut self.held[me.0]) {
            self.release();
        }
        Ok(())
    }

    fn check(&self) -> Broken {
        let granted = self.arrivals.0.iter().filter(|task| task.was_woken()).count();
        let held: usize = self.held.iter().sum();
        let permits = self.machine.permits() + granted + held;
        expect(permits == self.total, "a permit is lost, or made")
    }

    fn rest(&self) -> Broken {
        let idle = self.machine.permits() > 0 && !self.arrivals.pending().is_empty();
        expect(!idle, "a task waits for a free permit")
    }
}
