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
mod run;
mod statements;
mod threads;
mod value;
mod walk;

use std::{
    io::{self, BufWriter, Read},
    process::ExitCode,
};

use clap::Parser;
use seedloop::Token;

use crate::{
    check::Refusal,
    print::write_lines,
    run::{Order, load, run, runner},
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

fn main() -> ExitCode {
    let options = Options::parse();
    let mut text = String::new();
    if let Err(error) = io::stdin().read_to_string(&mut text) {
        return fail(2, &format!("malformed program: cannot read it: {error}"));
    }
    let program = match load(&text) {
        Ok(program) => program,
        Err(Refusal::Malformed(problem)) => {
            return fail(2, &format!("malformed program: {problem}"));
        }
        Err(Refusal::NotSimulated(what)) => return fail(3, &format!("not simulated yet: {what}")),
    };
    let order = match (options.replay, options.seed) {
        (Some(token), _) => Order::Replay(token),
        (None, Some(seed)) => Order::Random(seed),
        (None, None) => Order::Asyncio,
    };
    let show_token = options.token || !matches!(order, Order::Asyncio);
    let runner = match runner(program, order, options.max_iter) {
        Ok(runner) => runner,
        Err(problem) => return fail(2, &format!("malformed token: {problem}")),
    };
    let ended = match run(program, runner) {
        Ok(ended) => ended,
        Err(divergence) => return fail(1, &divergence),
    };
    if let Err(error) = write_lines(BufWriter::new(io::stdout().lock()), &ended.interpreter.lines())
    {
        return fail(1, &format!("cannot print the trace: {error}"));
    }
    if show_token {
        eprintln!("token: {}\ndigest: {}", ended.token, ended.digest);
    }
    ExitCode::SUCCESS
}

fn fail(code: u8, problem: &str) -> ExitCode {
    eprintln!("program: {problem}");
    ExitCode::from(code)
}
