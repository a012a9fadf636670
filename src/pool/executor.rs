//! Executors: jobs wait in order for a worker that is free. `concurrent.futures.thread`, and
//! `asyncio.futures.wrap_future`, with workers that have their turns where CPython's loop waits.

use std::{
    cell::Cell,
    panic::Location,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use super::{
    crew::{Done, Job, Threads},
    thread_pool::{Pool, Queued, Stage},
    worker::Work,
};
use crate::{
    exec::{After, Error, Holder, Object, Outlet, Shell, Travelled, caught, running, try_with},
    sched::Access,
    task::{Future, Outcome, Slot},
};

/// How many workers the default executor has: `min(32, cpus + 4)` in CPython, of a machine with
/// four.
const WORKERS: usize = 8;

/// A pool of worker threads: `concurrent.futures.ThreadPoolExecutor`. Clones are handles of the
/// same one. It may serve one run after the other. Jobs that are not over when a run ends unwind,
/// each from where it blocks, and those that wait for a worker are dropped; the default executor's
/// come to their end before, as `asyncio.run` sees to it.
///
/// # Examples
/// Three jobs of ten seconds on two workers:
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, ThreadPool, gather, now, run, run_in_executor, thread};
/// run(async {
///     let pool = ThreadPool::new(2);
///     let job = || thread::sleep(Duration::from_secs(10));
///     let jobs = [0; 3].map(|_| run_in_executor(Some(&pool), job));
///     gather(jobs.into_iter().collect::<Result<Vec<_>, _>>()?).await?;
///     assert_eq!(now().as_millis(), 20_000);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[derive(Clone)]
pub struct ThreadPool(pub(super) Rc<Pool>);

impl ThreadPool {
    /// A pool of so many workers, which are called `pool_0` and so on. Their threads begin when
    /// there are jobs.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(workers: usize) -> ThreadPool {
        ThreadPool::named("pool", workers)
    }

    /// As [`new`](ThreadPool::new), with the workers' name: `thread_name_prefix`.
    ///
    /// # Panics
    /// If there are no workers.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, ThreadPool, log, run_in_executor, trace_of};
    /// let trace = trace_of(async {
    ///     let disk = ThreadPool::named("disk", 1);
    ///     run_in_executor(Some(&disk), || log("reads"))?.await
    /// });
    /// let reads = trace.events().iter().find(|event| event.object.as_deref() == Some("reads"));
    /// assert_eq!(&*reads.unwrap().actor, "disk_0");
    /// ```
    pub fn named(name: impl Into<String>, workers: usize) -> ThreadPool {
        assert!(workers > 0, "a pool needs one worker at least");
        ThreadPool(Rc::new(Pool::new(name.into(), workers, Object::new("ThreadPool"))))
    }

    /// As `shutdown(wait=False)`: takes no more jobs. Those it has run to their end.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, ThreadPool, run, run_in_executor};
    /// run(async {
    ///     let pool = ThreadPool::new(1);
    ///     let job = run_in_executor(Some(&pool), || 5)?;
    ///     pool.shutdown();
    ///     assert_eq!(job.await?, 5);
    ///     let late = run_in_executor(Some(&pool), || 6);
    ///     assert!(matches!(late, Err(Error::ExecutorShutdown)));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn shutdown(&self) {
        self.0.shut();
    }

    /// As `shutdown(wait=False, cancel_futures=True)`: takes no more jobs, and takes back those
    /// that have not begun: their futures are cancelled.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, ThreadPool, run, run_in_executor, yield_now};
    /// run(async {
    ///     let pool = ThreadPool::new(1);
    ///     let begun = run_in_executor(Some(&pool), || seedloop::thread::yield_now())?;
    ///     let queued = run_in_executor(Some(&pool), || 5)?;
    ///     yield_now().await?;
    ///     pool.shutdown_cancelling();
    ///     assert!(matches!(queued.await, Err(Error::Cancelled(_))));
    ///     begun.await
    /// }).unwrap();
    /// ```
    pub fn shutdown_cancelling(&self) {
        self.0.shut();
        self.0.cancel_queued();
    }

    /// As `shutdown(wait=True)`, but the loop goes on meanwhile: takes no more jobs, and waits
    /// until those it has are over. A schedule point if it has had any, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::NoRunningLoop`] outside a run.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, ThreadPool, now, run, run_in_executor, thread};
    /// run(async {
    ///     let pool = ThreadPool::new(1);
    ///     drop(run_in_executor(Some(&pool), || thread::sleep(Duration::from_secs(10)))?);
    ///     pool.shutdown_and_wait().await?;
    ///     assert_eq!(now().as_millis(), 10_000);
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub async fn shutdown_and_wait(&self) -> Result<(), Error> {
        let shell = try_with(Rc::clone).ok_or(Error::NoRunningLoop)?;
        shut_and_wait(shell, self.0.clone()).await
    }
}

/// The pool takes no more jobs. Waits until those it has are over.
async fn shut_and_wait(shell: Rc<Shell>, pool: Rc<Pool>) -> Result<(), Error> {
    pool.shut();
    if !pool.is_used() {
        return Ok(());
    }
    let future: Future<()> = Future::new();
    pool.tell_when_idle(future.clone());
    // Whether all is over is seen where the loop waits next.
    let look = Rc::new(move || {
        pool.tell_if_idle(&running());
        After::Parked
    });
    {
        let mut core = shell.core.borrow_mut();
        let id = core.add_beside("executor shutdown", Some("executor shutdown".into()), look);
        core.ready_beside(id);
    }
    drop(shell);
    future.await
}

/// As `loop.run_in_executor(executor, f)`: the job is queued at once, in the default executor if
/// none is given, and the future has what it returns. In asyncio's order a job starts where the
/// loop next waits, if a worker is free. Cancelling the future takes a queued job back; one that
/// runs goes on, and what it returns is dropped.
///
/// A job blocks by what [`thread`](crate::thread) has. What it blocks in else blocks the whole run,
/// as a hang inside one poll does.
///
/// # Errors
/// [`Error::ExecutorShutdown`]; [`Error::WrongLoop`] if the pool's workers are those of another run
/// that is not over; [`Error::NoRunningLoop`] outside a run, and in a job. A panic of the job is
/// one of the run, and the future fails with [`Error::Panicked`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, now, run, run_in_executor, thread};
/// run(async {
///     let job = run_in_executor(None, || {
///         thread::sleep(Duration::from_secs(10));
///         5
///     })?;
///     assert_eq!(job.await?, 5);
///     assert_eq!(now().as_millis(), 10_000);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[track_caller]
pub fn run_in_executor<F, O, M>(
    executor: Option<&ThreadPool>,
    job: F,
) -> Result<Future<O::Value, O::Error>, Error>
where
    F: FnOnce() -> O + Send + 'static,
    O: Outcome<M> + Send,
{
    let shell = try_with(Rc::clone).ok_or(Error::NoRunningLoop)?;
    run_in_shell(&shell, executor, job, Location::caller())
}

/// The same, in a loop that need not run.
pub(crate) fn run_in_shell<F, O, M>(
    shell: &Rc<Shell>,
    executor: Option<&ThreadPool>,
    job: F,
    place: &'static Location<'static>,
) -> Result<Future<O::Value, O::Error>, Error>
where
    F: FnOnce() -> O + Send + 'static,
    O: Outcome<M> + Send,
{
    let pool = match executor {
        Some(ThreadPool(pool)) => pool.clone(),
        None => default_pool(shell),
    };
    submit(shell, &pool, job, Travelled::default(), Panics::OfRun, place)
}

fn default_pool(shell: &Shell) -> Rc<Pool> {
    let threads = Threads::of(shell);
    let new = || {
        // Whoever comes first makes it: it has a name of its own.
        let object = Object::of("default executor", 0, 0, shell.serial.get());
        Rc::new(Pool::new("asyncio".into(), WORKERS, object))
    };
    threads.default.borrow_mut().get_or_insert_with(new).clone()
}

/// Whose a panic of a job is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Panics {
    /// One of the run, too.
    OfRun,
    /// The job's alone.
    Own,
}

/// Queues a job. The future has what it comes to.
pub(super) fn submit<F, O, M>(
    shell: &Rc<Shell>,
    pool: &Rc<Pool>,
    job: F,
    context: Travelled,
    panics: Panics,
    place: &'static Location<'static>,
) -> Result<Future<O::Value, O::Error>, Error>
where
    F: FnOnce() -> O + Send + 'static,
    O: Outcome<M> + Send,
{
    if pool.is_shut() {
        return Err(Error::ExecutorShutdown);
    }
    pool.enter(shell)?;
    let slot = Slot::of_outcome::<O, M>(shell, "executor job");
    let holder = Holder::default();
    slot.raw.held_by(&holder);
    let future = Future::from_slot(slot.clone());
    let taken_back = Future::from_slot(slot.clone());
    let cancel = Box::new(move || {
        taken_back.cancel();
    });
    let result: Arc<Mutex<Option<Result<O, String>>>> = Arc::default();
    let theirs = result.clone();
    let work: Work = Box::new(move || {
        let ran = caught(job);
        *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(ran);
    });
    let done = Done::Callback(Box::new(move |worker| {
        let ran = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        copy_state(&slot, ran.expect("the job is over"), panics, worker);
    }));
    let stage = Rc::new(Cell::new(Stage::Queued));
    let (queued, theirs) = (stage.clone(), pool.clone());
    future.add_done_callback(move |future| {
        if !future.is_cancelled() {
            return;
        }
        theirs.touch(Access::Write);
        if queued.get() == Stage::Queued {
            queued.set(Stage::Cancelled);
            // The job is cancelled in its turn, and the loop hears of that.
            running().call_from_beside("executor result", Box::new(|| {}));
        }
    });
    let job = Job { work, context, place, done, holder };
    pool.submit(shell, Queued { job, stage, cancel });
    Ok(future)
}

/// As `loop.set_default_executor(executor)`, for this run.
///
/// # Errors
/// [`Error::NoRunningLoop`] outside a run.
///
/// # Examples
/// ```
/// use seedloop::{Error, ThreadPool, run, set_default_executor, thread, to_thread};
/// run(async {
///     set_default_executor(&ThreadPool::named("one", 1))?;
///     assert_eq!(to_thread(thread::name).await?.as_deref(), Some("one_0"));
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
pub fn set_default_executor(executor: &ThreadPool) -> Result<(), Error> {
    let shell = try_with(Rc::clone).ok_or(Error::NoRunningLoop)?;
    *Threads::of(&shell).default.borrow_mut() = Some(executor.0.clone());
    Ok(())
}

/// As `asyncio.to_thread`: runs the job in the default executor, in a copy of the context
/// ([`ContextVar::travels`](crate::ContextVar::travels)), and waits for what it returns.
///
/// # Errors
/// As [`run_in_executor`], and those of the job.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, to_thread};
/// let got: Result<i32, Error> = run(async { to_thread(|| 5).await });
/// assert_eq!(got.unwrap(), 5);
/// ```
#[track_caller]
pub fn to_thread<F, O, M>(job: F) -> impl std::future::Future<Output = Result<O::Value, O::Error>>
where
    F: FnOnce() -> O + Send + 'static,
    O: Outcome<M> + Send,
{
    let place = Location::caller();
    async move {
        let shell = try_with(Rc::clone).ok_or(Error::NoRunningLoop)?;
        let context = shell.core.borrow().context().travelled();
        let future = submit(&shell, &default_pool(&shell), job, context, Panics::OfRun, place)?;
        drop(shell);
        future.await
    }
}

/// Has the run used its default executor, which it must shut down then?
pub(crate) fn has_default_executor(shell: &Shell) -> bool {
    shell.executors.borrow().is_some()
        && Threads::of(shell).default.borrow().as_ref().is_some_and(|pool| pool.is_used())
}

/// As `loop.shutdown_default_executor()`: it takes no more jobs, and those it has come to their
/// end. Nothing if there were none.
pub(crate) async fn shutdown_default_executor() {
    let shell = running();
    let default = Threads::of(&shell).default.borrow().clone();
    if let Some(pool) = default {
        // Nobody cancels what closes the loop.
        let _ = shut_and_wait(shell, pool).await;
    }
}

/// `_copy_future_state`: the loop hears what the job came to, unless nobody waits any more.
fn copy_state<O: Outcome<M>, M>(
    slot: &Rc<Slot<O::Value, O::Error>>,
    ran: Result<O, String>,
    panics: Panics,
    worker: &str,
) {
    let shell = slot.raw.shell();
    match ran {
        Err(text) => {
            let message: Arc<str> = text.into();
            let seen = match panics {
                Panics::OfRun => shell.job_panicked(worker, message.clone()),
                Panics::Own => Rc::default(),
            };
            if !slot.raw.is_done() {
                slot.panicked(message, seen);
                slot.raw.fail();
            }
        }
        Ok(_) if slot.raw.is_done() => {}
        Ok(output) => {
            let result = output.into_result();
            let failed = result.is_err();
            slot.put(result);
            if failed {
                slot.raw.fail()
            } else {
                slot.raw.resolve()
            };
        }
    }
}
