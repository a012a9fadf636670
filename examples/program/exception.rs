//! The exceptions of a program: Python's types and their hierarchy, the program's one error type
//! `Exception`, and what each `seedloop::Error` is called in asyncio.

use std::fmt;

use seedloop::{Cancelled, Error, GroupError};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// Python's exception types, by their Python names.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Kind {
    BaseException,
    Exception,
    AppBaseError,
    AppError,
    #[serde(skip)]
    AttributeError,
    BaseExceptionGroup,
    BrokenBarrierError,
    BrokenPipeError,
    CancelledError,
    ConnectionError,
    ConnectionRefusedError,
    ConnectionResetError,
    EOFError,
    ExceptionGroup,
    IncompleteReadError,
    InvalidStateError,
    KeyError,
    KeyboardInterrupt,
    LimitOverrunError,
    LookupError,
    OSError,
    QueueEmpty,
    QueueFull,
    #[serde(skip)]
    QueueShutDown,
    #[serde(skip)]
    RecursionError,
    RuntimeError,
    SystemExit,
    TimeoutError,
    TypeError,
    ValueError,
}

impl Kind {
    /// The classes it derives from directly.
    fn bases(self) -> &'static [Kind] {
        match self {
            Kind::BaseException => &[],
            Kind::Exception
            | Kind::AppBaseError
            | Kind::BaseExceptionGroup
            | Kind::CancelledError
            | Kind::KeyboardInterrupt
            | Kind::SystemExit => &[Kind::BaseException],
            Kind::ExceptionGroup => &[Kind::BaseExceptionGroup, Kind::Exception],
            Kind::KeyError => &[Kind::LookupError],
            Kind::TimeoutError | Kind::ConnectionError => &[Kind::OSError],
            Kind::BrokenPipeError | Kind::ConnectionRefusedError | Kind::ConnectionResetError => {
                &[Kind::ConnectionError]
            }
            Kind::BrokenBarrierError | Kind::RecursionError => &[Kind::RuntimeError],
            Kind::IncompleteReadError => &[Kind::EOFError],
            _ => &[Kind::Exception],
        }
    }

    /// As Python's `issubclass`.
    pub(crate) fn is_a(self, other: Kind) -> bool {
        self == other || self.bases().iter().any(|base| base.is_a(other))
    }

    /// Whether its constructor takes no single message, so that a program cannot make one.
    fn needs_arguments(self) -> bool {
        matches!(
            self,
            Kind::BaseExceptionGroup
                | Kind::ExceptionGroup
                | Kind::IncompleteReadError
                | Kind::LimitOverrunError
        )
    }
}

/// An exception of the program; the `E` of each of its tasks and futures.
#[derive(Clone, Debug)]
pub(crate) struct Exception {
    pub(crate) kind: Kind,
    /// Shown if the program made the exception, or if it is a cancellation.
    message: Option<String>,
    /// What a group holds.
    parts: Vec<Exception>,
    /// What the library said, if it said it. A cancellation always has one.
    origin: Option<Error>,
}

impl Exception {
    /// One that Python makes: its message is not shown.
    pub(crate) fn new(kind: Kind) -> Exception {
        Exception { kind, message: None, parts: Vec::new(), origin: None }
    }

    /// One that the program makes, by `raise` or `fut_exc`.
    pub(crate) fn made(kind: Kind, message: Option<&str>) -> Result<Exception, Exception> {
        if kind.needs_arguments() {
            return Err(Exception::new(Kind::TypeError));
        }
        if kind == Kind::CancelledError {
            return Ok(Exception::from(Error::from(Cancelled::new(message))));
        }
        let message = message.filter(|text| !text.is_empty()).map(str::to_owned);
        Ok(Exception { message, ..Exception::new(kind) })
    }

    /// As `isinstance`.
    pub(crate) fn is_a(&self, kind: Kind) -> bool {
        self.kind.is_a(kind)
    }

    /// Whether it leaves the event loop at once.
    pub(crate) fn leaves_the_loop(&self) -> bool {
        matches!(self.kind, Kind::SystemExit | Kind::KeyboardInterrupt)
    }

    /// The library's error it was made from.
    pub(crate) fn origin(&self) -> Option<&Error> {
        self.origin.as_ref()
    }

    /// How a trace shows it.
    pub(crate) fn to_json(&self) -> Json {
        let mut shown = json!({ "exc": self.kind.to_string() });
        if self.is_a(Kind::BaseExceptionGroup) {
            shown["subs"] = self.parts.iter().map(Exception::to_json).collect();
        } else if let Some(message) = &self.message {
            shown["msg"] = json!(message);
        }
        shown
    }

    /// What leaves a task group: the one that leaves the loop, or a group of all of them.
    fn group(parts: Vec<Exception>) -> Exception {
        if let Some(fatal) = parts.iter().find(|part| part.leaves_the_loop()) {
            return fatal.clone();
        }
        let plain = parts.iter().all(|part| part.is_a(Kind::Exception));
        let kind = if plain { Kind::ExceptionGroup } else { Kind::BaseExceptionGroup };
        Exception { parts, ..Exception::new(kind) }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "{}: {message}", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

impl std::error::Error for Exception {
    /// Seedloop takes an error for a cancellation if `Cancelled` is in this chain.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.origin {
            Some(Error::Cancelled(cancelled)) => Some(cancelled),
            _ => None,
        }
    }
}

impl From<Error> for Exception {
    fn from(error: Error) -> Exception {
        let kind = match &error {
            Error::Cancelled(_) => Kind::CancelledError,
            Error::TimedOut => Kind::TimeoutError,
            Error::InvalidState(_) => Kind::InvalidStateError,
            Error::InvalidValue(_) => Kind::ValueError,
            Error::QueueEmpty => Kind::QueueEmpty,
            Error::QueueFull => Kind::QueueFull,
            Error::QueueShutDown => Kind::QueueShutDown,
            Error::BrokenBarrier => Kind::BrokenBarrierError,
            _ => Kind::RuntimeError,
        };
        let message = match &error {
            Error::Cancelled(cancelled) => cancelled.message(),
            _ => None,
        };
        let message = message.filter(|text| !text.is_empty()).map(str::to_owned);
        Exception { kind, message, parts: Vec::new(), origin: Some(error) }
    }
}

impl From<GroupError<Exception>> for Exception {
    fn from(error: GroupError<Exception>) -> Exception {
        match error {
            GroupError::Cancelled(cancelled) => Exception::from(Error::from(cancelled)),
            GroupError::Errors(parts) => Exception::group(parts),
        }
    }
}
