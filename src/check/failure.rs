//! A schedule that failed: what, and how to see it again.

use std::{
    env,
    ffi::OsStr,
    fmt,
    path::{Path, PathBuf},
    thread,
};

use super::Shrunk;
use crate::{
    exec::Error,
    trace::{Digest, Kind, Plan, Token, Trace},
};

/// The events that a failure shows.
const EVENTS_SHOWN: usize = 40;
/// The sentences on its schedule.
const SENTENCES_SHOWN: usize = 20;

/// How a schedule fails.
///
/// # Examples
/// ```
/// use seedloop::{Check, Event, FailureKind};
/// let stuck = Check::new().try_run(|| async { Event::new().wait().await });
/// assert_eq!(stuck.unwrap_err().kind, FailureKind::Deadlock);
/// let panicked = Check::new().try_run(|| async { assert_eq!(1, 2) });
/// assert_eq!(panicked.unwrap_err().kind, FailureKind::Panic);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// A task panicked, and nobody dealt with it.
    Panic,
    /// The main future returned an error.
    Error,
    /// Nothing is ready, and tasks wait.
    Deadlock,
    /// An invariant of [`at_end`](crate::at_end) does not hold.
    Invariant,
    /// A task was not done when main was ([`Check::tasks_must_end`](crate::Check::tasks_must_end)).
    LeakedTask,
    /// The exception handler was told something
    /// ([`Check::reports_fail`](crate::Check::reports_fail)).
    Report,
    /// Steps without end, and time does not move.
    Livelock,
    /// More steps than allowed.
    StepCap,
    /// The loop was interrupted.
    Interrupted,
    /// A replay left the run that its token is of.
    Diverged,
    /// Two steps were taken for independent, and their order matters: they share state that is not
    /// [tracked](crate::Check::tracked).
    Dependence,
    /// The same schedule gave two different runs.
    Nondeterminism,
    /// The environment asks for what makes no sense.
    Usage,
}

impl FailureKind {
    pub(super) fn of(stuck: &Error) -> FailureKind {
        match stuck {
            Error::Deadlock(_) => FailureKind::Deadlock,
            Error::Livelock(..) => FailureKind::Livelock,
            Error::StepCap(_) => FailureKind::StepCap,
            Error::Diverged(_) => FailureKind::Diverged,
            _ => FailureKind::Interrupted,
        }
    }
}

/// The first schedule that failed. Displays as what to read and what to run next; as `{:#}` with
/// the events up to main's end as a [picture](crate::trace::Timeline), a column per task.
///
/// # Examples
/// ```
/// use seedloop::{Check, Error, FailureKind};
/// let failure = Check::new().try_run(|| async { Err::<(), _>(Error::QueueFull) }).unwrap_err();
/// assert_eq!((failure.kind, failure.schedule), (FailureKind::Error, 1));
/// assert!(failure.replay_command().is_some_and(|line| line.starts_with("SEEDLOOP_REPLAY=sl1-")));
/// assert!(format!("{failure:#}").contains("time | main"));
/// ```
#[derive(Clone, Debug)]
pub struct Failure {
    /// How it failed.
    pub kind: FailureKind,
    /// What failed.
    pub text: String,
    /// What the exception handler was told.
    pub reports: Vec<String>,
    /// Which schedule it was: 1 is the first.
    pub schedule: u64,
    /// How many were asked for.
    pub schedules: u64,
    /// The seed.
    pub seed: u64,
    /// Replays it.
    pub token: Option<Token>,
    /// The command that runs the check alone, if the program gave one.
    pub command: Option<String>,
    /// The events of the failed run.
    pub trace: Trace,
    /// How many of them were before main's end; the others are the clean-up.
    pub main_events: usize,
    /// The digest of all events.
    pub digest: Digest,
    /// What the schedule is, if it is one of [holds](crate::sched::Holds): a sentence for each step
    /// that waits for another, and for each choice inside a step. Else empty.
    pub told: Vec<String>,
    /// How it was made small.
    pub shrunk: Option<Shrunk>,
    /// It is a replay of the token.
    pub is_replay: bool,
    /// The schedule was the caller's ([`try_schedule`](crate::Check::try_schedule)), who knows how
    /// to run it again.
    pub is_given: bool,
}

impl Failure {
    pub(super) fn usage(text: String) -> Failure {
        Failure {
            kind: FailureKind::Usage,
            text,
            reports: Vec::new(),
            schedule: 0,
            schedules: 0,
            seed: 0,
            token: None,
            command: None,
            trace: Trace::default(),
            main_events: 0,
            digest: Digest::default(),
            told: Vec::new(),
            shrunk: None,
            is_replay: false,
            is_given: false,
        }
    }

    /// The command that replays the failure.
    ///
    /// # Examples
    /// ```
    /// use seedloop::Check;
    /// let check = Check::new().command("cargo test mine");
    /// let failure = check.try_run(|| async { assert_eq!(1, 2) }).unwrap_err();
    /// let token = failure.token.as_ref().unwrap();
    /// let expected = format!("SEEDLOOP_REPLAY={token} cargo test mine");
    /// assert_eq!(failure.replay_command(), Some(expected));
    /// ```
    pub fn replay_command(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        let command = self.command.clone().unwrap_or_else(guess_command);
        Some(format!("SEEDLOOP_REPLAY={token} {command}"))
    }
}

/// The command that started this process: the test that runs on this thread, or the program. A
/// test that was run with features needs them again.
fn guess_command() -> String {
    let Ok(package) = env::var("CARGO_PKG_NAME") else { return own_command() };
    let Some(target) = target(&package) else { return own_command() };
    let mut words = vec!["cargo".into(), "test".into(), "-p".into(), package];
    words.extend(profile());
    words.extend(target);
    // A thread that a test has started does not know the test.
    if let Some(test) = thread::current().name().filter(|name| *name != "main") {
        words.extend([test, "--", "--exact", "--nocapture"].map(String::from));
        if env::args().any(|word| word == "--ignored" || word == "--include-ignored") {
            words.push("--include-ignored".into());
        }
    }
    words.join(" ")
}

/// The words that this process was started with.
fn own_command() -> String {
    env::args().map(quoted).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: String) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_./:=@%+-".contains(&b);
    match !word.is_empty() && word.bytes().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// The profile, from the path of the test's binary: `target/release/deps/it-0123456789abcdef`.
fn profile() -> Vec<String> {
    let binary = env::args().next().map(PathBuf::from).unwrap_or_default();
    let folder = binary.parent().and_then(Path::parent).and_then(Path::file_name);
    match folder.and_then(OsStr::to_str) {
        None | Some("debug") => Vec::new(),
        Some("release") => vec!["--release".into()],
        Some(other) => vec!["--profile".into(), other.into()],
    }
}

/// The test target, from the name of its binary in `target/*/deps`: `it-0123456789abcdef`. None if
/// this is no test.
fn target(package: &str) -> Option<Vec<String>> {
    let binary = env::args().next()?;
    let path = Path::new(&binary);
    if path.parent()?.file_name()? != "deps" {
        return None;
    }
    let (name, _hash) = path.file_stem()?.to_str()?.rsplit_once('-')?;
    let root = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
    if let Some(test) = test_target(&root, name) {
        return Some(vec!["--test".into(), test]);
    }
    let is_library = name == package.replace('-', "_");
    Some(if is_library { vec!["--lib".into()] } else { Vec::new() })
}

/// The integration test whose binary has this name: cargo puts `_` for `-`.
fn test_target(root: &Path, name: &str) -> Option<String> {
    let files = std::fs::read_dir(root.join("tests")).ok()?;
    let stems = files.filter_map(|file| Some(file.ok()?.path().file_stem()?.to_str()?.to_owned()));
    let mut fitting: Vec<String> = stems.filter(|stem| stem.replace('-', "_") == name).collect();
    fitting.sort();
    fitting.pop()
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FailureKind::Invariant => "Invariant broken",
            FailureKind::LeakedTask => "Task left over",
            FailureKind::StepCap => "Too many steps",
            FailureKind::Diverged => "Another run",
            other => return write!(f, "{other:?}"),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { kind, text, schedule, schedules, seed, .. } = self;
        let Some(token) = &self.token else {
            if self.trace.events().is_empty() {
                return write!(f, "{text}");
            }
            writeln!(f, "{text}")?;
            return self.write_events(f);
        };
        let found = self.shrunk.as_ref().map_or(token, |shrunk| &shrunk.found);
        match (self.is_replay, self.is_given, &found.plan) {
            (true, ..) => writeln!(f, "{kind} in a replay")?,
            (_, true, _) => writeln!(f, "{kind} in the given schedule")?,
            (.., Plan::Raw(_)) => writeln!(f, "{kind} in schedule {schedule} of the search")?,
            _ => writeln!(f, "{kind} in schedule {schedule} of {schedules}, seed {seed}")?,
        }
        writeln!(f, "{text}")?;
        for report in &self.reports {
            writeln!(f, "reported: {report}")?;
        }
        self.write_told(f)?;
        self.write_events(f)?;
        if self.is_given {
            return write!(f, "to run it again: the same schedule (proptest keeps it in a file)");
        }
        if self.kind == FailureKind::Diverged {
            return write!(f, "the token that it is not the run of: {token}");
        }
        writeln!(f, "token: {token}")?;
        write!(f, "replay: {}", self.replay_command().unwrap_or_default())
    }
}

impl Failure {
    /// What the schedule is, and how it came to be.
    fn write_told(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let effort = self.shrunk.as_ref().map(|Shrunk { runs, from, .. }| {
            format!(" (shrunk from {from} waits and choices, in {runs} runs)")
        });
        match (self.told.is_empty(), effort) {
            (true, None) => return Ok(()),
            (true, Some(effort)) => writeln!(f, "asyncio's own order fails like this{effort}")?,
            (false, effort) => {
                let effort = effort.unwrap_or_default();
                writeln!(f, "the schedule is asyncio's order, but{effort}:")?;
            }
        }
        let shown = &self.told[..self.told.len().min(SENTENCES_SHOWN)];
        shown.iter().try_for_each(|sentence| writeln!(f, "  {sentence}"))?;
        if shown.len() < self.told.len() {
            writeln!(f, "  and {} more", self.told.len() - shown.len())?;
        }
        match self.shrunk.as_ref().and_then(|shrunk| shrunk.decides.as_ref()) {
            Some(decides) => writeln!(f, "what decides: {decides}"),
            None => Ok(()),
        }
    }

    /// The last events up to the failure.
    fn write_events(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            let shown = self.trace.part(0..self.main_events);
            return writeln!(f, "what happened:\n{}", shown.timeline());
        }
        let events = self.trace.events();
        let main_end = self.main_events;
        // A panic that is not main's may be one of the clean-up.
        let panic = events.iter().rposition(|event| event.kind == Kind::Panicked);
        let panic = panic.filter(|_| self.kind == FailureKind::Panic);
        let end = panic.map_or(main_end, |at| main_end.max(at + 1));
        let start = end.saturating_sub(EVENTS_SHOWN);
        match start {
            0 => writeln!(f, "what happened:")?,
            _ => writeln!(f, "the last {EVENTS_SHOWN} of {end} events:")?,
        }
        let probed = events.iter().position(|event| event.kind == Kind::Probe);
        let headings = [
            (probed, "-- deadlock: now each stuck task is polled once more, in case it goes on"),
            (Some(main_end), "-- main is done: what is left is cancelled"),
        ];
        let mut shown = start;
        for (at, heading) in headings {
            if let Some(at) = at.filter(|at| (shown..end).contains(at)) {
                if at > shown {
                    writeln!(f, "{}", self.trace.part(shown..at))?;
                }
                writeln!(f, "{heading}")?;
                shown = at;
            }
        }
        writeln!(f, "{}", self.trace.part(shown..end))
    }
}

impl std::error::Error for Failure {}
