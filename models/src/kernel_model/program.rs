//! The programs of the kernel's model: a body for each task, as a list of operations.

use super::reference::TaskName;
use Op::{
    Abort, Both, Busy, Cancel, CancelSoon, Catch, Gather, Ignore, Join, Nest, Race, Resolve, Sleep,
    Soon, Spawn, Twice, Uncancel, Wait, Wake, Yield,
};

/// One operation of a body. Those in the second half wait; if such a wait fails, the task ends as
/// cancelled, unless [`Op::Catch`] stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Spawn(TaskName),
    /// Ends a plain future.
    Resolve(u8),
    /// `task.cancel()`, of itself too.
    Cancel(TaskName),
    Uncancel(TaskName),
    Abort(TaskName),
    /// A waker that somebody has kept wakes a task, ended or not, for nothing.
    Wake(TaskName),
    /// `call_soon` of what resolves a plain future.
    Soon(u8),
    /// Cancels that callback.
    CancelSoon(u8),
    /// Blocks the loop.
    Busy(u64),
    /// If the next wait fails, the body goes on.
    Catch,

    /// `sleep(0)`.
    Yield,
    Sleep(u64),
    Wait(u8),
    /// Waits for two plain futures at once, until both waits are over: `join!`.
    Both(u8, u8),
    /// Waits for a plain future, and looks twice in the first step.
    Twice(u8),
    /// Waits for the next step or a plain future, whichever is first: `select!`.
    Race(u8),
    /// Waits for a plain future, and drops that in the next step without a look.
    Ignore(u8),
    Join(TaskName),
    /// `await gather(...)`.
    Gather(&'static [TaskName]),
    /// `await gather(gather(...))`.
    Nest(&'static [TaskName]),
}

/// What the model runs: task 0 is there at first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// The plain futures.
    pub(crate) futures: u8,
    /// So often a task is cancelled from outside, any live one at any time.
    pub(crate) cancels: u8,
    /// So often the clock slips.
    pub(crate) slips: u8,
    pub(crate) bodies: &'static [&'static [Op]],
}

const fn program(
    name: &'static str,
    (futures, cancels, slips): (u8, u8, u8),
    bodies: &'static [&'static [Op]],
) -> Program {
    Program { name, futures, cancels, slips, bodies }
}

/// Each by its name, with its plain futures, cancels and slips.
pub(crate) const PROGRAMS: [Program; 19] = [
    program(
        "tasks yield",
        (0, 2, 0),
        &[
            &[Spawn(1), Spawn(2), Yield, Yield, Join(1), Join(2)],
            &[Yield, Yield, Yield],
            &[Yield, Yield],
        ],
    ),
    program(
        "one wakes two",
        (1, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Yield, Resolve(0), Yield],
            &[Wait(0), Yield],
            &[Catch, Wait(0), Wait(0)],
        ],
    ),
    program(
        "a chain of joins is cancelled",
        (1, 3, 0),
        &[
            &[Spawn(1), Yield, Yield, Cancel(1), Catch, Join(1)],
            &[Spawn(2), Join(2)],
            &[Spawn(3), Catch, Join(3), Yield],
            &[Catch, Wait(0), Yield],
        ],
    ),
    program(
        "cancelled before the first step",
        (0, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Cancel(1), Cancel(2), Uncancel(2), Catch, Join(1), Join(2)],
            &[Yield],
            &[Yield],
        ],
    ),
    program(
        "tasks cancel themselves",
        (1, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Catch, Join(1), Join(2)],
            &[Cancel(1), Catch, Wait(0), Uncancel(1), Cancel(1)],
            &[Cancel(2), Uncancel(2), Yield, Resolve(0), Cancel(2), Catch, Yield, Yield],
        ],
    ),
    program(
        "a second cancel",
        (1, 3, 0),
        &[
            &[Spawn(1), Yield, Cancel(1), Yield, Cancel(1), Uncancel(1), Catch, Join(1)],
            &[Catch, Wait(0), Catch, Wait(0), Yield, Yield],
        ],
    ),
    program(
        "a cycle of joins",
        (0, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Yield, Yield, Cancel(1), Catch, Join(2)],
            &[Catch, Join(2), Yield],
            &[Join(1)],
        ],
    ),
    program(
        "timers of one instant",
        (0, 1, 0),
        &[
            &[Spawn(1), Spawn(2), Spawn(3), Sleep(2), Cancel(3)],
            &[Sleep(2), Yield],
            &[Sleep(1), Sleep(1)],
            &[Catch, Sleep(2), Sleep(1)],
        ],
    ),
    program(
        "the clock slips and is held up",
        (0, 1, 2),
        &[
            &[Spawn(1), Spawn(2), Sleep(3), Cancel(2)],
            &[Sleep(1), Busy(3), Sleep(1)],
            &[Catch, Sleep(2), Yield, Sleep(4)],
        ],
    ),
    program(
        "ready callbacks are cancelled",
        (3, 3, 0),
        &[
            &[Spawn(1), Soon(0), Yield, CancelSoon(0), Soon(1), Yield, Resolve(0)],
            &[Wait(1), Soon(2), CancelSoon(2), Wait(0)],
        ],
    ),
    program(
        "a gathering is cancelled",
        (1, 2, 0),
        &[
            &[Spawn(1), Spawn(2), Spawn(3), Yield, Cancel(3), Catch, Join(3)],
            &[Wait(0)],
            &[Catch, Yield, Resolve(0)],
            &[Catch, Gather(&[1, 2]), Yield],
        ],
    ),
    program(
        "a gathering in a gathering closes",
        (0, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Spawn(3), Catch, Gather(&[2, 3]), Yield],
            &[Yield],
            &[Catch, Gather(&[1]), Yield],
            &[],
        ],
    ),
    program(
        "two waits at once",
        (2, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Yield, Resolve(0), Yield, Resolve(1)],
            &[Catch, Both(0, 1), Yield],
            &[Both(1, 0)],
        ],
    ),
    program(
        "waits are dropped",
        (2, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Yield, Resolve(0), Cancel(2), Yield, Resolve(1)],
            &[Catch, Race(1), Ignore(1), Yield, Race(0)],
            &[Ignore(0), Catch, Twice(1), Race(1)],
        ],
    ),
    program(
        "tasks are aborted",
        (1, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Yield, Abort(1), Cancel(2), Abort(2), Catch, Join(1), Join(2)],
            &[Catch, Wait(0), Yield],
            &[Abort(1), Catch, Join(1), Abort(2), Wait(0)],
        ],
    ),
    program(
        "sleeps are gathered and cancelled",
        (0, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Catch, Gather(&[1, 2]), Yield],
            &[Catch, Sleep(1), Yield],
            &[Sleep(1), Cancel(1), Cancel(0)],
        ],
    ),
    program(
        "wakers wake late and for nothing",
        (1, 2, 0),
        &[
            &[Spawn(1), Spawn(2), Wake(1), Yield, Wake(1), Wake(0), Resolve(0), Yield, Wake(2)],
            &[Catch, Wait(0), Wake(2), Yield],
            &[Wake(2), Join(1), Wake(1)],
        ],
    ),
    program(
        "a gathering of a gathering closes",
        (0, 3, 0),
        &[
            &[Spawn(1), Spawn(2), Spawn(3), Catch, Join(3), Yield],
            &[Catch, Yield],
            &[],
            &[Catch, Nest(&[1, 2]), Yield],
        ],
    ),
    program(
        "a cycle through a gathering",
        (0, 2, 0),
        &[
            &[Spawn(1), Spawn(2), Spawn(3), Yield, Yield, Cancel(2), Catch, Join(1)],
            &[Catch, Gather(&[2, 3]), Yield],
            &[Join(1)],
            &[],
        ],
    ),
];
