//! Random programs in random orders: the running Rust does what the model does. What the small
//! programs do not reach: nesting, loops, many waiters of one future, callbacks that act.

use std::{env, ops::Range};

use seedloop_oracle::Model;
use serde_json::{Value as Json, json};

use super::{Spoken, compare, in_halves, made, schedule::run_with};

/// The seeds of `cargo test`; `SEEDLOOP_RANDOM_PROGRAMS=0..100000` has others.
const SEEDS: Range<u64> = 0..2_500;
/// How many orders each program runs in, besides asyncio's.
const ORDERS: usize = 3;

const HANDLES: [&str; 6] = ["a", "b", "c", "f", "g", "k"];
const COROS: [&str; 3] = ["a", "b", "c"];
const MESSAGES: [&str; 2] = ["one", "two"];
const KINDS: [&str; 4] = ["ValueError", "KeyError", "TimeoutError", "CancelledError"];
const CAUGHT: [&str; 5] =
    ["BaseException", "Exception", "CancelledError", "LookupError", "OSError"];

/// Splitmix64 (Steele, Lea, Flood 2014), and the coroutines that may still be started: those
/// after the one that is being made, so that every run ends.
struct Dice {
    state: u64,
    coros: &'static [&'static str],
}

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice { state: seed, coros: &COROS }
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.roll(of.len() as u64) as usize]
    }

    fn program(&mut self) -> Json {
        let mut coros = json!({});
        for (at, name) in ["main", "a", "b", "c"].into_iter().enumerate() {
            self.coros = &COROS[at..];
            let body = self.block(if name == "main" { 9 } else { 5 }, 2);
            coros[name] = match name {
                "main" => [vec![self.spawn(), self.spawn()], body].concat().into(),
                _ => body.into(),
            };
        }
        json!({"objects": {"f": {"kind": "future"}, "g": {"kind": "future"}}, "coros": coros})
    }

    fn spawn(&mut self) -> Json {
        if self.coros.is_empty() {
            return json!({"op": "now"});
        }
        let name = self.pick(self.coros);
        json!({"op": "spawn", "c": name, "as": name})
    }

    /// Statements, blocks within blocks up to so deep.
    fn block(&mut self, most: u64, depth: u64) -> Vec<Json> {
        (0..self.roll(most + 1)).map(|_| self.statement(depth)).collect()
    }

    fn statement(&mut self, depth: u64) -> Json {
        let h = self.pick(&HANDLES);
        match self.roll(if depth == 0 { 22 } else { 27 }) {
            0..=6 => json!({"op": "await", "aw": self.awaitable(2)}),
            7 => self.spawn(),
            8 => json!({"op": "cancel", "h": h}),
            9 => json!({"op": "cancel", "h": h, "msg": self.pick(&MESSAGES)}),
            10 => json!({"op": "fut_set", "h": self.pick(&["f", "g"]), "v": self.roll(3)}),
            11 => {
                let (h, kind) = (self.pick(&["f", "g"]), self.pick(&KINDS[..3]));
                json!({"op": "fut_exc", "h": h, "exc": kind, "msg": self.pick(&MESSAGES)})
            }
            12 => json!({"op": "state", "h": h}),
            13 => json!({"op": "uncancel", "h": self.pick(&COROS)}),
            14 => json!({"op": "cancelling", "h": self.pick(&COROS)}),
            15 => json!({"op": "log", "v": self.roll(4)}),
            16 => json!({"op": "busy", "d": self.roll(3)}),
            17 => {
                let act = self.action();
                json!({"op": "on_done", "h": self.pick(&HANDLES[..5]), "cb": "done", "do": act})
            }
            18 => json!({"op": "call_soon", "cb": "soon", "as": "k", "do": self.action()}),
            19 => {
                let act = self.action();
                json!({"op": "call_later", "d": self.roll(4), "cb": "later", "as": "k", "do": act})
            }
            20 => {
                let kind = self.pick(&KINDS);
                json!({"op": "raise", "exc": kind, "msg": self.pick(&MESSAGES)})
            }
            21 => json!({"op": "off_done", "h": self.pick(&HANDLES[..5]), "cb": "done"}),
            22 => json!({"op": "repeat", "n": self.roll(3), "body": self.block(2, depth - 1)}),
            23 => json!({"op": "return", "v": self.roll(3)}),
            _ => self.attempt(depth - 1),
        }
    }

    fn attempt(&mut self, depth: u64) -> Json {
        let body = self.block(3, depth);
        let mut caught = self.block(2, depth);
        if self.roll(4) == 0 {
            caught.push(json!({"op": "reraise"}));
        }
        let handlers = match self.roll(4) {
            0 => json!([]),
            _ => json!([{"types": [self.pick(&CAUGHT)], "body": caught}]),
        };
        let finally = if self.roll(2) == 0 { self.block(2, depth) } else { Vec::new() };
        let otherwise = if self.roll(4) == 0 { self.block(1, depth) } else { Vec::new() };
        json!({"op": "try", "body": body, "except": handlers, "else": otherwise,
            "finally": finally})
    }

    /// What a callback does: it cannot wait.
    fn action(&mut self) -> Vec<Json> {
        match self.roll(4) {
            0 => vec![json!({"op": "cancel", "h": self.pick(&HANDLES)})],
            1 => vec![json!({"op": "fut_set", "h": self.pick(&["f", "g"]), "v": self.roll(3)})],
            2 => vec![json!({"op": "raise", "exc": self.pick(&KINDS[..3])})],
            _ => Vec::new(),
        }
    }

    fn awaitable(&mut self, depth: u64) -> Json {
        match self.roll(if depth == 0 { 6 } else { 9 }) {
            0 | 1 => json!({"k": "sleep", "d": 0}),
            2 => json!({"k": "sleep", "d": self.roll(4), "v": self.roll(3)}),
            3 | 4 => json!({"k": "handle", "h": self.pick(&HANDLES[..5])}),
            5 if !self.coros.is_empty() => json!({"k": "coro", "c": self.pick(self.coros)}),
            5 => json!({"k": "sleep", "d": 1}),
            6 => json!({"k": "shield", "aw": self.awaitable(depth - 1)}),
            _ => {
                let aws: Vec<Json> = (0..self.roll(4)).map(|_| self.awaitable(depth - 1)).collect();
                json!({"k": "gather", "aws": aws, "rexc": self.roll(2) == 1})
            }
        }
    }
}

/// Runs one program in a few orders. Says how many lines were compared.
fn run_one(model: &Model, seed: u64) -> u64 {
    let mut dice = Dice::new(seed);
    let text = dice.program().to_string();
    let parsed = made(&text);
    let spoken = Spoken::new(model, parsed).expect("the model has words for it");
    let mut lines = 0;
    for order in 0..=ORDERS {
        let picks = if order == 0 { 0 } else { 60 };
        let picks: Vec<u64> = (0..picks).map(|_| dice.roll(6)).collect();
        let (trace, asked) = run_with(parsed, picks.clone());
        let told = spoken.told(&spoken.run(&picks));
        compare(&trace, &told.trace, &format!("seed {seed}, {picks:?}: {text}"));
        let taken: Vec<u64> = asked.iter().map(|choice| choice.1).collect();
        assert_eq!(taken, told.picks, "seed {seed}: {text}");
        lines += trace.len() as u64;
    }
    lines
}

#[test]
fn random_programs_in_random_orders() {
    let seeds = env::var("SEEDLOOP_RANDOM_PROGRAMS").map_or(SEEDS, |range| {
        let parsed = range.split_once("..").map(|(from, to)| (from.parse(), to.parse()));
        let Some((Ok(from), Ok(to))) = parsed else {
            panic!("SEEDLOOP_RANDOM_PROGRAMS={range} is no range: write 0..100000")
        };
        from..to
    });
    let (programs, lines) = in_halves(|model, half| {
        let counts = seeds.clone().skip(half).step_by(2).map(|seed| run_one(model, seed));
        counts.fold((0, 0), |(programs, lines), more| (programs + 1, lines + more))
    });
    println!("{programs} random programs, {} orders each, {lines} lines", ORDERS + 1);
}
