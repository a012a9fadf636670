//! The one error of every await, and how it tells a cancellation.

use std::{error::Error as StdError, fmt, sync::Arc};

use super::{Deadlock, Divergence, Endless};
use crate::kernel::Message;

/// A cancellation, delivered as a value at the await: asyncio's `CancelledError`.
///
/// # Examples
/// ```
/// use seedloop::{Cancelled, Error};
/// let error = Error::from(Cancelled::new(Some("bored")));
/// assert!(matches!(&error, Error::Cancelled(c) if c.message() == Some("bored")));
/// ```
#[derive(Clone)]
pub struct Cancelled(Arc<Mark>);

/// Stands in the source chain of every cancellation: also a transparent wrapper of thiserror,
/// which forwards `source()` past the `Cancelled` itself, still shows it.
#[derive(Debug)]
struct Mark(Message);

impl Cancelled {
    /// A cancellation with the message that `cancel_with` gave.
    pub fn new(message: Option<&str>) -> Cancelled {
        Cancelled::from_message(message.map(Arc::from))
    }

    pub(crate) fn from_message(message: Message) -> Cancelled {
        Cancelled(Arc::new(Mark(message)))
    }

    /// The message that `cancel_with` gave.
    pub fn message(&self) -> Option<&str> {
        self.0.0.as_deref()
    }

    pub(crate) fn to_message(&self) -> Message {
        self.0.0.clone()
    }

    /// The cancellation that `error` is: the first in its chain of sources.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Cancelled, Error};
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("the upload stopped")]
    /// struct Upload(#[from] Error);
    /// let upload = Upload(Cancelled::new(Some("too slow")).into());
    /// assert_eq!(Cancelled::find(&upload).unwrap().message(), Some("too slow"));
    /// assert!(Cancelled::find(&Upload(Error::TimedOut)).is_none());
    /// ```
    pub fn find(error: &(dyn StdError + 'static)) -> Option<Cancelled> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Cancelled>() {
                return Some(found.clone());
            }
            if let Some(mark) = error.downcast_ref::<Mark>() {
                return Some(Cancelled::from_message(mark.0.clone()));
            }
            next = error.source();
        }
        None
    }
}

impl fmt::Debug for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            Some(message) => write!(f, "Cancelled({message:?})"),
            None => f.write_str("Cancelled"),
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(message) => write!(f, "cancelled: {message}"),
            None => f.write_str("cancelled"),
        }
    }
}

impl StdError for Mark {}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Cancelled {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&*self.0)
    }
}

/// What every await of the crate fails with: one `#[from]` covers them all.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, run, sleep, timeout};
/// #[derive(Debug, thiserror::Error)]
/// enum Mine {
///     #[error("the loop: {0}")]
///     Loop(#[from] Error),
/// }
/// let late = run(async {
///     timeout(Duration::from_secs(1), sleep(Duration::from_secs(2))).await?;
///     Ok::<(), Mine>(())
/// });
/// assert!(matches!(late, Err(Mine::Loop(Error::TimedOut))));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The task was told to end here. `asyncio.CancelledError`.
    Cancelled(Cancelled),
    /// A deadline passed. `TimeoutError`.
    TimedOut,
    /// The awaited task's code panicked, with this message.
    Panicked(Arc<str>),
    /// A future was asked for what its state does not have. `asyncio.InvalidStateError`.
    InvalidState(&'static str),
    /// A call in the wrong place; the text names the fix. `RuntimeError`.
    Misuse(&'static str),
    /// An argument out of range; the text names the range. `ValueError`.
    InvalidValue(&'static str),
    /// There is no run on this thread. `RuntimeError: no running event loop`.
    NoRunningLoop,
    /// `run` was called inside a run. `RuntimeError`.
    NestedRun,
    /// The runner is closed. `RuntimeError: Event loop is closed`.
    LoopClosed,
    /// The object belongs to another run. `RuntimeError: ... attached to a different loop`.
    WrongLoop,
    /// A task awaits itself. `RuntimeError: Task cannot await on itself`.
    AwaitSelf,
    /// `get_nowait` found nothing. `asyncio.QueueEmpty`.
    QueueEmpty,
    /// `put_nowait` found no room. `asyncio.QueueFull`.
    QueueFull,
    /// The queue is shut down. `asyncio.QueueShutDown`.
    QueueShutDown,
    /// The executor takes no more jobs. `RuntimeError: cannot schedule new futures after shutdown`.
    ExecutorShutdown,
    /// The barrier was aborted or reset. `asyncio.BrokenBarrierError`.
    BrokenBarrier,
    /// Tasks of a group failed: what `?` makes of a [`GroupError`](crate::GroupError).
    Group(Arc<[Error]>),
    /// Nothing is ready, and nothing ever will be.
    Deadlock(Arc<Deadlock>),
    /// The run goes on without end.
    Livelock(Arc<Endless>),
    /// The run took more steps than it may.
    StepCap(Arc<Endless>),
    /// [`interrupt`](crate::interrupt) left the loop.
    Interrupted,
    /// The replayed run is not the one that the token is of.
    Diverged(Arc<Divergence>),
}

impl Error {
    /// The cancellation, if it is one.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Cancelled, Error};
    /// assert!(Error::from(Cancelled::new(None)).cancelled().is_some());
    /// assert!(Error::TimedOut.cancelled().is_none());
    /// ```
    pub fn cancelled(&self) -> Option<&Cancelled> {
        match self {
            Error::Cancelled(cancelled) => Some(cancelled),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Cancelled(cancelled) => cancelled.fmt(f),
            Error::TimedOut => f.write_str("timed out"),
            Error::Panicked(message) => write!(f, "the task panicked: {message}"),
            Error::InvalidState(text) | Error::Misuse(text) | Error::InvalidValue(text) => {
                f.write_str(text)
            }
            Error::NoRunningLoop => {
                f.write_str("no running loop: call this inside seedloop::run, or in a Check")
            }
            Error::NestedRun => f.write_str("run is not nested: use spawn, or await the future"),
            Error::LoopClosed => f.write_str("the runner is closed: make a new one"),
            Error::WrongLoop => f.write_str(
                "this belongs to another run: make it inside this one (in a Check: in the closure)",
            ),
            Error::AwaitSelf => f.write_str("a task cannot await itself: await it from another"),
            Error::QueueEmpty => f.write_str("the queue is empty"),
            Error::QueueFull => f.write_str("the queue is full"),
            Error::QueueShutDown => f.write_str("the queue is shut down"),
            Error::ExecutorShutdown => {
                f.write_str("the executor is shut down: give it its jobs before, or make a new one")
            }
            Error::BrokenBarrier => f.write_str("the barrier is broken"),
            Error::Group(errors) => {
                write!(f, "{} errors in a task group", errors.len())?;
                errors.iter().try_for_each(|error| write!(f, "; {error}"))
            }
            Error::Deadlock(deadlock) => deadlock.fmt(f),
            Error::Livelock(endless) => write!(f, "livelock: no end in sight after {endless}"),
            Error::StepCap(endless) => write!(f, "step cap: the run took more than {endless}"),
            Error::Interrupted => f.write_str("the loop was interrupted"),
            Error::Diverged(divergence) => divergence.fmt(f),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.cancelled().map(|cancelled| cancelled as _)
    }
}

impl From<Cancelled> for Error {
    fn from(cancelled: Cancelled) -> Error {
        Error::Cancelled(cancelled)
    }
}
