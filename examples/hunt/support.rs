//! The main function of every case: checks its program, and says what came of it, as text or as
//! one line of JSON for the hunt. Exit code 1: the bug was found; 2: a usage error; 101: a hang.

use std::{env, fmt::Write, process::ExitCode, time::Duration};

use seedloop::{Check, Error, Failure, FailureKind, Report, Token, spawn, yield_now};

const USAGE: &str = "options: [--schedules N] [--seed S] [--beside N] [--json]";

#[derive(Default)]
struct Options {
    schedules: Option<u64>,
    seed: u64,
    /// So many tasks beside the program that have nothing to do with it.
    beside: u64,
    json: bool,
}

/// Far longer than a poll that comes back, on a busy machine too: 200 ms was enough for the slowest
/// programs beside twelve busy processes a core.
const HANG: Duration = Duration::from_secs(5);

/// The setting of all cases: a cancellation of a task that is offered for it, a slip of the clock,
/// and fresh wakers, which are on. The portfolio goes without slips in half of the runs: one would
/// end the livelock of `ac_cpu`.
fn check() -> Check {
    Check::new().cancellations(1).slips(1).watchdog(Some(HANG))
}

/// Checks the program.
pub(crate) fn hunt<F>(program: fn() -> F) -> ExitCode
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let options = match options(env::args().skip(1)) {
        Ok(options) => options,
        Err(problem) => return usage(&problem),
    };
    let check = check().seed(options.seed).command(command());
    let check = check.schedules(options.schedules.unwrap_or(10_000));
    let result = match options.beside {
        0 => check.try_run(program),
        beside => check.try_run(move || with_others(beside, program())),
    };
    match result {
        Ok(report) => {
            say(options.json, &passed(&report), &report.to_string());
            ExitCode::SUCCESS
        }
        Err(failure) if failure.kind == FailureKind::Usage => usage(&failure.to_string()),
        Err(failure) => {
            let token = failure.token.as_ref().expect("a run that failed has a token");
            let line = failed(&failure, token, &failure.digest.to_string());
            say(options.json, &line, &failure.to_string());
            ExitCode::FAILURE
        }
    }
}

/// The program beside tasks that only yield, 16 times each.
async fn with_others<F>(others: u64, program: F) -> Result<(), Error>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    for _ in 0..others {
        drop(spawn(async {
            for _ in 0..16 {
                yield_now().await?;
            }
            Ok::<(), Error>(())
        }));
    }
    program.await
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options::default();
    while let Some(word) = words.next() {
        let mut number = || {
            let value = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            value.parse().map_err(|error| format!("{word} {value} is no whole number: {error}"))
        };
        match word.as_str() {
            "--schedules" => options.schedules = Some(number()?),
            "--seed" => options.seed = number()?,
            "--beside" => options.beside = number()?,
            "--json" => options.json = true,
            _ => return Err(format!("unknown option {word}; {USAGE}")),
        }
    }
    match options.schedules {
        Some(0) => Err("--schedules 0 would check nothing: give 1 or more".into()),
        _ => Ok(options),
    }
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("{}: {problem}", env!("CARGO_PKG_NAME"));
    ExitCode::from(2)
}

fn say(as_json: bool, line: &str, text: &str) {
    println!("{}", if as_json { line } else { text });
}

/// The command that runs this program, from the root of the repository. The package is called
/// after its case and its variant.
fn command() -> String {
    let package = env!("CARGO_PKG_NAME");
    let (case, variant) = package.rsplit_once('-').expect("a package is called case-variant");
    format!("cargo run --release --manifest-path examples/hunt/{case}/{variant}/Cargo.toml")
}

fn passed(report: &Report) -> String {
    json(&[
        ("result", Field::Text("passed")),
        ("schedules", Field::Number(report.schedules)),
        ("steps", Field::Number(report.steps)),
        ("text", Field::Text(&report.to_string())),
    ])
}

fn failed(failure: &Failure, token: &Token, digest: &str) -> String {
    json(&[
        ("result", Field::Text("failed")),
        ("kind", Field::Text(&format!("{:?}", failure.kind))),
        ("schedule", Field::Number(failure.schedule)),
        ("schedules", Field::Number(failure.schedules)),
        ("what", Field::Text(&failure.text)),
        ("replay", Field::Text(&format!("SEEDLOOP_REPLAY={token}"))),
        ("digest", Field::Text(digest)),
        ("text", Field::Text(&failure.to_string())),
    ])
}

enum Field<'a> {
    Text(&'a str),
    Number(u64),
}

/// One line: RFC 8259 section 4.
fn json(fields: &[(&str, Field<'_>)]) -> String {
    let fields = fields.iter().map(|(key, value)| match value {
        Field::Text(text) => format!("\"{key}\":{}", quoted(text)),
        Field::Number(number) => format!("\"{key}\":{number}"),
    });
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

/// RFC 8259 section 7: a string in quotes.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c < ' ' => write!(out, "\\u{:04x}", u32::from(c)).expect("to a string"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
