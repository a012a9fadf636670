//! Operations and answers in the model's words. The kernel reuses places under new generations, the
//! model numbers everything in order of creation: a table per kind leads from one to the other.

use std::{collections::HashMap, hash::Hash};

use seedloop::{
    kernel::{
        Action, Answer as AwaitAnswer, CallId, End, Entry, Exit, FutureId, Handle, Message,
        OnCancel, State, TaskId, Turn,
    },
    lockstep::{Answer, Op, Step},
};
use seedloop_oracle::{Model, Value};

/// Gives each thing the number of its creation.
struct Numbers<T>(HashMap<T, u64>);

impl<T: Copy + Eq + Hash> Numbers<T> {
    fn new() -> Numbers<T> {
        Numbers(HashMap::new())
    }

    /// The thing's number. One that is met for the first time is new.
    fn number(&mut self, thing: &T) -> Value {
        let next = self.0.len() as u64;
        Value::Number(*self.0.entry(*thing).or_insert(next))
    }
}

pub(super) struct Translator<'m> {
    pub(super) model: &'m Model,
    tasks: Numbers<TaskId>,
    futures: Numbers<FutureId>,
    calls: Numbers<CallId>,
    messages: HashMap<String, u64>,
}

impl<'m> Translator<'m> {
    pub(super) fn new(model: &'m Model) -> Translator<'m> {
        let (tasks, futures, calls) = (Numbers::new(), Numbers::new(), Numbers::new());
        Translator { model, tasks, futures, calls, messages: HashMap::new() }
    }

    /// An operation and its answer.
    pub(super) fn step(&mut self, step: &Step) -> (Value, Value) {
        // What the answer makes is new, and the operation does not name it.
        (self.operation(&step.op), self.answer(&step.answer))
    }

    fn operation(&mut self, op: &Op) -> Value {
        let (name, arguments) = match op {
            Op::BeginIteration => ("OBeginIteration", vec![]),
            Op::GiveUp => ("OGiveUp", vec![]),
            Op::Slip => ("OSlip", vec![]),
            Op::Busy(ns) => ("OBusy", vec![Value::Number(*ns)]),
            Op::SetStopping(stopping) => ("OSetStopping", vec![self.model.bool(*stopping)]),
            Op::Take(index) => ("OTake", vec![Value::Number(*index as u64)]),
            Op::Spawn => ("OSpawn", vec![]),
            Op::Wake(task) => ("OWake", vec![self.task(task)]),
            Op::BeginStep(task) => ("OBeginStep", vec![self.task(task)]),
            Op::EndStep(task, exit) => ("OEndStep", vec![self.task(task), self.exit(exit)]),
            Op::PollAwait(task, on, since) => {
                ("OPollAwait", vec![self.task(task), self.on(on), self.since(*since)])
            }
            Op::EndAwait(task, on, since) => {
                ("OEndAwait", vec![self.task(task), self.on(on), Value::Number((*since).into())])
            }
            Op::Abort(task) => ("OAbort", vec![self.task(task)]),
            Op::Uncancel(task) => ("OUncancel", vec![self.task(task)]),
            Op::CountCancel(task) => ("OCountCancel", vec![self.task(task)]),
            Op::CancelTask(task, message) => {
                ("OCancelTask", vec![self.task(task), self.message(message)])
            }
            Op::TaskRelease(task) => ("OTaskRelease", vec![self.task(task)]),
            Op::FutureNew(rule) => ("OFutureNew", vec![self.on_cancel(rule)]),
            Op::FutureRelease(future) => ("OFutureRelease", vec![self.future(future)]),
            Op::Resolve(future, state) => {
                ("OResolve", vec![self.future(future), self.state(*state)])
            }
            Op::Cancel(future, message) => {
                ("OCancel", vec![self.future(future), self.message(message)])
            }
            Op::OnDone(future) => ("OOnDone", vec![self.future(future)]),
            Op::RemoveOnDone(future, call) => {
                ("ORemoveOnDone", vec![self.future(future), self.call(call)])
            }
            Op::Observe(future) => ("OObserve", vec![self.future(future)]),
            Op::TakeObserved => ("OTakeObserved", vec![]),
            Op::TakeMessage(future) => ("OTakeMessage", vec![self.future(future)]),
            Op::CallSoon(action) => ("OCallSoon", vec![self.action(*action)]),
            Op::Arm(deadline, action) => {
                ("OArm", vec![Value::Number(*deadline), self.action(*action)])
            }
            Op::CancelCall(call) => ("OCancelCall", vec![self.call(call)]),
            Op::BeginCall(call) => ("OBeginCall", vec![self.call(call)]),
        };
        self.model.data(name, arguments)
    }

    fn answer(&mut self, answer: &Answer) -> Value {
        let (name, arguments) = match answer {
            Answer::Unit => ("AUnit", vec![]),
            Answer::Bool(value) => ("ABool", vec![self.model.bool(*value)]),
            Answer::Turn(turn) => {
                let name = match turn {
                    Turn::Ready => "TurnReady",
                    Turn::Advanced => "TurnAdvanced",
                    Turn::Idle => "TurnIdle",
                };
                ("ATurn", vec![self.model.data(name, [])])
            }
            Answer::Handle(handle) => ("AHandle", vec![self.handle(*handle)]),
            Answer::Task(task, future) => ("ATask", vec![self.task(task), self.future(future)]),
            Answer::Entry(entry) => ("AEntry", vec![self.entry(entry)]),
            Answer::Await(found, since) => {
                ("AAwait", vec![self.await_answer(found), self.since(*since)])
            }
            Answer::Count(left) => ("ACount", vec![Value::Number((*left).into())]),
            Answer::Future(future) => ("AFuture", vec![self.future(future)]),
            Answer::Call(call) => ("ACall", vec![self.call(call)]),
            Answer::Calls(calls) => {
                let calls: Vec<Value> = calls.iter().map(|call| self.call(call)).collect();
                ("ACalls", vec![self.model.list(calls)])
            }
            Answer::Futures(futures) => ("AFutures", vec![self.futures(futures)]),
            Answer::Message(message) => ("AMessage", vec![self.message(message)]),
            Answer::Action(action) => {
                let action = action.map(|action| self.action(action));
                ("AAction", vec![self.model.option(action)])
            }
        };
        self.model.data(name, arguments)
    }
}

/// Things and their parts.
impl Translator<'_> {
    pub(super) fn task(&mut self, task: &TaskId) -> Value {
        self.tasks.number(task)
    }

    pub(super) fn future(&mut self, future: &FutureId) -> Value {
        self.futures.number(future)
    }

    pub(super) fn call(&mut self, call: &CallId) -> Value {
        self.calls.number(call)
    }

    pub(super) fn futures(&mut self, futures: &[FutureId]) -> Value {
        let futures: Vec<Value> = futures.iter().map(|future| self.future(future)).collect();
        self.model.list(futures)
    }

    pub(super) fn on(&mut self, on: &Option<FutureId>) -> Value {
        let on = on.as_ref().map(|future| self.future(future));
        self.model.option(on)
    }

    fn since(&self, since: Option<u32>) -> Value {
        self.model.option(since.map(|since| Value::Number(since.into())))
    }

    /// Texts are numbered as they are met.
    pub(super) fn message(&mut self, message: &Message) -> Value {
        let number = message.as_ref().map(|text| {
            let next = self.messages.len() as u64;
            Value::Number(*self.messages.entry(text.to_string()).or_insert(next))
        });
        self.model.option(number)
    }

    pub(super) fn handle(&mut self, handle: Handle) -> Value {
        match handle {
            Handle::Step(task) => self.model.data("Step", [self.task(&task)]),
            Handle::Call(call) => self.model.data("Call", [self.call(&call)]),
        }
    }

    pub(super) fn action(&mut self, action: Action) -> Value {
        match action {
            Action::Closure => self.model.data("Closure", []),
            Action::Resolve(future) => self.model.data("Resolve", [self.future(&future)]),
        }
    }

    pub(super) fn state(&self, state: State) -> Value {
        let name = match state {
            State::Pending => "Pending",
            State::Finished => "Finished",
            State::Failed => "Failed",
            State::Cancelled => "Cancelled",
        };
        self.model.data(name, [])
    }

    pub(super) fn on_cancel(&mut self, rule: &OnCancel) -> Value {
        match rule {
            OnCancel::Itself => self.model.data("Itself", []),
            OnCancel::Task(task) => self.model.data("OfTask", [self.task(task)]),
            OnCancel::Children(children) => self.model.data("Children", [self.futures(children)]),
        }
    }

    fn exit(&mut self, exit: &Exit) -> Value {
        let end = match exit {
            Exit::Pending => return self.model.data("ExitPending", []),
            Exit::Ended(End::Finished) => self.model.data("EndFinished", []),
            Exit::Ended(End::Failed) => self.model.data("EndFailed", []),
            Exit::Ended(End::Cancelled(message)) => {
                self.model.data("EndCancelled", [self.message(message)])
            }
        };
        self.model.data("ExitEnded", [end])
    }

    fn entry(&mut self, entry: &Entry) -> Value {
        match entry {
            Entry::Poll => self.model.data("EntryPoll", []),
            Entry::Drop(message) => self.model.data("EntryDrop", [self.message(message)]),
            Entry::Ended => self.model.data("EntryEnded", []),
        }
    }

    fn await_answer(&mut self, found: &AwaitAnswer) -> Value {
        match found {
            AwaitAnswer::Pending => self.model.data("AwaitPending", []),
            AwaitAnswer::Done => self.model.data("AwaitDone", []),
            AwaitAnswer::Told(message) => self.model.data("AwaitTold", [self.message(message)]),
        }
    }
}
