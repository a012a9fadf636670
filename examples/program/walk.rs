//! What an op and an awaitable contain, for those who go through a whole program.

use crate::{
    grammar::{Block, Millis, Program},
    op::{Awaitable, Manager, Method, Op},
};

/// How far before its start a program arms timers. Their order there counts; debug mode measures
/// steps, and starts at 0.
pub(crate) fn origin_ms(program: &Program) -> i64 {
    fn earliest(block: &Block) -> i64 {
        let own = |op: &Op| match op {
            Op::CallLater { d: Millis(millis), .. } | Op::CallAt { at: Millis(millis), .. } => {
                *millis
            }
            _ => 0,
        };
        let inner = |op: &Op| op.blocks().into_iter().map(earliest).min().unwrap_or(0);
        block.0.iter().map(|op| own(op).min(inner(op))).min().unwrap_or(0).min(0)
    }
    let of_coros = program.coros.0.iter().map(|(_, block)| earliest(block));
    if program.debug { 0 } else { -of_coros.min().unwrap_or(0) }
}

impl Op {
    /// The blocks inside it.
    pub(crate) fn blocks(&self) -> Vec<&Block> {
        match self {
            Op::OnDone { body, .. }
            | Op::CallSoon { body, .. }
            | Op::CallLater { body, .. }
            | Op::External { body, .. }
            | Op::CallAt { body, .. }
            | Op::Repeat { body, .. } => vec![body],
            Op::With(op) => vec![&op.body],
            Op::If(op) => vec![&op.then, &op.otherwise],
            Op::Try(op) => {
                let handlers = op.except.iter().map(|except| &except.body);
                let mut blocks = vec![&op.body];
                blocks.extend(handlers);
                blocks.extend([&op.otherwise, &op.finally]);
                blocks
            }
            _ => Vec::new(),
        }
    }

    /// The awaitable that it builds.
    pub(crate) fn awaitable(&self) -> Option<&Awaitable> {
        match self {
            Op::Await { aw } | Op::Mk { aw, .. } => Some(aw),
            _ => None,
        }
    }

    /// Whether its block runs in a callback.
    pub(crate) fn is_callback(&self) -> bool {
        matches!(
            self,
            Op::OnDone { .. }
                | Op::CallSoon { .. }
                | Op::CallLater { .. }
                | Op::CallAt { .. }
                | Op::External { .. }
        )
    }

    /// Whether the op itself may suspend its coroutine.
    pub(crate) fn may_wait(&self) -> bool {
        matches!(
            self,
            Op::Await { .. } | Op::With(_) | Op::AsCompleted { .. } | Op::AwaitBad { .. }
        )
    }
}

impl Awaitable {
    /// As the program and the trace call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Awaitable::Handle { .. } => "handle",
            Awaitable::Coro { .. } => "coro",
            Awaitable::Sleep { .. } => "sleep",
            Awaitable::Gather { .. } => "gather",
            Awaitable::WaitFor { .. } => "wait_for",
            Awaitable::Shield { .. } => "shield",
            Awaitable::Wait { .. } => "wait",
            Awaitable::EventWait { .. } => "event_wait",
            Awaitable::Acquire { .. } => "acquire",
            Awaitable::CondWait { .. } => "cond_wait",
            Awaitable::CondWaitFor { .. } => "cond_wait_for",
            Awaitable::BarrierWait { .. } => "barrier_wait",
            Awaitable::BarrierReset { .. } => "barrier_reset",
            Awaitable::BarrierAbort { .. } => "barrier_abort",
            Awaitable::Get { .. } => "get",
            Awaitable::Put { .. } => "put",
            Awaitable::Join { .. } => "join",
            Awaitable::ToThread(_) => "to_thread",
            Awaitable::Executor(_) => "executor",
            Awaitable::Open => "open",
            Awaitable::Read => "read",
            Awaitable::Readline => "readline",
            Awaitable::Readexactly => "readexactly",
            Awaitable::Readuntil => "readuntil",
            Awaitable::Drain => "drain",
            Awaitable::WaitClosed => "wait_closed",
            Awaitable::ServerWaitClosed => "server_wait_closed",
        }
    }

    /// The awaitables it is made of.
    pub(crate) fn parts(&self) -> Vec<&Awaitable> {
        match self {
            Awaitable::Gather { aws, .. } => aws.iter().collect(),
            Awaitable::WaitFor { aw, .. } | Awaitable::Shield { aw } => vec![aw],
            _ => Vec::new(),
        }
    }

    /// The object it uses.
    pub(crate) fn object(&self) -> Option<&str> {
        match self {
            Awaitable::EventWait { o }
            | Awaitable::Acquire { o }
            | Awaitable::CondWait { o }
            | Awaitable::CondWaitFor { o, .. }
            | Awaitable::BarrierWait { o }
            | Awaitable::BarrierReset { o }
            | Awaitable::BarrierAbort { o }
            | Awaitable::Get { o }
            | Awaitable::Put { o, .. }
            | Awaitable::Join { o } => Some(o),
            Awaitable::Executor(work) | Awaitable::ToThread(work) => work.o.as_deref(),
            _ => None,
        }
    }

    /// The handles it and its parts name, in order.
    pub(crate) fn handles(&self) -> Vec<&str> {
        let own: Vec<&str> = match self {
            Awaitable::Handle { h } => vec![h],
            Awaitable::Wait { hs, .. } => hs.iter().map(String::as_str).collect(),
            _ => Vec::new(),
        };
        let of_parts = self.parts().into_iter().flat_map(Awaitable::handles);
        own.into_iter().chain(of_parts).collect()
    }
}

impl Manager {
    /// As the program and the trace call it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Manager::Obj { .. } => "obj",
            Manager::Timeout { .. } => "timeout",
            Manager::TimeoutAt { .. } => "timeout_at",
            Manager::Taskgroup {} => "taskgroup",
            Manager::Again { .. } => "again",
        }
    }
}

impl Method {
    /// As the program and the trace call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Method::Set => "set",
            Method::Clear => "clear",
            Method::IsSet => "is_set",
            Method::Release => "release",
            Method::Locked => "locked",
            Method::Notify => "notify",
            Method::NotifyAll => "notify_all",
            Method::PutNowait => "put_nowait",
            Method::GetNowait => "get_nowait",
            Method::Qsize => "qsize",
            Method::Empty => "empty",
            Method::Full => "full",
            Method::Maxsize => "maxsize",
            Method::TaskDone => "task_done",
            Method::Shutdown => "shutdown",
            Method::NWaiting => "n_waiting",
            Method::Broken => "broken",
            Method::Parties => "parties",
            Method::Expired => "expired",
            Method::When => "when",
            Method::Close => "close",
            Method::IsServing => "is_serving",
        }
    }
}
