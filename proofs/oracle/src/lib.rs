//! Runs functions that Coq has extracted as JSON, without Coq: seedloop's model, inside `cargo
//! test`.
//!
//! [`Model`] reads an extraction and calls its functions on [`Value`]s. [`Checker`] holds a run of
//! the real kernel against the model, operation by operation. Both know nothing of seedloop.
//!
//! What is trusted here: that a number may stand for a `nat`, an `N` or a `positive`, that Rust's
//! arithmetic on numbers below 2^64 is Coq's (`numbers.rs`; a test compares the two on small ones),
//! and some 300 lines of call by value.
//!
//! # Examples
//! ```
//! use seedloop_oracle::{Model, Value};
//! let text = r#"{"declarations": [
//!     {"what": "decl:term", "name": "twice", "value": {
//!         "what": "expr:lambda", "argnames": ["f", "x"], "body": {
//!             "what": "expr:apply", "func": {"what": "expr:rel", "name": "f"}, "args": [
//!                 {"what": "expr:apply", "func": {"what": "expr:rel", "name": "f"}, "args": [
//!                     {"what": "expr:rel", "name": "x"}]}]}}},
//!     {"what": "decl:term", "name": "next", "value": {
//!         "what": "expr:lambda", "argnames": ["n"], "body": {
//!             "what": "expr:constructor", "name": "S", "args": [
//!                 {"what": "expr:rel", "name": "n"}]}}}]}"#;
//! let model = Model::load(text).unwrap();
//! let next = model.global("next");
//! assert_eq!(model.call("twice", vec![next, Value::Number(5)]).number(), 7);
//! ```

mod build;
mod checker;
mod evaluate;
mod expression;
mod load;
mod numbers;
#[cfg(test)]
mod tests;
mod value;

pub use build::Tag;
pub use checker::{Checker, Rejection};
pub use load::Model;
pub use value::Value;
