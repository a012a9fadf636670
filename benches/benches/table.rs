//! What an operation costs in seedloop and in other runtimes, in one table:
//! `cargo bench -p seedloop-benches --bench table`. A word after `--` picks cells by criterion's
//! rules (`poll`, `timer/tokio`).

#[path = "../src/measure.rs"]
mod measure;
use seedloop_benches::programs;

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use comfy_table::{CellAlignment, Table, presets::ASCII_MARKDOWN};
use measure::Bench;
use programs::{
    HANDS, JOBS, JOINS, LOCKS, PINGS, POLL_ROWS, POLLS, PORTFOLIO, ROWS, Row, TIMERS, TINY,
    TINY_NEW,
};
use seedloop_benches::{
    crowd::{CROWD, CROWD_OF, peak_mib, print_since},
    executor::{self, Executor},
    ours::{self, Seedloop},
    paused_tokio::{self, Tokio},
    shuttle_runner::{self, Shuttle},
    threads,
};

/// All cells are measured so often, in turns: what else the machine does meets all of them.
const ROUNDS: usize = 3;
const COLUMNS: [&str; 7] =
    ["fifo", "random", "tokio", "async-executor", "madsim", "shuttle", "std"];
const TITLES: [&str; 7] = [
    "seedloop, asyncio's order",
    "seedloop, random order",
    "tokio, paused",
    "async-executor",
    "madsim",
    "shuttle",
    "std's threads",
];
/// The runtimes whose memory is measured. A million of shuttle's stacks would not fit.
const CROWDS: [&str; 4] = ["seedloop", "tokio", "async-executor", "madsim"];

fn main() {
    if let Ok(runtime) = env::var(CROWD_OF) {
        return crowd(&runtime);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/criterion");
    let arguments: Vec<String> = env::args().skip(1).collect();
    let whole = arguments == ["--bench"];
    let rounds: Vec<PathBuf> =
        (0..ROUNDS).map(|round| folder.join(format!("round-{round}"))).collect();
    for round in &rounds {
        seedloop(round);
        rivals(round);
        if whole && !madsim(round).status().is_ok_and(|status| status.success()) {
            eprintln!("madsim was not measured");
        }
    }
    println!("\n{}\n", times(&rounds));
    println!("ns per operation: the fastest of {ROUNDS} rounds of 20 samples. seedloop keeps its");
    println!("digest and its picks, and records no events; its tiny runs in random order are a");
    println!("Check's.\n");
    if whole {
        println!("{}\n", memory(&folder));
    }
}

fn seedloop(folder: &Path) {
    let mut fifo = Bench::new(folder, "fifo");
    let mut random = Bench::new(folder, "random");
    for ((tasks, yields), row) in POLLS.into_iter().zip(POLL_ROWS) {
        fifo.cell(row, || ours::fifo(programs::tasks::<Seedloop>(tasks, yields)));
        random.cell(row, || ours::random(programs::tasks::<Seedloop>(tasks, yields)));
    }
    fifo.cell(JOINS, || ours::fifo(programs::joins::<Seedloop>()));
    random.cell(JOINS, || ours::random(programs::joins::<Seedloop>()));
    fifo.cell(TIMERS, || ours::fifo(programs::timers::<Seedloop>()));
    random.cell(TIMERS, || ours::random(programs::timers::<Seedloop>()));
    fifo.cell(PINGS, || ours::fifo(programs::pings::<Seedloop>()));
    random.cell(PINGS, || ours::random(programs::pings::<Seedloop>()));
    fifo.cell(TINY, ours::tiny_runs_fifo);
    random.cell(TINY, ours::tiny_runs_random);
    random.cell(PORTFOLIO, ours::tiny_runs_portfolio);
    fifo.cell(LOCKS, ours::locks_fifo);
    random.cell(LOCKS, ours::locks_random);
    fifo.cell(TINY_NEW, || again(TINY_NEW, || ours::fifo(programs::tiny::<Seedloop>())));
    random.cell(TINY_NEW, || again(TINY_NEW, || ours::random(programs::tiny::<Seedloop>())));
    fifo.cell(HANDS, threads::hands_fifo);
    random.cell(HANDS, threads::hands_random);
    fifo.cell(JOBS, threads::jobs_fifo);
    random.cell(JOBS, threads::jobs_random);
}

fn again(row: Row, mut turn: impl FnMut()) {
    (0..row.operations).for_each(|_| turn());
}

fn rivals(folder: &Path) {
    let mut tokio = Bench::new(folder, "tokio");
    let mut executor = Bench::new(folder, "async-executor");
    let mut shuttle = Bench::new(folder, "shuttle");
    let runtime = paused_tokio::runtime();
    for ((tasks, yields), row) in POLLS.into_iter().zip(POLL_ROWS) {
        tokio.cell(row, || runtime.block_on(programs::tasks::<Tokio>(tasks, yields)));
        executor.cell(row, || executor::run(programs::tasks::<Executor>(tasks, yields)));
        shuttle.cell(row, || {
            shuttle_runner::runs(1, move || programs::tasks::<Shuttle>(tasks, yields));
        });
    }
    tokio.cell(JOINS, || runtime.block_on(programs::joins::<Tokio>()));
    executor.cell(JOINS, || executor::run(programs::joins::<Executor>()));
    shuttle.cell(JOINS, || shuttle_runner::runs(1, programs::joins::<Shuttle>));
    tokio.cell(TIMERS, || runtime.block_on(programs::timers::<Tokio>()));
    tokio.cell(PINGS, || runtime.block_on(programs::pings::<Tokio>()));
    executor.cell(PINGS, || executor::run(programs::pings::<Executor>()));
    shuttle.cell(PINGS, || shuttle_runner::runs(1, programs::pings::<Shuttle>));
    tokio.cell(TINY, || again(TINY, || runtime.block_on(programs::tiny::<Tokio>())));
    executor.cell(TINY, || again(TINY, || executor::run(programs::tiny::<Executor>())));
    shuttle.cell(TINY, || {
        shuttle_runner::runs(TINY.operations as usize, programs::tiny::<Shuttle>);
    });
    shuttle.cell(LOCKS, || {
        shuttle_runner::runs(LOCKS.operations as usize, shuttle_runner::locks);
    });
    tokio.cell(TINY_NEW, || {
        again(TINY_NEW, || paused_tokio::runtime().block_on(programs::tiny::<Tokio>()));
    });
    executor.cell(TINY_NEW, || again(TINY_NEW, || executor::run_new(programs::tiny::<Executor>())));
    shuttle.cell(TINY_NEW, || {
        again(TINY_NEW, || shuttle_runner::runs(1, programs::tiny::<Shuttle>));
    });
    let mut std = Bench::new(folder, "std");
    shuttle.cell(HANDS, threads::hands_shuttle);
    std.cell(HANDS, threads::hands_std);
    shuttle.cell(JOBS, threads::jobs_shuttle);
    std.cell(JOBS, threads::jobs_std);
}

/// madsim is built with a flag of its own, so it runs in a project of its own.
fn madsim(folder: &Path) -> Command {
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("madsim");
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["run", "--quiet", "--locked", "--release", "--manifest-path"])
        .arg(project.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/madsim"))
        .env("RUSTFLAGS", "--cfg madsim")
        .env("SEEDLOOP_BENCH_FOLDER", folder)
        .args(["--", "--bench"]);
    command
}

/// What criterion has measured, as far as it has.
fn times(rounds: &[PathBuf]) -> Table {
    let mut table = markdown(["ns per operation"].into_iter().chain(TITLES));
    for row in ROWS {
        let cells = COLUMNS.map(|column| {
            let turns = rounds.iter().filter_map(|round| fastest(&round.join(row.name), column));
            let turn = turns.min_by(f64::total_cmp);
            turn.map_or(String::new(), |turn| format!("{:.0}", turn / row.operations as f64))
        });
        table.add_row([row.title.to_string()].into_iter().chain(cells));
    }
    table
}

fn markdown<'a>(head: impl Iterator<Item = &'a str>) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header(head);
    table.column_iter_mut().skip(1).for_each(|c| c.set_cell_alignment(CellAlignment::Right));
    table
}

/// The fastest of criterion's samples of a cell, in ns per turn: what else the machine does only
/// adds to it.
fn fastest(row: &Path, column: &str) -> Option<f64> {
    let text = fs::read_to_string(row.join(column).join("new/sample.json")).ok()?;
    let sample: serde_json::Value = serde_json::from_str(&text).ok()?;
    let numbers = |name: &str| sample[name].as_array().cloned().unwrap_or_default();
    let (times, turns) = (numbers("times"), numbers("iters"));
    let each = times.iter().zip(&turns).filter_map(|(t, n)| Some(t.as_f64()? / n.as_f64()?));
    each.min_by(f64::total_cmp)
}

/// How much memory a million tasks take, in a process each.
fn memory(folder: &Path) -> Table {
    let mut table = markdown(["1,000,000 live tasks"].into_iter().chain(CROWDS));
    let measured = CROWDS.map(|runtime| {
        let mut process = match runtime {
            "madsim" => madsim(folder),
            _ => Command::new(env::current_exe().expect("the bench's own file")),
        };
        let output = process.env(CROWD_OF, runtime).output();
        output.map_or(String::new(), |output| String::from_utf8_lossy(&output.stdout).into())
    });
    table.add_row(["MiB".to_string()].into_iter().chain(measured));
    table
}

fn crowd(runtime: &str) {
    let before = peak_mib();
    let look = move || print_since(before);
    match runtime {
        "seedloop" => ours::fifo(programs::crowd::<Seedloop>(CROWD, look)),
        "tokio" => paused_tokio::runtime().block_on(programs::crowd::<Tokio>(CROWD, look)),
        _ => executor::run(programs::crowd::<Executor>(CROWD, look)),
    }
}
