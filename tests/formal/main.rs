//! The running kernel against the model that is proved, and the check against what it must refuse.
//!
//! The programs of `tests/program` and `tests/it` are held against the model where they run.

mod coverage;
mod keep;
mod lockstep;
mod programs;
mod tamper;
