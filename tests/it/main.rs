//! All integration tests, in one binary.

mod cancel;
mod edges;
mod handler;
mod misuse;
mod outcome;
mod replay;
mod shrink;
mod snapshots;
mod tidy;
mod traps;
