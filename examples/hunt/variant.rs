//! One variant of a case: a project of its own, since two versions of a crate cannot share a lock
//! file. Builds it, runs it, and reads its one line.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde::Deserialize;
use serde_json::Value;

/// What a case's program says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub(crate) enum Outcome {
    Passed(Passed),
    Failed(Failed),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Passed {
    pub(crate) schedules: u64,
    pub(crate) text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Failed {
    pub(crate) kind: String,
    pub(crate) schedule: u64,
    /// The failure's first lines, without its events.
    pub(crate) what: String,
    /// The environment that replays it, as a shell reads it.
    pub(crate) replay: String,
    /// Of all events; a run that hangs has "none".
    pub(crate) digest: String,
    /// All that a reader is shown.
    pub(crate) text: String,
}

/// Builds a variant; gives its program, or what cargo says.
pub(crate) fn build(case: &str, variant: &str, target_dir: &Path) -> Result<PathBuf, String> {
    let project: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "examples", "hunt", case, variant, "Cargo.toml"]
            .iter()
            .collect();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--quiet"]);
    command.arg("--message-format=json-render-diagnostics");
    command.arg("--manifest-path").arg(project).arg("--target-dir").arg(target_dir);
    let output = command.output().map_err(|error| format!("cargo does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{case}, {variant}: it does not build:\n{said}"));
    }
    let said = String::from_utf8_lossy(&output.stdout);
    let messages = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = messages.filter_map(|message| Some(message["executable"].as_str()?.into()));
    programs.next_back().ok_or_else(|| format!("{case}, {variant}: cargo names no program"))
}

/// Runs the program of a variant, under seeded schedules.
pub(crate) fn explore(program: &Path, schedules: u64, seed: u64) -> Result<Outcome, String> {
    let mut command = command(program);
    command.args(["--schedules", &schedules.to_string(), "--seed", &seed.to_string()]);
    outcome(command)
}

/// Runs the program of a variant as a failure says.
pub(crate) fn replay(program: &Path, failed: &Failed) -> Result<Outcome, String> {
    let mut command = command(program);
    command.envs(failed.replay.split(' ').filter_map(|variable| variable.split_once('=')));
    outcome(command)
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    // What this process was asked for is on the command line.
    command.env_remove("SEEDLOOP_SEED").env_remove("SEEDLOOP_SCHEDULES").arg("--json");
    command
}

fn outcome(mut command: Command) -> Result<Outcome, String> {
    let output = command.output().map_err(|error| format!("it does not start: {error}"))?;
    if let Some(hung) = hung(&output) {
        return Ok(Outcome::Failed(hung));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("it ends with {}, and no result ({error}):\n{said}", output.status)
    })
}

/// What the watchdog said, if it ended the program: that has no result of its own.
fn hung(output: &Output) -> Option<Failed> {
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, hang) = said.split_once("seedloop: hang inside one poll: ")?;
    // How long it hung, in real time, is another in each run.
    let (who, rest) = hang.split_once(" has not come back for ")?;
    let (place, rest) = rest.split_once("\n  in ")?.1.split_once(": ")?;
    let (replay, _) = rest.split_once(" runs up to it")?;
    let schedule = place.strip_prefix("schedule ")?.split(' ').next()?.parse().ok()?;
    let by_watchdog = output.status.code() == Some(101);
    by_watchdog.then(|| Failed {
        kind: "Hang".into(),
        schedule,
        what: format!("{who} hangs in {place}"),
        replay: replay.into(),
        digest: "none".into(),
        text: said.trim_end().into(),
    })
}
