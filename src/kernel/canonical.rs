//! A state without its history: what models compare. Two states that behave alike from here on are
//! equal, however their ids, counters and clocks came about.

use std::collections::BTreeMap;

use super::{
    Action, CallId, FutureId, Handle, Kernel, OnCancel, TaskId, calls::Place, futures::Callback,
};

/// A state in which ids are numbered by the order in which the ready handles, the timers and the
/// tasks lead to them, and deadlines are relative to now.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Action, Kernel};
/// let armed = |now, deadline| {
///     let mut kernel = Kernel::default();
///     kernel.busy(now);
///     kernel.arm(deadline, Action::Closure);
///     kernel.canonical()
/// };
/// assert_eq!(armed(0, 5), armed(100, 105)); // the clock is history
/// assert_ne!(armed(0, 5), armed(0, 6));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Canonical(Vec<u64>);

/// One thing with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Task(TaskId),
    Future(FutureId),
    Call(CallId),
}

impl From<Handle> for Thing {
    fn from(handle: Handle) -> Thing {
        match handle {
            Handle::Step(task) => Thing::Task(task),
            Handle::Call(call) => Thing::Call(call),
        }
    }
}

impl From<Callback> for Thing {
    fn from(callback: Callback) -> Thing {
        match callback {
            Callback::Wake(task) => Thing::Task(task),
            Callback::Call(call) => Thing::Call(call),
        }
    }
}

/// Numbers things in the order in which they are met, and writes the state in these numbers.
#[derive(Default)]
struct Writer {
    numbers: BTreeMap<Thing, u64>,
    met: Vec<Thing>,
    words: Vec<u64>,
}

impl Writer {
    fn word(&mut self, word: impl Into<u64>) {
        self.words.push(word.into());
    }

    fn thing(&mut self, thing: impl Into<Thing>) {
        let thing = thing.into();
        let next = self.met.len() as u64;
        let number = *self.numbers.entry(thing).or_insert(next);
        if number == next {
            self.met.push(thing);
        }
        self.word(number);
    }

    fn things<T: Into<Thing>>(&mut self, things: impl ExactSizeIterator<Item = T>) {
        self.word(things.len() as u64);
        things.for_each(|thing| self.thing(thing));
    }

    fn text(&mut self, message: &super::Message) {
        self.word(message.is_some());
        let bytes = message.as_deref().unwrap_or_default().bytes();
        self.word(bytes.len() as u64);
        bytes.for_each(|byte| self.word(byte));
    }
}

impl Kernel {
    /// The state without its history; see [`Canonical`]. The iteration's number, the counters of
    /// registrations and spawns, and the steps of each task are history.
    ///
    /// # Examples
    /// ```
    /// use seedloop::kernel::{Kernel, OnCancel};
    /// let mut kernel = Kernel::default();
    /// let empty = kernel.canonical();
    /// let future = kernel.future_new(OnCancel::Itself);
    /// assert_ne!(kernel.canonical(), empty);
    /// kernel.future_release(future);
    /// assert_eq!(kernel.canonical(), empty);
    /// ```
    pub fn canonical(&self) -> Canonical {
        let mut writer = Writer::default();
        writer.word(self.ready.batch_len() as u64);
        writer.word(self.stopping);
        writer.things(self.ready.iter().collect::<Vec<_>>().into_iter());
        writer.word(self.timers.len() as u64);
        for (&(deadline, _), &call) in &self.timers {
            writer.word(deadline.saturating_sub(self.now));
            writer.thing(Thing::Call(call));
        }
        writer
            .things(self.live_tasks().into_iter().map(Thing::Task).collect::<Vec<_>>().into_iter());
        // What only the shell can lead to: a future that nobody awaits, an ended task.
        let futures = self.futures.iter().map(|(key, _)| Thing::Future(FutureId(key)));
        let tasks = self.tasks.iter().map(|(key, _)| Thing::Task(TaskId(key)));
        let rest: Vec<Thing> = futures.chain(tasks).collect();
        let mut at = 0;
        for thing in rest.iter().map(Some).chain([None]) {
            while let Some(&met) = writer.met.get(at) {
                self.write(&mut writer, met);
                at += 1;
            }
            if let Some(&thing) = thing {
                writer.thing(thing);
            }
        }
        Canonical(writer.words)
    }

    fn write(&self, writer: &mut Writer, thing: Thing) {
        match thing {
            Thing::Task(task) => self.write_task(writer, task),
            Thing::Future(future) => self.write_future(writer, future),
            Thing::Call(call) => self.write_call(writer, call),
        }
    }

    fn write_task(&self, writer: &mut Writer, id: TaskId) {
        let Some(task) = self.tasks.get(id.0) else { return writer.word(0_u64) };
        writer.word(1_u64);
        writer.thing(Thing::Future(task.future));
        task.write_flags(|word| writer.words.push(word));
        for request in task.requests() {
            writer.word(request.is_some());
            writer.text(&request.clone().flatten());
        }
        writer.word(task.awaits.len() as u64);
        for (on, is_old) in task.waits() {
            writer.word(is_old);
            writer.word(on.is_some());
            if let Some(future) = on {
                writer.thing(Thing::Future(future));
            }
        }
    }

    fn write_future(&self, writer: &mut Writer, id: FutureId) {
        let Some(future) = self.futures.get(id.0) else { return writer.word(0_u64) };
        writer.word(1 + future.state as u64);
        writer.things(future.callbacks.iter().copied());
        match &future.on_cancel {
            OnCancel::Itself => writer.word(0_u64),
            OnCancel::Task(task) => {
                writer.word(1_u64);
                writer.thing(Thing::Task(*task));
            }
            OnCancel::Children(children) => {
                writer.word(2_u64);
                writer.things(children.iter().map(|&child| Thing::Future(child)));
            }
        }
        let (requested, message, once) = future.cancellation();
        writer.word(requested);
        writer.word(once);
        writer.text(message);
    }

    fn write_call(&self, writer: &mut Writer, id: CallId) {
        let Some(place) = self.place(id) else { return writer.word(0_u64) };
        writer.word(match place {
            Place::OnDone => 1_u64,
            Place::Armed(..) => 2,
            Place::Queued => 3,
            Place::Cancelled => 4,
        });
        if let Some(Action::Resolve(future)) = self.action(id) {
            writer.thing(Thing::Future(future));
        }
    }
}
