//! Tasks and futures with values: `create_task`, `Task`, `Future`, and how an output counts.

mod future;
mod outcome;
mod scope;
#[allow(clippy::module_inception)]
mod task;

pub(crate) use future::Slot;
pub use future::{CallbackId, Future, State};
pub use outcome::{IsNever, IsPlain, IsResult, Outcome, Plain, Raise, Ret, ViaDyn, ViaStd};
pub(crate) use scope::scope;
pub use scope::{Foreign, foreign};
pub use task::{Task, spawn, spawn_named, spawn_plain};
pub(crate) use task::{ensure, spawn_at};
