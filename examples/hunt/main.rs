//! Hunts bugs of published crates: builds and runs each case in the version that has the bug,
//! where it must be found and replayed, and in the version without, which must pass.
//!
//! ```text
//! cargo run --release --example hunt
//! cargo run --release --example hunt -- tk02_mutex_cancel
//! cargo run --release --manifest-path examples/hunt/tk02_mutex_cancel/broken/Cargo.toml
//! ```
//!
//! Exit code 1: something is not as it should be; 2: a usage error.

/// Prints a line. Whoever reads may have gone.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod cases;
mod variant;
mod verdict;

use std::{env, path::PathBuf, process::ExitCode, time::Instant};

use clap::{Parser, value_parser};

use crate::{
    cases::Case,
    verdict::{Verdict, headings},
};

/// Finds bugs of published crates, replays them, and checks that the fixed versions pass.
#[derive(Parser)]
#[command(name = "hunt", allow_negative_numbers = true)]
struct Options {
    /// The cases; all if none is named.
    #[arg(value_name = "CASE")]
    cases: Vec<String>,
    /// List the cases, and run none.
    #[arg(long)]
    list: bool,
    /// In at most so many schedules a bug must be found [default: SEEDLOOP_SCHEDULES or 2000].
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    schedules: Option<u64>,
    /// The seed of all schedules [default: SEEDLOOP_SEED or 0].
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
    /// So many schedules a fixed version must pass [default: SEEDLOOP_SCHEDULES or 10000].
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    fixed_schedules: Option<u64>,
    /// Where the cases are built [default: target/hunt].
    #[arg(long, value_name = "DIR")]
    target_dir: Option<PathBuf>,
}

/// What all cases share.
struct Settings {
    schedules: u64,
    fixed_schedules: u64,
    seed: u64,
    target_dir: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let asked = Case::select(&options.cases)
        .and_then(|cases| Settings::of(&options).map(|settings| (cases, settings)));
    let (cases, settings) = match asked {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!("hunt: {problem}");
            return ExitCode::from(2);
        }
    };
    if options.list {
        cases.iter().for_each(|case| say!("{}", case.to_string().trim_end()));
        return ExitCode::SUCCESS;
    }
    let start = Instant::now();
    let verdicts: Vec<_> = cases.iter().map(|case| Verdict::of(case, &settings)).collect();
    say!("{}", headings());
    verdicts.iter().for_each(|verdict| say!("{verdict}"));
    let wrong = verdicts.iter().filter(|verdict| !verdict.problems.is_empty()).count();
    let (all, seconds) = (verdicts.len(), start.elapsed().as_secs_f64());
    say!("{} of {all} cases as they should be, {seconds:.1} s", all - wrong);
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl Settings {
    /// The options, then the environment, then the defaults.
    fn of(options: &Options) -> Result<Settings, String> {
        let schedules = environment("SEEDLOOP_SCHEDULES")?;
        let seed = environment("SEEDLOOP_SEED")?;
        if schedules == Some(0) {
            return Err("SEEDLOOP_SCHEDULES=0 would check nothing: give 1 or more".into());
        }
        if env::var_os("SEEDLOOP_REPLAY").is_some() {
            return Err("SEEDLOOP_REPLAY is for one program: start that of the case itself".into());
        }
        let here = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target").join("hunt");
        Ok(Settings {
            schedules: options.schedules.or(schedules).unwrap_or(2_000),
            fixed_schedules: options.fixed_schedules.or(schedules).unwrap_or(10_000),
            seed: options.seed.or(seed).unwrap_or(0),
            target_dir: options.target_dir.clone().unwrap_or_else(here),
        })
    }
}

/// A whole number from the environment.
fn environment(name: &str) -> Result<Option<u64>, String> {
    let Some(value) = env::var_os(name) else { return Ok(None) };
    let value = value.to_string_lossy();
    let number = value.trim().parse().map(Some);
    number.map_err(|error| format!("{name}={value} is no whole number: {error}"))
}
