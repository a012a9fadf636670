//! What the shell makes of the kernel's parts: tasks, sleeps, gatherings. On the kernel and on the
//! reference beside it.

use super::{
    reference::{Item, Name, TaskName},
    world::World,
};
use crate::{
    explore::{Broken, expect},
    kernel::{OnCancel, State},
};

impl World {
    pub(super) fn spawn(&mut self, task: TaskName) {
        let id = self.kernel.spawn();
        self.ids.tasks.insert(task, id);
        self.ids.futures.insert(Name::Task(task), self.kernel.future_of(id).expect("it is new"));
        self.reference.spawn(task);
    }

    /// Cancels a task, if it was spawned.
    pub(crate) fn cancel(&mut self, task: TaskName) -> Broken {
        let took = self.kernel_cancel_task(task);
        expect(took == self.reference.cancel_task(task), "a cancel is accepted as in asyncio")
    }

    pub(super) fn new_future(&mut self, name: Name, children: Vec<Name>) {
        let rule = match name {
            Name::Gather(_) | Name::Nest(_) => {
                OnCancel::Children(children.iter().map(|child| self.ids.futures[child]).collect())
            }
            _ => OnCancel::Itself,
        };
        self.ids.futures.insert(name, self.kernel.future_new(rule));
        self.reference.new_future(name, children);
    }

    pub(super) fn begin_sleep(&mut self, task: TaskName, ns: u64) -> Name {
        let name = Name::Sleep(task);
        self.new_future(name, Vec::new());
        let call = self.kernel_arm(self.kernel.now() + ns, self.ids.futures[&name]);
        self.ids.calls.insert(call, Item::Timer(task));
        self.reference.timers.push((ns as i64, task));
        name
    }

    /// A sleep is over, or dropped: so are its timer and its future.
    pub(super) fn end_sleep(&mut self, task: TaskName) {
        if let Some(id) = self.ids.futures.remove(&Name::Sleep(task)) {
            self.cancel_call(Item::Timer(task));
            self.kernel.future_release(id);
            self.reference.timers.retain(|&(_, other)| other != task);
            self.reference.futures.remove(&Name::Sleep(task));
        }
    }

    pub(super) fn cancel_call(&mut self, item: Item) {
        let call = self.ids.calls.iter().find(|&(_, &other)| other == item).map(|(&call, _)| call);
        if let Some(call) = call {
            self.kernel_cancel_call(call);
            self.ids.calls.remove(&call);
            self.reference.cancel_ready(item);
        }
    }

    pub(super) fn gather_tasks(&mut self, task: TaskName, children: &[TaskName]) -> Name {
        self.gather(Name::Gather(task), children.iter().map(|&child| Name::Task(child)).collect())
    }

    /// `gather`, as `compose/gather.rs` makes one.
    pub(super) fn gather(&mut self, of: Name, children: Vec<Name>) -> Name {
        self.new_future(of, children.clone());
        let is_pending = |child: &Name| self.reference.state(*child) == State::Pending;
        let (pending, done): (Vec<Name>, Vec<Name>) = children.into_iter().partition(is_pending);
        for child in pending {
            let call = self.kernel.on_done(self.ids.futures[&child]);
            self.ids.calls.insert(call, Item::Child { of, child });
            self.reference.add_callback(child, Item::Child { of, child });
        }
        done.into_iter().for_each(|child| self.child_done(of, child));
        of
    }

    pub(super) fn child_done(&mut self, of: Name, child: Name) {
        if let Some(state) = self.reference.child_done(of, child) {
            self.kernel_resolve(of, state);
            self.reference.settle(of, state);
        }
    }
}
