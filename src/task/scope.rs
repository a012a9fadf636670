//! Cancellation scopes: where a cancellation lands that nothing inside can hear.
//!
//! The crate's own awaits are told of a cancellation. A foreign future (futures-rs, tokio::sync)
//! cannot be told; the innermost scope around it drops it and gives `Err(Cancelled)` in its place.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use crate::exec::{Error, ScopeId, Shell, Wait, raw::RawFuture, try_with};

/// A future inside a scope.
pub(crate) struct Scope<F> {
    inner: Option<Pin<Box<F>>>,
    place: Option<Place>,
    /// Set while nothing inside hears cancellations: what a cancellation then hits. The await is
    /// dropped before what it waits for.
    own: Option<(Wait, RawFuture)>,
    /// Where to say which scope it is, and which is around it.
    known_as: Option<Rc<Cell<Option<ScopePlace>>>>,
}

/// A scope, and the scope around it.
pub(crate) type ScopePlace = (ScopeId, Option<ScopeId>);

/// The scope in its run.
struct Place {
    shell: Rc<Shell>,
    id: ScopeId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shell.core.borrow_mut().scopes.close(self.id);
    }
}

/// Leaves the scope when the poll is over, also by a panic.
struct Inside<'a>(&'a Shell);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.core.borrow_mut().scopes.pop();
    }
}

pub(crate) fn scope<F: Future>(future: F) -> Scope<F> {
    Scope { inner: Some(Box::pin(future)), place: None, own: None, known_as: None }
}

/// A scope that says which it is, from its first poll on.
pub(crate) fn known_scope<F: Future>(
    future: F,
    known_as: Rc<Cell<Option<ScopePlace>>>,
) -> Scope<F> {
    Scope { known_as: Some(known_as), ..scope(future) }
}

impl<F> Unpin for Scope<F> {}

impl<F: Future> Future for Scope<F> {
    type Output = Result<F::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if let Some((wait, raw)) = &mut this.own
            && let Poll::Ready(waited) = wait.poll(context)
        {
            let error = waited.err().unwrap_or_else(|| raw.take_cancelled().into());
            this.finish();
            return Poll::Ready(Err(error));
        }
        let Some(place) = this.place.as_ref() else {
            let Some(shell) = try_with(Rc::clone) else {
                return Poll::Ready(Err(Error::NoRunningLoop));
            };
            let (id, outer) = shell.core.borrow_mut().scopes.open();
            if let Some(known_as) = &this.known_as {
                known_as.set(Some((id, outer)));
            }
            this.place = Some(Place { shell, id });
            return self.poll(context);
        };
        place.shell.core.borrow_mut().scopes.push(place.id);
        let inside = Inside(&place.shell);
        let inner = this.inner.as_mut().expect("not polled after its end");
        let polled = inner.as_mut().poll(context);
        drop(inside);
        match polled {
            Poll::Ready(value) => {
                this.finish();
                Poll::Ready(Ok(value))
            }
            Poll::Pending => {
                let hears = place.shell.core.borrow().scopes.hears(place.id);
                if hears {
                    this.own = None;
                } else if this.own.is_none() {
                    let raw = RawFuture::new("a foreign future")?;
                    let mut wait = Wait::of_scope(raw.id(), place.id);
                    let registered = wait.poll(context);
                    debug_assert!(registered.is_pending(), "a new future is pending");
                    this.own = Some((wait, raw));
                }
                Poll::Pending
            }
        }
    }
}

impl<F> Scope<F> {
    /// Drops what is inside, first its future, then its place.
    fn finish(&mut self) {
        self.inner = None;
        self.own = None;
        self.place = None;
    }
}

/// A foreign future that can be cancelled; see [`foreign`].
///
/// # Examples
/// ```
/// use futures::channel::oneshot;
/// use seedloop::{Foreign, foreign, run};
/// let (sender, receiver) = oneshot::channel();
/// let reply: Foreign<oneshot::Receiver<u32>> = foreign(receiver);
/// sender.send(5).unwrap();
/// let got = run(async { reply.await.unwrap().unwrap() });
/// assert_eq!(got.unwrap(), 5);
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Foreign<F>(Scope<F>);

/// Awaits a future of another library so that a cancellation of the task ends the wait: the
/// future is dropped, and the await gives [`Error::Cancelled`]. Without it (and without a
/// `timeout` or the like around it) a cancellation drops the whole task. A schedule point if the
/// future is pending, and a cancel point.
///
/// # Errors
/// [`Error::Cancelled`]; the future's own output is inside the `Ok`.
///
/// # Examples
/// ```
/// use seedloop::{Error, foreign, run, spawn, yield_now};
/// run(async {
///     let (_sender, receiver) = futures::channel::oneshot::channel::<u32>();
///     let task = spawn(async move {
///         match foreign(receiver).await {
///             Err(Error::Cancelled(_)) => Ok("cleaned up"),
///             _ => Err(Error::TimedOut),
///         }
///     });
///     yield_now().await?;
///     task.cancel();
///     assert_eq!(task.await?, "cleaned up");
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn foreign<F: Future>(future: F) -> Foreign<F> {
    Foreign(scope(future))
}

impl<F: Future> Future for Foreign<F> {
    type Output = Result<F::Output, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context)
    }
}
