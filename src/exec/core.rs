//! The kernel with what surrounds it on every operation: names, the record, the choices. All in
//! one place behind one borrow; nothing of the user's runs or drops while it is borrowed.

use std::{panic::Location, sync::Arc, task::Waker};

use super::{
    Machine,
    config::Config,
    inbox::Inbox,
    names::{Context, Made, ObjectInfo, Table, TaskInfo},
    record::{Expect, Recorder, Thing},
    step::{Settled, Start},
    threadsafe::Mail,
};
use crate::{
    kernel::{Action, CallId, Entry, Exit, FutureId, Handle, OnCancel, TaskId},
    sched::{ChoiceKind, Menu, Scheduler},
    trace::{Kind, Mark, Path, Pick, Settings},
};

/// Who acts: the handle that runs, or the program around the run.
#[derive(Default)]
pub(crate) struct Actor {
    /// A handle runs.
    inside: bool,
    /// It is a step of this task.
    pub(crate) task: Option<TaskId>,
    /// Its path's key.
    key: u64,
    /// Its path, if it is no task's.
    path: Path,
    label: Option<Arc<str>>,
    made: Made,
}

/// `c0`: no callback has that number, and it is not main's, which is the root.
fn outside_path() -> Path {
    Path::default().child(Mark::Call, 0)
}

pub(crate) struct Core {
    pub(crate) kernel: Machine,
    pub(crate) tasks: Table<TaskInfo>,
    pub(crate) futures: Table<ObjectInfo>,
    pub(crate) calls: Table<ObjectInfo>,
    pub(crate) actor: Actor,
    /// The path of the actor outside all handles, and what it has made.
    outside_path: Path,
    outside: Made,
    /// The context of the callback that runs.
    pub(crate) call_context: Context,
    pub(crate) scheduler: Box<dyn Scheduler>,
    pub(crate) recorder: Recorder,
    pub(crate) expect: Option<Expect>,
    pub(crate) settings: Settings,
    /// The choices asked so far: menus of two or more.
    pub(crate) choices: u64,
    /// Those that are not asyncio's.
    pub(crate) picks: Vec<Pick>,
    /// Cancellations and slips that may still be injected.
    cancellations_left: u32,
    slips_left: u32,
}

impl Core {
    pub(crate) fn new(config: &Config, scheduler: Box<dyn Scheduler>) -> Core {
        Core {
            kernel: Machine::default(),
            tasks: Table::default(),
            futures: Table::default(),
            calls: Table::default(),
            actor: Actor { key: outside_path().key(), path: outside_path(), ..Actor::default() },
            outside_path: outside_path(),
            outside: Made::default(),
            call_context: Context::default(),
            scheduler,
            recorder: Recorder::new(config.record),
            expect: None,
            settings: config.settings,
            choices: 0,
            picks: Vec::new(),
            cancellations_left: config.settings.cancellations,
            slips_left: config.settings.slips,
        }
    }

    /// Ready for another run, in the same memory. Gives what was left, for the caller to drop.
    #[must_use]
    pub(crate) fn reset(&mut self) -> impl Sized + use<> {
        self.kernel.reset();
        let context = std::mem::take(&mut self.call_context);
        let left = (self.tasks.take_all(), self.futures.take_all(), self.calls.take_all(), context);
        self.outside = Made::default();
        self.leave();
        self.recorder.reset();
        self.choices = 0;
        self.picks.clear();
        self.cancellations_left = self.settings.cancellations;
        self.slips_left = self.settings.slips;
        left
    }

    // --- choices

    /// Asks the scheduler. A menu of one is never asked.
    pub(crate) fn choose(&mut self, kind: ChoiceKind, len: u32) -> u32 {
        if len < 2 {
            return 0;
        }
        let value = self.scheduler.choose(&Menu::new(kind, len, &self.kernel));
        assert!(value < len, "the scheduler picked {value} from a menu of {len}");
        let pick = Pick { index: self.choices, kind: kind.letter(), value, menu: len };
        if let Some(expect) = &mut self.expect {
            expect.chose(pick, self.recorder.checks.steps + 1);
        }
        if value != 0 {
            self.picks.push(pick);
        }
        self.choices += 1;
        value
    }

    /// May a cancellation be injected into this task now? Gives 0 no, 1 cancel, 2 abort.
    pub(crate) fn choose_doom(&mut self, task: TaskId) -> u32 {
        if self.cancellations_left == 0 || self.kernel.has_ended(task) {
            return 0;
        }
        let offered = self.tasks.get(task.index()).is_some_and(|info| info.offered);
        if !offered {
            return 0;
        }
        let doom = self.choose(ChoiceKind::Cancel, 3);
        self.cancellations_left -= u32::from(doom != 0);
        doom
    }

    /// From here on no cancellation and no slip is injected.
    pub(super) fn inject_nothing(&mut self) {
        (self.cancellations_left, self.slips_left) = (0, 0);
    }

    /// The tasks that a clock step may doom.
    pub(crate) fn doomable(&self) -> Vec<TaskId> {
        if self.cancellations_left == 0 { Vec::new() } else { self.kernel.live_tasks() }
    }

    /// May the clock advance although something is ready?
    pub(crate) fn choose_slip(&mut self) {
        if self.slips_left == 0 {
            return;
        }
        let later = self.kernel.next_deadline().is_some_and(|at| at > self.kernel.now());
        if later && self.choose(ChoiceKind::Slip, 2) == 1 {
            self.slips_left -= 1;
            self.kernel.slip();
            self.note_clock(Kind::Slip);
        }
    }

    // --- the record

    /// The current actor did something.
    pub(crate) fn note(&mut self, kind: Kind, thing: Thing<'_>, value: u64) {
        let (object, value) = (self.key_of(thing), value);
        self.recorder.digest.add(kind, self.actor.key, object, value);
        if self.recorder.trace.is_some() {
            let (actor, object) = (self.actor_label(), self.label_of(thing));
            let event = self.recorder.event(&self.kernel, actor, kind, object, value);
            self.scheduler.executed(&event);
            self.recorder.push(event);
        }
    }

    /// The clock did something.
    pub(crate) fn note_clock(&mut self, kind: Kind) {
        let now = self.kernel.now();
        self.recorder.instant_steps = 0;
        self.recorder.digest.add(kind, 0, 0, now);
        if self.recorder.trace.is_some() {
            let event = self.recorder.event(&self.kernel, "clock".into(), kind, None, now);
            self.scheduler.executed(&event);
            self.recorder.push(event);
        }
    }

    fn key_of(&self, thing: Thing<'_>) -> u64 {
        let object = |info: Option<&ObjectInfo>| info.map_or(0, |info| info.key);
        match thing {
            Thing::None => 0,
            Thing::Task(task) => self.tasks.get(task.index()).map_or(0, |info| info.path.key()),
            Thing::Future(future) => object(self.futures.get(future.index())),
            Thing::Call(call) => object(self.calls.get(call.index())),
            Thing::Text(text) => crate::trace::mix_bytes(0, text.as_bytes()),
        }
    }

    /// How a thing is called in texts.
    pub(crate) fn label_of(&self, thing: Thing<'_>) -> Option<Arc<str>> {
        match thing {
            Thing::None => None,
            Thing::Task(task) => self.tasks.get(task.index()).map(TaskInfo::label),
            Thing::Future(future) => match self.kernel.on_cancel(future) {
                Some(&OnCancel::Task(task)) => self.label_of(Thing::Task(task)),
                _ => self.futures.get(future.index()).map(ObjectInfo::label),
            },
            Thing::Call(call) => self.calls.get(call.index()).map(ObjectInfo::label),
            Thing::Text(text) => Some(text.into()),
        }
    }

    fn actor_label(&mut self) -> Arc<str> {
        if self.actor.label.is_none() {
            self.actor.label = match self.actor.task {
                Some(task) => self.label_of(Thing::Task(task)),
                None => Some("outside".into()),
            };
        }
        self.actor.label.clone().expect("just set")
    }

    fn actor_path(&self) -> &Path {
        match self.actor.task {
            Some(task) => &self.tasks.get(task.index()).expect("an acting task is known").path,
            None => &self.actor.path,
        }
    }

    // --- making things

    /// A new task, made by the current actor. The first of all is the root: main.
    pub(crate) fn spawn(
        &mut self,
        name: Option<Arc<str>>,
        spawned_at: &'static Location<'static>,
    ) -> TaskId {
        let is_main = self.actor.task.is_none() && self.tasks.slots() == 0;
        let path = if is_main {
            Path::default()
        } else {
            self.actor.made.tasks += 1;
            self.actor_path().child(Mark::Task, self.actor.made.tasks)
        };
        let task = self.kernel.spawn();
        let info = TaskInfo {
            path,
            name,
            spawned_at,
            made: Made::default(),
            waker: None,
            clones: std::sync::Weak::new(),
            waker_generation: 0,
            scoped: Vec::new(),
            expired: Vec::new(),
            outlet: None,
            context: self.context().clone(),
            offered: self.settings.cancel_any && !is_main,
            detached: false,
        };
        self.tasks.put(task.index(), info);
        let future = self.kernel.future_of(task).expect("a new task is a future");
        let info = self.new_object("task");
        self.futures.put(future.index(), info);
        self.note(Kind::Spawn, Thing::Task(task), 0);
        task
    }

    /// Names an object that the current actor makes.
    pub(crate) fn new_object(&mut self, what: &'static str) -> ObjectInfo {
        self.actor.made.objects += 1;
        ObjectInfo::new(what, self.actor_path().clone(), self.actor.made.objects)
    }

    pub(crate) fn new_future(&mut self, what: &'static str, on_cancel: OnCancel) -> FutureId {
        let future = self.kernel.future_new(on_cancel);
        let info = self.new_object(what);
        self.futures.put(future.index(), info);
        future
    }

    /// Names a callback and gives it a copy of the current context.
    pub(crate) fn name_call(&mut self, call: CallId, what: &'static str) {
        let mut info = self.new_object(what);
        info.context = self.context().clone();
        self.calls.put(call.index(), info);
    }

    /// The context variables of whoever acts.
    pub(crate) fn context(&self) -> &Context {
        match self.actor.task.and_then(|task| self.tasks.get(task.index())) {
            Some(info) => &info.context,
            None => &self.call_context,
        }
    }

    pub(crate) fn context_mut(&mut self) -> &mut Context {
        match self.actor.task.and_then(|task| self.tasks.get_mut(task.index())) {
            Some(info) => &mut info.context,
            None => &mut self.call_context,
        }
    }

    // --- handles

    /// Takes the handle that runs next, unless the iteration is over.
    pub(crate) fn take_next(&mut self) -> Option<Handle> {
        if self.kernel.iteration_over() {
            return None;
        }
        self.choose_slip();
        let len = self.kernel.ready_len();
        let index = self.choose(ChoiceKind::Order, u32::try_from(len).unwrap_or(u32::MAX));
        Some(self.kernel.take(index as usize))
    }

    /// Starts the step of a task: it acts from here on.
    pub(super) fn begin_step(&mut self, task: TaskId, inbox: &Arc<Inbox<Mail>>) -> Start {
        let inner = self.told_wakers(task);
        if !inner.is_empty() {
            return Start::WakeFirst(inner);
        }
        let entry = self.kernel.begin_step(task);
        self.recorder.begin_step();
        let Some(info) = self.tasks.get(task.index()).filter(|_| entry != Entry::Ended) else {
            self.note(Kind::Late, Thing::None, 0);
            return Start::Late;
        };
        let (key, made) = (info.path.key(), info.made);
        self.enter(Some(task), key, made);
        self.note(Kind::Step, Thing::None, 0);
        match entry {
            Entry::Drop(message) => Start::Drop(message),
            _ => Start::Poll(self.take_waker(task, inbox)),
        }
    }

    /// Ends the step of a task.
    pub(super) fn end_step(&mut self, task: TaskId, exit: Exit, waker: Option<Waker>) -> Settled {
        let ended = matches!(exit, Exit::Ended(_));
        self.kernel.end_step(task, exit);
        if ended {
            let future = self.kernel.future_of(task).expect("an ended task is kept");
            let kind = match self.kernel.state(future) {
                crate::kernel::State::Finished => Kind::Finished,
                crate::kernel::State::Failed => Kind::Failed,
                _ => Kind::Cancelled,
            };
            self.note(kind, Thing::None, 0);
        } else if self.kernel.is_parked_elsewhere(task) {
            self.note(Kind::Foreign, Thing::None, 0);
        }
        let made = self.actor.made;
        self.leave();
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        (info.made, info.waker) = (made, waker);
        let forgotten = ended && info.detached;
        let garbage = if forgotten { self.forget_task(task).map(Box::new) } else { None };
        Settled::new(garbage, !ended && self.cancellations_left > 0)
    }

    /// Starts a callback: it acts from here on. Gives whether its closure is to run.
    pub(crate) fn begin_call(&mut self, call: CallId) -> Option<Action> {
        let info = self.calls.take(call.index()).expect("a ready callback is known");
        self.recorder.begin_step();
        let path = info.path();
        self.enter(None, path.key(), Made::default());
        self.actor.path = path;
        self.actor.label = self.recorder.trace.is_some().then(|| info.label());
        self.call_context = info.context;
        let action = self.kernel.begin_call(call);
        self.note(if action.is_some() { Kind::Call } else { Kind::Skip }, Thing::None, 0);
        action
    }

    /// Ends a callback. Gives its context, for the caller to drop.
    #[must_use]
    pub(crate) fn end_call(&mut self) -> Context {
        self.leave();
        std::mem::take(&mut self.call_context)
    }

    /// A handle acts. What is not asked for on every step is set where it differs.
    fn enter(&mut self, task: Option<TaskId>, key: u64, made: Made) {
        if !self.actor.inside {
            self.outside = self.actor.made;
        }
        self.actor.inside = true;
        self.actor.label = None;
        (self.actor.task, self.actor.key, self.actor.made) = (task, key, made);
    }

    /// Nobody acts but the program around the run.
    fn leave(&mut self) {
        if self.actor.task.is_none() {
            self.actor.path = self.outside_path.clone();
        }
        self.actor.inside = false;
        self.actor.label = None;
        (self.actor.task, self.actor.key) = (None, self.outside_path.key());
        self.actor.made = self.outside;
    }

    // --- ends

    /// Forgets an ended task that nobody holds. Gives what is left, for the caller to drop.
    #[must_use]
    pub(crate) fn forget_task(&mut self, task: TaskId) -> Option<TaskInfo> {
        if let Some(future) = self.kernel.future_of(task) {
            self.futures.take(future.index());
        }
        self.kernel.task_release(task);
        self.tasks.take(task.index())
    }
}
