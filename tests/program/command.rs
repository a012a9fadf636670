//! The command itself: its exit codes, and that nothing is half-run.

use std::{
    env,
    io::Write,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

const GOOD: &str = r#"{"coros":{"main":[{"op":"await","aw":{"k":"sleep","d":1}}]}}"#;

/// The example beside this test's own binary; `cargo test` builds it, one test target alone does
/// not.
fn binary() -> PathBuf {
    let mut path = env::current_exe().expect("a path");
    path.pop();
    path.set_file_name("examples");
    path.push("program");
    if !path.exists() {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--example", "program"]);
        assert!(cargo.status().expect("cargo").success());
    }
    path
}

fn program(args: &[&str], input: &str) -> Output {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the example runs");
    // A program that is refused at once does not read its input.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

#[track_caller]
fn refused(args: &[&str], input: &str, says: &str) {
    let output = program(args, input);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(output.stdout.is_empty(), "nothing is half-run");
    assert!(error.contains(says), "{error}");
}

#[test]
fn a_good_program_prints_its_trace() {
    let output = program(&[], GOOD);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(br#"{"t":0,"i":1,"task":"main","ev":"enter","c":"main"}"#));
    assert!(output.stderr.is_empty());
}

#[test]
fn malformed_input_is_refused_with_code_2() {
    refused(&[], "", "malformed program");
    refused(&[], "[]", "malformed program");
    refused(&[], r#"{"coros":{}}"#, "main");
    refused(&[], r#"{"coros":{"main":[{"op":"fly"}]}}"#, "fly");
    refused(&[], r#"{"coros":{"main":[{"op":"spawn","c":"w","as":"t"}]}}"#, "w");
    refused(&["--seed", "minus one"], GOOD, "seed");
    refused(&["--replay", "sl1-nonsense"], GOOD, "token");
    refused(&["--max-iter", ""], GOOD, "max-iter");
    refused(&["--unknown"], GOOD, "unknown");
}

#[test]
fn what_is_not_simulated_says_so() {
    let streams = r#"{"coros":{"main":[{"op":"await","aw":{"k":"drain"}}]}}"#;
    let output = program(&[], streams);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty() && error.contains("not simulated yet"), "{error}");
}

#[test]
fn a_seed_gives_a_token_that_replays_in_another_process() {
    let spawn = |n: u32| format!(r#"{{"op":"spawn","c":"w","as":"t{n}"}}"#);
    let spawns: Vec<String> = (0..5).map(spawn).collect();
    let sleep = r#"{"op":"await","aw":{"k":"sleep","d":1}}"#;
    let main = format!("[{},{sleep}]", spawns.join(","));
    let contended = format!(r#"{{"coros":{{"w":[{{"op":"log","v":1}}],"main":{main}}}}}"#);
    let first = program(&["--seed", "7"], &contended);
    let said = String::from_utf8(first.stderr).expect("UTF-8");
    let token = said.lines().find_map(|line| line.strip_prefix("token: ")).expect("a token");
    let again = program(&["--replay", token], &contended);
    assert_eq!(again.status.code(), Some(0));
    assert_eq!(first.stdout, again.stdout);
    assert_eq!(String::from_utf8(again.stderr).expect("UTF-8"), said, "token and digest");
    let other = program(&["--replay", token], GOOD);
    let error = String::from_utf8(other.stderr).expect("UTF-8");
    assert_eq!(other.status.code(), Some(1));
    assert!(error.contains("diverged at step"), "{error}");
}
