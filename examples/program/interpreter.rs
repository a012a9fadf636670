//! One run of a program: its names, its tasks in order of creation, and the trace it leaves.
//! Built on seedloop's public API alone.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    future::poll_fn,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use seedloop::{
    CallbackId, Future, TaskRef, busy, current_task, iteration, now, set_default_executor,
    spawn_named,
};
use serde_json::{Value as Json, json};

use crate::{
    clock::Clock,
    exception::{Exception, Kind},
    grammar::{Object, Program},
    primitive::{Local, Primitive},
    threads::Lines,
    value::{Literal, Shared, Value},
};

/// What a handle's name stands for.
#[derive(Clone)]
pub(crate) enum Handle {
    Shared(Shared),
    Coroutine(Rc<Coroutine>),
    Timer(seedloop::Handle),
    /// Python's None.
    Nothing,
}

/// A coroutine object. It runs once: who takes it second gets a RuntimeError.
pub(crate) struct Coroutine(RefCell<Option<Local<Value>>>);

impl Coroutine {
    pub(crate) fn take(&self) -> Local<Value> {
        let again =
            || -> Local<Value> { Box::pin(async { Err(Exception::new(Kind::RuntimeError)) }) };
        self.0.take().unwrap_or_else(again)
    }
}

/// A task's hold of its coroutine object: a task that is cancelled before its first step has used
/// it up, too.
struct OfTask(Rc<Coroutine>);

impl OfTask {
    async fn run(self) -> Result<Value, Exception> {
        self.0.take().await
    }
}

impl Drop for OfTask {
    fn drop(&mut self) {
        drop(self.0.take());
    }
}

impl Handle {
    pub(crate) fn coroutine(body: Local<Value>) -> Handle {
        Handle::Coroutine(Rc::new(Coroutine(RefCell::new(Some(body)))))
    }
}

/// It lives as long as the process, so that its coroutines can refer to it.
pub(crate) struct Interpreter {
    pub(crate) program: &'static Program,
    pub(crate) clock: Clock,
    pub(crate) handles: RefCell<BTreeMap<String, Handle>>,
    pub(crate) objects: RefCell<BTreeMap<String, Primitive>>,
    pub(crate) variables: RefCell<BTreeMap<String, Literal>>,
    /// The last callback that `on_done` made, by handle and name.
    pub(crate) callbacks: RefCell<BTreeMap<(String, String), CallbackId>>,
    /// Every task, in order of creation; main first.
    pub(crate) tasks: RefCell<Vec<Shared>>,
    /// How many tasks asyncio itself would have made.
    implicit: Cell<u64>,
    /// What the exception handler is being told.
    pub(crate) reported: RefCell<Option<Exception>>,
    /// The SystemExit or KeyboardInterrupt that left the loop.
    pub(crate) fatal: RefCell<Option<Exception>>,
    pub(crate) lines: Lines,
    /// How many coroutines are being polled, each by the one before.
    depth: Cell<u32>,
}

/// CPython's limit is on its own stack, and of the same order.
const DEPTH_MAX: u32 = 300;

impl Interpreter {
    pub(crate) fn new(program: &'static Program, clock: Clock) -> Interpreter {
        Interpreter {
            program,
            clock,
            handles: RefCell::default(),
            objects: RefCell::default(),
            variables: RefCell::default(),
            callbacks: RefCell::default(),
            tasks: RefCell::default(),
            implicit: Cell::new(0),
            reported: RefCell::default(),
            fatal: RefCell::default(),
            lines: Lines::default(),
            depth: Cell::new(0),
        }
    }

    // --- the trace

    /// An event of the running task or callback.
    pub(crate) fn event(&self, name: &str, fields: impl IntoIterator<Item = (&'static str, Json)>) {
        let task = current_task().map(|task| task.name());
        self.event_at(self.clock.read(now()), iteration(), task, name, fields);
    }

    pub(crate) fn event_at(
        &self,
        millis: i64,
        iteration: u64,
        task: Option<String>,
        name: &str,
        fields: impl IntoIterator<Item = (&'static str, Json)>,
    ) {
        let head = [
            ("t", json!(millis)),
            ("i", json!(iteration)),
            ("task", json!(task)),
            ("ev", json!(name)),
        ];
        self.line(head.into_iter().chain(fields));
    }

    pub(crate) fn line(&self, fields: impl IntoIterator<Item = (&'static str, Json)>) {
        self.lines.push(fields);
    }

    pub(crate) fn lines(&self) -> Vec<Json> {
        self.lines.take()
    }

    /// The result of an op as the event `kind` or `kind_err`; an error propagates.
    pub(crate) fn attempt<const N: usize>(
        &self,
        kind: &str,
        result: Result<Value, Exception>,
        fields: [(&'static str, Json); N],
    ) -> Result<(), Exception> {
        let (name, first) = match &result {
            Ok(value) => (kind.to_owned(), ("v", value.to_json())),
            Err(error) => (format!("{kind}_err"), ("exc", error.to_json())),
        };
        self.event(&name, [first].into_iter().chain(fields));
        result.map(|_| ())
    }

    // --- tasks

    /// The program: `main`, as `Runner::run` is given it.
    pub(crate) async fn main(&'static self) -> Result<Value, Exception> {
        self.set_clock();
        let task = current_task().expect("main runs in a task");
        let main = Shared::of_task(task, Future::new());
        self.tasks.borrow_mut().push(main.clone());
        let result = self.guarded(self.build_and_run_main()).await;
        // Refused if who awaits main was cancelled, and main's future with it.
        let _ = match result.clone() {
            Ok(value) => main.future.set_result(value),
            Err(error) if error.is_a(Kind::CancelledError) => {
                main.future.cancel();
                Ok(())
            }
            Err(error) => main.future.set_error(error),
        };
        result
    }

    /// Lets the clock begin at the program's 0.
    fn set_clock(&self) {
        let early = -self.clock.read(now());
        if let Ok(early @ 1..) = u64::try_from(early) {
            busy(Duration::from_millis(early));
        }
    }

    async fn build_and_run_main(&'static self) -> Result<Value, Exception> {
        set_default_executor(&self.default_executor())?;
        for (name, object) in &self.program.objects.0 {
            let lock = match object {
                Object::Condition { lock: Some(lock) } => Some(self.object(lock)?),
                _ => None,
            };
            if let Object::Future {} = object {
                self.set_handle(name, Handle::Shared(Shared::plain(Future::new())));
            }
            let primitive = Primitive::new(name, object, lock)?;
            self.objects.borrow_mut().insert(name.clone(), primitive);
        }
        self.body("main").await
    }

    /// A coroutine of the program; nothing of it runs before it is awaited.
    pub(crate) fn coroutine(&'static self, name: &'static str) -> Handle {
        Handle::coroutine(self.body(name))
    }

    fn body(&'static self, name: &'static str) -> Local<Value> {
        let block = self.program.coros.get(name).expect("a checked program's coros exist");
        self.nested(Box::pin(async move {
            self.event("enter", [("c", json!(name))]);
            match self.block(block, None).await {
                Ok(flow) => {
                    let value = Value::Plain(flow.returned().unwrap_or_default());
                    self.event("return", [("c", json!(name)), ("v", value.to_json())]);
                    Ok(value)
                }
                Err(error) => {
                    self.event("raise", [("c", json!(name)), ("exc", error.to_json())]);
                    Err(error)
                }
            }
        }))
    }

    /// A coroutine that may be awaited by another, and so on, but not without end.
    fn nested(&'static self, mut body: Local<Value>) -> Local<Value> {
        Box::pin(poll_fn(move |context| {
            let depth = self.depth.get();
            if depth == DEPTH_MAX {
                return Poll::Ready(Err(Exception::new(Kind::RecursionError)));
            }
            self.depth.set(depth + 1);
            let polled = body.as_mut().poll(context);
            self.depth.set(depth);
            polled
        }))
    }

    /// A task's body: SystemExit and KeyboardInterrupt leave the loop, too.
    async fn guarded<F>(&'static self, body: F) -> Result<Value, Exception>
    where
        F: std::future::Future<Output = Result<Value, Exception>>,
    {
        let result = body.await;
        if let Err(error) = &result {
            self.leave_the_loop(error);
        }
        result
    }

    pub(crate) fn spawn(
        &'static self,
        name: impl Into<String>,
        coroutine: &Rc<Coroutine>,
    ) -> Shared {
        let task = spawn_named(name, self.guarded(OfTask(coroutine.clone()).run()));
        self.keep(task.id(), task.future())
    }

    pub(crate) fn spawn_in(
        &'static self,
        group: &str,
        name: &str,
        coroutine: &Rc<Coroutine>,
    ) -> Result<Shared, Exception> {
        let Primitive::Group(group) = self.object(group)? else {
            return Err(Exception::new(Kind::AttributeError));
        };
        let task = group.spawn_named(name, self.guarded(OfTask(coroutine.clone()).run()))?;
        Ok(self.keep(task.id(), task.future()))
    }

    fn keep(&self, task: TaskRef, future: Future<Value, Exception>) -> Shared {
        let shared = Shared::of_task(task, future);
        self.tasks.borrow_mut().push(shared.clone());
        shared
    }

    /// The name of the next task that asyncio itself makes.
    pub(crate) fn implicit_name(&self) -> String {
        self.implicit.set(self.implicit.get() + 1);
        format!("~{}", self.implicit.get())
    }

    /// As `asyncio.ensure_future`: a coroutine becomes a task.
    pub(crate) fn ensure_future(&'static self, handle: Handle) -> Result<Shared, Exception> {
        match handle {
            Handle::Shared(shared) => Ok(shared),
            Handle::Coroutine(coroutine) => Ok(self.spawn(self.implicit_name(), &coroutine)),
            Handle::Timer(_) | Handle::Nothing => Err(Exception::new(Kind::TypeError)),
        }
    }

    /// The running task as a handle; nothing in a callback.
    pub(crate) fn current_handle(&self) -> Handle {
        let tasks = self.tasks.borrow();
        let running = tasks.iter().find(|shared| shared.task.is_some_and(is_current));
        running.cloned().map_or(Handle::Nothing, Handle::Shared)
    }

    /// Main's future is the interpreter's: `Runner::run` keeps the task's own.
    pub(crate) fn is_main(&self, shared: &Shared) -> bool {
        self.tasks.borrow().first().is_some_and(|main| main.is(shared))
    }

    /// The names of the tasks that have not ended.
    pub(crate) fn live_tasks(&self) -> Vec<String> {
        let tasks = self.tasks.borrow();
        let live = tasks.iter().filter(|shared| !shared.future.is_done());
        live.map(|shared| shared.name.to_string()).collect()
    }

    // --- names

    pub(crate) fn handle(&self, name: &str) -> Option<Handle> {
        self.handles.borrow().get(name).cloned()
    }

    pub(crate) fn set_handle(&self, name: &str, handle: Handle) {
        self.handles.borrow_mut().insert(name.to_owned(), handle);
    }

    pub(crate) fn object(&self, name: &str) -> Result<Primitive, Exception> {
        let objects = self.objects.borrow();
        objects.get(name).cloned().ok_or_else(|| Exception::new(Kind::KeyError))
    }

    pub(crate) fn variable(&self, name: &str) -> Literal {
        self.variables.borrow().get(name).cloned().unwrap_or_default()
    }

    /// Says which of the handles do not exist (yet); their op is skipped.
    pub(crate) fn missing<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> bool {
        let missing: Vec<&str> =
            names.into_iter().filter(|name| self.handle(name).is_none()).collect();
        if !missing.is_empty() {
            self.event("missing", [("hs", json!(missing))]);
        }
        !missing.is_empty()
    }
}

fn is_current(task: TaskRef) -> bool {
    current_task() == Some(task)
}
