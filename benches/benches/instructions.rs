//! How many instructions seedloop's operations take, counted by callgrind: equal on every run of
//! one binary, whatever else the machine does. More than the limits fails.
//! `cargo bench -p seedloop-benches --bench instructions`; needs valgrind and gungraun-runner.

use gungraun::{
    Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main,
};
use seedloop::{Check, Error, TaskGroup, as_completed, gather, spawn, yield_now};
use seedloop_benches::{
    ours::{self, Seedloop},
    programs::{self, JOINS, POLLS, TIMERS},
};

/// Instructions of a whole program: so many operations of so many each.
fn at_most(operations: u64, each: u64) -> LibraryBenchmarkConfig {
    let limit = operations * each;
    let callgrind = Callgrind::default().hard_limits([(EventKind::Ir, limit)]).to_owned();
    LibraryBenchmarkConfig::default().tool(callgrind).to_owned()
}

const TASKS: u64 = POLLS[1].0;
const YIELDS: u64 = POLLS[1].1;

#[library_benchmark(config = at_most(TASKS * YIELDS, 1_000))]
fn poll_fifo() {
    ours::fifo(programs::tasks::<Seedloop>(TASKS, YIELDS));
}

#[library_benchmark(config = at_most(TASKS * YIELDS, 1_200))]
fn poll_random() {
    ours::random(programs::tasks::<Seedloop>(TASKS, YIELDS));
}

#[library_benchmark(config = at_most(JOINS.operations, 4_400))]
fn spawn_and_join() {
    ours::fifo(programs::joins::<Seedloop>());
}

#[library_benchmark(config = at_most(TIMERS.operations, 3_600))]
fn timer() {
    ours::fifo(programs::timers::<Seedloop>());
}

/// So many that a look at all of them for each would show.
const CHILDREN: u64 = 5_000;

#[library_benchmark(config = at_most(CHILDREN, 9_000))]
fn gather_many() {
    ours::fifo(async {
        let children = (0..CHILDREN).map(|_| yield_now());
        gather(children.collect::<Vec<_>>()).await.expect("nobody cancels");
    });
}

#[library_benchmark(config = at_most(CHILDREN, 9_000))]
fn group_of_many() {
    let group = TaskGroup::<Error>::new();
    let children = group.clone();
    ours::fifo(async move {
        let body = async move {
            for _ in 0..CHILDREN {
                let _child = children.spawn(yield_now())?;
            }
            Ok::<(), Error>(())
        };
        group.run(body).await.expect("nobody cancels");
    });
}

#[library_benchmark(config = at_most(CHILDREN, 11_000))]
fn as_many_are_completed() {
    ours::fifo(async {
        let children = (0..CHILDREN).map(|_| spawn(yield_now()));
        let mut done = as_completed(children.collect::<Vec<_>>());
        while let Some(child) = done.next().await {
            child.expect("nobody cancels");
        }
    });
}

/// The tasks of a check whose samplers are asked at each step about all that is ready.
const CROWD: u64 = 300;
/// Each member of the portfolio has one.
const SCHEDULES: u64 = 12;

// Per step of a schedule; some schedules are run twice.
#[library_benchmark(config = at_most(SCHEDULES * CROWD * 3, 40_000))]
fn portfolio_of_many() {
    let program = || programs::tasks::<Seedloop>(CROWD, 2);
    assert_eq!(Check::new().schedules(SCHEDULES).run(program).schedules, SCHEDULES);
}

library_benchmark_group!(
    name = operations,
    benchmarks = [
        poll_fifo,
        poll_random,
        spawn_and_join,
        timer,
        gather_many,
        group_of_many,
        as_many_are_completed,
        portfolio_of_many
    ]
);
main!(library_benchmark_groups = operations);
