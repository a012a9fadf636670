//! Model checks of the hand-offs between threads, by loom, over the crate's real source: the file
//! is compiled here a second time, with loom's primitives in the place of the standard library's.
//! Plain `cargo test` runs them.
//!
//! Bounds: one sender and the loop with any number of preemptions, two senders and the loop with
//! three. Each test prints how many interleavings it ran.

/// The primitives that the real source names as `super::primitives`.
mod primitives {
    pub(crate) use loom::sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    };
}

#[path = "../../src/exec/inbox.rs"]
#[allow(dead_code)]
mod inbox;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong;
