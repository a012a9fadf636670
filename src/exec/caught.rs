//! Panics as values.

use std::{
    any::Any,
    cell::RefCell,
    future::Future,
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::Once,
    task::{Context, Poll},
};

use super::step::panic_text;

/// Gives the panic of the future as an error. It is not polled after that.
pub(crate) struct Caught<F>(pub(crate) F);

/// Runs `f`; its panic is a text.
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|panic| panic_text(&*panic))
}

impl<F: Future + Unpin> Future for Caught<F> {
    type Output = Result<F::Output, Box<dyn Any + Send>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let inner = Pin::new(&mut self.0);
        match catch_unwind(AssertUnwindSafe(|| inner.poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// The file and line of the first panic.
pub(crate) type Place = Option<String>;

thread_local! {
    /// Panics of this thread are not printed while there is something here.
    static QUIET: RefCell<Option<Place>> = const { RefCell::new(None) };
}

/// Are panics of this thread not printed now?
pub(crate) fn is_quiet() -> bool {
    QUIET.with_borrow(Option::is_some)
}

/// A job has panicked there, on a thread of its own, on behalf of this one.
pub(crate) fn panicked_at(there: Place) {
    QUIET.with_borrow_mut(|quiet| {
        if let Some(place @ None) = quiet {
            *place = there;
        }
    });
}

/// Runs `f`. What panics meanwhile on this thread is not printed: gives where the first one was.
pub(crate) fn quietly<R>(f: impl FnOnce() -> R) -> (R, Place) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let loud = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let is_quiet = QUIET.with_borrow_mut(|quiet| {
                let Some(place) = quiet else { return false };
                if place.is_none() {
                    *place = info.location().map(ToString::to_string);
                }
                true
            });
            if !is_quiet {
                loud(info);
            }
        }));
    });
    let before = QUIET.replace(Some(None));
    let ended = catch_unwind(AssertUnwindSafe(f));
    let place = QUIET.replace(before).flatten();
    match ended {
        Ok(ended) => (ended, place),
        Err(panic) => panic::resume_unwind(panic),
    }
}
