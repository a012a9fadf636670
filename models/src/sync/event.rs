//! The event: a set wakes all that wait then, also if a clear follows at once.

use super::{Arrivals, Broken, Primitive, TASKS, Task, Turn, expect, wake};
use crate::machine::{Over, event::Machine};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Wait,
    Set,
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A set wakes the first alone.
    WakesOne,
    /// A clear forgets those that wait.
    ClearForgets,
    /// A clear takes back a set whose waiters have not stepped yet.
    ClearTakesBack,
    /// Who waits does not look whether it is set.
    WaitsAnyway,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    machine: Machine<Task>,
    arrivals: Arrivals,
    /// It was set since the task began to wait.
    due: [bool; TASKS],
    wrong: Option<Wrong>,
}

impl Event {
    pub(crate) fn new(wrong: Option<Wrong>) -> Event {
        let (machine, arrivals) = (Machine::new(false), Arrivals::default());
        Event { machine, arrivals, due: [false; TASKS], wrong }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    fn set(&mut self) {
        for task in &self.arrivals.0 {
            self.due[task.0] = true;
        }
        let most = if self.is(Wrong::WakesOne) { 1 } else { TASKS };
        wake(self.machine.set().into_iter().take(most));
    }

    fn clear(&mut self) {
        self.machine.clear();
        let (forgets, takes_back) = (self.is(Wrong::ClearForgets), self.is(Wrong::ClearTakesBack));
        for task in &self.arrivals.0 {
            if forgets {
                self.machine.leave(task);
            }
            if takes_back && task.was_woken() {
                task.waiter();
            }
        }
    }
}

impl Primitive for Event {
    type Op = Op;

    fn begin(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match op {
            Op::Set => self.set(),
            Op::Clear => self.clear(),
            Op::Wait if self.machine.is_set() && !self.is(Wrong::WaitsAnyway) => {}
            Op::Wait => {
                self.due[me.0] = self.machine.is_set();
                self.machine.enqueue(me.waiter());
                self.arrivals.add(me);
                return Ok(Turn::Waits);
            }
        }
        Ok(Turn::Done)
    }

    fn resume(&mut self, me: Task, _op: Op, over: Over) -> Result<Turn, String> {
        self.machine.leave(&me);
        self.arrivals.remove(me);
        let due = std::mem::take(&mut self.due[me.0]);
        expect(due || over != Over::Turn, "a wait ends although nobody has set the event")?;
        Ok(if over == Over::Turn { Turn::Done } else { Turn::Failed })
    }

    fn end(&mut self, _me: Task) -> Broken {
        Ok(())
    }

    fn check(&self) -> Broken {
        let waits = self.arrivals.pending().iter().any(|task| self.due[task.0]);
        expect(!waits, "a task waits although the event was set")
    }

    fn rest(&self) -> Broken {
        let waits = self.machine.is_set() && !self.arrivals.pending().is_empty();
        expect(!waits, "a task waits for an event that is set")
    }
}
