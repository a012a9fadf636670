//! Times the programs in madsim. Built with `--cfg madsim`; writes what criterion measures to the
//! folder that `SEEDLOOP_BENCH_FOLDER` names.

#[path = "../../src/crowd.rs"]
mod crowd;
#[path = "../../src/measure.rs"]
mod measure;
#[path = "../../src/programs.rs"]
#[allow(dead_code)] // It has no row of its own for reused runtimes.
mod programs;

use std::{env, path::Path, time::Duration};

use crowd::{CROWD, CROWD_OF, peak_mib, print_since};
use madsim::{runtime, task, time};
use programs::{JOINS, PINGS, POLL_ROWS, POLLS, TIMERS, TINY_NEW};

struct Madsim;

impl programs::Runtime for Madsim {
    fn spawn(
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let task = task::spawn(task);
        async move { task.await.expect("the task does not fail") }
    }

    async fn yield_now() {
        task::yield_now().await;
    }
}

impl programs::Clock for Madsim {
    async fn sleep_1_ms() {
        time::sleep(Duration::from_millis(1)).await;
    }
}

fn run(program: impl Future<Output = ()>) {
    runtime::Runtime::with_seed_and_config(0, Default::default()).block_on(program);
}

fn main() {
    if env::var_os(CROWD_OF).is_some() {
        let before = peak_mib();
        return run(programs::crowd::<Madsim>(CROWD, move || print_since(before)));
    }
    let folder = env::var("SEEDLOOP_BENCH_FOLDER").expect("the folder to write to");
    let mut bench = measure::Bench::new(Path::new(&folder), "madsim");
    for ((tasks, yields), row) in POLLS.into_iter().zip(POLL_ROWS) {
        bench.cell(row, || run(programs::tasks::<Madsim>(tasks, yields)));
    }
    bench.cell(JOINS, || run(programs::joins::<Madsim>()));
    bench.cell(TIMERS, || run(programs::timers::<Madsim>()));
    bench.cell(PINGS, || run(programs::pings::<Madsim>()));
    bench.cell(TINY_NEW, || (0..TINY_NEW.operations).for_each(|_| run(programs::tiny::<Madsim>())));
}
