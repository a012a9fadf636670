//! The notes that this project grew from, one after the other: each program of theirs that needs
//! no thread, stream, file or process, with its exact lines. The lines, and the loop iterations
//! that they are in, are also those of CPython's trace of that program in `tests/conformance`.

mod exercises;
mod locks;
mod runs;
mod states;
mod timers;
mod turns;

use std::{fmt, fs, path::PathBuf, time::Duration};

use seedloop::{Config, Error, Future, Outcome, RunReport, Runner, State, log, now, trace::Kind};
use serde_json::Value as Json;

/// A line of a run: the loop iteration, and the virtual ms with the text.
type Line = (u64, String);

/// An error of the program's own.
#[derive(Clone, Debug)]
enum Fault {
    Said(&'static str),
    Loop(Error),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Said(text) => f.write_str(text),
            Fault::Loop(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Fault {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Fault::Said(_) => None,
            Fault::Loop(error) => Some(error),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::Loop(error)
    }
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// What CPython calls it.
fn python(error: &Error) -> &'static str {
    match error {
        Error::Cancelled(_) => "CancelledError",
        Error::TimedOut => "TimeoutError",
        Error::InvalidState(_) => "InvalidStateError",
        Error::InvalidValue(_) => "ValueError",
        _ => "RuntimeError",
    }
}

fn state<T: fmt::Debug, E>(future: &Future<T, E>) -> String {
    future.peek(|state| match state {
        State::Pending => "state pending".into(),
        State::Finished(value) => format!("state finished {:?}", value.expect("it is there")),
        State::Failed(_) => "state failed".into(),
        State::Cancelled => "state cancelled".into(),
    })
}

fn log_now() {
    log(format_args!("now {}", now().as_millis()));
}

/// The lines that a run logged, clean-up and all.
fn lines(report: &RunReport) -> Vec<Line> {
    let logged = report.trace.events().iter().filter(|event| event.kind == Kind::Log);
    let line = |event: &seedloop::trace::Event| {
        let text = event.object.as_deref().expect("a log has a text");
        (event.iteration, format!("{} {text}", event.time_ns / 1_000_000))
    };
    logged.map(line).collect()
}

/// A value as Rust shows it: None is `()`.
fn shown(value: &Json) -> String {
    match value {
        Json::Null => "()".into(),
        Json::String(text) => text.clone(),
        Json::Array(values) => {
            let values: Vec<String> = values.iter().map(shown).collect();
            format!("[{}]", values.join(", "))
        }
        other => other.to_string(),
    }
}

/// What a Rust program logs where CPython has this event; nothing for most.
fn told(event: &Json) -> Option<String> {
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    let value = || shown(&event["v"]);
    Some(match text("ev") {
        "log" => value(),
        "cb" => text("cb").into(),
        "now" | "result" | "exception" => format!("{} {}", text("ev"), value()),
        "cancel" if event["v"].is_boolean() => format!("cancel {}", value()),
        "do" if event["v"].is_boolean() => format!("{} {}", text("m"), value()),
        "ok" if text("k") == "gather" => format!("gather {}", value()),
        "state" if text("state") == "finished" => format!("state finished {}", value()),
        "state" => format!("state {}", text("state")),
        "result_err" | "exception_err" | "fut_set_err" | "fut_exc_err" | "do_err" => {
            shown(&event["exc"]["exc"])
        }
        _ => return None,
    })
}

/// The lines of CPython's trace of the program with this number.
fn cpython(number: &str) -> Vec<Line> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let entries =
        fs::read_dir(folder).expect("tests/conformance").map(|entry| entry.unwrap().path());
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(&format!("{number}-")) && name.ends_with(".trace")
    };
    let path = entries.into_iter().find(is_it).expect("there is such a program");
    let trace = fs::read_to_string(path).expect("UTF-8");
    let events = trace.lines().map(|line| serde_json::from_str::<Json>(line).expect("JSON"));
    let line = |event: Json| {
        let at = event["t"].as_u64()?;
        Some((event["i"].as_u64()?, format!("{at} {}", told(&event)?)))
    };
    events.filter_map(line).collect()
}

/// Runs `main` as `run` does.
#[track_caller]
fn reported<F, M>(main: F) -> RunReport
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    let mut runner = Runner::new(Config::default().record(true));
    runner.set_exception_handler(|_| ());
    if let Err(error) = runner.run(main) {
        panic!("{}", <F::Output as Outcome<M>>::text(&error));
    }
    runner.close().expect("nothing is stuck");
    runner.finish()
}

/// `main` logs `expected`, and so does CPython's program with this number, iteration by iteration.
#[track_caller]
fn check<F, M>(number: &str, main: F, expected: &[&str])
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    let ours = lines(&reported(main));
    let texts: Vec<&str> = ours.iter().map(|(_, text)| &**text).collect();
    assert_eq!(texts, expected);
    assert_eq!(ours, cpython(number), "ours and CPython's");
}
