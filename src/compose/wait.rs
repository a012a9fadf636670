//! `asyncio.wait`.

use std::{
    cell::{Cell, RefCell},
    future::IntoFuture,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use super::{
    Awaitable,
    awaitable::{Callbacks, Child, distinct},
};
use crate::{
    exec::{
        Error, Handle,
        raw::{Object, RawFuture},
    },
    kernel::State,
    sched::Access,
    time::call_later,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    AllCompleted,
    FirstCompleted,
    FirstException,
}

/// As `asyncio.wait` (`tasks.py`): waits until all tasks are done, or the first, or the first with
/// an error, or for so long. Cancels nothing, and raises nothing of theirs. The tasks come back, in
/// the order given and without repetitions. A schedule point and a cancel point.
///
/// # Errors
/// [`Error::InvalidValue`] if there is no task; [`Error::Cancelled`].
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, run, sleep, spawn, wait};
/// run(async {
///     let nap = |secs| spawn(async move { sleep(Duration::from_secs(secs)).await });
///     let waited = wait([nap(1), nap(9)]).timeout(Duration::from_secs(5)).await?;
///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn wait<A: Awaitable>(tasks: impl IntoIterator<Item = A>) -> Wait<A> {
    Wait { tasks: distinct(tasks), timeout: None, until: Until::AllCompleted }
}

/// What is waited for; see [`wait`].
///
/// # Examples
/// ```
/// use seedloop::{Error, Task, Wait, run, wait};
/// let nothing: Wait<Task<()>> = wait([]);
/// assert!(matches!(run(async { nothing.await.map(drop) }), Err(Error::InvalidValue(_))));
/// ```
#[must_use = "a wait does nothing unless it is awaited"]
pub struct Wait<A> {
    tasks: Vec<A>,
    timeout: Option<Duration>,
    until: Until,
}

/// How far the tasks got.
///
/// # Examples
/// ```
/// use seedloop::{Error, Waited, run, spawn, wait, yield_now};
/// run(async {
///     let slow = spawn(async { while yield_now().await.is_ok() {} });
///     let waited: Waited<_> = wait([spawn(async {}), slow]).first_completed().await?;
///     assert_eq!((waited.done.len(), waited.pending.len()), (1, 1));
///     waited.pending.iter().for_each(|task| drop(task.cancel()));
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[derive(Debug)]
pub struct Waited<A> {
    /// Those that are done.
    pub done: Vec<A>,
    /// The others.
    pub pending: Vec<A>,
}

impl<A: Awaitable> Wait<A> {
    /// Waits at most so long.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, run, sleep, spawn, wait};
    /// run(async {
    ///     let nap = spawn(sleep(Duration::from_secs(9)));
    ///     let waited = wait([nap]).timeout(Duration::from_secs(1)).await?;
    ///     assert!(waited.done.is_empty() && !waited.pending[0].is_done()); // nothing is cancelled
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn timeout(mut self, duration: Duration) -> Wait<A> {
        self.timeout = Some(duration);
        self
    }

    /// As `return_when=FIRST_COMPLETED`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, now, run, sleep, spawn, wait};
    /// run(async {
    ///     let naps = [3, 1, 2].map(|secs| spawn(sleep(Duration::from_secs(secs))));
    ///     wait(naps).first_completed().await?;
    ///     assert_eq!(now().as_millis(), 1_000);
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn first_completed(mut self) -> Wait<A> {
        self.until = Until::FirstCompleted;
        self
    }

    /// As `return_when=FIRST_EXCEPTION`: a cancelled task is no exception.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, wait};
    /// run(async {
    ///     let tasks = [Ok(()), Err(Error::QueueFull)].map(|result| spawn(async { result }));
    ///     let waited = wait(tasks).first_exception().await?;
    ///     assert!(waited.done[1].is_failed());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn first_exception(mut self) -> Wait<A> {
        self.until = Until::FirstException;
        self
    }

    async fn run(self) -> Result<Waited<A>, Error> {
        if self.tasks.is_empty() {
            return Err(Error::InvalidValue("wait needs at least one task"));
        }
        let waiting = Rc::new(Waiting {
            waiter: RawFuture::new("wait")?,
            left: Cell::new(self.tasks.len()),
            until: self.until,
            timer: RefCell::new(None),
            object: Object::new("wait"),
        });
        if let Some(duration) = self.timeout {
            let waiter = waiting.clone();
            let timer = call_later(duration, move || {
                waiter.waiter.resolve();
            });
            waiting.timer.replace(Some(timer));
        }
        let _disarm = Disarm(&waiting);
        let mut callbacks = Callbacks::new();
        for task in &self.tasks {
            let child: Rc<dyn Child<A::Error>> = task.slot().clone();
            let (waiting, done) = (waiting.clone(), child.clone());
            callbacks.add(&child, move || waiting.child_done(&*done));
        }
        waiting.waiter.wait().await?;
        let is_done = |task: &A| task.slot().raw.is_done();
        let (done, pending) = self.tasks.into_iter().partition(is_done);
        Ok(Waited { done, pending })
    }
}

struct Waiting {
    waiter: RawFuture,
    left: Cell<usize>,
    until: Until,
    timer: RefCell<Option<Handle>>,
    object: Object,
}

impl Waiting {
    fn child_done<E>(&self, child: &dyn Child<E>) {
        self.object.touch(Access::Write);
        self.left.set(self.left.get() - 1);
        let enough = self.left.get() == 0
            || match self.until {
                Until::AllCompleted => false,
                Until::FirstCompleted => true,
                Until::FirstException => {
                    child.mark_retrieved();
                    child.raw().state() == State::Failed
                }
            };
        if enough {
            self.disarm();
            self.waiter.resolve();
        }
    }

    fn disarm(&self) {
        self.object.touch(Access::Write);
        let timer = self.timer.take();
        if let Some(timer) = timer {
            timer.cancel();
        }
    }
}

/// Leaves no timer behind.
struct Disarm<'a>(&'a Waiting);

impl Drop for Disarm<'_> {
    fn drop(&mut self) {
        self.0.disarm();
    }
}

impl<A: Awaitable> IntoFuture for Wait<A> {
    type Output = Result<Waited<A>, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
