//! The kernel with what surrounds it on every operation: names, the record, the choices. All in
//! one place behind one borrow; nothing of the user's runs or drops while it is borrowed.

use std::{cell::RefCell, panic::Location, ptr, sync::Arc};

use super::{
    Machine,
    config::Config,
    inbox::Inbox,
    names::{CallInfo, Context, FutureInfo, Made, ObjectInfo, Table, TaskInfo},
    record::{Expect, Recorder, Thing},
    scopes::Scopes,
    shell::{Body, Closure},
    step::Start,
    stuck::Stuck,
    threadsafe::Mail,
    waker::{TaskWaker, Wake},
};
use crate::{
    kernel::{Action, CallId, End, Entry, Exit, FutureId, Handle, OnCancel, State, TaskId},
    sched::{ChoiceKind, Menu, Scheduler},
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
    made: Made,
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
    /// Wakers that nobody holds any more, for the next tasks.
    pub(super) free_wakers: Vec<Arc<TaskWaker>>,
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
            scopes: Scopes::default(),
            polling: ptr::null(),
            free_wakers: Vec::new(),
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
        self.scopes = Scopes::default();
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
    #[inline(always)]
    pub(crate) fn choose(&mut self, kind: ChoiceKind, len: u32) -> u32 {
        if len < 2 {
            return 0;
        }
        let value = self.scheduler.choose(&Menu::new(kind, len, &self.kernel));
        let index = self.choices;
        self.choices += 1;
        if value != 0 || self.expect.is_some() {
            self.chosen(Pick { index, kind: kind.letter(), value, menu: len });
        }
        value
    }

    fn chosen(&mut self, pick: Pick) {
        let Pick { value, menu, .. } = pick;
        assert!(value < menu, "the scheduler picked {value} from a menu of {menu}");
        if let Some(expect) = &mut self.expect {
            expect.chose(pick, self.recorder.checks.steps + 1);
        }
        if value != 0 {
            self.picks.push(pick);
        }
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
    #[inline(always)]
    pub(crate) fn choose_slip(&mut self) {
        if self.slips_left > 0 {
            self.ask_slip();
        }
    }

    fn ask_slip(&mut self) {
        let later = self.kernel.next_deadline().is_some_and(|at| at > self.kernel.now());
        if later && self.choose(ChoiceKind::Slip, 2) == 1 {
            self.slips_left -= 1;
            self.kernel.slip();
            self.note_clock(Kind::Slip);
        }
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

    #[cold]
    fn record(&mut self, kind: Kind, thing: Thing<'_>, value: u64) {
        let (actor, object) = (self.actor_label(), self.label_of(thing));
        let event = self.recorder.event(&self.kernel, actor, kind, object, value);
        self.scheduler.executed(&event);
        self.recorder.push(event);
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

    #[inline(always)]
    fn key_of(&self, thing: Thing<'_>) -> u64 {
        match thing {
            Thing::None => 0,
            Thing::Task(task) => self.tasks.get(task.index()).map_or(0, |info| info.path.key()),
            Thing::Future(future) => {
                self.futures.get(future.index()).map_or(0, |info| info.object.key)
            }
            Thing::Call(call) => self.calls.get(call.index()).map_or(0, |info| info.object.key),
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
                _ => self.futures.get(future.index()).map(|info| info.object.label()),
            },
            Thing::Call(call) => self.calls.get(call.index()).map(|info| info.object.label()),
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
        let info = TaskInfo {
            path,
            parent: Parent::default(),
            name,
            spawned_at,
            made: Made::default(),
            body: None,
            waker: None,
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
    fn new_object(&mut self, what: &'static str) -> ObjectInfo {
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

    // --- handles

    /// Takes the handle that runs next, unless the iteration is over.
    #[inline(always)]
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
    #[inline(always)]
    pub(super) fn begin_step(&mut self, task: TaskId) -> Start {
        if self.kernel.must_cancel(task) {
            let inner = self.told_wakers(task);
            if !inner.is_empty() {
                return Start::WakeFirst(inner);
            }
        }
        let entry = self.kernel.begin_step(task);
        self.recorder.begin_step();
        let info = match entry {
            Entry::Ended => None,
            _ => self.tasks.get_mut(task.index()),
        };
        let Some(info) = info else {
            self.note(Kind::Late, Thing::None, 0);
            return Start::Late;
        };
        let (key, made, body) = (info.path.key(), info.made, info.body.take());
        self.enter(Some(task), key, made);
        self.note(Kind::Step, Thing::None, 0);
        match entry {
            Entry::Drop(message) => Start::Drop(body, message),
            _ => Start::Poll(body.expect("a live task has a future")),
        }
    }

    /// The waker for the next poll: the task's own, or a new one if wakers are to be fresh.
    #[inline(always)]
    pub(super) fn take_waker(
        &mut self,
        task: TaskId,
        inbox: &RefCell<Arc<Inbox<Mail>>>,
    ) -> Arc<TaskWaker> {
        let fresh = self.settings.fresh_wakers;
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        let waker = match info.waker.take() {
            Some(waker) if !fresh => waker,
            old => {
                info.waker_generation = info.waker_generation.wrapping_add(fresh.into());
                let wake = Wake { task, generation: info.waker_generation };
                let used = old.or_else(|| self.free_wakers.pop()).filter(|old| old.reuse(wake));
                used.unwrap_or_else(|| TaskWaker::new(wake, &inbox.borrow()))
            }
        };
        self.polling = Arc::as_ptr(&waker);
        waker
    }

    /// Ends the step of a task that waits. Says whether a cancellation may be injected.
    #[inline(always)]
    pub(super) fn end_wait(&mut self, task: TaskId, body: Body, waker: Arc<TaskWaker>) -> bool {
        self.kernel.end_step(task, Exit::Pending);
        if self.kernel.is_parked_elsewhere(task) {
            self.note(Kind::Foreign, Thing::None, 0);
        }
        let made = self.actor.made;
        self.leave();
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        (info.made, info.body, info.waker) = (made, Some(body), Some(waker));
        self.cancellations_left > 0
    }

    /// Ends the last step of a task. Gives what is left of a task that nobody holds, for the
    /// caller to drop.
    pub(super) fn end_task(
        &mut self,
        task: TaskId,
        end: End,
        waker: Option<Arc<TaskWaker>>,
    ) -> Option<TaskInfo> {
        self.kernel.end_step(task, Exit::Ended(end));
        let future = self.kernel.future_of(task).expect("an ended task is kept");
        let kind = match self.kernel.state(future) {
            State::Finished => Kind::Finished,
            State::Failed => Kind::Failed,
            _ => Kind::Cancelled,
        };
        self.note(kind, Thing::None, 0);
        let made = self.actor.made;
        self.leave();
        let info = self.tasks.get_mut(task.index()).expect("a stepping task is known");
        info.made = made;
        let waker = waker.or_else(|| info.waker.take());
        self.free_wakers.extend(waker.filter(|waker| waker.clones() == 0));
        if info.detached { self.forget_task(task) } else { None }
    }

    /// Starts a callback: it acts from here on. Gives its closure, and whether that is to run.
    pub(crate) fn begin_call(&mut self, call: CallId) -> (Option<Closure>, bool) {
        let info = self.calls.take(call.index()).expect("a ready callback is known");
        self.recorder.begin_step();
        let path = info.object.path();
        self.enter(None, path.key(), Made::default());
        (self.actor.path, self.actor.parent) = (path, Parent::default());
        self.actor.label = self.recorder.trace.is_some().then(|| info.object.label());
        self.call_context = info.context;
        let action = self.kernel.begin_call(call);
        self.note(if action.is_some() { Kind::Call } else { Kind::Skip }, Thing::None, 0);
        (info.closure, action == Some(Action::Closure))
    }

    /// Ends a callback. Gives its context, for the caller to drop.
    #[must_use]
    pub(crate) fn end_call(&mut self) -> Context {
        self.leave();
        std::mem::take(&mut self.call_context)
    }

    /// A handle acts. What is not asked for on every step is set where it differs.
    #[inline]
    fn enter(&mut self, task: Option<TaskId>, key: u64, made: Made) {
        if !self.actor.inside {
            self.outside = self.actor.made;
        }
        self.actor.inside = true;
        if self.actor.label.is_some() {
            self.actor.label = None;
        }
        (self.actor.task, self.actor.key, self.actor.made) = (task, key, made);
    }

    /// Nobody acts but the program around the run.
    #[inline]
    fn leave(&mut self) {
        if self.actor.task.is_none() {
            (self.actor.path, self.actor.parent) = (self.outside_path.clone(), Parent::default());
        }
        self.actor.inside = false;
        if self.actor.label.is_some() {
            self.actor.label = None;
        }
        (self.actor.task, self.actor.key) = (None, self.outside_path.key());
        self.actor.made = self.outside;
    }

    // --- ends

    /// A turn has ended that may be one too many, or not the one that a token knows.
    #[cold]
    pub(super) fn hold_against(&mut self, steps: u64) -> Result<(), Stuck> {
        if let Some(expect) = &mut self.expect {
            expect.stepped(steps, self.recorder.digest);
            if let Some(divergence) = expect.diverged.clone() {
                return Err(Stuck::Diverged(Arc::new(divergence)));
            }
        }
        let limits = self.settings.limits;
        if self.recorder.instant_steps > limits.instant_steps {
            return Err(Stuck::Livelock(limits.instant_steps, "steps of one instant"));
        }
        if steps > limits.steps {
            return Err(Stuck::StepCap(limits.steps));
        }
        Ok(())
    }

    /// Is nothing of the user's left, no task's future and no callback?
    pub(super) fn is_dropped(&self) -> bool {
        self.tasks.iter().all(|info| info.body.is_none())
            && self.calls.iter().all(|info| info.closure.is_none())
    }

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
