//! How many classes of orders a second: two programs of "Optimal dynamic partial order reduction"
//! (Abdulla et al., POPL 2014) under seedloop's reduced search and under interweave's optimal one.
//! Each cell is the fastest of five searches.

use std::time::{Duration, Instant};

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use interweave::{Observer, Step, StepCx, World};
use seedloop::{
    Config, Runner, Tracked,
    sched::{Reduction, Search},
    spawn, yield_now,
};

const ROUNDS: usize = 5;

fn main() {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["program", "classes", "seedloop", "with its evidence", "interweave"]);
    let rows = [
        ("readers(13)", ours(|| readers(13)), theirs(|world| their_readers(world, 13))),
        ("lastzero(10)", ours(|| lastzero(10)), theirs(|world| their_lastzero(world, 10))),
    ];
    for (name, (classes, search, checked), (their_classes, theirs)) in rows {
        assert_eq!(classes, their_classes, "{name}");
        let time = |time: Duration| format!("{:.0} ms", time.as_secs_f64() * 1e3);
        table.add_row([
            name.to_string(),
            classes.to_string(),
            time(search),
            time(checked),
            time(theirs),
        ]);
    }
    println!("{table}");
}

/// The classes of a program, and how long the search takes, alone and with the check of what it
/// has found.
fn ours(setup: impl Fn() + Copy + 'static) -> (u64, Duration, Duration) {
    let one = || {
        let start = Instant::now();
        let search = Search::new(Reduction::Full);
        let config = Config::default().one_by_one(true).tracked(true).probe(false);
        let mut runner = Runner::with_scheduler(config, Box::new(search.clone()));
        let mut last = None;
        while runner.again(last.as_ref()).is_some() {
            // Main waits for ever once it has set the program up.
            let ran = runner.run(async move {
                setup();
                std::future::pending::<()>().await;
            });
            assert!(ran.is_err());
            last = Some(runner.end().summary(true));
        }
        let searched = start.elapsed();
        search.take_evidence().check().expect("the search is complete");
        (search.found().complete, searched, start.elapsed())
    };
    let rounds: Vec<_> = (0..ROUNDS).map(|_| one()).collect();
    let fastest = |of: fn(&(u64, Duration, Duration)) -> Duration| {
        rounds.iter().map(of).min().expect("there are rounds")
    };
    (rounds[0].0, fastest(|round| round.1), fastest(|round| round.2))
}

fn readers(tasks: usize) {
    let cell = Tracked::new(0);
    let written = cell.clone();
    drop(spawn(async move { written.set(42) }));
    for _ in 0..tasks {
        let cell = cell.clone();
        drop(spawn(async move { _ = cell.get() }));
    }
}

fn lastzero(tasks: usize) {
    let cells: Vec<Tracked<i32>> = (0..=tasks).map(|_| Tracked::new(0)).collect();
    let seen = cells.clone();
    drop(spawn(async move {
        let mut at = tasks;
        while seen[at].get() != 0 {
            at -= 1;
            yield_now().await?;
        }
        Ok::<(), seedloop::Error>(())
    }));
    for at in 1..=tasks {
        let (before, cell) = (cells[at - 1].clone(), cells[at].clone());
        drop(spawn(async move {
            let value = before.get();
            yield_now().await?;
            cell.set(value + 1);
            Ok::<(), seedloop::Error>(())
        }));
    }
}

/// Counts runs that went to their end.
#[derive(Default)]
struct Maximal(u64);

impl Observer for Maximal {
    fn step(&mut self, step: Step<'_>, _: StepCx<'_, '_>) {
        self.0 += u64::from(matches!(step, Step::Maximal { .. }));
    }
}

fn theirs(setup: impl Fn(&mut World)) -> (u64, Duration) {
    let one = || {
        let start = Instant::now();
        let mut seen = Maximal::default();
        interweave::explore(&setup, &mut seen).expect("nothing fails");
        (seen.0, start.elapsed())
    };
    let rounds: Vec<_> = (0..ROUNDS).map(|_| one()).collect();
    (rounds[0].0, rounds.iter().map(|round| round.1).min().expect("there are rounds"))
}

fn their_readers(world: &mut World, tasks: usize) {
    let cell = world.atomic("x", 0);
    let written = cell.clone();
    world.spawn("writer", async move {
        written.store(42).await;
        Ok(())
    });
    for task in 0..tasks {
        let cell = cell.clone();
        world.spawn(format!("reader-{task}"), async move {
            cell.load().await;
            Ok(())
        });
    }
}

fn their_lastzero(world: &mut World, tasks: usize) {
    let cells: Vec<_> = (0..=tasks).map(|at| world.atomic(format!("a{at}"), 0)).collect();
    let seen = cells.clone();
    world.spawn("reader", async move {
        let mut at = tasks;
        while seen[at].load().await != 0 && at > 0 {
            at -= 1;
        }
        Ok(())
    });
    for at in 1..=tasks {
        let (before, cell) = (cells[at - 1].clone(), cells[at].clone());
        world.spawn(format!("writer-{at}"), async move {
            let value = before.load().await;
            cell.store(value + 1).await;
            Ok(())
        });
    }
}
