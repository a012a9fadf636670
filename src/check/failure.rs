//! A schedule that failed: what, and how to see it again.

use std::{env, fmt, path::Path, thread};

use crate::{
    exec::Error,
    trace::{Digest, Token, Trace},
};

/// The events that a failure shows.
const EVENTS_SHOWN: usize = 40;

/// How a schedule fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// A task panicked, and nobody dealt with it.
    Panic,
    /// The main future returned an error.
    Error,
    /// Nothing is ready, and tasks wait.
    Deadlock,
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
    pub fn replay_command(&self) -> Option<String> {
        let token = self.token.as_ref()?;
        let command = self.command.clone().unwrap_or_else(guess_command);
        Some(format!("SEEDLOOP_REPLAY={token} {command}"))
    }
}

/// The command that started this process: the test that runs on this thread, or the program.
fn guess_command() -> String {
    let quoted = |text: String| match text.bytes().all(|b| b.is_ascii_graphic() && b != b'\'') {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    };
    let name = thread::current().name().filter(|name| *name != "main").map(str::to_string);
    let mut words = Vec::new();
    match (name, env::var("CARGO_PKG_NAME")) {
        (Some(test), Ok(package)) => {
            words.extend(["cargo", "test", "-p"].map(String::from));
            words.push(package);
            words.extend(target());
            words.extend([test, "--".into(), "--exact".into(), "--nocapture".into()]);
        }
        _ => words.extend(env::args().map(quoted)),
    }
    words.join(" ")
}

/// The test target, from the name of its binary: `it-0123456789abcdef`.
fn target() -> Vec<String> {
    let binary = env::args().next().unwrap_or_default();
    let name = Path::new(&binary).file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let Some((name, _hash)) = name.rsplit_once('-') else {
        return Vec::new();
    };
    match env::var("CARGO_CRATE_NAME").is_ok_and(|of| of == name) {
        true => vec!["--lib".into()],
        false => vec!["--test".into(), name.into()],
    }
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
