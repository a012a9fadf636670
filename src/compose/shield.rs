//! `asyncio.shield`.

use crate::{
    exec::{raw::RawFuture, running},
    kernel::{OnCancel, State},
    task::{ErrorType, Future, Outcome, Slot, ensure},
};

/// As `asyncio.shield` (`tasks.py`): awaits a future so that a cancellation of the awaiting task
/// does not reach it. The awaiting task is cancelled all the same. A future is spawned; a task or
/// future that is done already is given back. Awaiting it is a schedule point unless it is done,
/// and a cancel point.
///
/// # Errors
/// Those of the future; [`Error::Cancelled`](crate::Error::Cancelled).
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc, time::Duration};
/// use seedloop::{Error, run, shield, sleep, spawn, yield_now};
/// run(async {
///     let saved = Rc::new(Cell::new(false));
///     let save = { let saved = saved.clone(); async move {
///         sleep(Duration::from_secs(1)).await?;
///         saved.set(true);
///         Ok::<(), Error>(())
///     } };
///     let task = spawn(async move { shield(save).await });
///     yield_now().await?;
///     task.cancel();
///     assert!(task.await.is_err());
///     sleep(Duration::from_secs(2)).await?;
///     assert!(saved.get());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn shield<F, M>(
    future: F,
) -> Future<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    let inner = ensure(future);
    if inner.is_done() {
        return inner;
    }
    let raw = RawFuture::in_shell(&running(), "shield", OnCancel::Itself);
    let outer = Slot::new(raw, "Future", ErrorType::of::<F::Output, M>());
    let copied = {
        let (inner, outer) = (inner.slot.clone(), outer.clone());
        move || match (outer.state(), inner.state()) {
            (State::Pending, State::Cancelled) => {
                outer.raw.cancel(None);
            }
            (State::Pending, state) => {
                outer.put(inner.outcome());
                let _open =
                    if state == State::Failed { outer.raw.fail() } else { outer.raw.resolve() };
            }
            // The waiter is gone: nobody else will look at the error.
            (_, State::Cancelled) => {}
            _ => inner.mark_retrieved(),
        }
    };
    let callback = inner.slot.raw.on_done(copied);
    let inner = inner.slot;
    // As in asyncio, a scheduled callback keeps its future.
    let kept = outer.clone();
    outer.raw.on_done(move || {
        inner.raw.remove_on_done(callback);
        drop(kept);
    });
    Future::from_slot(outer)
}
