//! Models of the machines of `src/sync`: a few tasks, each with a script of operations, one of
//! which it begins or goes on with in each step. Any task that can may step next, any wait may be
//! cancelled or dropped at any time, before and after it was woken.
//!
//! The machines are the real ones. The futures around them are restated here, line by line.

mod barrier;
mod condition;
mod event;
mod lock;
mod monitor;
mod queue;
mod semaphore;
#[cfg(test)]
mod tests;

use std::{cell::Cell, fmt::Debug, hash::Hash};

use crate::{
    explore::{Broken, Model, expect},
    kernel::State,
    machine::{Over, Waiting},
};

const TASKS: usize = 4;

/// Where a task's wait stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Wait {
    /// It waits for nothing.
    None,
    Pending,
    Woken,
    /// Woken, and then cancelled: both before its step.
    Told,
    Cancelled,
}

thread_local! {
    /// The waits of the state in which the current transition runs.
    static WAITS: Cell<[Wait; TASKS]> = const { Cell::new([Wait::None; TASKS]) };
}

/// A task, and its only waiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task(pub(crate) usize);

impl Task {
    fn wait(self) -> Wait {
        WAITS.get()[self.0]
    }

    fn set(self, wait: Wait) {
        let mut waits = WAITS.get();
        waits[self.0] = wait;
        WAITS.set(waits);
    }

    /// A new waiter, for a queue.
    fn waiter(self) -> Task {
        self.set(Wait::Pending);
        self
    }

    fn is_pending(self) -> bool {
        self.wait() == Wait::Pending
    }

    /// Will its wait end with its turn, unless it is cancelled yet?
    fn hopes(self) -> bool {
        matches!(self.wait(), Wait::Pending | Wait::Woken)
    }

    fn was_woken(self) -> bool {
        matches!(self.wait(), Wait::Woken | Wait::Told)
    }
}

impl Waiting for Task {
    fn state(&self) -> State {
        match self.wait() {
            Wait::Pending => State::Pending,
            Wait::Woken | Wait::Told => State::Finished,
            Wait::None | Wait::Cancelled => State::Cancelled,
        }
    }
}

/// Wakes those that a machine names.
fn wake(tasks: impl IntoIterator<Item = Task>) {
    for task in tasks.into_iter().filter(|task| task.is_pending()) {
        task.set(Wait::Woken);
    }
}

/// What became of an operation in this step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    Done,
    Waits,
    /// With an error, which ends the task.
    Failed,
}

/// A machine with its futures, and what the model remembers in order to judge them.
pub(crate) trait Primitive: Clone + Eq + Hash + Debug {
    type Op: Copy + Debug;

    /// The first step of an operation.
    fn begin(&mut self, me: Task, op: Self::Op) -> Result<Turn, String>;
    /// The next step of an operation: its wait is over.
    fn resume(&mut self, me: Task, op: Self::Op, over: Over) -> Result<Turn, String>;
    /// The task has ended: its guards are dropped.
    fn end(&mut self, me: Task) -> Broken;
    /// What holds after every step.
    fn check(&self) -> Broken;
    /// What holds when nothing moves, unless somebody is cancelled.
    fn rest(&self) -> Broken;
}

/// Tasks that use one primitive.
pub(crate) struct Scripts<P: Primitive> {
    pub(crate) primitive: P,
    pub(crate) scripts: Vec<Vec<P::Op>>,
    /// So many waits are cancelled, or dropped, at most.
    pub(crate) cancels: u8,
    pub(crate) drops: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct World<P> {
    primitive: P,
    /// The operation of each task; beyond its script, the task has ended.
    at: [usize; TASKS],
    waits: [Wait; TASKS],
    cancels: u8,
    drops: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Step(usize),
    Cancel(usize),
    Drop(usize),
}

impl<P: Primitive> Scripts<P> {
    fn may_step(&self, world: &World<P>, task: usize) -> bool {
        world.at[task] < self.scripts[task].len() && world.waits[task] != Wait::Pending
    }

    fn step(&self, world: &mut World<P>, task: usize) -> Broken {
        let (me, op) = (Task(task), self.scripts[task][world.at[task]]);
        let turn = match me.wait() {
            Wait::None => world.primitive.begin(me, op)?,
            Wait::Woken => world.primitive.resume(me, op, Over::Turn)?,
            _ => world.primitive.resume(me, op, Over::Cancelled)?,
        };
        match turn {
            Turn::Waits => return Ok(()),
            Turn::Done => world.at[task] += 1,
            Turn::Failed => world.at[task] = self.scripts[task].len(),
        }
        self.settle(world, me)
    }

    /// An operation has ended, and the task with it, if it was the last.
    fn settle(&self, world: &mut World<P>, me: Task) -> Broken {
        me.set(Wait::None);
        if world.at[me.0] == self.scripts[me.0].len() { world.primitive.end(me) } else { Ok(()) }
    }

    fn drop(&self, world: &mut World<P>, task: usize) -> Broken {
        let (me, op) = (Task(task), self.scripts[task][world.at[task]]);
        world.primitive.resume(me, op, Over::Dropped)?;
        world.at[task] = self.scripts[task].len();
        self.settle(world, me)
    }
}

impl<P: Primitive> Model for Scripts<P> {
    type State = World<P>;
    type Key = World<P>;
    type Action = Action;

    fn start(&self) -> World<P> {
        let (primitive, cancels, drops) = (self.primitive.clone(), self.cancels, self.drops);
        World { primitive, at: [0; TASKS], waits: [Wait::None; TASKS], cancels, drops }
    }

    fn key(&self, world: &World<P>) -> World<P> {
        world.clone()
    }

    fn actions(&self, world: &World<P>) -> Vec<Action> {
        let mut actions = Vec::new();
        for task in 0..self.scripts.len() {
            let wait = world.waits[task];
            if self.may_step(world, task) {
                actions.push(Action::Step(task));
            }
            if world.cancels > 0 && matches!(wait, Wait::Pending | Wait::Woken) {
                actions.push(Action::Cancel(task));
            }
            if world.drops > 0 && wait != Wait::None {
                actions.push(Action::Drop(task));
            }
        }
        actions
    }

    fn act(&self, world: &mut World<P>, action: Action) -> Broken {
        WAITS.set(world.waits);
        match action {
            Action::Step(task) => self.step(world, task)?,
            Action::Cancel(task) => {
                let woken = Task(task).wait() == Wait::Woken;
                Task(task).set(if woken { Wait::Told } else { Wait::Cancelled });
                world.cancels -= 1;
            }
            Action::Drop(task) => {
                world.drops -= 1;
                self.drop(world, task)?;
            }
        }
        world.waits = WAITS.get();
        world.primitive.check()?;
        let rests = (0..self.scripts.len()).all(|task| !self.may_step(world, task));
        if rests { world.primitive.rest() } else { Ok(()) }
    }
}

/// Those that wait, in order of arrival.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Arrivals(Vec<Task>);

impl Arrivals {
    fn add(&mut self, task: Task) {
        self.0.push(task);
    }

    fn remove(&mut self, task: Task) {
        self.0.retain(|&other| other != task);
    }

    fn pending(&self) -> Vec<Task> {
        self.0.iter().copied().filter(|task| task.is_pending()).collect()
    }

    /// Those that came before `me`: all, if it does not wait.
    fn before(&self, me: Task) -> impl Iterator<Item = Task> + '_ {
        self.0.iter().copied().take_while(move |&other| other != me)
    }
}
