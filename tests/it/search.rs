//! Exhaustive search against what is known.

use seedloop::{
    Config, Error, Runner, Tracked,
    sched::{Reduction, Scheduler, Search},
    spawn, yield_now,
};

/// What a program sets up: it spawns its tasks, and gives what to read when they are at rest.
type Program = fn() -> Box<dyn Fn() -> String>;

fn search(reduction: Reduction, program: Program) -> (u64, u64, Result<(), String>) {
    let search = Search::new(reduction);
    let config = Config::default().one_by_one(true).tracked(true).probe(false);
    let mut runs = search.clone();
    let mut last = None;
    while runs.next_run(last.as_ref()).is_some() {
        let mut runner = Runner::with_scheduler(config.clone(), Box::new(search.clone()));
        let ran = runner.run(async move {
            let _read = program();
            std::future::pending::<()>().await
        });
        assert!(ran.is_err());
        last = Some(runner.finish().summary(true));
    }
    let found = search.found();
    assert!(found.is_over, "{found:?}");
    let check = search.take_evidence().check().map(|_| ()).map_err(|e| e.to_string());
    (found.complete, found.abandoned, check)
}

fn lost_update() -> Box<dyn Fn() -> String> {
    let cell = Tracked::new(0);
    for _ in 0..3 {
        let cell = cell.clone();
        drop(spawn(async move {
            let read = cell.get();
            yield_now().await?;
            cell.set(read + 1);
            Ok::<(), Error>(())
        }));
    }
    Box::new(move || cell.get().to_string())
}

#[test]
fn trying() {
    for reduction in [Reduction::None, Reduction::Sleep, Reduction::Full, Reduction::Both] {
        println!("{reduction:?} {:?}", search(reduction, lost_update));
    }
}
