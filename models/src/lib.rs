//! Models of seedloop's machines, over the crate's real source: its files are compiled here a
//! second time. Plain `cargo test` runs them, and each test prints its bounds and counts.
//!
//! - `tests`: the inbox between threads, under every interleaving (loom, whose primitives stand in
//!   for the standard library's).
//! - `baton_model`: the baton between the loop and its workers, as above.
//! - `kernel_model`: the kernel as a value, in every state that small programs can reach, beside a
//!   plain second writing of asyncio's loop.
//! - `sync`: the machines of locks, events, semaphores, conditions, barriers and queues, in every
//!   state that a few tasks can reach, with any wait cancelled or dropped at any time.
//!
//! The last two go through the states breadth first (`explore`), so what they find is a shortest
//! way to break a property. Seeded wrong variants show that they would find it.
//!
//! Beside these, in `liveness/`, is a model of the executor's threads in Promela: what must happen
//! in the end, checked with SPIN by `check.sh`.

/// The primitives that the real source names as `super::primitives`.
mod primitives {
    pub(crate) use loom::{
        sync::{
            Condvar, Mutex, MutexGuard,
            atomic::{AtomicBool, AtomicU8, Ordering},
        },
        thread::{Thread, current, park},
    };
}

// The models use a part of each: what is not used here is used by the crate.
#[path = "../../src/pool/baton.rs"]
#[allow(dead_code)]
mod baton;
#[path = "../../src/exec/inbox.rs"]
#[allow(dead_code)]
mod inbox;
#[cfg(not(doctest))] // Its examples run in the crate.
#[path = "../../src/kernel/mod.rs"]
#[allow(dead_code, unused_imports)]
mod kernel;
#[cfg(not(doctest))] // As above.
#[path = "../../src/sync/machine/mod.rs"]
#[allow(dead_code)]
mod machine;

#[cfg(test)]
mod baton_model;
#[cfg(test)]
mod explore;
#[cfg(test)]
mod kernel_model;
#[cfg(test)]
mod sync;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wrong;
