//! Runs a program of asyncio, written as JSON, on seedloop, and prints its trace as JSON lines:
//! line by line what CPython's own asyncio does with it.
//!
//! ```text
//! cargo run -q --release --example program < program.json
//! cargo run -q --release --example program -- --seed 7 < program.json
//! cargo run -q --release --example program -- --replay sl1-... < program.json
//! ```
//!
//! Exit code 1: a replay diverged; 2: the program or an option is malformed; 3: the program
//! needs what is not simulated yet.

mod awaitables;
mod check;
mod clock;
mod exception;
mod flow;
mod grammar;
mod interpreter;
mod misuse;
mod op;
mod primitive;
mod print;
mod reports;
mod statements;
mod value;
mod walk;

use std::{
    io::{self, Read},
    process::ExitCode,
};

use clap::Parser;
use seedloop::{Config, Error, Runner, Token, TokenError};
use serde_json::{Value as Json, json};

use crate::{
    check::{Refusal, check},
    clock::Clock,
    exception::{Exception, Kind},
    grammar::{Program, RunWhat},
    interpreter::Interpreter,
    print::print_lines,
    walk::origin_ms,
};

/// Runs a program of asyncio (JSON on standard input) and prints its trace (JSON lines).
#[derive(Parser)]
#[command(name = "program")]
struct Options {
    /// Random order, from this seed, instead of asyncio's.
    #[arg(long, conflicts_with = "replay")]
    seed: Option<u64>,
    /// The run that printed this token.
    #[arg(long)]
    replay: Option<Token>,
    /// Loop iterations after which a run is called a livelock.
    #[arg(long, default_value_t = 20_000)]
    max_iter: u64,
    /// Print the run's token on standard error.
    #[arg(long)]
    token: bool,
}

/// How a run ended that printed its trace.
struct Ended {
    interpreter: &'static Interpreter,
    token: String,
    digest: String,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let program = match read_program() {
        Ok(program) => program,
        Err(Refusal::Malformed(problem)) => {
            return fail(2, &format!("malformed program: {problem}"));
        }
        Err(Refusal::NotSimulated(what)) => return fail(3, &format!("not simulated yet: {what}")),
    };
    let runner = match runner(program, &options) {
        Ok(runner) => runner,
        Err(problem) => return fail(2, &format!("malformed token: {problem}")),
    };
    let ended = match run(program, runner) {
        Ok(ended) => ended,
        Err(divergence) => return fail(1, &divergence),
    };
    if let Err(error) = print_lines(&ended.interpreter.lines()) {
        return fail(1, &format!("cannot print the trace: {error}"));
    }
    if options.token || options.seed.is_some() || options.replay.is_some() {
        eprintln!("token: {}\ndigest: {}", ended.token, ended.digest);
    }
    ExitCode::SUCCESS
}

fn fail(code: u8, problem: &str) -> ExitCode {
    eprintln!("program: {problem}");
    ExitCode::from(code)
}

/// The program lives as long as the process, so that coroutines can refer to it.
fn read_program() -> Result<&'static Program, Refusal> {
    let mut text = String::new();
    let read = io::stdin().read_to_string(&mut text);
    read.map_err(|error| Refusal::Malformed(format!("cannot read it: {error}")))?;
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::Malformed("it is no JSON object: begin it with {".to_owned()));
    }
    let program: Program =
        serde_json::from_str(&text).map_err(|error| Refusal::Malformed(error.to_string()))?;
    check(&program)?;
    Ok(Box::leak(Box::new(program)))
}

/// Who picks what runs next: asyncio's order, a seed, or a token, which brings its own set-up.
fn runner(program: &Program, options: &Options) -> Result<Runner, TokenError> {
    let steps_max = options.max_iter.saturating_mul(1_000); // iterations are the limit
    let config = Config::default()
        .iterations_max(options.max_iter)
        .steps_max(steps_max)
        .instant_steps_max(steps_max)
        .debug(program.debug);
    match (options.seed, &options.replay) {
        (_, Some(token)) => Runner::replay(token),
        (Some(seed), None) => Ok(Runner::seeded(config, seed, 0)),
        (None, None) => Ok(Runner::new(config)),
    }
}

/// Runs to the end of the clean-up. An error says where a replay diverged.
fn run(program: &'static Program, mut runner: Runner) -> Result<Ended, String> {
    let clock = Clock::starting_at(origin_ms(program));
    let interpreter: &'static Interpreter = Box::leak(Box::new(Interpreter::new(program, clock)));
    runner.set_exception_handler(|context| interpreter.on_exception(context));
    match program.run {
        Some(RunWhat::Function) => {
            let refused = Exception::new(Kind::ValueError);
            interpreter.event_at(0, 0, None, "run_raise", [("exc", refused.to_json())]);
        }
        None => run_and_close(interpreter, &mut runner)?,
    }
    let report = runner.finish();
    if let Some(divergence) = report.divergence {
        return Err(divergence.to_string());
    }
    Ok(Ended { interpreter, token: report.token.to_string(), digest: report.digest.to_string() })
}

/// As `asyncio.run`: main, then the clean-up unless main got stuck; then every task's end.
fn run_and_close(interpreter: &'static Interpreter, runner: &mut Runner) -> Result<(), String> {
    let result = runner.run(interpreter.main()).map_err(|error| interpreter.raised(error));
    let stuck = end_event(interpreter, runner, "run_raise", result.as_ref().err())?;
    if let Ok(value) = &result {
        outside_event(interpreter, runner, "run_return", [("v", value.to_json())]);
    }
    if !stuck {
        let closed = runner.close().map_err(|error| interpreter.raised(error.into()));
        end_event(interpreter, runner, "close_raise", closed.as_ref().err())?;
    }
    interpreter.finals(result);
    Ok(())
}

/// The event of an error that ended `run` or `close`. Tells whether the loop is stuck.
fn end_event(
    interpreter: &Interpreter,
    runner: &Runner,
    name: &str,
    error: Option<&Exception>,
) -> Result<bool, String> {
    let Some(error) = error else { return Ok(false) };
    match error.origin() {
        Some(Error::Diverged(divergence)) => return Err(divergence.to_string()),
        Some(Error::Deadlock(_)) => {
            let pending = json!(interpreter.live_tasks());
            outside_event(interpreter, runner, "deadlock", [("pending", pending)]);
        }
        Some(Error::Livelock(_) | Error::StepCap(_)) => {
            outside_event(interpreter, runner, "livelock", []);
        }
        _ => {
            outside_event(interpreter, runner, name, [("exc", error.to_json())]);
            return Ok(false);
        }
    }
    Ok(true)
}

/// An event of no task, after the loop has been left.
fn outside_event<const N: usize>(
    interpreter: &Interpreter,
    runner: &Runner,
    name: &str,
    fields: [(&'static str, Json); N],
) {
    let millis = interpreter.clock.read(runner.time());
    interpreter.event_at(millis, runner.iteration(), None, name, fields);
}
