//! The statements and the awaitables of the program language, as Rust types.

use serde::{Deserialize, Deserializer};

use crate::{
    exception::Kind,
    grammar::{Block, Millis},
    threads::Work,
    value::Literal,
};

/// A statement. The units are those that are known but not simulated yet.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Op {
    Log {
        v: Literal,
    },
    Await {
        aw: Awaitable,
    },
    Spawn {
        c: String,
        #[serde(rename = "as")]
        name: String,
    },
    TgSpawn {
        o: String,
        c: String,
        #[serde(rename = "as")]
        name: String,
    },
    Mkcoro {
        c: String,
        #[serde(rename = "as")]
        name: String,
    },
    Mk {
        aw: Awaitable,
        #[serde(rename = "as")]
        name: String,
    },
    CurrentHandle {
        #[serde(rename = "as")]
        name: String,
    },
    Cancel {
        h: String,
        msg: Option<String>,
    },
    Uncancel {
        h: Option<String>,
    },
    Cancelling {
        h: Option<String>,
    },
    State {
        h: String,
    },
    Result {
        h: String,
    },
    Exception {
        h: String,
    },
    FutSet {
        h: String,
        #[serde(default)]
        v: Literal,
    },
    FutExc {
        h: String,
        exc: Kind,
        msg: Option<String>,
    },
    OnDone {
        h: String,
        cb: String,
        #[serde(rename = "do", default)]
        body: Block,
    },
    OffDone {
        h: String,
        cb: String,
    },
    CallSoon {
        cb: String,
        #[serde(rename = "do", default)]
        body: Block,
        #[serde(rename = "as")]
        name: Option<String>,
    },
    CallLater {
        d: Millis,
        cb: String,
        #[serde(rename = "do", default)]
        body: Block,
        #[serde(rename = "as")]
        name: Option<String>,
    },
    CallAt {
        at: Millis,
        cb: String,
        #[serde(rename = "do", default)]
        body: Block,
        #[serde(rename = "as")]
        name: Option<String>,
    },
    External {
        d: Millis,
        cb: String,
        #[serde(rename = "do", default)]
        body: Block,
    },
    Busy {
        d: Millis,
    },
    Now {},
    Do {
        o: String,
        m: Method,
        #[serde(default)]
        args: Vec<Literal>,
    },
    Reschedule {
        o: String,
        #[serde(deserialize_with = "nullable")]
        d: Option<Millis>,
    },
    With(With),
    Try(Try),
    Raise {
        exc: Kind,
        msg: Option<String>,
    },
    Reraise {},
    Return {
        #[serde(default)]
        v: Literal,
    },
    Repeat {
        n: i64,
        body: Block,
    },
    If(If),
    SetVar {
        var: String,
        v: Literal,
    },
    AsCompleted {
        hs: Vec<String>,
        d: Option<Millis>,
    },
    CtxSet {
        var: String,
        v: Literal,
    },
    CtxGet {
        var: String,
    },
    Misuse {
        what: Misuse,
    },
    AwaitBad {
        what: BadAwait,
    },
    Serve,
    Write,
    WriteEof,
    Close,
    Abort,
    Limits,
    StreamState,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct With {
    pub(crate) cm: Manager,
    #[serde(rename = "as")]
    pub(crate) name: Option<String>,
    pub(crate) body: Block,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Try {
    pub(crate) body: Block,
    #[serde(default)]
    pub(crate) except: Vec<Except>,
    #[serde(rename = "else", default)]
    pub(crate) otherwise: Block,
    #[serde(default)]
    pub(crate) finally: Block,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Except {
    pub(crate) types: Vec<Kind>,
    pub(crate) body: Block,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct If {
    pub(crate) var: String,
    #[serde(default = "yes")]
    pub(crate) eq: Literal,
    pub(crate) then: Block,
    #[serde(rename = "else", default)]
    pub(crate) otherwise: Block,
}

/// What a `with` enters.
#[derive(Deserialize)]
#[serde(tag = "k", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Manager {
    Obj {
        o: String,
    },
    Timeout {
        #[serde(deserialize_with = "nullable")]
        d: Option<Millis>,
    },
    TimeoutAt {
        #[serde(deserialize_with = "nullable")]
        at: Option<Millis>,
    },
    Taskgroup {},
    Again {
        o: String,
    },
}

/// What can be awaited. The units are those that are known but not simulated yet.
#[derive(Deserialize)]
#[serde(tag = "k", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Awaitable {
    Handle {
        h: String,
    },
    Coro {
        c: String,
    },
    Sleep {
        d: Millis,
        #[serde(default)]
        v: Literal,
    },
    Gather {
        aws: Vec<Awaitable>,
        #[serde(default)]
        rexc: bool,
    },
    WaitFor {
        aw: Box<Awaitable>,
        #[serde(deserialize_with = "nullable")]
        d: Option<Millis>,
    },
    Shield {
        aw: Box<Awaitable>,
    },
    Wait {
        hs: Vec<String>,
        d: Option<Millis>,
        #[serde(default)]
        when: ReturnWhen,
    },
    EventWait {
        o: String,
    },
    Acquire {
        o: String,
    },
    CondWait {
        o: String,
    },
    CondWaitFor {
        o: String,
        var: String,
    },
    BarrierWait {
        o: String,
    },
    BarrierReset {
        o: String,
    },
    BarrierAbort {
        o: String,
    },
    Get {
        o: String,
    },
    Put {
        o: String,
        #[serde(default)]
        v: Literal,
    },
    Join {
        o: String,
    },
    ToThread(Work),
    Executor(Work),
    Open,
    Read,
    Readline,
    Readexactly,
    Readuntil,
    Drain,
    WaitClosed,
    ServerWaitClosed,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ReturnWhen {
    #[default]
    AllCompleted,
    FirstCompleted,
    FirstException,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Method {
    Set,
    Clear,
    IsSet,
    Release,
    Locked,
    Notify,
    NotifyAll,
    PutNowait,
    GetNowait,
    Qsize,
    Empty,
    Full,
    Maxsize,
    TaskDone,
    Shutdown,
    NWaiting,
    Broken,
    Parties,
    Expired,
    When,
    Close,
    IsServing,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Misuse {
    NestedRun,
    NestedRunUntilComplete,
    RunForever,
    SecondLoop,
    CloseRunningLoop,
    ExecutorIsStr,
    CreateTaskOfFunction,
    NegativeSemaphore,
    BarrierZero,
    FutureNoneLoopResult,
    SetResultOnTask,
    GatherNothing,
    LoopRun,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BadAwait {
    Int,
    WaitEmpty,
    WaitCoro,
    #[serde(rename = "self")]
    Itself,
}

fn yes() -> Literal {
    Literal::Bool(true)
}

/// For a key that must be there, and may be null.
fn nullable<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Millis>, D::Error> {
    Option::deserialize(input)
}
