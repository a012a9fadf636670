//! Traces as insta snapshots.

/// Compares a trace with a snapshot, as `insta::assert_snapshot!`. Needs `insta` among the
/// dev-dependencies of the crate that uses it.
///
/// # Examples
/// ```
/// use seedloop::{assert_trace, trace_of};
/// let trace = trace_of(async { seedloop::log("hello") });
/// assert_trace!(trace.part(2..5), @"
///     0ns main steps
///     0ns main logs hello
///     0ns main finished
/// ");
/// ```
#[macro_export]
macro_rules! assert_trace {
    ($trace:expr $(,)?) => {
        ::insta::assert_snapshot!(::std::string::ToString::to_string(&$trace))
    };
    ($trace:expr, @$snapshot:literal $(,)?) => {
        ::insta::assert_snapshot!(::std::string::ToString::to_string(&$trace), @$snapshot)
    };
}
