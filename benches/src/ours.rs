//! seedloop, in asyncio's order and in random order. The digest and the picks are kept as always;
//! events are not recorded.

use std::{rc::Rc, time::Duration};

use seedloop::{Check, Config, Error, Lock, Runner, sched::Algorithm, sleep, spawn, yield_now};

use crate::programs::{self, Clock, LOCKS, Runtime, TINY, TINY_OF};

pub struct Seedloop;

impl Runtime for Seedloop {
    fn spawn(
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let task = spawn(task);
        async move { task.await.expect("the task does not fail") }
    }

    async fn yield_now() {
        yield_now().await.expect("nobody cancels");
    }
}

impl Clock for Seedloop {
    async fn sleep_1_ms() {
        sleep(Duration::from_millis(1)).await.expect("nobody cancels");
    }
}

/// No limit that a long run in one instant would meet.
fn unlimited() -> Config {
    Config::default().steps_max(u64::MAX).instant_steps_max(u64::MAX)
}

/// In asyncio's order.
pub fn fifo(program: impl Future<Output = ()> + 'static) {
    run(Runner::new(unlimited()), program);
}

/// In the order of seed 0.
pub fn random(program: impl Future<Output = ()> + 'static) {
    run(Runner::seeded(unlimited(), 0, 0), program);
}

fn run(mut runner: Runner, program: impl Future<Output = ()> + 'static) {
    runner.run(program).expect("the program does not fail");
    std::hint::black_box(runner.finish().digest);
}

/// Tiny runs in one `Runner`, which is never closed.
pub fn tiny_runs_fifo() {
    let mut runner = Runner::new(unlimited());
    for _ in 0..TINY.operations {
        runner.run(programs::tiny::<Seedloop>()).expect("the program does not fail");
    }
}

/// Tiny runs in a `Check`: wakers are fresh, each run is closed and judged, a few are replayed.
pub fn tiny_runs_random() {
    check(Algorithm::Random, TINY.operations, programs::tiny::<Seedloop>);
}

/// The same, by the portfolio.
pub fn tiny_runs_portfolio() {
    check(Algorithm::Portfolio, TINY.operations, programs::tiny::<Seedloop>);
}

/// Tiny runs with a lock.
pub fn locks_fifo() {
    let mut runner = Runner::new(unlimited());
    for _ in 0..LOCKS.operations {
        runner.run(locks()).expect("the program does not fail");
    }
}

/// Tiny runs with a lock in a `Check`.
pub fn locks_random() {
    check(Algorithm::Random, LOCKS.operations, || async { locks().await.expect("nobody cancels") });
}

async fn locks() -> Result<(), Error> {
    let lock = Rc::new(Lock::new());
    let (tasks, yields) = TINY_OF;
    let task = || {
        let lock = lock.clone();
        spawn(async move {
            for _ in 0..yields {
                let held = lock.acquire().await?;
                yield_now().await?;
                drop(held);
            }
            Ok::<(), Error>(())
        })
    };
    let tasks: Vec<_> = (0..tasks).map(|_| task()).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

fn check<F: Future<Output = ()> + 'static>(
    algorithm: Algorithm,
    schedules: u64,
    program: impl Fn() -> F + Sync,
) {
    let check = Check::new().sampler(algorithm).schedules(schedules);
    assert_eq!(check.run(program).schedules, schedules);
}
