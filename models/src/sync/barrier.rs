//! The barrier: the first n are let through together, and nobody else; what is aborted or reset
//! fails those inside.

use super::{Broken, Primitive, TASKS, Task, Turn, expect, monitor::Monitor};
use crate::machine::{Over, barrier::Machine};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Wait,
    Abort,
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// One too few is enough.
    LetsGoTooEarly,
    /// The last one in wakes nobody.
    LetsGoSilently,
    /// The last one out wakes nobody.
    LeavesSilently,
    /// Those inside do not see that it was aborted or reset.
    HidesTheEnd,
    /// New ones come in while the old ones leave.
    LetsNewOnesIn,
    /// A cancelled task stays inside.
    CountsTheCancelled,
}

/// What asyncio does, and its documentation does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Strict {
    /// Each of those let through together has an index of its own.
    OwnIndex,
    /// Whoever is let through gets through, also if the barrier is aborted on the way.
    LetThroughIsThrough,
}

/// Where a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    /// It takes the lock.
    Outside,
    /// It waits for those before to leave.
    Blocked,
    Inside(usize),
}

/// How a task leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    Through,
    /// The barrier was aborted or reset.
    Broken,
    /// The task was cancelled or dropped.
    Cancelled,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Barrier {
    monitor: Monitor,
    machine: Machine,
    parties: usize,
    places: [Place; TASKS],
    /// Those that were let through together and have not left.
    through: Vec<Task>,
    /// It was aborted or reset while somebody was inside.
    interrupted: bool,
    wrong: Option<Wrong>,
    strict: Option<Strict>,
}

impl Barrier {
    pub(crate) fn new(parties: usize, wrong: Option<Wrong>, strict: Option<Strict>) -> Barrier {
        let too_few = usize::from(wrong == Some(Wrong::LetsGoTooEarly));
        Barrier {
            monitor: Monitor::new(None, false),
            machine: Machine::new(parties - too_few),
            parties,
            places: [Place::Outside; TASKS],
            through: Vec::new(),
            interrupted: false,
            wrong,
            strict,
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    /// Goes on with the lock held, until it waits or ends.
    fn go_on(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match (op, self.places[me.0]) {
            (Op::Wait, Place::Inside(_)) => self.inside(me),
            (Op::Wait, _) if self.machine.is_busy() && !self.is(Wrong::LetsNewOnesIn) => {
                self.places[me.0] = Place::Blocked;
                Ok(self.monitor.wait(me))
            }
            (Op::Wait, _) if self.machine.is_broken() => self.leave(me, Exit::Broken),
            (Op::Wait, _) => self.enter(me),
            (Op::Abort | Op::Reset, _) => {
                self.interrupted = self.machine.count() > 0;
                if op == Op::Abort {
                    self.machine.abort()
                } else {
                    self.machine.reset()
                }
                self.monitor.notify(usize::MAX)?;
                self.leave(me, Exit::Through)
            }
        }
    }

    fn enter(&mut self, me: Task) -> Result<Turn, String> {
        expect(self.through.is_empty(), "a task comes in before all have left")?;
        let index = self.machine.enter();
        self.places[me.0] = Place::Inside(index);
        if self.machine.is_filling() {
            return self.inside(me);
        }
        let mut indices: Vec<usize> = self.inside_now().map(|(_, index)| index).collect();
        expect(indices.len() == self.parties, "the barrier lets n through, and no fewer")?;
        indices.sort_unstable();
        let own = indices.into_iter().eq(0..self.parties);
        expect(own || self.strict != Some(Strict::OwnIndex), "two tasks have the same index")?;
        self.through = self.inside_now().map(|(task, _)| task).collect();
        if !self.is(Wrong::LetsGoSilently) {
            self.monitor.notify(usize::MAX)?;
        }
        self.leave(me, Exit::Through)
    }

    fn inside(&mut self, me: Task) -> Result<Turn, String> {
        if self.machine.is_filling() {
            return Ok(self.monitor.wait(me));
        }
        let is_over = self.machine.is_over() && !self.is(Wrong::HidesTheEnd);
        self.leave(me, if is_over { Exit::Broken } else { Exit::Through })
    }

    /// The wait is over, with the lock or without: the guards are dropped.
    fn leave(&mut self, me: Task, exit: Exit) -> Result<Turn, String> {
        if let Place::Inside(_) = self.places[me.0] {
            let is_through = self.through.contains(&me);
            let strict = self.strict == Some(Strict::LetThroughIsThrough);
            match exit {
                Exit::Through => expect(is_through, "a task gets through before n have arrived")?,
                Exit::Broken => {
                    expect(self.interrupted, "a task fails although nobody has interrupted it")?;
                    expect(!(strict && is_through), "a task that was let through fails")?;
                }
                Exit::Cancelled => {}
            }
            self.exit(me, exit);
        }
        self.places[me.0] = Place::Outside;
        if self.monitor.is_held_by(me) {
            self.monitor.release();
        }
        Ok(if exit == Exit::Through { Turn::Done } else { Turn::Failed })
    }

    fn exit(&mut self, me: Task, exit: Exit) {
        self.through.retain(|&task| task != me);
        if exit == Exit::Cancelled && self.is(Wrong::CountsTheCancelled) {
            return;
        }
        let was_last = self.machine.exit();
        self.interrupted &= !was_last;
        if was_last && !self.is(Wrong::LeavesSilently) {
            self.monitor.notify_all();
        }
    }

    fn inside_now(&self) -> impl Iterator<Item = (Task, usize)> + '_ {
        self.places.iter().enumerate().filter_map(|(task, place)| match place {
            Place::Inside(index) => Some((Task(task), *index)),
            _ => None,
        })
    }
}

impl Primitive for Barrier {
    type Op = Op;

    fn begin(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match self.monitor.acquire(me)? {
            Turn::Done => self.go_on(me, op),
            turn => Ok(turn),
        }
    }

    fn resume(&mut self, me: Task, op: Op, over: Over) -> Result<Turn, String> {
        match self.monitor.resume(me, over)? {
            Turn::Waits => Ok(Turn::Waits),
            Turn::Done => self.go_on(me, op),
            Turn::Failed => self.leave(me, Exit::Cancelled),
        }
    }

    fn end(&mut self, me: Task) -> Broken {
        self.monitor.end(me)
    }

    fn check(&self) -> Broken {
        let count = self.machine.count();
        expect(self.inside_now().count() == count, "the barrier knows how many are inside")?;
        expect(!self.machine.is_filling() || count < self.parties, "n do not wait any more")?;
        self.monitor.check()
    }

    fn rest(&self) -> Broken {
        for task in self.monitor.pending() {
            let waits_well = match self.places[task.0] {
                Place::Inside(_) => self.machine.is_filling(),
                _ => self.machine.is_busy(),
            };
            expect(waits_well, "a task waits for what has happened")?;
        }
        self.monitor.rest()
    }
}
