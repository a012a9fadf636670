//! The condition: a notification wakes who waits and passes on if it is not used; a wait ends with
//! the lock.

use super::{
    Broken, Primitive, Task, Turn,
    monitor::{Monitor, Wrong},
};
use crate::machine::Over;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    Acquire,
    Release,
    Wait,
    Notify(usize),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Condition {
    monitor: Monitor,
}

impl Condition {
    pub(crate) fn new(wrong: Option<Wrong>, strict: bool) -> Condition {
        Condition { monitor: Monitor::new(wrong, strict) }
    }
}

impl Primitive for Condition {
    type Op = Op;

    fn begin(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match op {
            Op::Acquire => return self.monitor.acquire(me),
            Op::Wait => return Ok(self.monitor.wait(me)),
            Op::Release => self.monitor.release(),
            Op::Notify(n) => self.monitor.notify(n)?,
        }
        Ok(Turn::Done)
    }

    fn resume(&mut self, me: Task, _op: Op, over: Over) -> Result<Turn, String> {
        self.monitor.resume(me, over)
    }

    fn end(&mut self, me: Task) -> Broken {
        self.monitor.end(me)
    }

    fn check(&self) -> Broken {
        self.monitor.check()
    }

    fn rest(&self) -> Broken {
        self.monitor.rest()
    }
}
