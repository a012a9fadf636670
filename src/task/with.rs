//! `async with`: a resource whose end is awaited, whatever its use comes to.

use std::{
    any::type_name,
    ops::{Deref, DerefMut},
    panic::resume_unwind,
};

use super::Raise;
use crate::exec::{Caught, Error, ExceptionContext, call_exception_handler, current_task};

/// What the use of a resource came to when it is left; what `__aexit__` is told.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{AsyncExit, Error, Leaving, run, with};
/// struct Told(Rc<Cell<Option<Leaving>>>);
/// impl AsyncExit for Told {
///     async fn exit(self, leaving: Leaving) -> Result<(), Error> {
///         self.0.set(Some(leaving));
///         Ok(())
///     }
/// }
/// let told = Rc::new(Cell::new(None));
/// let failed = run(with(Told(told.clone()), async |_| Err::<(), _>(Error::QueueFull)));
/// assert!(matches!(failed, Err(Error::QueueFull)));
/// assert_eq!(told.get(), Some(Leaving::Failed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// It returned a value.
    Finished,
    /// It returned an error that is no cancellation.
    Failed,
    /// Its task was cancelled.
    Cancelled,
    /// It panicked.
    Panicked,
}

/// A resource with an end that must be awaited: `__aexit__`. The beginning, `__aenter__`, is
/// whatever makes the resource. What ends without awaiting implements [`Drop`] instead, as guards
/// of locks do.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{AsyncExit, Error, Leaving, now, run, sleep, with};
/// /// Takes a second to say goodbye.
/// struct Session;
/// impl AsyncExit for Session {
///     async fn exit(self, _leaving: Leaving) -> Result<(), Error> {
///         sleep(Duration::from_secs(1)).await
///     }
/// }
/// run(async {
///     with(Session, async |_| Ok::<(), Error>(())).await?;
///     assert_eq!(now().as_millis(), 1_000);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
pub trait AsyncExit {
    /// Ends the use of the resource: `__aexit__`. What it awaits is up to it.
    ///
    /// # Errors
    /// An error replaces the one that the resource is left with, as in Python.
    fn exit(self, leaving: Leaving) -> impl Future<Output = Result<(), Error>>;
}

/// As `async with resource as r: body`: runs `body`, then the resource's exit, in this task; also
/// if the body fails, is cancelled or panics. A cancellation that comes while the exit waits is
/// told to the exit, as in asyncio.
///
/// One thing skips the exit: dropping this future, or aborting its task. Then there is nobody left
/// to await it, and the loop's exception handler is told.
///
/// Schedule points and cancel points are those of the body and of the exit.
///
/// # Errors
/// Those of the exit, else those of the body.
///
/// # Panics
/// As the body does, after the exit.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{AsyncExit, Error, Leaving, log, run, sleep, with};
///
/// struct Connection;
///
/// impl AsyncExit for Connection {
///     async fn exit(self, leaving: Leaving) -> Result<(), Error> {
///         sleep(Duration::from_millis(5)).await?; // says goodbye
///         log(format_args!("closed after it {leaving:?}"));
///         Ok(())
///     }
/// }
///
/// let sent = run(with(Connection, async |_connection| {
///     sleep(Duration::from_millis(1)).await?;
///     Ok::<&str, Error>("sent")
/// }));
/// assert_eq!(sent.unwrap(), "sent");
/// ```
pub async fn with<R, T, E, M, B>(resource: R, body: B) -> Result<T, E>
where
    R: AsyncExit,
    E: Raise<M>,
    B: AsyncFnOnce(&mut R) -> Result<T, E>,
{
    let mut guard = AsyncGuard::new(resource);
    let ended = Caught(Box::pin(body(&mut guard))).await;
    let leaving = match &ended {
        Ok(Ok(_)) => Leaving::Finished,
        Ok(Err(error)) if error.cancellation().is_some() => Leaving::Cancelled,
        Ok(Err(_)) => Leaving::Failed,
        Err(_) => Leaving::Panicked,
    };
    let exited = guard.exit(leaving).await;
    match ended {
        Err(panic) => resume_unwind(panic),
        Ok(result) => {
            exited?;
            result
        }
    }
}

/// A resource in use, where [`with`] does not fit: it must be left by [`exit`](AsyncGuard::exit)
/// or [`close`](AsyncGuard::close). A guard that is only dropped is reported to the loop's
/// exception handler.
///
/// # Examples
/// ```
/// # use seedloop::{AsyncExit, AsyncGuard, Error, Leaving, run};
/// # struct File(Vec<u8>);
/// # impl AsyncExit for File {
/// #     async fn exit(self, _: Leaving) -> Result<(), Error> { Ok(()) }
/// # }
/// run(async {
///     let mut file = AsyncGuard::new(File(Vec::new()));
///     file.0.push(1);
///     file.close().await
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[must_use = "a guard that is only dropped skips its exit"]
pub struct AsyncGuard<R: AsyncExit>(Option<R>);

const LEFT: &str = "a guard holds its resource until it is left";

impl<R: AsyncExit> AsyncGuard<R> {
    /// From here on the resource is to be left.
    pub fn new(resource: R) -> AsyncGuard<R> {
        AsyncGuard(Some(resource))
    }

    /// Leaves the resource. Schedule points and cancel points are those of its exit.
    ///
    /// # Errors
    /// Those of the resource's exit.
    ///
    /// # Examples
    /// ```
    /// # use seedloop::{AsyncExit, AsyncGuard, Error, Leaving, run};
    /// struct Transaction;
    /// impl AsyncExit for Transaction {
    ///     async fn exit(self, leaving: Leaving) -> Result<(), Error> {
    ///         match leaving {
    ///             Leaving::Finished => Ok(()), // commits
    ///             _ => Err(Error::InvalidState("it was rolled back: try again")),
    ///         }
    ///     }
    /// }
    /// let guard = AsyncGuard::new(Transaction);
    /// let ended = run(async move { guard.exit(Leaving::Failed).await });
    /// assert!(matches!(ended, Err(Error::InvalidState(_))));
    /// ```
    pub async fn exit(mut self, leaving: Leaving) -> Result<(), Error> {
        self.0.take().expect(LEFT).exit(leaving).await
    }

    /// Leaves the resource after a use that went well. Schedule points and cancel points are those
    /// of its exit.
    ///
    /// # Errors
    /// Those of the resource's exit.
    pub async fn close(self) -> Result<(), Error> {
        self.exit(Leaving::Finished).await
    }

    /// The resource, for somebody else to leave.
    ///
    /// # Examples
    /// ```
    /// # use seedloop::{AsyncExit, AsyncGuard, Error, Leaving};
    /// # struct File(Vec<u8>);
    /// # impl AsyncExit for File {
    /// #     async fn exit(self, _: Leaving) -> Result<(), Error> { Ok(()) }
    /// # }
    /// let guard = AsyncGuard::new(File(vec![1]));
    /// let file: File = guard.into_inner(); // nothing is skipped, nothing is reported
    /// assert_eq!(file.0, [1]);
    /// ```
    pub fn into_inner(mut self) -> R {
        self.0.take().expect(LEFT)
    }
}

impl<R: AsyncExit> Deref for AsyncGuard<R> {
    type Target = R;

    fn deref(&self) -> &R {
        self.0.as_ref().expect(LEFT)
    }
}

impl<R: AsyncExit> DerefMut for AsyncGuard<R> {
    fn deref_mut(&mut self) -> &mut R {
        self.0.as_mut().expect(LEFT)
    }
}

impl<R: AsyncExit> Drop for AsyncGuard<R> {
    fn drop(&mut self) {
        let Some(resource) = self.0.take() else { return };
        drop(resource);
        let message = format!(
            "the async exit of {} was skipped: it was dropped, or its task was aborted; \
             cancel the task, or leave the guard by `with` or `close().await`",
            type_name::<R>()
        );
        let context = ExceptionContext::new(message);
        call_exception_handler(match current_task() {
            Some(task) => context.task(task),
            None => context,
        });
    }
}
