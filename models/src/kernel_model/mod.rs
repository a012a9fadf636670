//! The kernel, as a value, against a second writing of asyncio's loop: small programs, any ready
//! handle next, any live task cancelled from outside at any time. In every state that can be
//! reached the two agree on what is ready and in which order, on every future and task, and on
//! the clock, and the kernel's own invariants hold.
//!
//! States are compared without their history, by `Kernel::canonical`.

mod parts;
mod program;
mod reference;
#[cfg(test)]
mod tests;
mod world;
mod wrong;

use program::Program;
use reference::{Item, Reference, TaskName};
use world::{Seat, World};
use wrong::Wrong;

use crate::{
    explore::{Broken, Model, expect},
    kernel::{Canonical, OnCancel},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// An iteration begins.
    Begin,
    /// The ready handle at this place runs.
    Run(usize, Item),
    /// Somebody outside cancels.
    Cancel(TaskName),
    /// The clock runs ahead.
    Slip,
}

/// A program on the kernel, or on a wrong one.
pub(crate) struct Checked {
    program: Program,
    wrong: Option<Wrong>,
}

impl Model for Checked {
    type State = World;
    type Key = (Canonical, Reference, Vec<Seat>, u8, u8);
    type Action = Action;

    fn start(&self) -> World {
        World::new(self.program, self.wrong)
    }

    /// A gathering of all the futures ties the canonical numbers to the names.
    fn key(&self, world: &World) -> Self::Key {
        let mut named = world.kernel.clone();
        named.future_new(OnCancel::Children(world.ids.futures.values().copied().collect()));
        let (cancels, slips) = (world.cancels, world.slips);
        (named.canonical(), world.reference.clone(), world.seats.clone(), cancels, slips)
    }

    fn actions(&self, world: &World) -> Vec<Action> {
        let mut actions = Vec::new();
        if world.kernel.iteration_over() {
            actions.push(Action::Begin);
        } else {
            let ready = world.reference.ready.iter().enumerate();
            actions.extend(ready.map(|(at, &item)| Action::Run(at, item)));
        }
        if world.cancels > 0 {
            let live = world.reference.tasks.iter().filter(|(_, task)| !task.ended);
            actions.extend(live.map(|(&name, _)| Action::Cancel(name)));
        }
        if world.slips > 0 {
            actions.push(Action::Slip);
        }
        actions
    }

    fn act(&self, world: &mut World, action: Action) -> Broken {
        match action {
            Action::Begin => world.begin_iteration()?,
            Action::Run(at, _) => world.run(at)?,
            Action::Slip => world.slip(),
            Action::Cancel(task) => {
                world.cancels -= 1;
                world.cancel(task)?;
            }
        }
        agree(world)?;
        world.kernel.check_all();
        Ok(())
    }
}

/// The kernel and the reference are in the same state.
fn agree(world: &World) -> Broken {
    let World { kernel, reference, ids, .. } = world;
    let ready = kernel.ready_handles();
    let ready: Vec<Item> = ready.map(|handle| ids.item(handle)).collect();
    expect(ready == reference.ready, "something else is ready, or in another order")?;
    expect(kernel.iteration_over() == (reference.batch == 0), "the iteration ends elsewhere")?;
    for (name, task) in &reference.tasks {
        let id = ids.tasks[name];
        expect(kernel.has_ended(id) == task.ended, "a task ends elsewhere")?;
        expect(kernel.must_cancel(id) == task.must_cancel, "another task is to be cancelled")?;
        expect(kernel.cancelling(id) == task.cancels, "the requests are counted otherwise")?;
        let awaits = task.awaits.iter().flatten().map(|future| ids.futures[future]);
        expect(kernel.awaits(id).eq(awaits), "a task waits for something else")?;
    }
    for (name, future) in &reference.futures {
        let id = ids.futures[name];
        expect(kernel.state(id) == future.state, "a future is in another state")?;
        let requested = kernel.is_cancel_requested(id) == future.cancel_requested;
        expect(requested, "another gathering is to be cancelled")?;
    }
    let live = reference.born.iter().filter(|name| !reference.tasks[name].ended);
    let live: Vec<_> = live.map(|name| ids.tasks[name]).collect();
    expect(kernel.live_tasks() == live, "other tasks live")
}
