//! The queue: items are neither lost nor doubled nor out of order, there are never too many, and
//! nobody waits for what is there.

use std::collections::VecDeque;

use super::{Arrivals, Broken, Primitive, TASKS, Task, Turn, expect, wake};
use crate::machine::{
    Over,
    order::Fifo,
    queue::{Machine, Side},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Put(u8),
    Get,
    TaskDone,
    Join,
    /// Immediately, or not.
    ShutDown(bool),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wrong {
    /// A woken getter that is cancelled tells nobody.
    KeepsItsTurn,
    /// A woken getter that is cancelled takes the item along.
    DropsAnItem,
    /// A put wakes nobody.
    PutsSilently,
    /// There is room for one more.
    HoldsOneMore,
    /// A get makes room and wakes nobody.
    GetsSilently,
    /// A shutdown wakes nobody.
    ShutsDownSilently,
    /// The last item is dealt with, and nobody is woken.
    EndsSilently,
    /// Who was woken takes an item without looking whether it is still there.
    TrustsItsWake,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Queue {
    machine: Machine<u8, Fifo, Task>,
    maxsize: usize,
    /// What should be in it.
    items: VecDeque<u8>,
    unfinished: usize,
    getters: Arrivals,
    putters: Arrivals,
    joiners: Arrivals,
    /// Every item was dealt with since the task began to join.
    due: [bool; TASKS],
    wrong: Option<Wrong>,
}

impl Queue {
    pub(crate) fn new(maxsize: usize, wrong: Option<Wrong>) -> Queue {
        let more = usize::from(wrong == Some(Wrong::HoldsOneMore));
        Queue {
            machine: Machine::new(maxsize + more),
            maxsize,
            items: VecDeque::new(),
            unfinished: 0,
            getters: Arrivals::default(),
            putters: Arrivals::default(),
            joiners: Arrivals::default(),
            due: [false; TASKS],
            wrong,
        }
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == Some(wrong)
    }

    fn side(op: Op) -> Side {
        match op {
            Op::Put(_) => Side::Put,
            Op::Join => Side::Join,
            _ => Side::Get,
        }
    }

    fn waiting(&mut self, op: Op) -> &mut Arrivals {
        match Queue::side(op) {
            Side::Put => &mut self.putters,
            Side::Get => &mut self.getters,
            Side::Join => &mut self.joiners,
        }
    }

    /// Waits, unless the queue is shut down.
    fn wait(&mut self, me: Task, op: Op) -> Turn {
        if self.machine.is_shutdown() && op != Op::Join {
            return Turn::Failed;
        }
        self.machine.enqueue(Queue::side(op), me.waiter());
        self.waiting(op).add(me);
        Turn::Waits
    }

    fn put(&mut self, item: u8) -> Turn {
        if self.machine.is_shutdown() {
            return Turn::Failed;
        }
        self.items.push_back(item);
        self.unfinished += 1;
        let next = self.machine.put(item);
        wake(next.filter(|_| !self.is(Wrong::PutsSilently)));
        Turn::Done
    }

    fn get(&mut self) -> Result<Turn, String> {
        let Some((item, next)) = self.machine.get() else {
            return Err("an item is gone".into());
        };
        wake(next.filter(|_| !self.is(Wrong::GetsSilently)));
        expect(self.items.pop_front() == Some(item), "items come out as they went in")?;
        Ok(Turn::Done)
    }

    fn task_done(&mut self) -> Turn {
        let Some(joiners) = self.machine.task_done() else { return Turn::Failed };
        self.unfinished -= 1;
        if self.unfinished == 0 {
            self.joiners.0.iter().for_each(|task| self.due[task.0] = true);
        }
        wake(joiners.into_iter().filter(|_| !self.is(Wrong::EndsSilently)));
        Turn::Done
    }

    fn shut_down(&mut self, immediate: bool) {
        self.machine.shut_down();
        while immediate && self.machine.discard().is_some() {
            self.items.pop_front();
            self.task_done();
        }
        let woken = self.machine.empty_lines();
        wake(woken.into_iter().filter(|_| !self.is(Wrong::ShutsDownSilently)));
    }
}

impl Primitive for Queue {
    type Op = Op;

    fn begin(&mut self, me: Task, op: Op) -> Result<Turn, String> {
        match op {
            Op::Put(_) if self.machine.is_full() => Ok(self.wait(me, op)),
            Op::Put(item) => Ok(self.put(item)),
            Op::Get if self.machine.len() == 0 => Ok(self.wait(me, op)),
            Op::Get => self.get(),
            Op::TaskDone => Ok(self.task_done()),
            Op::Join if self.machine.unfinished() > 0 => Ok(self.wait(me, op)),
            Op::Join => Ok(Turn::Done),
            Op::ShutDown(immediate) => {
                self.shut_down(immediate);
                Ok(Turn::Done)
            }
        }
    }

    fn resume(&mut self, me: Task, op: Op, over: Over) -> Result<Turn, String> {
        let woken_in_vain = over != Over::Turn && me.was_woken() && op == Op::Get;
        let next = self.machine.leave(Queue::side(op), &me, over);
        self.waiting(op).remove(me);
        wake(next.filter(|_| !self.is(Wrong::KeepsItsTurn)));
        if woken_in_vain && self.is(Wrong::DropsAnItem) {
            self.machine.discard();
        }
        match op {
            _ if over != Over::Turn => Ok(Turn::Failed),
            Op::Join => {
                expect(std::mem::take(&mut self.due[me.0]), "a join ends before all is done")?;
                Ok(Turn::Done)
            }
            Op::Get if self.is(Wrong::TrustsItsWake) => self.get(),
            _ => self.begin(me, op),
        }
    }

    fn end(&mut self, _me: Task) -> Broken {
        Ok(())
    }

    fn check(&self) -> Broken {
        expect(self.machine.len() == self.items.len(), "an item is lost, or doubled")?;
        expect(self.maxsize == 0 || self.items.len() <= self.maxsize, "there are too many")?;
        expect(self.machine.unfinished() == self.unfinished, "the count of what is to do is off")
    }

    fn rest(&self) -> Broken {
        let waits = |line: &Arrivals| !line.pending().is_empty();
        let has_room = self.maxsize == 0 || self.items.len() < self.maxsize;
        expect(!waits(&self.getters) || self.items.is_empty(), "a get waits beside an item")?;
        expect(!waits(&self.putters) || !has_room, "a put waits beside room")?;
        expect(!waits(&self.joiners) || self.unfinished > 0, "a join waits although all is done")?;
        let shut = self.machine.is_shutdown();
        let both = waits(&self.getters) || waits(&self.putters);
        expect(!(shut && both), "a task waits at a queue that is shut down")
    }
}
