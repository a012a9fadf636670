//! Every small program of a shape, in every order: the running Rust does what the model does.
//!
//! Main starts task `a`, does up to so many of [`MAIN`] and awaits `a`; `a` does up to so many of
//! [`OTHER`], in each of three [`WRAPPERS`]. The model's states are shared along the tree of
//! choices; the Rust runs each schedule from its start.

use std::{
    env, iter,
    process::Command,
    str::FromStr,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

use seedloop_oracle::Model;
use serde_json::{Value as Json, json};

use super::{in_halves, search::every_schedule, with_model};

fn main_statements() -> Vec<Json> {
    let a = json!({"k": "handle", "h": "a"});
    vec![
        json!({"op": "await", "aw": {"k": "sleep", "d": 0}}),
        json!({"op": "await", "aw": {"k": "sleep", "d": 1}}),
        json!({"op": "await", "aw": {"k": "handle", "h": "f"}}),
        json!({"op": "fut_set", "h": "f", "v": "set by main"}),
        json!({"op": "spawn", "c": "b", "as": "b"}),
        json!({"op": "cancel", "h": "a", "msg": "by main"}),
        json!({"op": "await", "aw": {"k": "gather", "aws": [a, {"k": "coro", "c": "b"}]}}),
        json!({"op": "await", "aw": {"k": "shield", "aw": a}}),
        json!({"op": "on_done", "h": "a", "cb": "after a"}),
        json!({"op": "call_later", "d": 1, "cb": "later", "do": [{"op": "cancel", "h": "f"}]}),
    ]
}

fn other_statements() -> Vec<Json> {
    vec![
        json!({"op": "await", "aw": {"k": "sleep", "d": 0}}),
        json!({"op": "await", "aw": {"k": "sleep", "d": 1}}),
        json!({"op": "await", "aw": {"k": "handle", "h": "f"}}),
        json!({"op": "fut_set", "h": "f", "v": "set by a"}),
        json!({"op": "raise", "exc": "ValueError", "msg": "by a"}),
        json!({"op": "cancel", "h": "a"}),
    ]
}

/// The body of `a`, as it is, caught, or with a clean-up that waits.
fn wrapped(body: Vec<Json>, wrapper: usize) -> Vec<Json> {
    let caught = json!([{"types": ["BaseException"], "body": [{"op": "log", "v": "caught"}]}]);
    match wrapper {
        0 => body,
        1 => vec![json!({"op": "try", "body": body, "except": caught})],
        _ => {
            let pause = json!([{"op": "await", "aw": {"k": "sleep", "d": 0}}]);
            vec![json!({"op": "try", "body": body, "finally": pause})]
        }
    }
}
const WRAPPERS: usize = 3;

/// Every list of up to `most` of these, the shorter ones first.
fn lists(of: &[Json], most: usize) -> Vec<Vec<Json>> {
    let mut all = vec![Vec::new()];
    let mut last = vec![Vec::new()];
    for _ in 0..most {
        let longer = |list: &Vec<Json>| {
            of.iter().map(|statement| [list.clone(), vec![statement.clone()]].concat()).collect()
        };
        last = last.iter().flat_map(|list| -> Vec<Vec<Json>> { longer(list) }).collect();
        all.extend(last.iter().cloned());
    }
    all
}

/// So many statements in main and in `a`.
#[derive(Clone, Copy, Debug)]
struct Bound {
    main: usize,
    other: usize,
}

impl Bound {
    /// Every `step`th program, from the `first` on.
    fn programs(self, first: usize, step: usize) -> impl Iterator<Item = Json> {
        let (main, other) = (lists(&main_statements(), self.main), self.others());
        let places = (first..main.len() * other.len()).step_by(step);
        places.map(move |at| program(&main[at / other.len()], &other[at % other.len()]))
    }

    fn others(self) -> Vec<Vec<Json>> {
        let bodies = lists(&other_statements(), self.other);
        let wrap = |body: &Vec<Json>| (0..WRAPPERS).map(|w| wrapped(body.clone(), w)).collect();
        bodies.iter().flat_map(|body| -> Vec<Vec<Json>> { wrap(body) }).collect()
    }
}

fn program(main: &[Json], a: &[Json]) -> Json {
    let start = json!({"op": "spawn", "c": "a", "as": "a"});
    let end = json!({
        "op": "try",
        "body": [{"op": "await", "aw": {"k": "handle", "h": "a"}}],
        "except": [{"types": ["BaseException"], "body": [{"op": "state", "h": "a"}]}],
    });
    let main = [vec![start], main.to_vec(), vec![end]].concat();
    let b = json!([{"op": "await", "aw": {"k": "sleep", "d": 0}}, {"op": "return", "v": "by b"}]);
    json!({"objects": {"f": {"kind": "future"}}, "coros": {"main": main, "a": a, "b": b}})
}

/// Goes through every `step`th program within the bound, from the `first` on: how many programs
/// and schedules that were.
fn search(model: &Model, bound: Bound, first: usize, step: usize) -> (u64, u64) {
    bound.programs(first, step).fold((0, 0), |(programs, schedules), program| {
        (programs + 1, schedules + every_schedule(model, &program.to_string()))
    })
}

#[test]
fn every_small_program_in_every_order() {
    let bound = Bound { main: 2, other: 1 };
    let found = in_halves(|model, half| search(model, bound, half, 2));
    println!("{} programs, {} schedules: {bound:?}", found.0, found.1);
    assert_eq!(found, (2_331, 48_660));
}

/// Larger bounds are `SEEDLOOP_SMALL_SCOPE=3,1`, or several: `2,3+3,1`. Each run keeps its
/// interpreter until the process ends, so the programs of a bound are dealt out to processes, two
/// at a time: `3,1 of 7/40`.
const SCOPE: &str = "SEEDLOOP_SMALL_SCOPE";
const PROGRAMS_OF_A_PROCESS: usize = 500;

#[test]
fn every_program_of_a_larger_bound_in_every_order() {
    let Ok(text) = env::var(SCOPE) else { return };
    if let Some((bound, part)) = text.split_once(" of ")
        && let Some((first, step)) = numbers(part, '/')
    {
        let bound = Bound::of(bound);
        let (programs, schedules) = with_model(|model| search(model, bound, first, step));
        return println!("found: {programs},{schedules}");
    }
    let found = text.split('+').map(|bound| search_in_processes(bound, Bound::of(bound)));
    let (programs, schedules) = found.fold((0, 0), add);
    println!("{programs} programs, {schedules} schedules in all");
}

impl Bound {
    fn of(text: &str) -> Bound {
        let Some((main, other)) = numbers(text, ',') else {
            panic!("{SCOPE}={text} is no bound: write 3,1")
        };
        Bound { main, other }
    }
}

fn add(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

/// Every program of a bound: how many programs and schedules that were.
fn search_in_processes(text: &str, bound: Bound) -> (u64, u64) {
    let parts = bound.programs(0, 1).count().div_ceil(PROGRAMS_OF_A_PROCESS);
    let next = AtomicUsize::new(0);
    let search_parts = || {
        let mine = iter::repeat_with(|| next.fetch_add(1, Relaxed)).take_while(|&at| at < parts);
        mine.map(|at| search_in_a_process(text, at, parts)).fold((0, 0), add)
    };
    let (programs, schedules) = thread::scope(|scope| {
        let threads = [0, 1].map(|_| scope.spawn(search_parts));
        let found = threads.map(|thread| thread.join().expect("every part is found to be right"));
        found.into_iter().fold((0, 0), add)
    });
    println!("{programs} programs, {schedules} schedules: {bound:?}, in {parts} processes");
    (programs, schedules)
}

/// Two numbers with that between them.
fn numbers<T: FromStr>(text: &str, between: char) -> Option<(T, T)> {
    let (a, b) = text.split_once(between)?;
    Some((a.parse().ok()?, b.parse().ok()?))
}

/// This test in a process of its own, for one part of the programs.
fn search_in_a_process(bound: &str, at: usize, parts: usize) -> (u64, u64) {
    let test = "model::small::every_program_of_a_larger_bound_in_every_order";
    let child = Command::new(env::current_exe().expect("a path"))
        .args([test, "--exact", "--nocapture"])
        .env(SCOPE, format!("{bound} of {at}/{parts}"))
        .output()
        .expect("it runs");
    let said = String::from_utf8_lossy(&child.stdout);
    let found = said.lines().find_map(|line| numbers(line.split_once("found: ")?.1, ','));
    found.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&child.stderr)))
}
