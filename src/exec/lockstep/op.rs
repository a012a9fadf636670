//! The kernel's operations and answers as data.

use crate::kernel::{
    Action, Answer as AwaitAnswer, CallId, Entry, Exit, FutureId, Handle, Message, OnCancel, State,
    TaskId, Turn,
};

/// One operation and what the kernel answered.
///
/// # Examples
/// ```
/// use seedloop::{kernel::Handle, lockstep::{self, Answer, Op, Step}};
/// lockstep::install(Box::new(|log| {
///     let Some(Step { op: Op::Spawn, answer: Answer::Task(main, _) }) = log.steps.first() else {
///         return Err("the first step spawns main".into());
///     };
///     match log.steps.iter().any(|step| step.answer == Answer::Handle(Handle::Step(*main))) {
///         true => Ok(()),
///         false => Err("main never steps".into()),
///     }
/// })).unwrap();
/// seedloop::run(async {}).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub op: Op,
    /// What was answered.
    pub answer: Answer,
}

/// An operation that changes the kernel: named as [`Kernel`](crate::kernel::Kernel)'s methods,
/// which say what each does.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{busy, lockstep::{self, Op}};
/// lockstep::install(Box::new(|log| {
///     let mut busy = log.steps.iter().filter(|step| step.op == Op::Busy(1_000_000_000));
///     busy.next().map(drop).ok_or("a second passes".into())
/// })).unwrap();
/// seedloop::run(async { busy(Duration::from_secs(1)) }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The methods are documented.
pub enum Op {
    BeginIteration,
    GiveUp,
    Slip,
    Busy(u64),
    SetStopping(bool),
    Take(usize),
    Spawn,
    Wake(TaskId),
    BeginStep(TaskId),
    EndStep(TaskId, Exit),
    /// With what is awaited, and what the last poll of this await returned.
    PollAwait(TaskId, Option<FutureId>, Option<u32>),
    EndAwait(TaskId, Option<FutureId>, u32),
    Abort(TaskId),
    Uncancel(TaskId),
    CountCancel(TaskId),
    CancelTask(TaskId, Message),
    Cancel(FutureId, Message),
    FutureNew(OnCancel),
    FutureRelease(FutureId),
    TaskRelease(TaskId),
    Resolve(FutureId, State),
    OnDone(FutureId),
    RemoveOnDone(FutureId, CallId),
    Observe(FutureId),
    TakeObserved,
    TakeMessage(FutureId),
    CallSoon(Action),
    /// With the deadline in ns.
    Arm(u64, Action),
    CancelCall(CallId),
    BeginCall(CallId),
}

/// What an operation answers.
///
/// # Examples
/// ```
/// use seedloop::{kernel::Turn, lockstep::{self, Answer}};
/// lockstep::install(Box::new(|log| {
///     let idle = log.steps.iter().find(|step| step.answer == Answer::Turn(Turn::Idle));
///     idle.map_or(Ok(()), |step| Err(format!("nothing was ready after {:?}", step.op)))
/// })).unwrap();
/// seedloop::run(async { seedloop::yield_now().await }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nothing.
    Unit,
    /// Whether it did something.
    Bool(bool),
    /// What the start of an iteration found.
    Turn(Turn),
    /// The handle that was taken.
    Handle(Handle),
    /// A new task, and the task as a future.
    Task(TaskId, FutureId),
    /// How a step starts.
    Entry(Entry),
    /// What the poll of an await finds, and what the next poll of it is to be told.
    Await(AwaitAnswer, Option<u32>),
    /// The requests to cancel that are left.
    Count(u32),
    /// A new future.
    Future(FutureId),
    /// A new callback or timer.
    Call(CallId),
    /// The callbacks that never run.
    Calls(Vec<CallId>),
    /// The observed futures that are done.
    Futures(Vec<FutureId>),
    /// The message of a cancellation.
    Message(Message),
    /// What a callback does, if it runs.
    Action(Option<Action>),
}
