//! Jobs that share nothing: `concurrent.futures.ProcessPoolExecutor`.

use std::{panic::Location, rc::Rc};

use super::executor::{Panics, ThreadPool, submit};
use crate::{
    exec::{Error, Travelled, try_with},
    task::{Future, Outcome},
};

/// A pool of workers whose jobs share nothing with anybody: what a job is given, and what it gives
/// back, moves by value. A crash of one is its own: its future fails, and neither the run nor
/// another job does. Clones are handles of the same one.
///
/// A worker is simulated by a thread that has its turns as those of a [`ThreadPool`] have. A job is
/// a function without captures, as CPython pickles a function by its name.
///
/// # Examples
/// ```
/// use seedloop::{Error, ProcessPool, run};
/// fn sum(numbers: Vec<i32>) -> i32 {
///     numbers.into_iter().sum()
/// }
/// run(async {
///     let pool = ProcessPool::new(2);
///     assert_eq!(pool.run(sum, vec![1, 2, 3])?.await?, 6);
///     let crashes = pool.run(|(): ()| -> i32 { panic!("out of memory") }, ())?;
///     assert!(matches!(crashes.await, Err(Error::Panicked(_)))); // and the run goes on
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[derive(Clone)]
pub struct ProcessPool(ThreadPool);

impl ProcessPool {
    /// A pool of so many workers, which are called `process_0` and so on.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(workers: usize) -> ProcessPool {
        ProcessPool(ThreadPool::named("process", workers))
    }

    /// As `loop.run_in_executor(pool, job, argument)`.
    ///
    /// # Errors
    /// As [`run_in_executor`](crate::run_in_executor).
    #[track_caller]
    pub fn run<A, O, M>(
        &self,
        job: fn(A) -> O,
        argument: A,
    ) -> Result<Future<O::Value, O::Error>, Error>
    where
        A: Send + 'static,
        O: Outcome<M> + Send,
    {
        let shell = try_with(Rc::clone).ok_or(Error::NoRunningLoop)?;
        let (job, nothing) = (move || job(argument), Travelled::default());
        submit(&shell, &self.0.0, job, nothing, Panics::Own, Location::caller())
    }

    /// As `shutdown(wait=False)`: takes no more jobs. Those it has run to their end.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, ProcessPool, run};
    /// run(async {
    ///     let pool = ProcessPool::new(1);
    ///     pool.shutdown();
    ///     assert!(matches!(pool.run(|n: i32| n, 5), Err(Error::ExecutorShutdown)));
    /// }).unwrap();
    /// ```
    pub fn shutdown(&self) {
        self.0.shutdown();
    }
}
