//! The programs on the model that is proved: against CPython's traces, and against the running
//! Rust in every order. The model's interpreter (`proofs/spec/Program.v`) is run as Coq has
//! extracted it.

mod cpython;
mod random;
mod said;
mod schedule;
mod search;
mod small;
mod words;

use std::{panic::resume_unwind, thread};

use seedloop_oracle::{Model, Value};
use serde_json::Value as Json;

use crate::{check::Refusal, grammar::Program, run::load};
use words::{Covered, Words};

const MODEL: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/proofs/extracted/model.json"));

/// How long a step of a task may be, and a run.
const FUEL: u64 = 100_000;

/// Runs `job` where there is a model. It recurses: it gets a large stack.
fn with_model<T: Send>(job: impl FnOnce(&Model) -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(1 << 30);
        let run = move || job(&Model::load(MODEL).expect("proofs/extracted/model.json"));
        let running = thread.spawn_scoped(scope, run).expect("a thread");
        running.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// Runs `job` for each half of the work, on a thread each, and adds up the two pairs of counts.
fn in_halves(job: impl Fn(&Model, usize) -> (u64, u64) + Sync) -> (u64, u64) {
    let job = &job;
    let halves = thread::scope(|scope| {
        let halves = [0, 1].map(|half| scope.spawn(move || with_model(|model| job(model, half))));
        halves.map(|half| half.join().unwrap_or_else(|panic| resume_unwind(panic)))
    });
    halves.into_iter().fold((0, 0), |sum, half| (sum.0 + half.0, sum.1 + half.1))
}

/// A program that the tests have made.
fn made(text: &str) -> &'static Program {
    match load(text) {
        Ok(parsed) => parsed,
        Err(Refusal::Malformed(problem) | Refusal::NotSimulated(problem)) => {
            panic!("{problem}: {text}")
        }
    }
}

/// What the model makes of a program.
struct Told {
    trace: Vec<Json>,
    picks: Vec<u64>,
}

/// A program in the model's words.
struct Spoken<'m> {
    words: Words<'m>,
    program: Value,
}

impl<'m> Spoken<'m> {
    fn new(model: &'m Model, program: &Program) -> Covered<Spoken<'m>> {
        let mut words = Words::new(model);
        let program = words.program(program)?;
        Ok(Spoken { words, program })
    }

    /// The run with these choices.
    fn run(&self, choices: &[u64]) -> Value {
        let model = self.words.model;
        let choices = model.list(choices.iter().map(|&choice| Value::Number(choice)));
        let fuel = || Value::Number(FUEL);
        model.call("run_program", vec![self.program.clone(), fuel(), fuel(), choices])
    }

    /// That asyncio's run comes to this report, as Coq writes it.
    fn claim(&self, report: &Value) -> String {
        let model = self.words.model;
        let program: Vec<String> =
            self.program.arguments().iter().map(|part| model.show(part)).collect();
        let program = format!("(Program.Program {})", program.join(" "));
        format!("run_program {program}\n  2000 2000 [] =\n  {}", model.show(report))
    }

    /// What a run comes to.
    fn told(&self, report: &Value) -> Told {
        let [_, _, picks, refused, over] = report.arguments() else { panic!("a report has five") };
        let model = self.words.model;
        assert_eq!(model.show(refused), "false", "the model does what it does not allow");
        assert_eq!(model.show(over), "true", "the model's run ends");
        let picks = model.to_vec(picks).iter().map(Value::number).collect();
        Told { trace: self.words.trace(report), picks }
    }
}

/// Both traces are the same. `what` tells of which program.
fn compare(theirs: &[Json], models: &[Json], what: &str) {
    let first = theirs.iter().zip(models).find(|(theirs, models)| theirs != models);
    assert_eq!(first, None, "theirs and the model's; {what}");
    assert_eq!(theirs.len(), models.len(), "lines; {what}");
}
