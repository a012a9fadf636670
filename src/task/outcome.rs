//! How a task's output counts: finished, failed or cancelled. One rule:
//!
//! - `Ok(value)` is finished; `Err(e)` is cancelled if [`Cancelled`] stands anywhere in `e`'s
//!   chain of sources, else failed.
//! - A plain value (`()`, numbers, strings, collections, anything that is [`Plain`]) is finished.
//! - What never returns (`loop {}`) has no say.

use std::{error::Error as StdError, ops::Deref};

use crate::exec::{Cancelled, Error};

/// What a task may return; `M` is inferred. `Ok(value)` and every [`Plain`] value is finished;
/// `Err(e)` is cancelled if [`Cancelled`] stands anywhere in `e`'s chain of sources, else failed;
/// what never returns (`loop {}`) has no say.
///
/// # Examples
/// ```
/// use seedloop::{Cancelled, Error, Outcome};
/// fn ends_as<O: Outcome<M>, M>(output: O) -> &'static str {
///     match output.into_result() {
///         Ok(_) => "finished",
///         Err(error) if O::cancellation(&error).is_some() => "cancelled",
///         Err(_) => "failed",
///     }
/// }
/// assert_eq!(ends_as(5), "finished");
/// assert_eq!(ends_as(Ok::<i32, anyhow::Error>(5)), "finished");
/// assert_eq!(ends_as(Err::<(), Error>(Error::QueueFull)), "failed");
/// assert_eq!(ends_as(Err::<(), Error>(Cancelled::new(None).into())), "cancelled");
/// ```
#[diagnostic::on_unimplemented(
    message = "a task cannot return `{Self}` as it is",
    note = "a `Result` needs an error type with `From<seedloop::Error>` and `std::error::Error`; \
            with another one use `spawn_plain(..)`, whose `.await?` gives your own `Result`",
    note = "another value: return `Ok(value)`, or `impl seedloop::Plain for` its type, \
            or use `spawn_plain`"
)]
pub trait Outcome<M>: Sized + 'static {
    /// What it comes to if it finishes.
    type Value: 'static;
    /// What it fails with.
    type Error: From<Error> + 'static;

    /// The output as a result.
    ///
    /// # Errors
    /// The output's own, if it is one.
    fn into_result(self) -> Result<Self::Value, Self::Error>;

    /// The cancellation that an error is.
    fn cancellation(error: &Self::Error) -> Option<Cancelled>;

    /// The error's text.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Outcome};
    /// fn failure<O: Outcome<M>, M>(output: O) -> Option<String> {
    ///     output.into_result().err().map(|error| O::text(&error))
    /// }
    /// assert_eq!(failure(Err::<(), _>(Error::TimedOut)), Some("timed out".into()));
    /// assert_eq!(failure(5), None);
    /// ```
    fn text(error: &Self::Error) -> String;
}

/// An error type that can leave a task; `M` is inferred.
///
/// # Examples
/// ```
/// use seedloop::{Cancelled, Error, Raise};
/// #[derive(Debug, thiserror::Error)]
/// enum Mine {
///     #[error("the disk is full")]
///     Disk,
///     #[error("the loop")]
///     Loop(#[from] Error),
/// }
/// assert_eq!(Mine::Disk.text(), "the disk is full");
/// assert_eq!(Mine::from(Error::TimedOut).text(), "the loop: timed out");
/// assert!(Mine::Loop(Cancelled::new(None).into()).cancellation().is_some());
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot leave a task",
    note = "an error needs `From<seedloop::Error>` (with thiserror: `#[from]`) and \
            `std::error::Error`; anyhow::Error and Box<dyn Error + Send + Sync> are fine"
)]
pub trait Raise<M>: From<Error> + 'static {
    /// The cancellation that it is: the first in its chain of sources.
    fn cancellation(&self) -> Option<Cancelled>;

    /// Its text.
    fn text(&self) -> String;
}

/// Marks errors that are `std::error::Error`.
///
/// # Examples
/// ```
/// use seedloop::{Cancelled, Error, Raise, marker::ViaStd};
/// fn text(error: impl Raise<ViaStd>) -> String {
///     error.text()
/// }
/// assert_eq!(text(Error::from(Cancelled::new(Some("bored")))), "cancelled: bored");
/// ```
pub struct ViaStd(());
/// Marks errors that hold a `dyn Error`: anyhow's, and boxes.
///
/// # Examples
/// ```
/// use seedloop::{Error, Raise, marker::ViaDyn};
/// fn is_cancelled(error: impl Raise<ViaDyn>) -> bool {
///     error.cancellation().is_some()
/// }
/// assert!(!is_cancelled(anyhow::Error::from(Error::TimedOut)));
/// ```
pub struct ViaDyn(());

impl<E: StdError + From<Error> + 'static> Raise<ViaStd> for E {
    fn cancellation(&self) -> Option<Cancelled> {
        Cancelled::find(self)
    }

    fn text(&self) -> String {
        chain(self)
    }
}

impl<E> Raise<ViaDyn> for E
where
    E: Deref<Target = dyn StdError + Send + Sync> + From<Error> + 'static,
{
    fn cancellation(&self) -> Option<Cancelled> {
        Cancelled::find(&**self)
    }

    fn text(&self) -> String {
        chain(&**self)
    }
}

/// An error with its sources, but for those that it quotes itself.
fn chain(error: &(dyn StdError + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let more = source.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        next = source.source();
    }
    text
}

/// Marks outputs that are results.
///
/// # Examples
/// ```
/// use seedloop::{Error, Outcome, marker::IsResult};
/// fn failed<O: Outcome<IsResult<M>>, M>(output: O) -> bool {
///     output.into_result().is_err()
/// }
/// assert!(failed(Err::<(), _>(Error::TimedOut)));
/// ```
pub struct IsResult<M>(M);
/// Marks outputs that are plain values.
///
/// # Examples
/// ```
/// use seedloop::{Outcome, marker::IsPlain};
/// fn value<O: Outcome<IsPlain>>(output: O) -> O::Value {
///     output.into_result().ok().expect("a plain value is finished")
/// }
/// assert_eq!(value("five"), "five");
/// ```
pub struct IsPlain(());
/// Marks outputs that are never made.
///
/// # Examples
/// ```
/// use futures::FutureExt;
/// use seedloop::{Outcome, marker::IsNever};
/// fn never_returns<F: Future<Output: Outcome<IsNever>>>(future: F) -> F {
///     future
/// }
/// let forever = never_returns(async { loop { futures::pending!() } });
/// assert!(forever.now_or_never().is_none());
/// ```
pub struct IsNever(());

impl<T: 'static, E: Raise<M>, M> Outcome<IsResult<M>> for Result<T, E> {
    type Value = T;
    type Error = E;

    fn into_result(self) -> Result<T, E> {
        self
    }

    fn cancellation(error: &E) -> Option<Cancelled> {
        error.cancellation()
    }

    fn text(error: &E) -> String {
        error.text()
    }
}

/// A value that can only mean "finished". Implement it for your own types to return them from
/// tasks without `Ok`.
///
/// # Examples
/// ```
/// struct Reading(f64);
/// impl seedloop::Plain for Reading {}
/// let reading = seedloop::run(async { Reading(0.5) });
/// assert_eq!(reading.unwrap().0, 0.5);
/// ```
pub trait Plain: 'static {}

macro_rules! plain {
    ($($type:ty),*) => { $(impl Plain for $type {})* };
}

plain!(
    (),
    bool,
    char,
    u8,
    u16,
    u32,
    u64,
    u128,
    usize,
    i8,
    i16,
    i32,
    i64,
    i128,
    isize,
    f32,
    f64,
    String,
    &'static str,
    std::time::Duration
);
impl<T: 'static> Plain for Vec<T> {}
impl<T: 'static> Plain for Option<T> {}
impl<T: 'static> Plain for Box<T> {}
impl<T: 'static> Plain for std::rc::Rc<T> {}
impl<T: 'static> Plain for std::sync::Arc<T> {}
impl<T: 'static, const N: usize> Plain for [T; N] {}
impl<A: 'static> Plain for (A,) {}
impl<A: 'static, B: 'static> Plain for (A, B) {}
impl<A: 'static, B: 'static, C: 'static> Plain for (A, B, C) {}
impl<A: 'static, B: 'static, C: 'static, D: 'static> Plain for (A, B, C, D) {}
impl<K: 'static, V: 'static> Plain for std::collections::BTreeMap<K, V> {}
impl<T: 'static> Plain for std::collections::BTreeSet<T> {}
impl<T: 'static> Plain for std::collections::VecDeque<T> {}

impl<T: Plain> Outcome<IsPlain> for T {
    type Value = T;
    type Error = Error;

    fn into_result(self) -> Result<T, Error> {
        Ok(self)
    }

    fn cancellation(error: &Error) -> Option<Cancelled> {
        error.cancelled().cloned()
    }

    fn text(error: &Error) -> String {
        error.to_string()
    }
}

/// Names `!` on stable Rust: what `async { loop { .. } }` returns.
///
/// # Examples
/// ```
/// use seedloop::marker::Ret;
/// type Never = <fn() -> ! as Ret>::Type;
/// assert_eq!(size_of::<Result<u8, Never>>(), 1); // there is no `Err`
/// ```
pub trait Ret {
    /// The return type.
    type Type;
}

impl<R> Ret for fn() -> R {
    type Type = R;
}

impl Outcome<IsNever> for <fn() -> ! as Ret>::Type {
    type Value = Self;
    type Error = Error;

    fn into_result(self) -> Result<Self, Error> {
        self
    }

    fn cancellation(error: &Error) -> Option<Cancelled> {
        error.cancelled().cloned()
    }

    fn text(error: &Error) -> String {
        error.to_string()
    }
}
