//! seedloop, in asyncio's order and in random order. The digest and the picks are kept as always;
//! events are not recorded.

use std::time::Duration;

use seedloop::{Check, Config, Runner, sched::Algorithm, sleep, spawn, yield_now};

use crate::programs::{self, Clock, Runtime, TINY};

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
    let check = Check::new().sampler(Algorithm::Random).schedules(TINY.operations);
    let report = check.run(programs::tiny::<Seedloop>);
    assert_eq!(report.schedules, TINY.operations);
}
