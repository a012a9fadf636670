//! What runs already and can be waited for: tasks and futures.

use std::{collections::BTreeSet, rc::Rc};

use crate::{
    exec::{Error, raw::RawFuture},
    kernel::{CallId, State},
    task::{Future, Slot, Task},
};

/// A [`Task`] or a [`Future`]: runs already, ends with a value. Sealed.
///
/// # Examples
/// ```
/// use seedloop::{Awaitable, Error, run, spawn, wait};
/// /// How many are done.
/// async fn done<A: Awaitable>(tasks: Vec<A>) -> Result<usize, Error> {
///     Ok(wait(tasks).first_completed().await?.done.len())
/// }
/// let count = run(async { done(vec![spawn(async {}), spawn(async {})]).await });
/// assert_eq!(count.unwrap(), 2);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not run yet",
    note = "spawn it first: `wait` and `as_completed` take tasks"
)]
pub trait Awaitable: sealed::Handle + 'static {}

impl<T: 'static, E: From<Error> + 'static> Awaitable for Task<T, E> {}
impl<T: 'static, E: From<Error> + 'static> Awaitable for Future<T, E> {}

pub(crate) mod sealed {
    use super::*;

    /// The handle behind an awaitable.
    pub trait Handle {
        /// What it ends with.
        type Value: 'static;
        /// What it fails with.
        type Error: From<Error> + 'static;

        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn slot(&self) -> &Rc<Slot<Self::Value, Self::Error>>;
    }

    impl<T: 'static, E: From<Error> + 'static> Handle for Task<T, E> {
        type Value = T;
        type Error = E;

        #[allow(private_interfaces)]
        fn slot(&self) -> &Rc<Slot<T, E>> {
            &self.slot
        }
    }

    impl<T: 'static, E: From<Error> + 'static> Handle for Future<T, E> {
        type Value = T;
        type Error = E;

        #[allow(private_interfaces)]
        fn slot(&self) -> &Rc<Slot<T, E>> {
            &self.slot
        }
    }
}

/// A future whose value is of no interest: a child of a composition.
pub(crate) trait Child<E> {
    fn raw(&self) -> &RawFuture;

    /// Its error is somebody's business now.
    fn mark_retrieved(&self);

    /// The error of a failed or cancelled child, taken or copied.
    fn take_error(&self) -> Option<E>;
}

impl<T, E: From<Error>> Child<E> for Slot<T, E> {
    fn raw(&self) -> &RawFuture {
        &self.raw
    }

    fn mark_retrieved(&self) {
        Slot::mark_retrieved(self);
    }

    fn take_error(&self) -> Option<E> {
        match self.state() {
            State::Failed | State::Cancelled => self.outcome().err(),
            _ => None,
        }
    }
}

/// Done callbacks that are taken back when their owner is dropped.
pub(crate) struct Callbacks<E>(Vec<(Rc<dyn Child<E>>, CallId)>);

impl<E> Callbacks<E> {
    pub(crate) fn new() -> Callbacks<E> {
        Callbacks(Vec::new())
    }

    pub(crate) fn add(&mut self, child: &Rc<dyn Child<E>>, callback: impl FnOnce() + 'static) {
        let call = child.raw().on_done(callback);
        self.0.push((child.clone(), call));
    }
}

impl<E> Drop for Callbacks<E> {
    fn drop(&mut self) {
        for (child, call) in &self.0 {
            child.raw().remove_on_done(*call);
        }
    }
}

/// The handles without repetitions, in order: asyncio's sets of futures.
pub(crate) fn distinct<A: Awaitable>(items: impl IntoIterator<Item = A>) -> Vec<A> {
    // In order of address, of which nothing is seen but whether one was there before.
    let mut slots = BTreeSet::new();
    items.into_iter().filter(|item| slots.insert(Rc::as_ptr(item.slot()))).collect()
}
