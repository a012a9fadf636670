//! Blocking code beside the loop: `run_in_executor`, `to_thread`, thread pools. A job is an
//! ordinary closure on a thread of the operating system; but of these and the loop one runs at a
//! time, handed over by `baton`, and which is next is a choice like any other.

mod baton;
mod crew;
mod executor;
mod primitives;
mod process;
pub mod thread;
mod thread_pool;
mod threadsafe;
mod worker;

pub use executor::{ThreadPool, run_in_executor, set_default_executor, to_thread};
pub(crate) use executor::{has_default_executor, run_in_shell, shutdown_default_executor};
pub use process::ProcessPool;
pub use threadsafe::ThreadsafeFuture;
