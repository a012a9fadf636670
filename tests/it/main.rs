//! All integration tests, in one binary.

mod asyncio_traps;
mod bugs;
mod cancel;
mod edges;
mod event_loop;
#[path = "../formal/every_run.rs"]
mod every_run;
mod failures;
mod handler;
mod misuse;
mod notes;
mod outcome;
mod pool;
mod primitives;
mod replay;
mod sample;
mod search;
mod shrink;
mod snapshots;
mod spurious;
mod streams;
mod thread_examples;
mod threads;
mod tidy;
mod timeline;
mod traps;
mod with;
