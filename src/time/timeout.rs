//! asyncio's `timeout()`: a deadline that cancels its own body, and turns that cancellation into
//! `TimedOut` (timeouts.py of CPython 3.13).

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Instant, call_at, now};
use crate::{
    exec::{Error, Handle, TaskRef, call_soon, current_task, raw::Object},
    sched::Access,
    task::{Outcome, ScopePlace, known_scope},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Created,
    Entered,
    Expiring,
    Expired,
    Exited,
}

/// A deadline for a body, which may be moved while the body runs. As `asyncio.Timeout`
/// (`timeouts.py`). Clones are handles of the same timeout.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, Timeout, now, run, sleep};
/// run(async {
///     let timeout = Timeout::new(Some(now() + Duration::from_secs(1)));
///     let later = timeout.clone();
///     let result = timeout.run(async move {
///         later.reschedule(Some(now() + Duration::from_secs(10)))?;
///         sleep(Duration::from_secs(5)).await
///     });
///     result.await?;
///     assert!(!timeout.expired());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Timeout {
    inner: Rc<Inner>,
}

struct Inner {
    stage: Cell<Stage>,
    when: Cell<Option<Instant>>,
    handle: RefCell<Option<Handle>>,
    /// The task that runs the body, and its count of requests when it began to.
    task: Cell<Option<(TaskRef, u32)>>,
    /// The body's scope, from its first poll on.
    place: Rc<Cell<Option<ScopePlace>>>,
    /// The waker of the last poll: wakes whoever runs the body if that is another task by then.
    waker: RefCell<Option<Waker>>,
    object: Object,
}

impl Timeout {
    /// A timeout at `when`; `None` never fires.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Instant, Timeout};
    /// for when in [None, Some(Instant::from_millis(5))] {
    ///     assert_eq!(Timeout::new(when).when(), when);
    /// }
    /// ```
    pub fn new(when: Option<Instant>) -> Timeout {
        Timeout {
            inner: Rc::new(Inner {
                stage: Cell::new(Stage::Created),
                when: Cell::new(when),
                handle: RefCell::new(None),
                task: Cell::new(None),
                place: Rc::default(),
                waker: RefCell::new(None),
                object: Object::new("timeout"),
            }),
        }
    }

    /// As `when()`: the deadline.
    pub fn when(&self) -> Option<Instant> {
        self.inner.object.touch(Access::Read);
        self.inner.when.get()
    }

    /// As `expired()`: has the deadline passed while the body ran?
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, Instant, Timeout, run, sleep};
    /// run(async {
    ///     let limit = Timeout::new(Some(Instant::from_millis(1)));
    ///     assert!(limit.run(sleep(Duration::from_secs(1))).await.is_err());
    ///     assert!(limit.expired());
    /// }).unwrap();
    /// ```
    pub fn expired(&self) -> bool {
        self.inner.object.touch(Access::Read);
        matches!(self.inner.stage.get(), Stage::Expiring | Stage::Expired)
    }

    /// As `reschedule()`: moves the deadline while the body runs.
    ///
    /// # Errors
    /// [`Error::Misuse`] before and after the body, and once the deadline has passed.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, Timeout, now, run, sleep};
    /// let late = run(async {
    ///     let limit = Timeout::new(None);
    ///     limit.run(async {
    ///         limit.reschedule(Some(now() + Duration::from_secs(1)))?;
    ///         sleep(Duration::from_secs(2)).await
    ///     }).await
    /// });
    /// assert!(matches!(late, Err(Error::TimedOut)));
    /// ```
    pub fn reschedule(&self, when: Option<Instant>) -> Result<(), Error> {
        self.inner.object.touch(Access::Write);
        match self.inner.stage.get() {
            Stage::Entered => {}
            Stage::Created => {
                return Err(Error::Misuse(
                    "the timeout does not run yet: reschedule it inside its body",
                ));
            }
            _ => {
                return Err(Error::Misuse("the timeout is over: make a new one"));
            }
        }
        self.inner.when.set(when);
        self.disarm();
        let this = self.clone();
        let handle = when.map(|when| match when <= now() {
            true => call_soon(move || this.fire()),
            false => call_at(when, move || this.fire()),
        });
        *self.inner.handle.borrow_mut() = handle;
        Ok(())
    }

    /// Runs the body under the deadline, once. When it passes, what the body awaits is cancelled;
    /// if that cancellation, and no other, leaves the body, it becomes [`Error::TimedOut`]. What
    /// the task awaits beside the body (`join!`) goes on. As
    /// `async with asyncio.timeout_at(when): ...`. Schedule points and cancel points are those of
    /// the body.
    ///
    /// # Errors
    /// Those of the body; [`Error::TimedOut`]; [`Error::Misuse`] the second time, and outside a
    /// task.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Timeout, run};
    /// run(async {
    ///     let limit = Timeout::new(None);
    ///     assert_eq!(limit.run(async { "done" }).await?, "done");
    ///     assert!(matches!(limit.run(async {}).await, Err(Error::Misuse(_)))); // once
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub async fn run<F, M>(
        &self,
        body: F,
    ) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
    where
        F: Future<Output: Outcome<M>>,
    {
        let entered = self.enter()?;
        let mut body = pin!(known_scope(body, self.inner.place.clone()));
        let polled = poll_fn(|context| match self.is_left_behind(context) {
            true => Poll::Ready(None),
            false => body.as_mut().poll(context).map(Some),
        });
        let result = match polled.await {
            None => return Err(Error::TimedOut.into()),
            Some(Ok(output)) => output.into_result(),
            Some(Err(error)) => Err(error.into()),
        };
        let is_ours = entered.exit();
        match result {
            Err(error) if is_ours && <F::Output as Outcome<M>>::cancellation(&error).is_some() => {
                Err(Error::TimedOut.into())
            }
            result => result,
        }
    }

    fn enter(&self) -> Result<Entered<'_>, Error> {
        if self.inner.stage.get() != Stage::Created {
            return Err(Error::Misuse("the timeout has already been entered: make a new one"));
        }
        let Some(task) = current_task() else {
            return Err(Error::Misuse("a timeout belongs in a task: use spawn"));
        };
        self.inner.stage.set(Stage::Entered);
        self.inner.task.set(Some((task, task.cancelling())));
        self.reschedule(self.inner.when.get())?;
        Ok(Entered(self))
    }

    fn fire(&self) {
        self.inner.object.touch(Access::Write);
        if self.inner.stage.get() != Stage::Entered {
            return;
        }
        let (task, _) = self.inner.task.get().expect("an entered timeout has a task");
        match self.inner.place.get() {
            Some((scope, _)) => task.expire(scope),
            None => drop(task.cancel()),
        }
        self.inner.stage.set(Stage::Expiring);
        self.inner.handle.take();
        let waker = self.inner.waker.take();
        if let Some(waker) = waker.filter(|_| task.is_done()) {
            waker.wake();
        }
    }

    /// The body may be polled by another task than before (a shared future): it is that task's
    /// from here on. Has the deadline passed while it was the other's?
    fn is_left_behind(&self, context: &Context<'_>) -> bool {
        let Some(me) = current_task() else { return false };
        let (task, before) = self.inner.task.get().expect("an entered timeout has a task");
        let old = self.inner.waker.replace(Some(context.waker().clone()));
        drop(old);
        if task == me {
            return false;
        }
        self.inner.object.touch(Access::Write);
        let expired = self.inner.stage.get() == Stage::Expiring;
        if expired {
            self.take_back(task, before);
            self.inner.stage.set(Stage::Expired);
        }
        self.inner.task.set(Some((me, me.cancelling())));
        expired
    }

    /// Takes the timeout's own request back. Says whether it was the only one.
    fn take_back(&self, task: TaskRef, before: u32) -> bool {
        match self.inner.place.get() {
            Some((scope, outer)) => task.end_expiry(scope, outer) <= before,
            None => task.uncancel() <= before,
        }
    }

    fn disarm(&self) {
        let handle = self.inner.handle.take();
        if let Some(handle) = handle {
            handle.cancel();
        }
    }
}

/// The body runs. Dropped before its exit, the timeout leaves no timer and no request behind.
struct Entered<'a>(&'a Timeout);

impl Entered<'_> {
    /// Ends the timeout. Says whether it has expired, and nothing else has cancelled the body.
    fn exit(self) -> bool {
        let inner = &self.0.inner;
        inner.object.touch(Access::Write);
        let (task, before) = inner.task.get().expect("an entered timeout has a task");
        let expired = inner.stage.get() == Stage::Expiring;
        if expired {
            inner.stage.set(Stage::Expired);
        }
        expired && self.0.take_back(task, before)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.disarm();
        let inner = &self.0.inner;
        inner.object.touch(Access::Write);
        match inner.stage.get() {
            Stage::Entered => inner.stage.set(Stage::Exited),
            Stage::Expiring => {
                inner.stage.set(Stage::Expired);
                let (task, before) = inner.task.get().expect("an entered timeout has a task");
                self.0.take_back(task, before);
            }
            _ => {}
        }
    }
}

/// As `async with asyncio.timeout(d): await future`. The future runs in the calling task. A
/// foreign future is dropped when the deadline passes. Schedule points and cancel points are those
/// of the future.
///
/// # Errors
/// Those of the future; [`Error::TimedOut`]; [`Error::Misuse`] outside a task.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, run, sleep, timeout};
/// let result = run(async {
///     timeout(Duration::from_secs(1), sleep(Duration::from_secs(2))).await
/// });
/// assert!(matches!(result, Err(Error::TimedOut)));
/// ```
pub async fn timeout<F, M>(
    duration: Duration,
    future: F,
) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: Future<Output: Outcome<M>>,
{
    Timeout::new(Some(now() + duration)).run(future).await
}

/// As `async with asyncio.timeout_at(when): await future`; else as [`timeout`].
///
/// # Errors
/// Those of the future; [`Error::TimedOut`]; [`Error::Misuse`] outside a task.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, now, run, sleep, timeout_at};
/// let late = run(async {
///     let deadline = now() + Duration::from_secs(1);
///     timeout_at(deadline, sleep(Duration::from_secs(2))).await
/// });
/// assert!(matches!(late, Err(Error::TimedOut)));
/// ```
pub async fn timeout_at<F, M>(
    when: Instant,
    future: F,
) -> Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: Future<Output: Outcome<M>>,
{
    Timeout::new(Some(when)).run(future).await
}
