//! A schedule that failed: what, and how to see it again.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    thread,
};

use crate::{
    exec::Error,
    trace::{Digest, Token, Trace},
};

/// The events that a failure shows.
const EVENTS_SHOWN: usize = 40;

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

/// The first schedule that failed. Displays as what to read and what to run next.
///
/// # Examples
/// ```
/// use seedloop::{Check, Error, FailureKind};
/// let failure = Check::new().try_run(|| async { Err::<(), _>(Error::QueueFull) }).unwrap_err();
/// assert_eq!((failure.kind, failure.schedule), (FailureKind::Error, 1));
/// assert!(failure.replay_command().is_some_and(|line| line.starts_with("SEEDLOOP_REPLAY=sl1-")));
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
    /// It is a replay of the token.
    pub is_replay: bool,
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
            is_replay: false,
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
/// test that was run with other flags (features, `--release`) needs them again.
fn guess_command() -> String {
    let Ok(package) = env::var("CARGO_PKG_NAME") else { return own_command() };
    let Some(target) = target(&package) else { return own_command() };
    let mut words = vec!["cargo".into(), "test".into(), "-p".into(), package];
    words.extend(target);
    // A thread that a test has started does not know the test.
    if let Some(test) = thread::current().name().filter(|name| *name != "main") {
        words.extend([test.to_string(), "--".into(), "--exact".into(), "--nocapture".into()]);
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { kind, text, schedule, schedules, seed, .. } = self;
        let Some(token) = &self.token else {
            return write!(f, "{text}");
        };
        match self.is_replay {
            true => writeln!(f, "{kind:?} in a replay")?,
            false => writeln!(f, "{kind:?} in schedule {schedule} of {schedules}, seed {seed}")?,
        }
        writeln!(f, "{text}")?;
        for report in &self.reports {
            writeln!(f, "reported: {report}")?;
        }
        let events = self.main_events;
        let shown = self.trace.part(events.saturating_sub(EVENTS_SHOWN)..events);
        if events > EVENTS_SHOWN {
            writeln!(f, "the last {EVENTS_SHOWN} of {events} events:\n{shown}")?;
        } else {
            writeln!(f, "what happened:\n{shown}")?;
        }
        writeln!(f, "token: {token}")?;
        write!(f, "replay: {}", self.replay_command().unwrap_or_default())
    }
}

impl std::error::Error for Failure {}
