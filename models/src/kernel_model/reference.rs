//! asyncio's loop, written down a second time: tasks.py and base_events.py over plain lists and by
//! plain recursion, with nothing that is fast. The kernel must agree with it in every state.

use std::collections::BTreeMap;

use crate::kernel::{Answer, Entry, State};

/// Names a task by its body in the program.
pub(crate) type TaskName = u8;

/// Names a future by what made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Name {
    Plain(u8),
    Task(TaskName),
    /// The future of a sleep of the task.
    Sleep(TaskName),
    /// The gathering that the task has made.
    Gather(TaskName),
    /// The gathering of that gathering.
    Nest(TaskName),
}

/// Something ready, or a callback of a future.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    Step(TaskName),
    /// The end of the task's sleep.
    Timer(TaskName),
    /// A callback that resolves a plain future.
    Soon(u8),
    /// A child of the gathering `of` is done.
    Child {
        of: Name,
        child: Name,
    },
    /// A callback that was cancelled while it was ready.
    Nothing,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Future {
    pub(crate) state: State,
    callbacks: Vec<Item>,
    /// Of a gathering.
    children: Vec<Name>,
    /// How many of them are not done.
    pub(crate) left: usize,
    pub(crate) cancel_requested: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    pub(crate) ended: bool,
    running: bool,
    has_begun: bool,
    aborted: bool,
    pub(crate) must_cancel: bool,
    told: bool,
    /// An await has taken it.
    heard: bool,
    pub(crate) cancels: u32,
    /// A cancel is on its way down from here.
    telling: bool,
    /// `None` is the next step.
    pub(crate) awaits: Vec<Option<Name>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Reference {
    pub(crate) ready: Vec<Item>,
    /// So many of the first ready items are of this iteration.
    pub(crate) batch: usize,
    /// In order of registration; by how long it takes from now.
    pub(crate) timers: Vec<(i64, TaskName)>,
    pub(crate) futures: BTreeMap<Name, Future>,
    pub(crate) tasks: BTreeMap<TaskName, Task>,
    /// In order of creation.
    pub(crate) born: Vec<TaskName>,
}

impl Task {
    pub(crate) fn is_told(&self) -> bool {
        self.told
    }
}

impl Future {
    pub(crate) fn first_child(&self) -> Name {
        self.children[0]
    }
}

impl Reference {
    // --- the loop

    /// Begins an iteration: gives how far the clock moves, or `None` if there is nothing to do.
    pub(crate) fn begin_iteration(&mut self) -> Option<i64> {
        let mut moved = 0;
        if self.ready.is_empty() {
            let least = self.timers.iter().map(|&(left, _)| left).min()?;
            moved = least.max(0);
        }
        self.pass(moved);
        self.collect_due();
        self.batch = self.ready.len();
        Some(moved)
    }

    /// Time passes, and nothing else.
    pub(crate) fn pass(&mut self, ns: i64) {
        self.timers.iter_mut().for_each(|(left, _)| *left -= ns);
    }

    pub(crate) fn collect_due(&mut self) {
        let (mut due, rest): (Vec<_>, Vec<_>) =
            self.timers.iter().copied().partition(|&(left, _)| left <= 0);
        due.sort_by_key(|&(left, _)| left);
        self.ready.extend(due.into_iter().map(|(_, task)| Item::Timer(task)));
        self.timers = rest;
    }

    pub(crate) fn take(&mut self, index: usize) -> Item {
        self.batch -= usize::from(index < self.batch);
        self.ready.remove(index)
    }

    /// `Handle.cancel()` of a ready callback.
    pub(crate) fn cancel_ready(&mut self, item: Item) {
        if let Some(found) = self.ready.iter_mut().find(|other| **other == item) {
            *found = Item::Nothing;
        }
    }

    // --- futures

    pub(crate) fn new_future(&mut self, name: Name, children: Vec<Name>) {
        let (state, left) = (State::Pending, children.len());
        let (callbacks, cancel_requested) = (Vec::new(), false);
        let future = Future { state, callbacks, children, left, cancel_requested };
        self.futures.insert(name, future);
    }

    pub(crate) fn state(&self, name: Name) -> State {
        self.futures[&name].state
    }

    fn is_pending(&self, name: Name) -> bool {
        self.state(name) == State::Pending
    }

    pub(crate) fn add_callback(&mut self, name: Name, item: Item) {
        self.future(name).callbacks.push(item);
    }

    /// A child is done: gives how the gathering ends with it, if it does.
    pub(crate) fn child_done(&mut self, of: Name, child: Name) -> Option<State> {
        let child_failed = self.state(child) != State::Finished;
        let gathering = self.future(of);
        gathering.left -= 1;
        let ends = gathering.state == State::Pending && (child_failed || gathering.left == 0);
        let fails = child_failed || gathering.cancel_requested;
        ends.then_some(if fails { State::Failed } else { State::Finished })
    }

    pub(crate) fn settle(&mut self, name: Name, state: State) {
        if !self.futures.contains_key(&name) || !self.is_pending(name) {
            return;
        }
        self.future(name).state = state;
        for item in std::mem::take(&mut self.future(name).callbacks) {
            match item {
                Item::Step(task) => self.wake(task),
                _ => self.ready.push(item),
            }
        }
    }

    /// Is it done, or a gathering whose children all are?
    fn is_closing(&self, name: Name) -> bool {
        let gathers = matches!(name, Name::Gather(_) | Name::Nest(_));
        let mut children = self.futures[&name].children.iter();
        !self.is_pending(name) || (gathers && children.all(|&child| self.is_closing(child)))
    }

    // --- tasks

    pub(crate) fn spawn(&mut self, task: TaskName) {
        self.tasks.insert(task, Task::default());
        self.born.push(task);
        self.new_future(Name::Task(task), Vec::new());
        self.wake(task);
    }

    pub(crate) fn wake(&mut self, task: TaskName) {
        let step = Item::Step(task);
        if !self.tasks[&task].ended && !self.ready.contains(&step) {
            self.ready.push(step);
        }
    }

    pub(crate) fn begin_step(&mut self, name: TaskName) -> Entry {
        let task = self.task(name);
        if task.ended {
            return Entry::Ended;
        }
        let is_first = !std::mem::replace(&mut task.has_begun, true);
        task.running = true;
        task.told = std::mem::take(&mut task.must_cancel);
        let nobody_hears = task.told && (is_first || task.awaits.is_empty());
        if task.aborted || nobody_hears {
            task.told = false;
            return Entry::Drop(None);
        }
        Entry::Poll
    }

    /// The first poll of an await.
    pub(crate) fn begin_await(&mut self, name: TaskName, on: Option<Name>) -> Answer {
        match on {
            Some(future) if !self.is_pending(future) => return Answer::Done,
            Some(future) => self.add_callback(future, Item::Step(name)),
            None => self.wake(name),
        }
        self.task(name).awaits.push(on);
        Answer::Pending
    }

    /// A poll of an await in a later step.
    pub(crate) fn poll_again(&mut self, name: TaskName, on: Option<Name>) -> Answer {
        let state = on.map(|future| self.state(future));
        let task = self.task(name);
        task.heard |= task.told;
        match (task.told, state) {
            (true, Some(State::Cancelled)) => Answer::Done,
            (true, _) => Answer::Told(None),
            (false, Some(State::Pending)) => Answer::Pending,
            (false, _) => Answer::Done,
        }
    }

    pub(crate) fn end_await(&mut self, name: TaskName, on: Option<Name>) {
        let awaits = &mut self.task(name).awaits;
        let at = awaits.iter().position(|&other| other == on).expect("it is registered");
        awaits.remove(at);
        if let Some(callbacks) = on.map(|future| &mut self.future(future).callbacks)
            && let Some(at) = callbacks.iter().position(|&item| item == Item::Step(name))
        {
            callbacks.remove(at);
        }
    }

    pub(crate) fn end_step(&mut self, name: TaskName, end: Option<State>) {
        let task = self.task(name);
        let unheard = task.told && !task.heard;
        (task.running, task.told, task.heard) = (false, false, false);
        let asked = std::mem::take(&mut task.must_cancel) || unheard;
        let aborted = task.aborted;
        let Some(end) = end else {
            if asked {
                self.tell(name);
            }
            if aborted {
                self.wake(name);
            }
            return;
        };
        task.ended = true;
        self.settle(Name::Task(name), if asked { State::Cancelled } else { end });
    }

    // --- cancellation

    /// `Task.cancel`.
    pub(crate) fn cancel_task(&mut self, name: TaskName) -> bool {
        let task = self.task(name);
        if task.ended || task.telling {
            return false;
        }
        task.cancels += 1;
        if task.running {
            task.must_cancel = true;
        } else {
            self.tell(name);
        }
        true
    }

    fn tell(&mut self, name: TaskName) {
        self.task(name).telling = true;
        let awaits = self.tasks[&name].awaits.clone();
        let took: Vec<bool> =
            awaits.iter().map(|on| on.is_some_and(|future| self.cancel(future))).collect();
        self.task(name).telling = false;
        if took.is_empty() || took.contains(&false) {
            self.task(name).must_cancel = true;
            let closing = awaits.into_iter().flatten();
            if !closing.into_iter().any(|f| self.is_pending(f) && self.is_closing(f)) {
                self.wake(name);
            }
        }
    }

    /// `Future.cancel`, `_GatheringFuture.cancel`.
    fn cancel(&mut self, name: Name) -> bool {
        if !self.is_pending(name) {
            return false;
        }
        match name {
            Name::Task(task) => self.cancel_task(task),
            Name::Plain(_) | Name::Sleep(_) => {
                self.settle(name, State::Cancelled);
                true
            }
            Name::Gather(_) | Name::Nest(_) => {
                let mut any = false;
                for child in self.futures[&name].children.clone() {
                    any |= self.cancel(child);
                }
                self.future(name).cancel_requested |= any;
                any
            }
        }
    }

    pub(crate) fn uncancel(&mut self, name: TaskName) {
        let task = self.task(name);
        task.cancels = task.cancels.saturating_sub(1);
        task.must_cancel &= task.cancels > 0;
    }

    pub(crate) fn abort(&mut self, name: TaskName) {
        let task = self.task(name);
        if task.ended {
            return;
        }
        task.aborted = true;
        if !task.running {
            self.wake(name);
        }
    }

    fn task(&mut self, name: TaskName) -> &mut Task {
        self.tasks.get_mut(&name).expect("the program has spawned it")
    }

    fn future(&mut self, name: Name) -> &mut Future {
        self.futures.get_mut(&name).expect("the program has made it")
    }
}
