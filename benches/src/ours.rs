//! The programs in seedloop, and the ways to run them.

use std::{cell::RefCell, time::Duration};

use seedloop::{Check, Config, Error, Runner, sleep, spawn, yield_now};

use crate::{foreign, table::Cell};

type Done = Result<(), Error>;

/// No limit that a long run in one instant would meet.
pub(crate) fn unlimited() -> Config {
    Config::default().steps_max(u64::MAX).instant_steps_max(u64::MAX)
}

/// In asyncio's order; a `Runner` for each run.
pub(crate) fn fifo<F: Future<Output = Done> + 'static>(
    config: Config,
    program: impl Fn() -> F + 'static,
) -> Cell {
    Cell::new(move || finish(Runner::new(config.clone()), program()))
}

/// In random order; a `Runner` for each run.
pub(crate) fn random<F: Future<Output = Done> + 'static>(
    config: Config,
    program: impl Fn() -> F + 'static,
) -> Cell {
    Cell::new(move || finish(Runner::seeded(config.clone(), 0, 0), program()))
}

fn finish(mut runner: Runner, program: impl Future<Output = Done> + 'static) {
    runner.run(program).expect("the program does not fail");
    std::hint::black_box(runner.finish().digest);
}

/// In asyncio's order; one `Runner` that is run again and again, and never closed.
pub(crate) fn fifo_again<F: Future<Output = Done> + 'static>(
    config: Config,
    program: impl Fn() -> F + 'static,
) -> Cell {
    let runner = RefCell::new(Runner::new(config));
    Cell::new(move || runner.borrow_mut().run(program()).expect("the program does not fail"))
}

/// So many random runs of one check: each is reset, not rebuilt. Wakers are fresh, as always in a
/// check, and its first run is replayed once.
pub(crate) fn check<F: Future<Output = Done> + 'static>(
    runs: u64,
    program: impl Fn() -> F + 'static,
) -> Cell {
    Cell::new(move || {
        let report = Check::new().schedules(runs).run(&program);
        assert_eq!(report.schedules, runs);
    })
}

/// Spawns so many tasks and awaits them all.
pub(crate) async fn tasks<F: Future<Output = Done> + 'static>(
    count: u64,
    body: impl Fn() -> F,
) -> Done {
    let tasks: Vec<_> = (0..count).map(|_| spawn(body())).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

pub(crate) async fn own_yields(count: u64) -> Done {
    for _ in 0..count {
        yield_now().await?;
    }
    Ok(())
}

pub(crate) async fn foreign_yields(count: u64) -> Done {
    foreign::yields(count).await;
    Ok(())
}

pub(crate) async fn joins(count: u64) -> Done {
    for _ in 0..count {
        spawn(async {}).await?;
    }
    Ok(())
}

pub(crate) async fn sleeps(count: u64) -> Done {
    for _ in 0..count {
        sleep(Duration::from_millis(1)).await?;
    }
    Ok(())
}
