//! The kernel with what surrounds it on every operation: names, the record, the choices. All in
//! one place behind one borrow; nothing of the user's runs or drops while it is borrowed.

mod choices;
mod turn;

use std::{panic::Location, ptr, sync::Arc};

use super::{
    Machine,
    beside::Beside,
    config::Config,
    names::{CallInfo, Context, FutureInfo, Kept, Made, ObjectInfo, Table, TaskInfo},
    record::{Expect, Recorder, Thing},
    scopes::Scopes,
    shell::Closure,
    step_names::StepNames,
    steps::StepLog,
    waker::TaskWaker,
};
use crate::{
    kernel::{CallId, FutureId, OnCancel, TaskId},
    sched::{Scheduler, Watch},
    trace::{Kind, Mark, Parent, Path, Pick, Settings},
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
    /// Its path, if it is no task's; and as a parent, once it is one.
    path: Path,
    parent: Parent,
    label: Option<Arc<str>>,
    pub(super) made: Made,
}

impl Actor {
    /// Stands for its path.
    pub(super) fn key(&self) -> u64 {
        self.key
    }
}

/// `c0`: no callback has that number, and it is not main's, which is the root.
fn outside_path() -> Path {
    Parent::default().child(Mark::Call, 0)
}

pub(crate) struct Core {
    pub(crate) kernel: Machine,
    pub(crate) tasks: Table<TaskInfo>,
    pub(crate) futures: Table<FutureInfo>,
    pub(crate) calls: Table<CallInfo>,
    pub(crate) beside: Beside,
    pub(crate) actor: Actor,
    /// The path of the actor outside all handles, and what it has made.
    outside_path: Path,
    outside: Made,
    /// The context of the callback that runs.
    pub(crate) call_context: Context,
    /// The cancellation scopes, and those that the current poll is inside of.
    pub(crate) scopes: Scopes,
    /// The waker that the current poll was given, to compare others with.
    pub(super) polling: *const TaskWaker,
    /// A future has kept wakers of those between it and a task.
    pub(super) keeps_wakers: bool,
    /// Wakers that nobody holds any more, for the next tasks.
    pub(super) free_wakers: Vec<Arc<TaskWaker>>,
    pub(crate) scheduler: Box<dyn Scheduler>,
    pub(crate) recorder: Recorder,
    pub(crate) expect: Option<Expect>,
    /// The steps, if the scheduler watches.
    pub(super) steps: Option<Box<StepLog>>,
    /// The memory for it, while the scheduler does not.
    idle_steps: Option<Box<StepLog>>,
    tracked: bool,
    /// What they are called, if the run is to be explained.
    pub(crate) step_names: Option<Box<StepNames>>,
    pub(crate) settings: Settings,
    /// Does each poll of this run get another waker?
    pub(super) fresh_wakers: bool,
    /// The choices asked so far: menus of two or more.
    pub(crate) choices: u64,
    /// Those that are not asyncio's.
    pub(crate) picks: Vec<Pick>,
    /// What may still be injected.
    left: Faults,
    /// What was.
    pub(super) injected: Faults,
}

/// How many faults of each kind.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) cancellations: u32,
    pub(super) slips: u32,
    pub(super) spurious_polls: u32,
}

impl Faults {
    fn allowed(settings: &Settings) -> Faults {
        let Settings { cancellations, slips, spurious_polls, .. } = *settings;
        Faults { cancellations, slips, spurious_polls }
    }
}

impl Core {
    pub(crate) fn new(config: &Config, scheduler: Box<dyn Scheduler>) -> Core {
        let mut core = Core {
            kernel: Machine::default(),
            tasks: Table::default(),
            futures: Table::default(),
            calls: Table::default(),
            beside: Beside::default(),
            actor: Actor { key: outside_path().key(), path: outside_path(), ..Actor::default() },
            outside_path: outside_path(),
            outside: Made::default(),
            call_context: Context::default(),
            scopes: Scopes::default(),
            polling: ptr::null(),
            keeps_wakers: false,
            free_wakers: Vec::new(),
            steps: StepLog::new(scheduler.watches(), config.tracked),
            idle_steps: None,
            tracked: config.tracked,
            step_names: config.names.then(Box::default),
            scheduler,
            recorder: Recorder::new(config.record),
            expect: None,
            settings: config.settings,
            fresh_wakers: false,
            choices: 0,
            picks: Vec::new(),
            left: Faults::allowed(&config.settings),
            injected: Faults::default(),
        };
        core.heed();
        core
    }

    /// Does what the scheduler wants in this run: the kernel says what it touches, tasks get other
    /// wakers.
    fn heed(&mut self) {
        self.fresh_wakers = self.settings.fresh_wakers && !self.scheduler.keeps_wakers();
        let footprints = self.steps.as_ref().is_some_and(|log| log.footprints());
        self.kernel.watch(footprints);
    }

    /// Ready for another run, in the same memory. Gives what was left, for the caller to drop.
    #[must_use]
    pub(crate) fn reset(&mut self) -> impl Sized + use<> {
        self.kernel.reset();
        let context = std::mem::take(&mut self.call_context);
        let left = (self.tasks.take_all(), self.futures.take_all(), self.calls.take_all(), context);
        let left = (left, self.beside.reset());
        self.scopes = Scopes::default();
        self.keeps_wakers = false;
        self.outside = Made::default();
        self.leave();
        self.recorder.reset();
        self.choices = 0;
        self.picks.clear();
        self.left = Faults::allowed(&self.settings);
        self.injected = Faults::default();
        let log = self.steps.take().or_else(|| self.idle_steps.take());
        let log = StepLog::again(log, self.scheduler.watches(), self.tracked);
        match self.scheduler.watches() {
            Watch::Nothing => self.idle_steps = log,
            Watch::Steps | Watch::Footprints => self.steps = log,
        }
        if let Some(names) = &mut self.step_names {
            names.reset();
        }
        self.heed();
        left
    }

    // --- the record

    /// The current actor did something.
    #[inline(always)]
    pub(crate) fn note(&mut self, kind: Kind, thing: Thing<'_>, value: u64) {
        let object = self.key_of(thing);
        self.recorder.digest.add(kind, self.actor.key, object, value);
        if self.recorder.trace.is_some() {
            self.record(kind, thing, value);
        }
    }

    /// Writes an event into the trace alone.
    #[cold]
    pub(super) fn record(&mut self, kind: Kind, thing: Thing<'_>, value: u64) {
        let (actor, object) = (self.actor_label(), self.label_of(thing));
        let when = (self.iteration(), self.kernel.now());
        let event = self.recorder.event(when, actor, kind, object, value);
        self.scheduler.executed(&event);
        self.recorder.push(event);
    }

    /// The clock did something.
    pub(crate) fn note_clock(&mut self, kind: Kind) {
        let now = self.kernel.now();
        self.recorder.instant_steps = 0;
        self.recorder.digest.add(kind, 0, 0, now);
        if self.recorder.trace.is_some() {
            let when = (self.iteration(), now);
            let event = self.recorder.event(when, "clock".into(), kind, None, now);
            self.scheduler.executed(&event);
            self.recorder.push(event);
        }
    }

    #[inline(always)]
    pub(super) fn key_of(&self, thing: Thing<'_>) -> u64 {
        match thing {
            Thing::None => 0,
            Thing::Task(task) => self.tasks.get(task.index()).map_or(0, |info| info.path.key()),
            Thing::Future(future) => {
                self.futures.get(future.index()).map_or(0, |info| info.object.key)
            }
            Thing::Call(call) => self.calls.get(call.index()).map_or(0, |info| info.object.key),
            Thing::Text(text) => crate::trace::mix_bytes(0, text.as_bytes()),
            Thing::Deed { key, .. } => key,
        }
    }

    /// What is known of a task that is not forgotten. Its place may be another's by then.
    pub(super) fn known(&self, task: TaskId) -> Option<&TaskInfo> {
        self.kernel.future_of(task)?;
        self.tasks.get(task.index())
    }

    /// A task that somebody names, perhaps long after its end.
    pub(super) fn thing_of(&self, task: TaskId) -> Thing<'static> {
        if self.known(task).is_some() { Thing::Task(task) } else { Thing::None }
    }

    /// How a thing is called in texts.
    pub(crate) fn label_of(&self, thing: Thing<'_>) -> Option<Arc<str>> {
        match thing {
            Thing::None => None,
            Thing::Task(task) => self.known(task).map(TaskInfo::label),
            Thing::Future(future) => match self.kernel.on_cancel(future) {
                Some(&OnCancel::Task(task)) => self.label_of(Thing::Task(task)),
                _ => self.futures.get(future.index()).map(|info| info.object.label()),
            },
            Thing::Call(call) => self.calls.get(call.index()).map(|info| info.object.label()),
            Thing::Text(text) => Some(text.into()),
            Thing::Deed { verb, label, .. } => Some(format!("{verb} {label}").into()),
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

    /// Whoever acts.
    pub(super) fn actor_path(&self) -> &Path {
        let info = self.actor.task.and_then(|task| self.tasks.get(task.index()));
        info.map_or(&self.actor.path, |info| &info.path)
    }

    /// The actor as a parent of what it makes.
    fn actor_as_parent(&mut self) -> &Parent {
        let (path, parent) = match self.actor.task {
            Some(task) => {
                let info = self.tasks.get_mut(task.index()).expect("an acting task is known");
                (&info.path, &mut info.parent)
            }
            None => (&self.actor.path, &mut self.actor.parent),
        };
        if parent.is_root() && !path.is_root() {
            *parent = path.to_parent();
        }
        parent
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
            let ordinal = self.actor.made.tasks;
            self.actor_as_parent().child(Mark::Task, ordinal)
        };
        let task = self.kernel.spawn();
        self.inherit_tracked(path.key());
        let info = TaskInfo {
            path,
            parent: Parent::default(),
            name,
            spawned_at,
            made: Made::default(),
            body: None,
            waker: None,
            polls: 0,
            kept: Kept::default(),
            waker_generation: 0,
            scoping: None,
            outlet: None,
            context: self.context().clone(),
            offered: self.settings.cancel_any && !is_main,
            detached: false,
        };
        self.tasks.put(task.index(), info);
        let future = self.kernel.future_of(task).expect("a new task is a future");
        let info = self.new_future_info("task");
        self.futures.put(future.index(), info);
        self.note(Kind::Spawn, Thing::Task(task), 0);
        task
    }

    /// Names an object that the current actor makes.
    #[inline]
    pub(in crate::exec) fn new_object(&mut self, what: &'static str) -> ObjectInfo {
        self.actor.made.objects += 1;
        let ordinal = self.actor.made.objects;
        ObjectInfo::new(what, self.actor_as_parent().clone(), ordinal)
    }

    fn new_future_info(&mut self, what: &'static str) -> FutureInfo {
        FutureInfo { object: self.new_object(what), holder: None, wakers: None }
    }

    pub(crate) fn new_future(&mut self, what: &'static str, on_cancel: OnCancel) -> FutureId {
        let future = self.kernel.future_new(on_cancel);
        let info = self.new_future_info(what);
        self.futures.put(future.index(), info);
        future
    }

    /// Names a callback and gives it a copy of the current context.
    pub(crate) fn name_call(&mut self, call: CallId, what: &'static str, closure: Option<Closure>) {
        let (object, context) = (self.new_object(what), self.context().clone());
        if self.steps.is_some() {
            self.inherit_tracked(object.path_key());
        }
        self.calls.put(call.index(), CallInfo { object, context, closure });
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

    // --- ends

    /// Is nothing of the user's left, no task's future and no callback?
    pub(super) fn is_dropped(&self) -> bool {
        self.tasks.iter().all(|info| info.body.is_none())
            && self.calls.iter().all(|info| info.closure.is_none())
    }

    /// Forgets an ended task that nobody holds. Gives what is left, for the caller to drop.
    #[must_use]
    pub(crate) fn forget_task(&mut self, task: TaskId) -> Option<TaskInfo> {
        if self.steps.is_some() {
            self.keep_name(task);
        }
        if let Some(future) = self.kernel.future_of(task) {
            self.futures.take(future.index());
        }
        self.kernel.task_release(task);
        self.tasks.take(task.index())
    }
}
