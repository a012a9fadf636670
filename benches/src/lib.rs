//! The same programs in seedloop and in other runtimes: see `programs`. `cargo bench -p
//! seedloop-benches` times them all and prints a table.

pub mod crowd;
pub mod executor;
pub mod ours;
pub mod paused_tokio;
pub mod programs;
pub mod shuttle_runner;
pub mod threads;
