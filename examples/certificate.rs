//! Checks the evidence of exhaustive searches, from the files that `Check::evidence_file` has
//! written: by itself, without the program that was searched.
//!
//! `cargo run --release --features json --example certificate -- FILE...`

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use seedloop::sched::{Certificate, Evidence};

/// Checks the evidence of exhaustive searches.
#[derive(Parser)]
struct Arguments {
    /// Files with evidence, as JSON.
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

fn main() -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for file in Arguments::parse().files {
        let name = file.display();
        let read = fs::read_to_string(&file).map_err(|error| error.to_string());
        match read.and_then(|text| Evidence::from_json(&text)) {
            Err(error) => {
                eprintln!("{name}: {error}");
                return ExitCode::from(2);
            }
            Ok(evidence) => match evidence.check() {
                Ok(Certificate { runs, reversals, alternatives, .. }) => println!(
                    "{name}: OK, {runs} runs with {reversals} reversals and {alternatives} \
                     alternatives: these are all classes of orders"
                ),
                Err(refusal) => {
                    println!("{name}: REFUSED, {refusal}");
                    code = ExitCode::FAILURE;
                }
            },
        }
    }
    code
}
