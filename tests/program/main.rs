//! CPython's traces: every program of `tests/conformance` line by line, and under random orders.
//! The interpreter is the example's own; it uses the public API alone.

#[path = "../../examples/program/awaitables.rs"]
mod awaitables;
#[path = "../../examples/program/check.rs"]
mod check;
#[path = "../../examples/program/clock.rs"]
mod clock;
#[path = "../../examples/program/exception.rs"]
mod exception;
#[path = "../../examples/program/flow.rs"]
mod flow;
#[path = "../../examples/program/grammar.rs"]
mod grammar;
#[path = "../../examples/program/interpreter.rs"]
mod interpreter;
#[path = "../../examples/program/misuse.rs"]
mod misuse;
#[path = "../../examples/program/op.rs"]
mod op;
#[path = "../../examples/program/primitive.rs"]
mod primitive;
#[path = "../../examples/program/print.rs"]
mod print;
#[path = "../../examples/program/reports.rs"]
mod reports;
#[path = "../../examples/program/run.rs"]
mod run;
#[path = "../../examples/program/statements.rs"]
mod statements;
#[path = "../../examples/program/threads.rs"]
mod threads;
#[path = "../../examples/program/value.rs"]
mod value;
#[path = "../../examples/program/walk.rs"]
mod walk;

mod command;
#[path = "../formal/every_run.rs"]
mod every_run;
mod malformed;
mod model;

use std::{collections::BTreeMap, env, fs, ops::Range, path::PathBuf, process::Command, thread};

use check::Refusal;
use grammar::Program as Parsed;
use run::{Ended, Order, load, run, runner};

/// The random orders that each program runs in, unless `SEEDLOOP_CONFORMANCE_SEEDS` says other
/// ones.
const SEEDS: Range<u64> = 0..16;
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

type Runnable = (Program, &'static Parsed);
type Excused = BTreeMap<&'static str, Vec<String>>;

/// The programs that can run, and per reason the names of those that cannot yet.
fn sorted() -> (Vec<Runnable>, Excused) {
    let mut runnable = Vec::new();
    let mut excused = Excused::new();
    for program in programs() {
        match load(&program.text) {
            Ok(parsed) => runnable.push((program, parsed)),
            Err(Refusal::NotSimulated(_)) => {
                excused.entry("streams").or_default().push(program.name);
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
    assert_eq!(runnable.len(), 400);
    for (program, parsed) in &runnable {
        let ours = text(&once(parsed, Order::Asyncio));
        let first = ours.lines().zip(program.trace.lines()).find(|(ours, theirs)| ours != theirs);
        assert_eq!(first, None, "{}: ours and CPython's", program.name);
        assert_eq!(ours.lines().count(), program.trace.lines().count(), "{}", program.name);
    }
    // A program is excused only for what it uses.
    let count = |what: &str| excused.get(what).map_or(0, Vec::len);
    assert_eq!((count("streams"), excused.len()), (14, 1));
}

#[test]
fn what_is_excused_is_listed_by_name() {
    let (_, excused) = sorted();
    let list = excused.iter().map(|(what, names)| format!("{what}: {}", names.join(" ")));
    let list: Vec<String> = list.collect();
    let listed = include_str!("../conformance/EXCUSED.txt");
    assert_eq!(list.join("\n"), listed.trim_end(), "tests/conformance/EXCUSED.txt");
}

/// Runs each program in as many random orders as asked for, each twice, the second time from its
/// token. Gives the digests.
fn digests_in_random_orders(seeds: &Range<u64>) -> Vec<String> {
    let half_of = |half: usize, seeds: Range<u64>| {
        let (runnable, _) = sorted();
        let mut digests = Vec::new();
        for (program, parsed) in runnable.iter().skip(half).step_by(2) {
            for seed in seeds.clone() {
                let first = once(parsed, Order::Random(seed));
                let token = first.token.parse().expect("a token reads back");
                let again = once(parsed, Order::Replay(token));
                assert_eq!(first.digest, again.digest, "{} seed {seed}", program.name);
                assert_eq!(text(&first), text(&again), "{} seed {seed}", program.name);
                digests.push(format!("{} {seed} {}", program.name, first.digest));
            }
        }
        digests
    };
    let workers = [0, 1].map(|half| {
        let seeds = seeds.clone();
        thread::spawn(move || half_of(half, seeds))
    });
    workers.into_iter().flat_map(|worker| worker.join().expect("no panic of ours")).collect()
}

/// In random orders nothing of ours panics (the kernel's invariants are asserted after every
/// step), the same token gives the same trace, and another process gets the same digests.
#[test]
fn every_program_runs_in_random_orders_and_replays() {
    const IN_ANOTHER_PROCESS: &str = "SEEDLOOP_TEST_DIGESTS";
    let seeds = env::var("SEEDLOOP_CONFORMANCE_SEEDS").map_or(SEEDS, |range| {
        let parsed = range.split_once("..").map(|(from, to)| (from.parse(), to.parse()));
        let Some((Ok(from), Ok(to))) = parsed else {
            panic!("SEEDLOOP_CONFORMANCE_SEEDS={range} is no range: write 0..100")
        };
        from..to
    });
    let digests = digests_in_random_orders(&seeds);
    if env::var_os(IN_ANOTHER_PROCESS).is_some() {
        digests.iter().for_each(|digest| println!("digest: {digest}"));
        return;
    }
    let this = env::current_exe().expect("a path");
    let test = ["every_program_runs_in_random_orders_and_replays", "--exact", "--nocapture"];
    let other = Command::new(this)
        .args(test)
        .env(IN_ANOTHER_PROCESS, "1")
        // The same runs: the model has seen them.
        .env("SEEDLOOP_LOCKSTEP", "off")
        .output();
    let other = String::from_utf8(other.expect("it runs").stdout).expect("UTF-8");
    let theirs: Vec<&str> =
        other.lines().filter_map(|line| line.split_once("digest: ")).map(|(_, d)| d).collect();
    assert!(!digests.is_empty() && digests == theirs, "two processes, two answers");
    println!("{} runs, each replayed, each the same in another process", digests.len());
}
