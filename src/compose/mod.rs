//! asyncio's ways to put tasks together: gather, wait, as_completed, wait_for, shield, TaskGroup
//! (tasks.py and taskgroups.py of CPython 3.13).

mod as_completed;
mod awaitable;
mod gather;
mod shield;
mod task_group;
mod wait;
mod wait_for;

pub use as_completed::{AsCompleted, as_completed};
pub use awaitable::Awaitable;
pub(crate) use gather::gather_tasks;
pub use gather::{Gather, GatherEach, Gathering, IsIter, IsTuple, gather};
pub use shield::shield;
pub use task_group::{GroupError, TaskGroup, task_group};
pub use wait::{Wait, Waited, wait};
pub use wait_for::wait_for;
