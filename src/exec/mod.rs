//! The shell around the kernel: the only place with thread-locals, cells, wakers and unwinding.
//! It owns the futures, polls what the scheduler picks, and keeps the record.

mod beside;
mod caught;
mod config;
mod context;
mod core;
mod error;
mod expiry;
mod handle;
mod inbox;
mod job;
#[cfg(feature = "lockstep")]
pub mod lockstep;
mod names;
mod object;
mod primitives;
mod probe;
pub mod raw;
mod record;
mod report;
mod scopes;
mod shell;
mod slow;
mod step;
mod step_names;
mod steps;
mod stuck;
mod threadsafe;
mod wait;
mod waker;
mod watchdog;

/// The kernel of a run. With the feature `lockstep` it keeps a log.
#[cfg(not(feature = "lockstep"))]
use crate::kernel::Kernel as Machine;
pub(crate) use beside::{After, BesideId};
pub(crate) use caught::{Caught, Place, caught, is_quiet, panicked_at, quietly};
pub use config::Config;
pub(crate) use context::running;
pub use context::{
    ContextVar, all_tasks, at_end, busy, call_exception_handler, call_soon, choose, current_task,
    interrupt, is_running, iteration, log, stop,
};
pub use error::{Cancelled, Error};
pub use handle::Handle;
pub(crate) use job::{
    Awaited, Deed, Executors, JobSide, Said, acting_job, did, job, set_job, wake_parked,
};
#[cfg(feature = "lockstep")]
use lockstep::Machine;
pub(crate) use names::{Holder, Outlet, Travelled};
pub(crate) use object::{Object, Watched};
pub use raw::TaskRef;
pub use record::Divergence;
pub(crate) use record::{Expect, Thing};
pub use report::{ExceptionContext, RunReport, TaskPanic};
pub(crate) use scopes::ScopeId;
pub(crate) use shell::{Entered, Shell, try_with};
pub(crate) use step_names::StepNames;
pub use stuck::{Deadlock, Endless, StuckTask};
pub(crate) use stuck::{Stuck, Waiting};
pub use threadsafe::{LoopHandle, loop_handle};
pub(crate) use wait::{NextTurn, Wait};
