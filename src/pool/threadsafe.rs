//! Coroutines of the loop that other threads start and wait for: `run_coroutine_threadsafe`.

use std::{fmt, panic::Location, time::Duration};

use super::thread::{Deadline, Held, Shared, Then};
use crate::{
    exec::{Cancelled, Error, LoopHandle, TaskRef, Waiting, call_soon, raw::job_point},
    sched::Access,
    task::{Outcome, spawn_at},
};

/// What a coroutine has come to.
struct Ended<T, E> {
    result: Option<Result<T, E>>,
    is_over: bool,
    task: Option<TaskRef>,
    is_cancelled: bool,
}

impl<T: Send, E: Send> Held for Ended<T, E> {
    fn holder(&self) -> Option<Waiting> {
        self.task.map(|task| Waiting::Task(task.id()))
    }
}

type SharedEnd<T, E> = Shared<Ended<T, E>>;

/// The future of what a coroutine's output comes to.
type Threadsafe<O, M> = ThreadsafeFuture<<O as Outcome<M>>::Value, <O as Outcome<M>>::Error>;

impl LoopHandle {
    /// As `asyncio.run_coroutine_threadsafe(coro, loop)`: has the loop run the future that
    /// `coroutine` makes there, as a task, and gives what a job can wait for. From a job, or from a
    /// thread that is none of the run's.
    ///
    /// # Errors
    /// [`Error::LoopClosed`].
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, loop_handle, now, run, sleep, to_thread};
    /// run(async {
    ///     let handle = loop_handle()?;
    ///     let job = to_thread(move || {
    ///         let slow = handle.run_coroutine_threadsafe(|| async {
    ///             sleep(Duration::from_secs(60)).await?;
    ///             Ok::<i32, Error>(5)
    ///         })?;
    ///         slow.result()
    ///     });
    ///     assert_eq!((job.await?, now().as_millis()), (5, 60_000));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn run_coroutine_threadsafe<C, F, M>(
        &self,
        coroutine: C,
    ) -> Result<Threadsafe<F::Output, M>, Error>
    where
        C: FnOnce() -> F + Send + 'static,
        F: Future<Output: Outcome<M>> + 'static,
        <F::Output as Outcome<M>>::Value: Send,
        <F::Output as Outcome<M>>::Error: Send,
    {
        let ended = Ended { result: None, is_over: false, task: None, is_cancelled: false };
        let (shared, place) = (Shared::new("threadsafe future", ended), Location::caller());
        let sets = Sets(shared.clone());
        let begins = move || {
            let Sets(shared) = &sets;
            let shared = shared.clone();
            if shared.unseen(Access::Read, |ended| ended.is_cancelled) {
                return sets.set(Err(Error::from(Cancelled::new(None)).into()));
            }
            let task = spawn_at(None, place, async move {
                let result = coroutine().await.into_result();
                // CPython's task tells those who wait for it in a callback.
                call_soon(move || sets.set(result));
                Ok::<(), Error>(())
            });
            shared.unseen(Access::Write, |ended| ended.task = Some(task.id()));
        };
        self.call_soon_threadsafe(begins)?;
        Ok(ThreadsafeFuture { shared, handle: self.clone() })
    }
}

/// Whoever is to say what the coroutine came to: if it goes without, it was cancelled.
struct Sets<T, E>(SharedEnd<T, E>)
where
    T: Send + 'static,
    E: From<Error> + Send + 'static;

impl<T, E> Sets<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn set(&self, result: Result<T, E>) {
        self.0.change("sets", |ended| (ended.result, ended.is_over) = (Some(result), true));
    }
}

impl<T, E> Drop for Sets<T, E>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    fn drop(&mut self) {
        if !self.0.unseen(Access::Read, |ended| ended.is_over) {
            self.set(Err(Error::LoopClosed.into()));
        }
    }
}

/// What a coroutine comes to that another thread has started: `concurrent.futures.Future`.
pub struct ThreadsafeFuture<T: Send + 'static, E: Send + 'static> {
    shared: SharedEnd<T, E>,
    handle: LoopHandle,
}

impl<T: Send + 'static, E: Send + 'static> ThreadsafeFuture<T, E> {
    /// As `result()`: waits for it. A schedule point of a job.
    ///
    /// # Errors
    /// The coroutine's own; [`Error::LoopClosed`] if the loop has dropped it.
    ///
    /// # Panics
    /// In a coroutine or a callback: it would block the loop for ever.
    pub fn result(self) -> Result<T, E> {
        self.get(None).expect("nothing ends it")
    }

    /// As `result(timeout)`: None if it takes longer, in virtual time.
    ///
    /// # Errors
    /// As [`result`](ThreadsafeFuture::result).
    ///
    /// # Panics
    /// As [`result`](ThreadsafeFuture::result).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, Event, loop_handle, run, to_thread};
    /// run(async {
    ///     let handle = loop_handle()?;
    ///     to_thread(move || {
    ///         let coroutine = || async { Event::new().wait().await };
    ///         let never = handle.run_coroutine_threadsafe(coroutine)?;
    ///         assert!(never.result_timeout(Duration::from_secs(1)).is_none());
    ///         assert!(never.cancel());
    ///         assert!(matches!(never.result(), Err(Error::Cancelled(_))));
    ///         Ok::<(), Error>(())
    ///     })
    ///     .await
    /// }).unwrap();
    /// ```
    pub fn result_timeout(&self, timeout: Duration) -> Option<Result<T, E>> {
        self.get(Some(Deadline::after(timeout)))
    }

    fn get(&self, deadline: Option<Deadline>) -> Option<Result<T, E>> {
        job_point();
        self.shared.wait("gets", Then::Nothing, deadline, |ended| ended.result.take())
    }

    /// As `done()`. A schedule point of a job.
    pub fn is_done(&self) -> bool {
        job_point();
        self.shared.now("looks at", Access::Read, |ended| ended.is_over)
    }

    /// As `cancel()`: asks the loop to cancel the task. False if it is done.
    pub fn cancel(&self) -> bool {
        job_point();
        let (task, is_over) = self.shared.now("cancels", Access::Write, |ended| {
            ended.is_cancelled = true;
            (ended.task, ended.is_over)
        });
        if let Some(task) = task.filter(|_| !is_over) {
            // A loop that is closed has dropped it.
            let _ = self.handle.call_soon_threadsafe(move || {
                task.cancel();
            });
        }
        !is_over
    }
}

impl<T: Send + 'static, E: Send + 'static> fmt::Debug for ThreadsafeFuture<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ThreadsafeFuture").field(&self.shared).finish()
    }
}
