//! One run of a program: load it, pick an order, run it to the end of its clean-up.

use seedloop::{Config, Error, Runner, Token, TokenError};
use serde_json::{Value as Json, json};

use crate::{
    check::{Refusal, check},
    clock::Clock,
    exception::{Exception, Kind},
    grammar::{Program, RunWhat},
    interpreter::Interpreter,
    walk::origin_ms,
};

/// Who picks what runs next.
pub(crate) enum Order {
    /// asyncio.
    Asyncio,
    /// A random walk from this seed.
    Random(u64),
    /// The run that this token is of.
    Replay(Token),
}

/// How a run ended that printed its trace.
pub(crate) struct Ended {
    pub(crate) interpreter: &'static Interpreter,
    pub(crate) token: String,
    pub(crate) digest: String,
}

/// The program lives as long as the process, so that coroutines can refer to it.
pub(crate) fn load(text: &str) -> Result<&'static Program, Refusal> {
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::Malformed("it is no JSON object: begin it with {".to_owned()));
    }
    let program: Program =
        serde_json::from_str(text).map_err(|error| Refusal::Malformed(error.to_string()))?;
    check(&program)?;
    Ok(Box::leak(Box::new(program)))
}

/// Who picks what runs next: asyncio's order, a seed, or a token, which brings its own set-up.
pub(crate) fn runner(program: &Program, order: Order, max_iter: u64) -> Result<Runner, TokenError> {
    let steps_max = max_iter.saturating_mul(1_000); // iterations are the limit
    let config = Config::default()
        .iterations_max(max_iter)
        .steps_max(steps_max)
        .instant_steps_max(steps_max)
        .debug(program.debug);
    match order {
        Order::Replay(token) => Runner::replay(&token),
        Order::Random(seed) => Ok(Runner::seeded(config, seed, 0)),
        Order::Asyncio => Ok(Runner::new(config)),
    }
}

/// Runs to the end of the clean-up. An error says where a replay diverged.
pub(crate) fn run(program: &'static Program, mut runner: Runner) -> Result<Ended, String> {
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
        Some(Error::Livelock(..) | Error::StepCap(_)) => {
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
