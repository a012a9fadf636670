//! What an operation costs in seedloop and in tokio's paused `current_thread` runtime, in one
//! table: `cargo bench -p seedloop-benches`. A word after `--` picks the rows that have it.
//!
//! seedloop keeps its digest as always and records no events. Without `--bench`, as in
//! `cargo test --all-targets`, everything runs once and no time is worth reading.

mod foreign;
mod ours;
mod rival;
mod table;

use seedloop::Config;
use table::{Cell, Row, Table};

/// The polls benches: so many tasks, each of which yields so often.
const TASKS: u64 = 100;
const YIELDS: u64 = 1_000;
/// The tiny run.
const TINY_TASKS: u64 = 3;
const TINY_YIELDS: u64 = 5;
const TINY_RUNS: u64 = 1_000;
/// Operations in a row where one is too short to time.
const REPEATS: u64 = 10_000;
const ROUNDS: usize = 40;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let rounds = if arguments.iter().any(|word| word == "--bench") { ROUNDS } else { 1 };
    let wanted = arguments.iter().find(|word| !word.starts_with("--"));
    let rows = polls().into_iter().chain(tiny_runs()).chain(singles());
    let rows = rows.filter(|row| wanted.is_none_or(|word| row.name.contains(word))).collect();
    let columns = ["seedloop, asyncio's order", "seedloop, random order", "tokio, paused"];
    print!("{}", Table::measure(columns, rows, rounds));
    println!("seedloop keeps its digest and records no events.");
}

/// One poll among many: per yield, spawning and joining included.
fn polls() -> [Row; 4] {
    let own = || ours::tasks(TASKS, || ours::own_yields(YIELDS));
    let foreign = || ours::tasks(TASKS, || ours::foreign_yields(YIELDS));
    let plain = ours::unlimited;
    let fresh = || ours::unlimited().fresh_wakers(true);
    let tokio_own = rival::reused(|| rival::tasks(TASKS, || rival::own_yields(YIELDS)));
    let tokio_foreign = rival::reused(|| rival::tasks(TASKS, || foreign::yields(YIELDS)));
    let row = |name, cells| Row::new(name, TASKS * YIELDS, cells);
    [
        row("poll: yield_now", [ours::fifo(plain(), own), ours::random(plain(), own), tokio_own]),
        row(
            "poll: foreign yield, by its waker",
            [ours::fifo(plain(), foreign), ours::random(plain(), foreign), tokio_foreign],
        ),
        row(
            "poll: yield_now, fresh wakers",
            [ours::fifo(fresh(), own), ours::random(fresh(), own), Cell::none()],
        ),
        row(
            "poll: foreign yield, fresh wakers",
            [ours::fifo(fresh(), foreign), ours::random(fresh(), foreign), Cell::none()],
        ),
    ]
}

/// A whole run of three tasks: set up, run, cleaned up.
fn tiny_runs() -> [Row; 2] {
    let ours = || ours::tasks(TINY_TASKS, || ours::own_yields(TINY_YIELDS));
    let theirs = || rival::tasks(TINY_TASKS, || rival::own_yields(TINY_YIELDS));
    let each = || Config::default();
    let built = [
        ours::fifo(each(), ours).times(TINY_RUNS),
        ours::random(each(), ours).times(TINY_RUNS),
        rival::built(theirs).times(TINY_RUNS),
    ];
    let reused = [
        ours::fifo_again(ours::unlimited(), ours).times(TINY_RUNS),
        ours::check(TINY_RUNS, ours),
        rival::reused(theirs).times(TINY_RUNS),
    ];
    [
        Row::new("tiny run: a runtime each (Runner)", TINY_RUNS, built),
        Row::new("tiny run: one runtime (Runner, Check)", TINY_RUNS, reused),
    ]
}

/// One task that does the same thing again and again.
fn singles() -> [Row; 2] {
    let row = |name, cells| Row::new(name, REPEATS, cells);
    let plain = ours::unlimited;
    let joins = || ours::joins(REPEATS);
    let sleeps = || ours::sleeps(REPEATS);
    [
        row(
            "spawn and join an empty task",
            [
                ours::fifo(plain(), joins),
                ours::random(plain(), joins),
                rival::reused(|| rival::joins(REPEATS)),
            ],
        ),
        row(
            "sleep 1 ms: timer armed, fired, seen",
            [
                ours::fifo(plain(), sleeps),
                ours::random(plain(), sleeps),
                rival::reused(|| rival::sleeps(REPEATS)),
            ],
        ),
    ]
}
