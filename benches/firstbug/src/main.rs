//! How many schedules each sampler needs to find the bugs of SCTBench. A cell is `mean ± standard
//! deviation (found)`: the mean over the trials that have found the bug, and how many have.
//!
//! ```text
//! cargo run --release -- [WORD ...] [--trials N] [--cap N] [--sampler WORD] [--at-once]
//!     [--published]
//! ```
//! The programs of these names, or else whose names contain a word, or all; 20 trials of up to
//! 10,000 schedules each, a few minutes a sampler on two cores.
//! `--at-once` starts all tasks before any of them runs; without it each start is a step, as
//! `pthread_create` is. `--published` prints what is known of these programs in C, too.

mod harness;
mod programs;
mod published;
#[cfg(test)]
mod tests;

use std::{env, process::ExitCode};

use comfy_table::{Table, presets::ASCII_MARKDOWN};

use harness::{Make, Setup};
use programs::{PROGRAMS, Program, Start};

/// The command line.
struct Args {
    words: Vec<String>,
    sampler: String,
    published: bool,
    setup: Setup,
}

fn main() -> ExitCode {
    match parse(env::args().skip(1)).and_then(|args| print_tables(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut given: impl Iterator<Item = String>) -> Result<Args, String> {
    let setup = Setup { start: Start::OneByOne, trials: 20, schedules_max: 10_000 };
    let mut args = Args { words: Vec::new(), sampler: String::new(), published: false, setup };
    while let Some(word) = given.next() {
        let mut value = || given.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| match text.parse() {
            Ok(number) if number > 0 => Ok(number),
            _ => Err(format!("not a number above 0: {text}")),
        };
        match word.as_str() {
            "--trials" => args.setup.trials = number(value()?)?,
            "--cap" => args.setup.schedules_max = number(value()?)?,
            "--sampler" => args.sampler = value()?,
            "--at-once" => args.setup.start = Start::AtOnce,
            "--published" => args.published = true,
            option if option.starts_with('-') => return Err(format!("no such option: {option}")),
            _ => args.words.push(word),
        }
    }
    Ok(args)
}

fn print_tables(args: &Args) -> Result<(), String> {
    let mut programs = PROGRAMS.to_vec();
    let names = PROGRAMS.map(|program| program.name);
    if !args.words.is_empty() {
        let is_wanted = |name| args.words.iter().any(|word| stands_for(word, name, &names));
        programs.retain(|program| is_wanted(program.name));
    }
    let mut samplers = harness::samplers();
    let names: Vec<&str> = samplers.iter().map(|(name, _)| *name).collect();
    samplers.retain(|(name, _)| stands_for(&args.sampler, name, &names));
    if programs.is_empty() || samplers.is_empty() {
        return Err("no such program, or no such sampler".into());
    }
    println!("{}", measured(&programs, &samplers, args.setup));
    if args.published {
        println!("\nPublished, of the same programs in C and C++:\n\n{}", published(&programs));
    }
    Ok(())
}

/// A word stands for the name that it is, or else for all names that contain it.
fn stands_for(word: &str, name: &str, names: &[&str]) -> bool {
    if names.contains(&word) { name == word } else { name.contains(word) }
}

/// The programs down, the samplers across.
fn measured(programs: &[Program], samplers: &[(&str, Make)], setup: Setup) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    let names = samplers.iter().map(|(name, _)| *name);
    table.set_header(["program", "steps", "asyncio's order"].into_iter().chain(names));
    let rows = harness::run_trials(programs, samplers, setup);
    for (program, row) in programs.iter().zip(rows) {
        let (is_bug, steps) = harness::in_order(*program, setup.start);
        let in_order = if is_bug { "fails" } else { "passes" };
        let what = [program.name.to_string(), steps.to_string(), in_order.to_string()];
        table.add_row(what.into_iter().chain(row.iter().map(ToString::to_string)));
    }
    table
}

fn published(programs: &[Program]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN);
    table.set_header(["program"].into_iter().chain(published::SAMPLERS));
    for program in programs {
        table.add_row([program.name].into_iter().chain(published::row(program.name)));
    }
    table
}
