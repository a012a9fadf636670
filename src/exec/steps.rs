//! The steps of a run as a search sees them: each handle that runs, each move of the clock, with
//! its footprint. Kept only for a scheduler that watches.

use std::collections::{BTreeMap, BTreeSet};

use super::core::Core;
use crate::{
    kernel::{CallId, FutureId, Handle, TaskId, Touched},
    sched::{ABANDON, Access, ChoiceKind, END, Footprint, InStep, Menu, Step, StepId, Watch},
    trace::{Pick, mix},
};

/// What stands for the requests to cancel a task, beside what stands for the task.
const REQUESTS: u64 = 1;

/// What the loop itself shares between steps.
#[derive(Clone, Copy, Debug)]
#[repr(u64)]
pub(crate) enum Shared {
    /// How many cancellations may still be injected.
    Budget = 2,
    /// The order in which futures between a task and its awaits (`FuturesUnordered`) are woken.
    KeptWakers = 3,
    /// The invariants at rest.
    AtEnd = 4,
    /// The end of the run.
    End = END,
    /// How many spurious polls may still be injected.
    SpuriousPolls = 6,
}

/// What a task was called that is forgotten.
#[derive(Clone, Copy)]
struct Gone {
    /// The step that it would make next.
    next: StepId,
    /// What stands for it as a future.
    future: Option<u64>,
}

/// The step that runs, and what it has touched so far.
pub(crate) struct StepLog {
    running: Option<StepId>,
    touched: Vec<(u64, Access)>,
    /// The handles that were ready at the last choice and are still, and their steps.
    ready: Vec<Handle>,
    named: Vec<StepId>,
    /// What the kernel's operations touch, while it is gone through.
    of_kernel: Vec<Touched>,
    all: bool,
    choices: Vec<InStep>,
    /// The moves of the clock so far.
    advances: u32,
    /// The names of tasks that are forgotten: wakers of theirs, and the last handle, may be left.
    gone: BTreeMap<TaskId, Gone>,
    footprints: bool,
    /// All that the program's code shares is seen; or what these owners share, and the running one.
    tracked: bool,
    tracked_owners: BTreeSet<u64>,
    is_tracked: bool,
    /// The run is over, or given up: what follows is no step.
    ended: bool,
    pub(crate) abandoned: bool,
}

impl StepLog {
    pub(crate) fn new(watch: Watch, tracked: bool) -> Option<Box<StepLog>> {
        let log = StepLog {
            running: None,
            touched: Vec::new(),
            ready: Vec::new(),
            named: Vec::new(),
            of_kernel: Vec::new(),
            all: false,
            choices: Vec::new(),
            advances: 0,
            gone: BTreeMap::new(),
            footprints: watch == Watch::Footprints,
            tracked,
            tracked_owners: BTreeSet::new(),
            is_tracked: false,
            ended: false,
            abandoned: false,
        };
        (watch != Watch::Nothing).then(|| Box::new(log))
    }

    /// For another run, in the same memory if there is some.
    pub(crate) fn again(
        log: Option<Box<StepLog>>,
        watch: Watch,
        tracked: bool,
    ) -> Option<Box<StepLog>> {
        let Some(mut log) = log else { return StepLog::new(watch, tracked) };
        log.reset();
        log.footprints = watch == Watch::Footprints;
        Some(log)
    }

    fn reset(&mut self) {
        (self.running, self.all, self.advances) = (None, false, 0);
        self.touched.clear();
        self.ready.clear();
        self.named.clear();
        self.choices.clear();
        self.gone.clear();
        self.tracked_owners.clear();
        self.is_tracked = false;
        (self.ended, self.abandoned) = (false, false);
    }

    pub(crate) fn footprints(&self) -> bool {
        self.footprints
    }

    /// A choice was made in the step that runs.
    pub(crate) fn chose(&mut self, kind: ChoiceKind, menu: u32, value: u32) {
        self.choices.push(InStep { kind, menu, value });
    }

    /// The step that runs, and what was chosen in it.
    pub(super) fn inside(&self) -> (StepId, &[InStep]) {
        (self.running.unwrap_or(StepId::START), &self.choices)
    }

    fn begin(&mut self, id: StepId) {
        self.running = Some(id);
        // What code touches beside the crate's own objects is not seen, unless it says so.
        self.is_tracked = self.tracked_owners.contains(&id.owner);
        self.all = id.is_clock() || !(self.tracked || self.is_tracked);
        self.touched.push((id.owner, Access::Take));
    }
}

impl Core {
    /// Does a scheduler watch, and is the run not over?
    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        self.steps.as_ref().is_some_and(|log| !log.ended)
    }

    /// What the running step makes can share what it can: tracked state alone, if it is tracked.
    #[inline]
    pub(super) fn inherit_tracked(&mut self, owner: u64) {
        if let Some(log) = &mut self.steps
            && log.running.is_some()
            && log.is_tracked
        {
            log.tracked_owners.insert(owner);
        }
    }

    /// All that this task shares is seen.
    pub(super) fn track_task(&mut self, task: TaskId) {
        let id = self.step_id(Handle::Step(task));
        if let (Some(log), Some(id)) = (&mut self.steps, id) {
            log.tracked_owners.insert(id.owner);
        }
    }

    /// The running step touches something that has a key.
    #[inline(always)]
    pub(crate) fn touch(&mut self, object: u64, access: Access) {
        if let Some(log) = &mut self.steps {
            log.touched.push((object, access));
        }
    }

    pub(crate) fn touch_shared(&mut self, shared: Shared, access: Access) {
        self.touch(shared as u64, access);
    }

    /// The running step depends on every other.
    #[inline]
    pub(crate) fn touch_all(&mut self) {
        if let Some(log) = &mut self.steps {
            log.all = true;
        }
    }

    /// The running step touches the requests to cancel a task.
    #[inline(always)]
    pub(crate) fn touch_requests(&mut self, task: TaskId, access: Access) {
        if self.steps.is_some()
            && let Some(id) = self.step_id(Handle::Step(task))
        {
            self.touch(mix(id.owner, REQUESTS), access);
        }
    }

    /// The running step wakes a task, in vain if that has ended.
    pub(super) fn touch_handle(&mut self, task: TaskId, access: Access) {
        if self.steps.is_some()
            && let Some(id) = self.step_id(Handle::Step(task))
        {
            self.touch(id.owner, access);
        }
    }

    /// The running step reads whether a task has ended.
    pub(super) fn touch_end(&mut self, task: TaskId) {
        let Some(log) = &self.steps else { return };
        match (self.kernel.future_of(task), log.gone.get(&task)) {
            (Some(future), _) => self.touch_future(future, Access::Read),
            (None, Some(&Gone { future: Some(key), .. })) => self.touch(key, Access::Read),
            _ => {}
        }
    }

    /// The running step reads what a future has come to.
    #[inline(always)]
    pub(crate) fn touch_future(&mut self, future: FutureId, access: Access) {
        // A future that is gone may have left its place to another.
        if self.steps.is_some()
            && self.kernel.on_cancel(future).is_some()
            && let Some(info) = self.futures.get(future.index())
        {
            self.touch(info.object.key, access);
        }
    }

    /// The running step touches a callback that is still to run.
    pub(crate) fn touch_call(&mut self, call: CallId, access: Access) {
        if self.steps.is_some() && self.kernel.is_scheduled(call) {
            self.touch(self.call_key(call), access);
        }
    }

    /// What stands for a callback as the owner of its step; 0 if it is not known any more.
    pub(crate) fn call_key(&self, call: CallId) -> u64 {
        self.calls.get(call.index()).map_or(0, |info| info.object.path_key())
    }

    /// Translates what the kernel's operations have touched, while its ids still have names.
    pub(crate) fn name_touched(&mut self) {
        let Some(log) = &mut self.steps else { return };
        let mut of_kernel = std::mem::take(&mut log.of_kernel);
        self.kernel.take_touched(&mut of_kernel);
        for touched in of_kernel.drain(..) {
            match touched {
                Touched::Read(future) => self.touch_future(future, Access::Read),
                Touched::Wrote(future) => self.touch_future(future, Access::Write),
                Touched::Asked(task) => self.touch_requests(task, Access::Write),
                Touched::Readied(handle) => {
                    if let Some(id) = self.step_id(handle) {
                        self.touch(id.owner, Access::Ready);
                    }
                }
            }
        }
        if let Some(log) = &mut self.steps {
            log.of_kernel = of_kernel;
        }
    }

    /// How the step is named that a handle is about to make.
    fn step_id(&self, handle: Handle) -> Option<StepId> {
        match handle {
            Handle::Step(task) => match self.known(task) {
                Some(info) => Some(StepId { owner: info.path.key(), ordinal: info.polls + 1 }),
                None => self.steps.as_ref()?.gone.get(&task).map(|gone| gone.next),
            },
            Handle::Call(call) => {
                self.calls.get(call.index())?;
                Some(StepId { owner: self.call_key(call), ordinal: 0 })
            }
        }
    }

    /// A task is about to be forgotten.
    pub(super) fn keep_name(&mut self, task: TaskId) {
        self.name_touched();
        let future = self.kernel.future_of(task);
        let future = future.and_then(|future| self.futures.get(future.index()));
        let future = future.map(|info| info.object.key);
        let next = self.step_id(Handle::Step(task));
        if let (Some(log), Some(next)) = (&mut self.steps, next) {
            log.gone.insert(task, Gone { next, future });
        }
    }

    /// Who runs next of the ready handles and of who is ready beside them, or the other way round.
    /// `None`: the run is given up.
    pub(super) fn choose_step(&mut self, beside_first: bool) -> Option<usize> {
        let mut steps = self.name_ready();
        let handles = steps.len();
        steps.extend(self.beside.steps());
        self.know_owners(&steps);
        if beside_first {
            steps.rotate_left(handles);
        }
        let len = steps.len();
        let value = self.scheduler.choose(&Menu::of_steps(&steps, &self.kernel));
        if value == ABANDON {
            let log = self.steps.as_mut().expect("a scheduler watches");
            (log.ended, log.abandoned) = (true, true);
            return None;
        }
        if len >= 2 {
            let (index, kind) = (self.choices, ChoiceKind::Order.letter());
            self.choices += 1;
            self.chosen(Pick { index, kind, value, menu: len as u32 });
        }
        let id = steps[value as usize];
        self.name_step(id);
        if beside_first {
            steps.rotate_right(handles);
        }
        let before = if beside_first { len - handles } else { 0 };
        steps.truncate(handles);
        let log = self.steps.as_mut().expect("a scheduler watches");
        log.named = steps;
        if let Some(at) = (value as usize).checked_sub(before).filter(|&at| at < handles) {
            log.named.remove(at);
            log.ready.remove(at);
        }
        log.begin(id);
        Some(value as usize)
    }

    /// The steps that the ready handles are about to make. Who has been ready since the last choice
    /// has been named then, and stands before who is newly ready.
    fn name_ready(&mut self) -> Vec<StepId> {
        let log = self.steps.as_mut().expect("a scheduler watches");
        let (mut ready, mut named) =
            (std::mem::take(&mut log.ready), std::mem::take(&mut log.named));
        for (at, handle) in self.kernel.ready_handles().enumerate() {
            if ready.get(at) != Some(&handle) {
                ready.truncate(at);
                named.truncate(at);
                ready.push(handle);
                named.push(self.step_id(handle).expect("a ready handle has a name"));
            }
            debug_assert_eq!(self.step_id(handle), Some(named[at]), "it is as it was");
        }
        named.truncate(self.kernel.ready_len());
        ready.truncate(self.kernel.ready_len());
        self.steps.as_mut().expect("a scheduler watches").ready = ready;
        named
    }

    /// Before an iteration begins: if the clock is about to move, the running step is over.
    pub(super) fn before_iteration(&mut self) {
        if self.is_watched() && self.kernel.ready_len() == 0 && !self.kernel.is_stopping() {
            let later = self.kernel.next_deadline().is_none_or(|at| at > self.kernel.now());
            if later {
                self.end_watched_step();
            }
        }
    }

    /// Has the scheduler given the run up?
    pub(super) fn is_abandoned(&self) -> bool {
        self.steps.as_ref().is_some_and(|log| log.abandoned)
    }

    /// The clock has moved: a step of its own, on which all others depend.
    pub(super) fn advance_step(&mut self) {
        let Some(log) = &mut self.steps else { return };
        log.advances += 1;
        let id = StepId { owner: StepId::CLOCK, ordinal: log.advances };
        self.scheduler.choose(&Menu::of_steps(&[id], &self.kernel));
        log.begin(id);
        self.name_touched();
    }

    /// The running step is over, with all that follows from it at once.
    pub(super) fn end_watched_step(&mut self) {
        self.name_touched();
        let Some(log) = &mut self.steps else { return };
        let touched = log.touched.drain(..);
        let footprint = match log.footprints {
            true => Footprint::new(touched, log.all),
            false => Footprint::default(),
        };
        let choices = std::mem::take(&mut log.choices);
        if let Some(id) = log.running.take() {
            self.scheduler.stepped(Step { id, footprint, choices });
        }
    }

    /// The run is over. What is still ready never runs; it could have, before the end.
    pub(super) fn end_steps(&mut self) {
        if !self.is_watched() {
            return;
        }
        self.end_watched_step();
        let handles = self.kernel.ready_handles();
        let mut left: Vec<StepId> = handles.filter_map(|handle| self.step_id(handle)).collect();
        left.extend(self.beside.steps());
        left.sort_unstable();
        for id in left {
            let touched = [(id.owner, Access::Take), (Shared::End as u64, Access::Read)];
            let footprint = Footprint::new(touched, false);
            self.scheduler.stepped(Step { id, footprint, choices: Vec::new() });
        }
        if let Some(log) = &mut self.steps {
            log.ended = true;
        }
    }

    /// The live tasks in order of creation; in a search by their names, since who was created
    /// first may depend on the order of steps that are independent.
    pub(crate) fn live_tasks(&self) -> Vec<TaskId> {
        let mut tasks = self.kernel.live_tasks();
        if self.settings.one_by_one {
            tasks.sort_by_key(|task| self.tasks.get(task.index()).map(|info| info.path.key()));
        }
        tasks
    }
}
