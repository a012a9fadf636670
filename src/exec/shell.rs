//! The shell around the kernel: it owns the futures and closures, polls them, and decides
//! nothing. One loop: choose, record, take, poll, settle.

use std::{
    cell::{Cell, RefCell, RefMut},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use super::{
    beside::Next,
    config::Config,
    core::Core,
    inbox::Inbox,
    job::Executors,
    record::Thing,
    report::{ExceptionContext, Panic, RunReport, TaskPanic},
    slow::SlowWatch,
    step::panic_text,
    steps::Shared,
    stuck::Stuck,
    threadsafe::Mail,
    watchdog::Watchdog,
};
use crate::{
    kernel::{Action, End, Handle, TaskId, Turn},
    sched::{Access, Scheduler},
    trace::{Kind, Plan},
};

/// The body of a task: says how it ended, its value is elsewhere.
pub(crate) type Body = Pin<Box<dyn Future<Output = End>>>;
pub(crate) type Closure = Box<dyn FnOnce()>;
type Handler = Rc<dyn Fn(&ExceptionContext)>;

/// How often the end of a run looks for what destructors have spawned. Beyond it they do so
/// without end.
const DROP_ROUNDS: usize = 1_000;

thread_local! {
    /// The run of this thread.
    static CURRENT: RefCell<Option<Rc<Shell>>> = const { RefCell::new(None) };
}

pub(crate) struct Shell {
    pub(crate) core: RefCell<Core>,
    pub(crate) inbox: RefCell<Arc<Inbox<Mail>>>,
    handler: RefCell<Option<Handler>>,
    /// What must hold at rest, in order of registration.
    at_end: RefCell<Vec<Closure>>,
    /// The panics of tasks so far.
    pub(super) panics: RefCell<Vec<Panic>>,
    pub(crate) executors: RefCell<Option<Rc<dyn Executors>>>,
    interrupted: Cell<bool>,
    /// The task that did, if it was one.
    pub(crate) interrupter: Cell<Option<TaskId>>,
    pub(crate) other_threads: bool,
    pub(crate) watchdog: Option<Rc<Watchdog>>,
    /// Tells runs apart. Never in a trace.
    pub(crate) serial: Cell<u64>,
}

/// A number that no other run of the process has.
fn next_serial() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The run of this thread, if there is one.
#[inline]
pub(crate) fn try_with<R>(f: impl FnOnce(&Rc<Shell>) -> R) -> Option<R> {
    CURRENT.try_with(|current| current.try_borrow().ok()?.as_ref().map(f)).ok().flatten()
}

/// Makes a shell the run of this thread, until dropped; then the one before is again.
pub(crate) struct Entered(Option<Rc<Shell>>);

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.0.take();
        let ended = CURRENT.with(|current| current.replace(before));
        drop(ended);
    }
}

impl Shell {
    pub(crate) fn new(config: &Config, scheduler: Box<dyn Scheduler>) -> Rc<Shell> {
        Rc::new(Shell {
            core: RefCell::new(Core::new(config, scheduler)),
            inbox: RefCell::new(Arc::new(Inbox::new())),
            handler: RefCell::new(None),
            at_end: RefCell::default(),
            panics: RefCell::default(),
            executors: RefCell::default(),
            interrupted: Cell::new(false),
            interrupter: Cell::new(None),
            other_threads: config.other_threads,
            watchdog: config.watchdog.map(|limit| Watchdog::of(limit, config.shares_watchdog)),
            serial: Cell::new(next_serial()),
        })
    }

    /// Makes this the run of the thread. Refused inside a run.
    pub(crate) fn enter(self: &Rc<Shell>) -> Result<Entered, super::Error> {
        CURRENT.with(|current| {
            let Ok(mut current) = current.try_borrow_mut() else {
                return Err(super::Error::NestedRun);
            };
            if current.is_some() {
                return Err(super::Error::NestedRun);
            }
            *current = Some(self.clone());
            Ok(Entered(None))
        })
    }

    /// Makes this the run of the thread also inside another run: for its end alone, when nothing
    /// runs but destructors.
    pub(crate) fn enter_to_end(self: &Rc<Shell>) -> Entered {
        Entered(CURRENT.with(|current| current.replace(Some(self.clone()))))
    }

    pub(crate) fn is_current(self: &Rc<Shell>) -> bool {
        try_with(|current| Rc::ptr_eq(current, self)) == Some(true)
    }

    // --- the loop

    /// `run_forever`: iterations until somebody stops the loop.
    pub(crate) fn run_forever(&self) -> Result<(), Stuck> {
        loop {
            self.begin_iteration()?;
            while self.turn()? && !self.core.borrow().settings.one_by_one {}
            let mut core = self.core.borrow_mut();
            if core.is_abandoned() {
                return Err(Stuck::Abandoned);
            }
            if core.kernel.is_stopping() {
                core.kernel.set_stopping(false);
                return Ok(());
            }
        }
    }

    /// `_run_once`, its first half: the wakes from outside, the clock, the due timers.
    fn begin_iteration(&self) -> Result<(), Stuck> {
        let mail = self.inbox.borrow().drain();
        self.deliver(mail);
        let turn = {
            let mut core = self.core.borrow_mut();
            if core.beside.is_anybody() {
                drop(core);
                if self.turns_beside()? {
                    return Ok(());
                }
                core = self.core.borrow_mut();
            }
            core.before_iteration();
            let most = core.settings.limits.iterations;
            if core.kernel.iteration() >= most {
                core.kernel.give_up();
                return Err(Stuck::Livelock(core.endless(most, "iterations", "iterations_max")));
            }
            core.kernel.begin_iteration()
        };
        match turn {
            Turn::Ready => Ok(()),
            Turn::Advanced => {
                let mut core = self.core.borrow_mut();
                core.note_clock(Kind::Advance);
                core.advance_step();
                drop(core);
                let injectable = self.core.borrow().injectable();
                for task in injectable {
                    self.choose_doom(task);
                    self.core.borrow_mut().choose_spurious_poll(task);
                }
                Ok(())
            }
            Turn::Idle if self.other_threads => {
                let inbox = self.inbox.borrow().clone();
                inbox.park();
                Ok(())
            }
            Turn::Idle => {
                self.core.borrow_mut().end_steps();
                let mut deadlock = self.core.borrow().deadlock();
                deadlock.lost_wakeup = self.probe();
                Err(Stuck::Deadlock(Arc::new(deadlock)))
            }
        }
    }

    /// What other threads have sent, in order of arrival.
    pub(super) fn deliver(&self, mail: Vec<Mail>) {
        for mail in mail {
            match mail {
                Mail::Wake(wake) => {
                    self.core.borrow_mut().wake(wake.task, wake.generation);
                }
                Mail::Call(callback) => self.call_from_beside("threadsafe call", callback),
            }
        }
    }

    /// Runs one handle; false if the iteration is over.
    #[inline(always)]
    fn turn(&self) -> Result<bool, Stuck> {
        let mut core = self.core.borrow_mut();
        let next = match core.take_next() {
            None => return Ok(false),
            Some(Next::Handle(handle)) => handle,
            Some(Next::Beside(id)) => {
                drop(core);
                return self.turn_beside(id).map(|()| true);
            }
        };
        let watch = core.settings.debug.then(|| SlowWatch::new(&core, next));
        if let Some(watchdog) = &self.watchdog {
            watchdog.begin(next);
        }
        let core = match next {
            Handle::Step(task) => self.step(task, core),
            Handle::Call(call) => self.call(call, core),
        };
        if let Some(watchdog) = &self.watchdog {
            watchdog.end();
        }
        self.end_turn(core, watch)?;
        Ok(true)
    }

    /// The limits, the token's checks, the invariants.
    #[inline(always)]
    pub(super) fn end_turn(
        &self,
        mut guard: RefMut<'_, Core>,
        watch: Option<SlowWatch>,
    ) -> Result<(), Stuck> {
        let core = &mut *guard;
        let (digest, steps) = (core.recorder.digest, core.recorder.steps());
        core.recorder.checks.add(digest);
        if cfg!(debug_assertions) {
            core.kernel.check(steps);
        }
        let limits = &core.settings.limits;
        let over = core.recorder.instant_steps > limits.instant_steps || steps > limits.steps;
        if over || core.expect.is_some() {
            core.hold_against(steps)?;
        }
        if core.kernel.has_observed() || watch.is_some() {
            let (wakers, now) = (core.done_wakers(), core.kernel.now());
            drop(guard);
            wakers.into_iter().for_each(Waker::wake);
            let told = watch.into_iter().flat_map(|watch| watch.slow(now));
            told.for_each(|context| self.report(&context));
        }
        if self.interrupted.take() {
            return Err(Stuck::Interrupted);
        }
        Ok(())
    }

    /// Can nothing run any more, whatever time goes by, unless somebody starts it?
    pub(crate) fn is_idle(&self) -> bool {
        let core = self.core.borrow();
        let kernel = &core.kernel;
        let nothing = kernel.ready_len() == 0 && kernel.next_deadline().is_none();
        nothing
            && !core.beside.is_anybody()
            && !self.other_threads
            && !self.inbox.borrow().has_mail()
    }

    // --- what the low-level API needs

    /// Asks whether a cancellation is injected into the task. It becomes a callback, which
    /// competes with what is ready.
    pub(crate) fn choose_doom(&self, task: TaskId) {
        let mut core = self.core.borrow_mut();
        let doom = core.choose_doom(task);
        if doom == 0 {
            return;
        }
        let closure = move || {
            try_with(|shell| shell.core.borrow_mut().doom(task, doom));
        };
        let call = core.kernel.call_soon(Action::Closure);
        let what = if doom == 2 { "injected abort" } else { "injected cancel" };
        core.name_call(call, what, Some(Box::new(closure)));
    }

    pub(crate) fn set_handler(&self, handler: Handler) {
        let old = self.handler.borrow_mut().replace(handler);
        drop(old);
    }

    /// `loop.call_exception_handler`. A panic in the handler goes to the default one.
    pub(crate) fn report(&self, context: &ExceptionContext) {
        let handler = self.handler.borrow().clone();
        let Some(handler) = handler else {
            return context.print();
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| handler(context))) {
            let text = panic_text(&*payload);
            ExceptionContext::new("Unhandled error in exception handler").error(text).print();
        }
    }

    /// `loop.stop()`: the loop ends after this iteration.
    pub(crate) fn stop(&self) {
        let mut core = self.core.borrow_mut();
        core.touch_all();
        core.kernel.set_stopping(true);
        core.note(Kind::Stop, Thing::None, 0);
    }

    pub(crate) fn interrupt(&self) {
        self.interrupted.set(true);
        self.core.borrow_mut().touch_all();
        self.interrupter.set(self.core.borrow().actor.task);
    }

    // --- the end

    pub(super) fn at_end(&self, invariant: Closure) {
        self.core.borrow_mut().touch_shared(Shared::AtEnd, Access::Write);
        self.at_end.borrow_mut().push(invariant);
    }

    /// What is to be asserted now that the run is at rest.
    pub(crate) fn take_at_end(&self) -> Vec<Closure> {
        self.at_end.take()
    }

    /// Drops what is left, tasks in order of creation, and says what the run came to. What a
    /// destructor spawns or schedules is dropped too.
    pub(crate) fn finish(&self, plan: Option<Plan>) -> RunReport {
        self.core.borrow_mut().end_steps();
        for _ in 0..DROP_ROUNDS {
            let live = self.core.borrow().live_tasks();
            for task in live {
                let body = {
                    let mut core = self.core.borrow_mut();
                    let info = core.tasks.get_mut(task.index()).expect("a live task is known");
                    let body = info.body.take();
                    if body.is_some() {
                        core.note(Kind::Drop, Thing::Task(task), 0);
                    }
                    body
                };
                self.drop_caught(task, body);
            }
            let closures: Vec<Closure> = {
                let mut core = self.core.borrow_mut();
                core.calls.iter_mut().filter_map(|info| info.closure.take()).collect()
            };
            for closure in closures {
                self.drop_safely("a callback that never ran", closure);
            }
            if self.core.borrow().is_dropped() {
                break;
            }
        }
        let executors = self.executors.borrow().clone();
        if let Some(executors) = executors {
            executors.end_run(self);
        }
        let beside = self.core.borrow_mut().beside.reset();
        drop(beside);
        let idle_wakers = self.core.borrow().free_wakers.len();
        if Arc::strong_count(&self.inbox.borrow()) > 1 + idle_wakers {
            let unread = self.inbox.borrow().close();
            unread.into_iter().for_each(|mail| self.drop_safely("a threadsafe call", mail));
        }
        self.take_at_end().into_iter().for_each(|left| self.drop_safely("an invariant", left));
        let panics = std::mem::take(&mut *self.panics.borrow_mut());
        let shown = |panic: Panic| {
            let Panic { task, message, seen } = panic;
            TaskPanic { task, message, retrieved: seen.get() }
        };
        let panics = panics.into_iter().map(shown).collect();
        let report = self.core.borrow_mut().report(panics, plan);
        let handler = self.handler.borrow_mut().take();
        drop(handler);
        report
    }

    /// Ready for another run in the same memory. Refused if something of the last run is still
    /// held outside.
    pub(crate) fn reset(self: &Rc<Shell>) -> bool {
        if Rc::strong_count(self) > 1 {
            return false;
        }
        debug_assert!(self.panics.borrow().is_empty(), "the last run is finished");
        if self.inbox.borrow().is_closed() {
            self.inbox.replace(Arc::new(Inbox::new()));
            self.core.borrow_mut().free_wakers.clear();
        }
        self.interrupted.set(false);
        self.serial.set(next_serial());
        let garbage = self.core.borrow_mut().reset();
        self.drop_safely("a variable", garbage);
        true
    }
}
