//! CPython's traces: every program of `tests/conformance` line by line, and under random orders.
//! The interpreter is the example's own; it uses the public API alone.

#[path = "../examples/program/awaitables.rs"]
mod awaitables;
#[path = "../examples/program/check.rs"]
mod check;
#[path = "../examples/program/clock.rs"]
mod clock;
#[path = "../examples/program/exception.rs"]
mod exception;
#[path = "../examples/program/flow.rs"]
mod flow;
#[path = "../examples/program/grammar.rs"]
mod grammar;
#[path = "../examples/program/interpreter.rs"]
mod interpreter;
#[path = "../examples/program/misuse.rs"]
mod misuse;
#[path = "../examples/program/op.rs"]
mod op;
#[path = "../examples/program/primitive.rs"]
mod primitive;
#[path = "../examples/program/print.rs"]
mod print;
#[path = "../examples/program/reports.rs"]
mod reports;
#[path = "../examples/program/run.rs"]
mod run;
#[path = "../examples/program/statements.rs"]
mod statements;
#[path = "../examples/program/value.rs"]
mod value;
#[path = "../examples/program/walk.rs"]
mod walk;

use std::{collections::BTreeMap, env, fs, path::PathBuf, thread};

use check::Refusal;
use grammar::Program as Parsed;
use run::{Ended, Order, load, run, runner};

/// How many random orders each program runs in, unless `SEEDLOOP_CONFORMANCE_SEEDS` says more.
const SEEDS: u64 = 16;
/// Loop iterations, as the oracle counts them.
const ITERATIONS: u64 = 20_000;

struct Program {
    name: String,
    text: String,
    trace: String,
}

fn programs() -> Vec<Program> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let entries = fs::read_dir(folder).expect("tests/conformance");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path: PathBuf| Program {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        text: fs::read_to_string(&path).expect("UTF-8"),
        trace: fs::read_to_string(path.with_extension("trace")).expect("each has a trace"),
    };
    paths.into_iter().map(read).collect()
}

/// The programs that can run, and per reason the names of those that cannot yet.
fn sorted() -> (Vec<(Program, &'static Parsed)>, BTreeMap<&'static str, Vec<String>>) {
    let mut runnable = Vec::new();
    let mut excused: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for program in programs() {
        match load(&program.text) {
            Ok(parsed) => runnable.push((program, parsed)),
            Err(Refusal::NotSimulated(what)) => {
                let what = if what.starts_with("threads") { "threads" } else { "streams" };
                excused.entry(what).or_default().push(program.name);
            }
            Err(Refusal::Malformed(problem)) => panic!("{}: {problem}", program.name),
        }
    }
    (runnable, excused)
}

fn once(program: &'static Parsed, order: Order) -> Ended {
    let runner = runner(program, order, ITERATIONS).expect("a token that was just made");
    run(program, runner).unwrap_or_else(|divergence| panic!("{divergence}"))
}

fn text(ended: &Ended) -> String {
    let mut out = Vec::new();
    print::write_lines(&mut out, &ended.interpreter.lines()).expect("to memory");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn every_program_gives_cpythons_trace() {
    let (runnable, excused) = sorted();
    assert_eq!(runnable.len(), 264);
    for (program, parsed) in &runnable {
        let ours = text(&once(parsed, Order::Asyncio));
        let first = ours.lines().zip(program.trace.lines()).find(|(ours, theirs)| ours != theirs);
        assert_eq!(first, None, "{}: ours and CPython's", program.name);
        assert_eq!(ours.lines().count(), program.trace.lines().count(), "{}", program.name);
    }
    // A program is excused only for what it uses; one that only declares an executor runs.
    let count = |what: &str| excused.get(what).map_or(0, Vec::len);
    assert_eq!((count("threads"), count("streams"), excused.len()), (127, 14, 2));
}

#[test]
fn what_is_excused_is_listed_by_name() {
    let (_, excused) = sorted();
    let list = excused.iter().map(|(what, names)| format!("{what}: {}", names.join(" ")));
    let list: Vec<String> = list.collect();
    let listed = include_str!("conformance/EXCUSED.txt");
    assert_eq!(list.join("\n"), listed.trim_end(), "tests/conformance/EXCUSED.txt");
}

/// Random orders: nothing of ours panics (an invariant is asserted after every step), the same
/// token gives the same trace, and it is a token of the same digest.
#[test]
fn every_program_runs_in_random_orders_and_replays() {
    let seeds = match env::var("SEEDLOOP_CONFORMANCE_SEEDS") {
        Ok(seeds) => seeds.parse().expect("SEEDLOOP_CONFORMANCE_SEEDS is a number"),
        Err(_) => SEEDS,
    };
    let workers: Vec<_> = (0..2)
        .map(|half| {
            thread::spawn(move || {
                let (runnable, _) = sorted();
                for (program, parsed) in runnable.iter().skip(half).step_by(2) {
                    for seed in 0..seeds {
                        let first = once(parsed, Order::Random(seed));
                        let token = first.token.parse().expect("a token reads back");
                        let again = once(parsed, Order::Replay(token));
                        assert_eq!(first.digest, again.digest, "{} seed {seed}", program.name);
                        assert_eq!(text(&first), text(&again), "{} seed {seed}", program.name);
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().expect("no panic of ours"));
}
