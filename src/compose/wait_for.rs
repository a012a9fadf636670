//! `asyncio.wait_for`, as since Python 3.12.

use std::time::Duration;

use crate::{
    exec::{Error, raw::RawFuture},
    task::{Outcome, ensure},
    time::{Timeout, now},
};

/// As `asyncio.wait_for` (`tasks.py`): awaits a future for at most so long, in the calling task;
/// `None` waits for ever. A duration of zero takes a result that is there, and cancels what is not
/// done: a future that is not a task then becomes one, and never starts. A schedule point and a
/// cancel point.
///
/// For a future that borrows, use [`timeout`](crate::timeout).
///
/// # Errors
/// Those of the future; [`Error::TimedOut`]; [`Error::Cancelled`]; [`Error::Misuse`] outside a
/// task.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, run, sleep, wait_for};
/// let nap = run(async {
///     wait_for(sleep(Duration::from_secs(2)), Duration::from_secs(1)).await
/// });
/// assert!(matches!(nap, Err(Error::TimedOut)));
/// ```
pub async fn wait_for<F, M>(
    future: F,
    duration: impl Into<Option<Duration>>,
) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: Future<Output: Outcome<M>> + 'static,
{
    let duration = duration.into();
    if duration != Some(Duration::ZERO) {
        return Timeout::new(duration.map(|d| now() + d)).run(future).await;
    }
    let future = ensure(future);
    if future.is_done() {
        return future.slot.outcome();
    }
    let waiter = std::rc::Rc::new(RawFuture::new("wait_for")?);
    let released = waiter.clone();
    let callback = future.add_done_callback(move |_| {
        released.resolve();
    });
    future.slot.awaited.set(true);
    future.cancel();
    let waited = waiter.wait().await;
    future.remove_done_callback(callback);
    waited?;
    match future.slot.outcome() {
        Err(error) if <F::Output as Outcome<M>>::cancellation(&error).is_some() => {
            Err(Error::TimedOut.into())
        }
        result => result,
    }
}
