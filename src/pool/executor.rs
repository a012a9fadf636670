//! Executors: jobs wait in order for a worker that is free. `concurrent.futures.thread`, and
//! `asyncio.futures.wrap_future`, with workers that have their turns where CPython's loop waits.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
};

use super::worker::{When, Work, Worker};
use crate::{
    exec::{After, BesideId, Error, Executors, Outlet, Shell, caught, running, try_with},
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
pub struct ThreadPool(Rc<Pool>);

/// A job that waits for a worker.
struct Queued {
    work: Work,
    /// Hears that the job is over.
    done: Box<dyn FnOnce()>,
    stage: Rc<Cell<Stage>>,
}

/// How far a job has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    Begun,
    /// It was taken back before it began.
    Cancelled,
}

struct Pool {
    name: String,
    most: usize,
    queue: RefCell<VecDeque<Queued>>,
    /// Whose workers they are.
    run: Cell<u64>,
    workers: RefCell<Vec<Rc<PoolWorker>>>,
    is_shut: Cell<bool>,
    /// Who waits for all jobs to be over.
    idle: RefCell<Vec<Future<()>>>,
}

/// A thread with a job, and who hears that it is over.
type Running = (Worker, Box<dyn FnOnce()>);

/// A worker of a pool, in one run.
struct PoolWorker {
    id: BesideId,
    name: Arc<str>,
    /// Its job, between two turns.
    job: RefCell<Option<Running>>,
    /// It is to have a turn.
    is_called: Cell<bool>,
}

/// What the run knows of executors: the default one, and threads for jobs.
#[derive(Default)]
struct Threads {
    free: RefCell<Vec<Worker>>,
    default: RefCell<Option<ThreadPool>>,
    /// The pools of this run that have workers.
    pools: RefCell<Vec<Rc<Pool>>>,
}

impl Executors for Threads {
    fn end_run(&self, shell: &Shell) {
        let when = When::of(shell);
        for pool in self.pools.take() {
            for worker in pool.workers.take() {
                if let Some((thread, done)) = worker.job.take() {
                    thread.unwind(when);
                    self.free.borrow_mut().push(thread);
                    drop(done);
                }
            }
            drop(pool.queue.take());
        }
        drop(self.default.take());
    }

    fn end(&self) {
        drop(self.free.take());
    }

    fn as_any(self: Rc<Self>) -> Rc<dyn Any> {
        self
    }
}

impl Threads {
    fn of(shell: &Shell) -> Rc<Threads> {
        let mut executors = shell.executors.borrow_mut();
        let threads = executors.get_or_insert_with(|| Rc::new(Threads::default()));
        threads.clone().as_any().downcast().expect("there is no other kind")
    }
}

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
        ThreadPool(Rc::new(Pool {
            name: name.into(),
            most: workers,
            queue: RefCell::default(),
            run: Cell::new(0),
            workers: RefCell::default(),
            is_shut: Cell::new(false),
            idle: RefCell::default(),
        }))
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
        self.0.is_shut.set(true);
    }
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
pub fn run_in_executor<F, O, M>(
    executor: Option<&ThreadPool>,
    job: F,
) -> Result<Future<O::Value, O::Error>, Error>
where
    F: FnOnce() -> O + Send + 'static,
    O: Outcome<M> + Send,
{
    let shell = try_with(Rc::clone).ok_or(Error::NoRunningLoop)?;
    let threads = Threads::of(&shell);
    let pool = match executor {
        Some(pool) => pool.0.clone(),
        None => {
            let mut default = threads.default.borrow_mut();
            default.get_or_insert_with(|| ThreadPool::named("asyncio", WORKERS)).0.clone()
        }
    };
    if pool.is_shut.get() {
        return Err(Error::ExecutorShutdown);
    }
    let run = pool.run.replace(shell.serial.get());
    if run != shell.serial.get() && !pool.workers.borrow().is_empty() {
        pool.run.set(run);
        return Err(Error::WrongLoop);
    }
    let slot = Slot::of_outcome::<O, M>(&shell, "executor job");
    let future = Future::from_slot(slot.clone());
    let result: Arc<Mutex<Option<Result<O, String>>>> = Arc::default();
    let theirs = result.clone();
    let work: Work = Box::new(move || {
        let ran = caught(job);
        *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(ran);
    });
    let done = Box::new(move || {
        let ran = result.lock().unwrap_or_else(PoisonError::into_inner).take();
        copy_state(&slot, ran.expect("the job is over"));
    });
    let stage = Rc::new(Cell::new(Stage::Queued));
    let queued = stage.clone();
    future.add_done_callback(move |future| {
        if future.is_cancelled() && queued.get() == Stage::Queued {
            queued.set(Stage::Cancelled);
            // The job is cancelled in its turn, and the loop hears of that.
            running().call_from_beside("executor result", Box::new(|| {}));
        }
    });
    pool.submit(&shell, &threads, Queued { work, done, stage });
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
    *Threads::of(&shell).default.borrow_mut() = Some(executor.clone());
    Ok(())
}

/// As `asyncio.to_thread`: runs the job in the default executor, and waits for what it returns.
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
pub async fn to_thread<F, O, M>(job: F) -> Result<O::Value, O::Error>
where
    F: FnOnce() -> O + Send + 'static,
    O: Outcome<M> + Send,
{
    run_in_executor(None, job)?.await
}

/// Has the run used its default executor, which it must shut down then?
pub(crate) fn has_default_executor(shell: &Shell) -> bool {
    let is_used = |ThreadPool(pool): &ThreadPool| !pool.workers.borrow().is_empty();
    shell.executors.borrow().is_some()
        && Threads::of(shell).default.borrow().as_ref().is_some_and(is_used)
}

/// As `loop.shutdown_default_executor()`: it takes no more jobs, and those it has come to their
/// end. Nothing if there were none.
pub(crate) async fn shutdown_default_executor() {
    let shell = running();
    let default = Threads::of(&shell).default.borrow().clone();
    let Some(ThreadPool(pool)) = default else { return };
    pool.is_shut.set(true);
    if pool.workers.borrow().is_empty() {
        return;
    }
    let future: Future<()> = Future::new();
    pool.idle.borrow_mut().push(future.clone());
    // Whether all is over is seen where the loop waits next.
    let look = Rc::new(move || {
        pool.tell_if_idle();
        After::Parked
    });
    {
        let mut core = shell.core.borrow_mut();
        let id = core.add_beside("executor shutdown", "executor shutdown".into(), look);
        core.ready_beside(id);
    }
    drop(shell);
    // Nobody else has it, and nobody cancels what closes the loop.
    let _ = future.await;
}

/// `_copy_future_state`: the loop hears what the job came to, unless nobody waits any more.
fn copy_state<O: Outcome<M>, M>(slot: &Rc<Slot<O::Value, O::Error>>, ran: Result<O, String>) {
    let shell = slot.raw.shell();
    match ran {
        Err(text) => {
            let message: Arc<str> = text.into();
            let seen = shell.job_panicked(message.clone());
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

impl Pool {
    fn submit(self: &Rc<Pool>, shell: &Rc<Shell>, threads: &Rc<Threads>, job: Queued) {
        self.queue.borrow_mut().push_back(job);
        let mut workers = self.workers.borrow_mut();
        if workers.is_empty() {
            threads.pools.borrow_mut().push(self.clone());
        }
        let is_free =
            |worker: &&Rc<PoolWorker>| !worker.is_called.get() && worker.job.borrow().is_none();
        let mut core = shell.core.borrow_mut();
        let worker = match workers.iter().find(is_free) {
            Some(worker) => worker.clone(),
            None if workers.len() == self.most => return,
            None => {
                let name: Arc<str> = format!("{}_{}", self.name, workers.len()).into();
                let (pool, threads, at) = (self.clone(), threads.clone(), workers.len());
                let id = core.add_beside(
                    "worker",
                    name.clone(),
                    Rc::new(move || pool.turn(&threads, at)),
                );
                let (job, is_called) = (RefCell::default(), Cell::new(false));
                workers.push(Rc::new(PoolWorker { id, name, job, is_called }));
                workers[workers.len() - 1].clone()
            }
        };
        worker.is_called.set(true);
        core.ready_beside(worker.id);
    }

    /// A turn of a worker: to where its job blocks, or through jobs until there are no more.
    fn turn(&self, threads: &Threads, at: usize) -> After {
        let shell = running();
        let when = When::of(&shell);
        // What jobs share nobody sees, tracked or not.
        shell.core.borrow_mut().touch_all();
        let worker = self.workers.borrow()[at].clone();
        worker.is_called.set(false);
        loop {
            let running = worker.job.take();
            let (thread, done, (said, after)) = match running {
                Some((thread, done)) => {
                    let told = thread.go(when);
                    (thread, done, told)
                }
                None => {
                    let Some(Queued { work, done, .. }) = self.next_job() else { break };
                    let thread = threads.free.borrow_mut().pop().unwrap_or_else(Worker::new);
                    let told = thread.start(work, worker.name.clone(), when);
                    (thread, done, told)
                }
            };
            shell.hear(said);
            match after {
                Some(after) => {
                    *worker.job.borrow_mut() = Some((thread, done));
                    return after;
                }
                None => {
                    threads.free.borrow_mut().push(thread);
                    shell.call_from_beside("executor result", done);
                }
            }
        }
        self.tell_if_idle();
        After::Parked
    }

    /// The next job that nobody has taken back.
    fn next_job(&self) -> Option<Queued> {
        let mut queue = self.queue.borrow_mut();
        while let Some(job) = queue.pop_front() {
            if job.stage.replace(Stage::Begun) == Stage::Queued {
                return Some(job);
            }
        }
        None
    }

    /// Tells those who wait for it if no job is left.
    fn tell_if_idle(&self) {
        let is_busy = |worker: &Rc<PoolWorker>| worker.job.borrow().is_some();
        if !self.queue.borrow().is_empty() || self.workers.borrow().iter().any(is_busy) {
            return;
        }
        let shell = running();
        for future in self.idle.take() {
            let tell = Box::new(move || drop(future.set_result(())));
            shell.call_from_beside("executor is idle", tell);
        }
    }
}

impl When {
    fn of(shell: &Shell) -> When {
        let core = shell.core.borrow();
        When { now: core.kernel.now(), iteration: core.iteration() }
    }
}
