//! Every small program of a shape, in every order: the running Rust does what the model does.
//!
//! Main starts task `a`, does up to so many of [`MAIN`] and awaits `a`; `a` does up to so many of
//! [`OTHER`], in each of three [`WRAPPERS`]. The model's states are shared along the tree of
//! choices; the Rust runs each schedule from its start.

use std::env;

use serde_json::{Value as Json, json};

use super::{in_halves, search::every_schedule};

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
    fn programs(self) -> impl Iterator<Item = Json> {
        let (main, other) = (lists(&main_statements(), self.main), self.others());
        main.into_iter().flat_map(move |main| {
            let programs = other.iter().map(|a| program(&main, a));
            programs.collect::<Vec<_>>()
        })
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

/// Goes through every program within the bound, on two threads.
fn search(bound: Bound) -> (u64, u64) {
    in_halves(|model, half| {
        let programs = bound.programs().skip(half).step_by(2);
        programs.fold((0, 0), |(programs, schedules), program| {
            (programs + 1, schedules + every_schedule(model, &program.to_string()))
        })
    })
}

/// The bound of `cargo test`, and what it comes to; `SEEDLOOP_SMALL_SCOPE=2,2` has another.
const BOUND: Bound = Bound { main: 2, other: 1 };
const PROGRAMS_AND_SCHEDULES: (u64, u64) = (2_331, 48_660);

#[test]
fn every_small_program_in_every_order() {
    let asked = env::var("SEEDLOOP_SMALL_SCOPE").ok().map(|text| {
        let parsed = text.split_once(',').map(|(main, other)| (main.parse(), other.parse()));
        let Some((Ok(main), Ok(other))) = parsed else {
            panic!("SEEDLOOP_SMALL_SCOPE={text} is no bound: write 2,2")
        };
        Bound { main, other }
    });
    let bound = asked.unwrap_or(BOUND);
    let (programs, schedules) = search(bound);
    println!("{programs} programs, {schedules} schedules: {bound:?}");
    assert!(asked.is_some() || (programs, schedules) == PROGRAMS_AND_SCHEDULES);
}
