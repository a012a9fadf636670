//! The programs, and how often each does its operation. Written once for all runtimes.

use futures::{SinkExt, StreamExt, channel::mpsc};

/// What a program needs of a runtime.
pub trait Runtime {
    /// Starts a task; the future that it gives is ready when the task is done.
    fn spawn(task: impl Future<Output = ()> + Send + 'static)
    -> impl Future<Output = ()> + 'static;
    /// Lets the others run once.
    fn yield_now() -> impl Future<Output = ()> + Send;
}

/// A runtime that has a clock.
pub trait Clock {
    /// Waits for 1 ms of virtual time.
    fn sleep_1_ms() -> impl Future<Output = ()> + Send;
}

/// One operation.
#[derive(Clone, Copy)]
pub struct Row {
    /// Its name in files and on the command line.
    pub name: &'static str,
    pub title: &'static str,
    /// How many operations one turn of the program does.
    pub operations: u64,
}

const fn row(name: &'static str, title: &'static str, operations: u64) -> Row {
    Row { name, title, operations }
}

/// The tasks of the poll rows, and how often each of them yields.
pub const POLLS: [(u64, u64); 3] = [(1, 10_000), (100, 200), (10_000, 5)];
pub const POLL_ROWS: [Row; 3] = [
    row("poll-1", "poll, 1 task", POLLS[0].0 * POLLS[0].1),
    row("poll-100", "poll, 100 tasks", POLLS[1].0 * POLLS[1].1),
    row("poll-10000", "poll, 10,000 tasks", POLLS[2].0 * POLLS[2].1),
];
/// Operations in a row of one task.
const REPEATS: u64 = 2_000;
pub const JOINS: Row = row("join", "spawn and join a task", REPEATS);
pub const TIMERS: Row = row("timer", "timer: armed, fired, seen", REPEATS);
pub const PINGS: Row = row("ping", "ping-pong over futures::channel", REPEATS);
/// Runs of three tasks that yield five times each.
pub const TINY: Row = row("tiny", "tiny run, one runtime for all", 1_000);
pub const TINY_NEW: Row = row("tiny-new", "tiny run, a runtime for each", 200);
/// The same by the portfolio, which a check has if nothing else is said.
pub const PORTFOLIO: Row = row("portfolio", "tiny run, by the portfolio", TINY.operations);
/// The same, but each task holds one lock while it yields.
pub const LOCKS: Row = row("locks", "tiny run with a lock", 1_000);
/// From one thread to another and back.
pub const HANDS: Row = row("hands", "hand-over to a thread and back", 5_000);
/// Runs of two jobs that yield five times each.
pub const JOBS: Row = row("jobs", "run with two jobs on threads", 200);

/// All rows, in the order of the table.
pub const ROWS: [Row; 12] = {
    let [one, hundred, many] = POLL_ROWS;
    [one, hundred, many, JOINS, TIMERS, PINGS, TINY, PORTFOLIO, LOCKS, TINY_NEW, HANDS, JOBS]
};

/// So many tasks, each of which yields so often.
pub async fn tasks<R: Runtime>(count: u64, yields: u64) {
    let task = || async move {
        for _ in 0..yields {
            R::yield_now().await;
        }
    };
    let tasks: Vec<_> = (0..count).map(|_| Box::pin(R::spawn(task()))).collect();
    for task in tasks {
        task.await;
    }
}

/// The tasks of the tiny run, and how often each of them yields.
pub const TINY_OF: (u64, u64) = (3, 5);

/// The tiny run.
pub async fn tiny<R: Runtime>() {
    tasks::<R>(TINY_OF.0, TINY_OF.1).await;
}

/// One task after another.
pub async fn joins<R: Runtime>() {
    for _ in 0..JOINS.operations {
        R::spawn(async {}).await;
    }
}

/// One timer after another.
pub async fn timers<R: Clock>() {
    for _ in 0..TIMERS.operations {
        R::sleep_1_ms().await;
    }
}

/// Two tasks that send a number to and fro.
pub async fn pings<R: Runtime>() {
    let (mut there, mut pings) = mpsc::channel(1);
    let (mut back, mut pongs) = mpsc::channel(1);
    let answerer = R::spawn(async move {
        while let Some(ping) = pings.next().await {
            if back.send(ping).await.is_err() {
                return;
            }
        }
    });
    for ping in 0..PINGS.operations {
        there.send(ping).await.expect("the answerer is there");
        assert_eq!(pongs.next().await, Some(ping));
    }
    drop(there);
    answerer.await;
}

/// So many tasks that are alive at once; `look` is called when all are.
pub async fn crowd<R: Runtime>(count: usize, look: impl FnOnce()) {
    let task = || async {
        R::yield_now().await;
        R::yield_now().await;
    };
    let tasks: Vec<_> = (0..count).map(|_| R::spawn(task())).collect();
    R::yield_now().await;
    look();
    for task in tasks {
        task.await;
    }
}
