//! Tasks and futures with values: `create_task`, `Task`, `Future`, and how an output counts.

mod future;
mod outcome;
mod scope;
#[allow(clippy::module_inception)]
mod task;
mod with;

pub use future::{CallbackId, Future, State};
pub(crate) use future::{ErrorType, Slot};
pub use outcome::{IsNever, IsPlain, IsResult, Outcome, Plain, Raise, Ret, ViaDyn, ViaStd};
pub use scope::{Foreign, foreign};
pub(crate) use scope::{ScopePlace, known_scope, scope};
pub use task::{Task, spawn, spawn_named, spawn_plain};
pub(crate) use task::{ensure, ensure_in, spawn_at, spawn_in};
pub use with::{AsyncExit, AsyncGuard, Leaving, with};
