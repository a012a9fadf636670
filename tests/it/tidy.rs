//! The house rules that a machine can check: layers, banned calls, sizes, names of nothing that is
//! not the project's.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A module imports only from those before it.
const LAYERS: [&str; 11] =
    ["kernel", "trace", "sched", "exec", "task", "time", "sync", "compose", "pool", "run", "check"];

/// What would let a run depend on more than its program and its token, and what to use instead.
const BANNED: [(&str, &str); 13] = [
    ("Instant::now(", "virtual time: crate::time::now"),
    ("SystemTime", "virtual time: crate::time::now"),
    ("thread::sleep", "virtual time: sleep"),
    ("thread_rng", "a choice: the scheduler's"),
    ("rand::random", "a choice: the scheduler's"),
    ("HashMap", "an ordered map: BTreeMap"),
    ("HashSet", "an ordered set: BTreeSet"),
    ("RandomState", "nothing: there is no hash order here"),
    ("{:p}", "an id: addresses differ between runs"),
    ("todo!(", "the code"),
    ("unimplemented!(", "the code"),
    ("dbg!(", "an event of the trace"),
    ("unsafe ", "safe code: the crate forbids it"),
];

/// Debug mode names what is slow in real time too, the watchdog what hangs; and outside of a run
/// there is no other time.
const REAL_TIME: [&str; 3] =
    ["src/exec/slow.rs", "src/exec/watchdog.rs", "src/pool/thread/deadline.rs"];

/// Where thread-locals, unwinding and wakers may be.
const SHELL: &str = "exec/";
const SHELL_ONLY: [&str; 3] = ["thread_local!", "catch_unwind", "impl WakeTrait"];

const WIDTH: usize = 100;
const FILE_CODE: usize = 400;
const FUNCTION_LINES: usize = 70;

struct Source {
    /// From the root of the crate.
    path: String,
    text: String,
}

impl Source {
    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines up to the file's own tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(at, line)| (at + 1, line));
        lines.take_while(|(_, line)| {
            !line.starts_with("#[cfg(test)]\nmod tests {") && *line != "mod tests {"
        })
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn collect(folder: &Path, sources: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.ends_with("target") {
                collect(&path, sources);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let path = path.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
            sources.push(Source { path, text });
        }
    }
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let mut sources = Vec::new();
    folders.iter().for_each(|folder| collect(&root().join(folder), &mut sources));
    assert!(!sources.is_empty(), "there are sources in {folders:?}");
    sources
}

fn everything() -> Vec<Source> {
    sources(&["src", "models", "tests", "examples", "benches", "macros"])
}

/// Fails with all that is wrong at once.
fn expect_none(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}

fn layer_of(path: &str) -> Option<usize> {
    let module = path.strip_prefix("src/")?.split(['/', '.']).next()?;
    LAYERS.iter().position(|layer| *layer == module)
}

/// The layers that a line names by `crate::`.
fn named_layers(line: &str) -> Vec<&str> {
    let names = line.split("crate::").skip(1);
    names
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap())
        .collect()
}

#[test]
fn layers_import_only_from_below() {
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        if source.path == "src/lib.rs" {
            continue;
        }
        let own = layer_of(&source.path);
        let Some(own) = own else {
            complaints.push(format!("{}: give the module a place in LAYERS", source.path));
            continue;
        };
        let mut in_group = false;
        for (at, line) in source.code() {
            let trimmed = line.trim_start();
            if trimmed.starts_with("//") {
                continue;
            }
            in_group |= trimmed == "use crate::{";
            let mut names = named_layers(line);
            if in_group {
                names.extend(trimmed.split([':', ',', '{']).next());
            }
            in_group &= trimmed != "};";
            for name in names {
                let layer = LAYERS.iter().position(|layer| *layer == name);
                if layer.is_some_and(|layer| layer > own) {
                    complaints.push(format!("{}:{at}: {name} is above", source.path));
                }
            }
        }
    }
    expect_none(complaints);
}

#[test]
fn nothing_reaches_a_trace_but_program_and_token() {
    let mut complaints = Vec::new();
    for source in sources(&["src"]) {
        for (at, line) in source.code() {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (banned, instead) in BANNED {
                if line.contains(banned) && !REAL_TIME.contains(&&*source.path) {
                    complaints.push(format!("{}:{at}: {banned} - use {instead}", source.path));
                }
            }
            let in_shell = source.path.starts_with(&format!("src/{SHELL}"));
            for word in SHELL_ONLY.iter().filter(|word| !in_shell && line.contains(**word)) {
                complaints.push(format!("{}:{at}: {word} belongs in src/{SHELL}", source.path));
            }
        }
    }
    expect_none(complaints);
}

#[test]
fn files_and_functions_are_short() {
    let mut complaints = Vec::new();
    for source in everything() {
        let is_code = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let code = source.code().filter(|(_, line)| is_code(line)).count();
        if code > FILE_CODE && !source.is_test() {
            complaints.push(format!("{}: {code} lines of code, {FILE_CODE} at most", source.path));
        }
        let mut start: Option<(usize, &str)> = None;
        for (at, line) in source.text.lines().enumerate() {
            if line.chars().count() > WIDTH && !line.contains("sl1-") {
                complaints.push(format!("{}:{}: wider than {WIDTH}", source.path, at + 1));
            }
            let trimmed = line.trim_start();
            let indent = &line[..line.len() - trimmed.len()];
            if let Some((from, outer)) = start {
                if indent == outer && trimmed.starts_with('}') {
                    if at - from > FUNCTION_LINES {
                        let lines = at - from;
                        complaints.push(format!("{}:{from}: {lines} lines long", source.path));
                    }
                    start = None;
                }
            } else if line.contains("fn ") && line.contains('(') && !trimmed.starts_with("//") {
                start = (!line.ends_with('}') && !line.ends_with(';')).then_some((at + 1, indent));
            }
        }
    }
    expect_none(complaints);
}

#[test]
fn every_file_says_what_it_is() {
    let opens =
        |source: &Source| source.text.starts_with("//!") || source.path.ends_with("/tests.rs");
    let silent = everything().into_iter().filter(|source| !opens(source));
    expect_none(
        silent.map(|source| format!("{}: open with //! what it is", source.path)).collect(),
    );
}

#[test]
fn the_layers_are_those_of_the_design() {
    let design = fs::read_to_string(root().join("DESIGN.md")).expect("DESIGN.md");
    assert!(design.contains(&LAYERS.join(" < ")), "DESIGN.md names {}", LAYERS.join(" < "));
}
