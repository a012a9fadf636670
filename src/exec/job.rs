//! What a job sees of the run on its own thread: not the loop, which is another thread's, but the
//! time, and whoever takes what it says and gives it its turns.

use std::{any::Any, cell::RefCell, rc::Rc, sync::Arc};

use super::{beside::After, shell::Shell};

/// What a job has to say when its turn is over. The loop hears it in this order.
pub(crate) enum Said {
    Log(String),
}

/// The side of a job that its thread is on.
pub(crate) trait JobSide {
    /// The worker's name.
    fn name(&self) -> Arc<str>;

    /// Virtual time, in ns.
    fn now(&self) -> u64;

    /// The loop's iteration.
    fn iteration(&self) -> u64;

    fn say(&self, said: Said);

    /// Ends the turn, and waits for the next. If there is none, it unwinds the job.
    fn end_turn(&self, after: After);
}

/// The executors of a run, and the threads that its runner keeps for the next.
pub(crate) trait Executors {
    /// The run is over: its jobs unwind, one after the other.
    fn end_run(&self, shell: &Shell);

    /// There are no more runs: the threads end.
    fn end(&self);

    fn as_any(self: Rc<Self>) -> Rc<dyn Any>;
}

thread_local! {
    /// The job that this thread runs.
    static JOB: RefCell<Option<Rc<dyn JobSide>>> = const { RefCell::new(None) };
}

/// Makes this the job of the thread, or none.
pub(crate) fn set_job(job: Option<Rc<dyn JobSide>>) {
    JOB.with(|current| current.replace(job));
}

/// The job of this thread, if it runs one.
pub(crate) fn job() -> Option<Rc<dyn JobSide>> {
    JOB.try_with(|job| job.borrow().clone()).ok().flatten()
}
