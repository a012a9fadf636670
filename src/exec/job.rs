//! What a job sees of the run on its own thread: not the loop, which is another thread's, but the
//! time, and whoever takes what it says and gives it its turns.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    rc::Rc,
    sync::Arc,
};

use super::{
    beside::{After, BesideId},
    names::Travelled,
    object::Object,
    record::Thing,
    report::Panic,
    shell::{Closure, Shell, try_with},
    stuck::Waiting,
};
use crate::{
    kernel::Action,
    sched::Access,
    trace::{Kind, mix, mix_bytes},
};

/// What a job has to say when its turn is over. The loop hears it in this order.
pub(crate) enum Said {
    Log(String),
    /// It did something with what threads share.
    Did(Deed),
    Touched(Object, Access),
    /// Whoever is parked there is to look again.
    Wake(BesideId),
    /// It is about to wait for this.
    Waits(Arc<dyn Awaited>),
}

/// What somebody did with something that threads share.
#[derive(Clone)]
pub(crate) struct Deed {
    pub(crate) object: Object,
    pub(crate) access: Access,
    /// In words, before the label: "locks".
    pub(crate) verb: &'static str,
    pub(crate) label: Arc<str>,
}

/// What a job waits for.
pub(crate) trait Awaited: Send + Sync {
    fn label(&self) -> Arc<str>;

    /// Who holds it up, as far as is known.
    fn holder(&self) -> Option<Waiting>;
}

/// The side of a job that its thread is on.
pub(crate) trait JobSide {
    /// The worker.
    fn id(&self) -> BesideId;

    /// The worker's name.
    fn name(&self) -> Arc<str>;

    /// Virtual time, in ns.
    fn now(&self) -> u64;

    /// The loop's iteration.
    fn iteration(&self) -> u64;

    /// A new object of the job, and how it is called.
    fn new_object(&self, what: &'static str) -> (Object, Arc<str>);

    /// The values of context variables.
    fn context(&self) -> &RefCell<Travelled>;

    fn say(&self, said: Said);

    /// Has `question` answered on the loop's thread, in the same turn.
    fn ask(&self, question: Box<dyn FnOnce() + Send>);

    /// Ends the turn, and waits for the next. If there is none, it unwinds the job. A job that
    /// unwinds has no turns, and waits only where it says that it is parked: for other jobs to
    /// unwind.
    fn end_turn(&self, after: After);

    /// It unwinds, since its run is over.
    fn is_over(&self) -> bool;
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

/// The same, unless a loop of its own runs on the thread: then that acts.
pub(crate) fn acting_job() -> Option<Rc<dyn JobSide>> {
    if try_with(|_| ()).is_some() { None } else { job() }
}

/// A turn of its own begins here, if this is a job: what a blocking primitive of one's own calls
/// before it touches its [`Object`]. In asyncio's order the job goes on; in any other somebody else
/// may come before. Nothing in coroutines and callbacks, and outside a run.
///
/// # Examples
/// A plain variable of two threads, of which each use is a turn:
/// ```
/// use std::sync::{Arc, Mutex};
/// use seedloop::{Check, raw::{Object, job_point}, sched::Access, thread, yield_now};
/// #[derive(Clone)]
/// struct Plain(Object, Arc<Mutex<i32>>);
/// impl Plain {
///     fn add_one(&self) {
///         job_point();
///         self.0.touch(Access::Read);
///         let read = *self.1.lock().unwrap();
///         job_point();
///         self.0.touch(Access::Write);
///         *self.1.lock().unwrap() = read + 1;
///     }
/// }
/// let failure = Check::new().exhaustive().tracked().try_run(|| async {
///     let plain = Plain(Object::new("plain"), Arc::default());
///     let add = |plain: &Plain| {
///         let plain = plain.clone();
///         seedloop::to_thread(move || plain.add_one())
///     };
///     seedloop::gather((add(&plain), add(&plain))).await?;
///     assert_eq!(*plain.1.lock().unwrap(), 2);
///     Ok::<(), seedloop::Error>(())
/// });
/// assert!(failure.unwrap_err().text.contains("left: 1"));
/// ```
pub fn job_point() {
    if let Some(job) = acting_job() {
        job.end_turn(After::Again);
    }
}

/// The running job or loop did this.
pub(crate) fn did(deed: Deed) {
    match job() {
        Some(job) => job.say(Said::Did(deed)),
        None => drop(try_with(|shell| shell.did(&deed))),
    }
}

/// The running job or loop has whoever is parked there look again.
pub(crate) fn wake_parked(id: BesideId) {
    match job() {
        Some(job) => job.say(Said::Wake(id)),
        None => drop(try_with(|shell| shell.core.borrow_mut().ready_beside(id))),
    }
}

impl Shell {
    /// Schedules a callback, as `call_soon_threadsafe` from beside the loop.
    pub(crate) fn call_from_beside(&self, what: &'static str, callback: Closure) {
        let mut core = self.core.borrow_mut();
        let call = core.kernel.call_soon(Action::Closure);
        core.name_call(call, what, Some(callback));
        core.note(Kind::Schedule, Thing::Call(call), 0);
    }

    /// What a job has said in its turn.
    pub(crate) fn hear(&self, id: BesideId, said: Vec<Said>) {
        for said in said {
            match said {
                Said::Log(text) => {
                    self.core.borrow_mut().note(Kind::Log, Thing::Text(&text), 0);
                }
                Said::Did(deed) => self.did(&deed),
                Said::Touched(object, access) => {
                    object.touch_in(&mut self.core.borrow_mut(), self.serial.get(), access);
                }
                Said::Wake(parked) => self.core.borrow_mut().ready_beside(parked),
                Said::Waits(awaited) => self.core.borrow_mut().waits_beside_for(id, awaited),
            }
        }
    }

    fn did(&self, deed: &Deed) {
        let Deed { object, access, verb, label } = deed;
        let Ok(mut core) = self.core.try_borrow_mut() else { return };
        object.touch_in(&mut core, self.serial.get(), *access);
        let key = mix(object.key(), mix_bytes(0, verb.as_bytes()));
        core.note(Kind::Does, Thing::Deed { verb, label, key }, 0);
    }

    /// The job that is over has panicked. Gives what to set when somebody has looked at it.
    pub(crate) fn job_panicked(&self, name: &str, message: Arc<str>) -> Rc<Cell<bool>> {
        self.core.borrow_mut().note(Kind::Panicked, Thing::Text(&message), 0);
        let seen = Rc::new(Cell::new(false));
        let panic = Panic { task: name.into(), message, seen: seen.clone() };
        self.panics.borrow_mut().push(panic);
        seen
    }
}
