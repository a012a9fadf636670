//! x
pub mod kernel;
pub mod trace;
pub mod sched;
mod exec;
mod task;
mod time;
mod sync;
mod compose;
mod run;
pub use exec::*;
pub use task::*;
pub use time::*;
pub use sync::*;
pub use compose::*;
pub use run::*;
pub use trace::{Token, TokenError, Trace, Digest};
