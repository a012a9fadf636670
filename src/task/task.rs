//! asyncio's `Task`: a future that runs on its own.

use std::{
    any::Any,
    ops::Deref,
    panic::Location,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use pin_project_lite::pin_project;

use super::{ErrorType, Future, Outcome, Slot};
use crate::{
    exec::{Error, Outlet, Shell, TaskRef, raw::RawFuture, running},
    kernel::End,
};

/// A future that runs on its own. As `asyncio.Task` (`tasks.py`). Dropping it detaches it; awaiting
/// it gives what its future returned. Everything that a [`Future`] can do, it can.
///
/// Awaiting is a schedule point unless the task is done, and a cancel point. A cancellation of the
/// awaiting task cancels this one: [`shield`](crate::shield) it where that is not meant.
///
/// # Errors
/// An await gives the error that its future returned; [`Error::Cancelled`]; [`Error::Panicked`];
/// [`Error::AwaitSelf`] inside the task itself; [`Error::WrongLoop`] in another run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, run, sleep, spawn};
/// run(async {
///     let task = spawn(async { sleep(Duration::from_secs(3600)).await });
///     sleep(Duration::from_secs(1)).await?;
///     assert!(task.cancel());
///     assert!(matches!(task.await, Err(Error::Cancelled(_))));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub struct Task<T, E = Error> {
    future: Future<T, E>,
}

/// As `asyncio.create_task`: the task's first step is in the loop's next iteration. Not a schedule
/// point.
///
/// What the future may return, and how it counts, see [`Outcome`]. Where the compiler asks for the
/// error type of an async block, end it with `Ok::<_, Error>(value)`.
///
/// # Panics
/// Outside a run; the future is dropped.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, spawn};
/// let sum = run(async {
///     let (one, two) = (spawn(async { 1 }), spawn(async { Ok::<_, Error>(2) }));
///     Ok::<i32, Error>(one.await? + two.await?)
/// });
/// assert_eq!(sum.unwrap(), 3);
/// ```
#[track_caller]
pub fn spawn<F, M>(
    future: F,
) -> Task<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    spawn_at(None, Location::caller(), future)
}

/// As `asyncio.create_task(coro, name=name)`: reports and traces call the task by its name.
///
/// # Panics
/// Outside a run; the future is dropped.
///
/// # Examples
/// ```
/// use seedloop::{run, spawn_named};
/// let name = run(async { spawn_named("reader", async {}).name() });
/// assert_eq!(name.unwrap(), "reader");
/// ```
#[track_caller]
pub fn spawn_named<F, M>(
    name: impl Into<String>,
    future: F,
) -> Task<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    spawn_at(Some(name.into().into()), Location::caller(), future)
}

/// Spawns a future with any output at all; it can only end as finished, cancelled from outside, or
/// by a panic. Not a schedule point.
///
/// # Panics
/// Outside a run; the future is dropped.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, spawn_plain};
/// struct Mine(i32); // no `Plain`, no `Result`
/// let got = run(async { Ok::<_, Error>(spawn_plain(async { Mine(5) }).await?.0) });
/// assert_eq!(got.unwrap(), 5);
/// ```
#[track_caller]
pub fn spawn_plain<F>(future: F) -> Task<F::Output>
where
    F: std::future::Future<Output: 'static> + 'static,
{
    let caller = Location::caller();
    spawn_at(None, caller, async move { Ok::<_, Error>(future.await) })
}

#[track_caller]
pub(crate) fn spawn_at<F, M>(
    name: Option<Arc<str>>,
    caller: &'static Location<'static>,
    future: F,
) -> Task<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    spawn_in(&running(), name, caller, future)
}

/// Spawns in a loop that need not run.
pub(crate) fn spawn_in<F, M>(
    shell: &Rc<Shell>,
    name: Option<Arc<str>>,
    caller: &'static Location<'static>,
    future: F,
) -> Task<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    let task = shell.spawn(name, caller);
    let raw = RawFuture::of_task(shell, task);
    let slot = Slot::new(raw, "Task", ErrorType::of::<F::Output, M>());
    let outlet: Rc<dyn Outlet> = slot.clone();
    let body = Job { future: Some(future), slot: slot.clone(), settle: settle::<F::Output, M> };
    shell.start(task, Box::pin(body), Rc::downgrade(&outlet));
    Task { future: Future::from_slot(slot) }
}

pin_project! {
    /// A task's future, and where its value goes. Not an async block: that would hold the future
    /// twice.
    struct Job<F: std::future::Future, T, E> {
        #[pin]
        future: Option<F>,
        slot: Rc<Slot<T, E>>,
        settle: fn(F::Output, &Slot<T, E>) -> End,
    }
}

impl<F: std::future::Future, T, E> std::future::Future for Job<F, T, E> {
    type Output = End;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<End> {
        let mut this = self.project();
        let future = this.future.as_mut().as_pin_mut().expect("not polled after its end");
        let Poll::Ready(output) = future.poll(context) else { return Poll::Pending };
        this.future.set(None);
        Poll::Ready((this.settle)(output, this.slot))
    }
}

/// Keeps what a task's future has returned, and says how that counts.
fn settle<O: Outcome<M>, M>(output: O, slot: &Slot<O::Value, O::Error>) -> End {
    match output.into_result() {
        Ok(value) => {
            slot.put(Ok(value));
            End::Finished
        }
        Err(error) => match O::cancellation(&error) {
            Some(cancelled) => End::Cancelled(cancelled.to_message()),
            None => {
                slot.put(Err(error));
                End::Failed
            }
        },
    }
}

/// As `asyncio.ensure_future`: a [`Task`] or [`Future`] stays itself, anything else is spawned.
#[track_caller]
pub(crate) fn ensure<F, M>(
    future: F,
) -> Future<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    ensure_in(&running(), None, Location::caller(), future)
}

pub(crate) fn ensure_in<F, M>(
    shell: &Rc<Shell>,
    name: Option<Arc<str>>,
    caller: &'static Location<'static>,
    future: F,
) -> Future<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>
where
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    type Of<F, M> = Future<
        <<F as std::future::Future>::Output as Outcome<M>>::Value,
        <<F as std::future::Future>::Output as Outcome<M>>::Error,
    >;
    let mut future = Some(future);
    let any: &mut dyn Any = &mut future;
    if let Some(own) = any.downcast_mut::<Option<Of<F, M>>>() {
        return own.take().expect("just put there");
    }
    if let Some(task) = any.downcast_mut::<Option<
        Task<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>,
    >>() {
        return task.take().expect("just put there").future;
    }
    spawn_in(shell, name, caller, future.expect("neither was taken")).future
}

impl<T, E> Task<T, E> {
    /// The task's id: `Copy` and `Send`.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{run, spawn};
    /// run(async {
    ///     let task = spawn(async {});
    ///     let id = task.id();
    ///     drop(task); // it goes on
    ///     assert!(!id.is_done());
    /// }).unwrap();
    /// ```
    pub fn id(&self) -> TaskRef {
        let raw = &self.future.slot.raw;
        TaskRef::new(raw.shell(), raw.task().expect("a task is a task"))
    }

    /// As `get_name()`: the name it was given, else its path.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{run, spawn, spawn_named};
    /// run(async {
    ///     assert_eq!(spawn_named("reader", async {}).name(), "reader");
    ///     assert_eq!(spawn(async {}).name(), "2"); // main's second task
    /// }).unwrap();
    /// ```
    pub fn name(&self) -> String {
        self.id().name()
    }

    /// As `uncancel()`: takes one cancellation request back; gives the count that is left.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, yield_now};
    /// run(async {
    ///     let task = spawn(async { "done" });
    ///     assert!(task.cancel() && task.cancel());
    ///     assert_eq!((task.uncancel(), task.cancelling()), (1, 1));
    ///     assert!(matches!(task.await, Err(Error::Cancelled(_))));
    /// }).unwrap();
    /// ```
    pub fn uncancel(&self) -> u32 {
        let raw = &self.future.slot.raw;
        raw.shell().uncancel(raw.task().expect("a task is a task"))
    }

    /// As `cancelling()`: the cancellation requests so far, less those taken back.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, current_task, run, spawn, yield_now};
    /// run(async {
    ///     let task = spawn(async {
    ///         let _ = yield_now().await; // is told here, and goes on
    ///         current_task().map(|task| task.cancelling())
    ///     });
    ///     yield_now().await?;
    ///     assert!(task.cancel());
    ///     assert_eq!(task.cancelling(), 1);
    ///     assert_eq!(task.await?, Some(1));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn cancelling(&self) -> u32 {
        let raw = &self.future.slot.raw;
        raw.shell().cancelling(raw.task().expect("a task is a task"))
    }

    /// Drops the task's future at its next step, without a word to it, as Rust's runtimes do.
    /// False if it is done.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, yield_now};
    /// run(async {
    ///     let deaf = spawn(async { loop { let _cancelled = yield_now().await; } });
    ///     yield_now().await?;
    ///     assert!(deaf.abort());
    ///     assert!(matches!(deaf.await, Err(Error::Cancelled(_))));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn abort(&self) -> bool {
        let raw = &self.future.slot.raw;
        raw.shell().abort(raw.task().expect("a task is a task"))
    }

    /// Offers the task for injected cancellations, where [`Check`](crate::Check) has a budget for
    /// them: it promises to be safe when cancelled, or dropped, at any await.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Error, spawn, yield_now};
    /// let check = Check::new().cancellations(1);
    /// let failure = check.try_run(|| async {
    ///     match spawn(yield_now()).cancellable().await {
    ///         Err(Error::Cancelled(_)) => panic!("somebody cancels it"),
    ///         other => other,
    ///     }
    /// });
    /// assert!(failure.unwrap_err().text.ends_with("somebody cancels it"));
    /// ```
    pub fn cancellable(self) -> Task<T, E> {
        let raw = &self.future.slot.raw;
        raw.shell().offer(raw.task().expect("a task is a task"));
        self
    }

    /// Declares that all state which the task shares with others is [`Tracked`](crate::Tracked), or
    /// in the crate's own primitives, or declared by
    /// [`raw::Object::touch`](crate::raw::Object::touch); that goes for what it spawns and for its
    /// callbacks, too. Matters to [`Check::tracked_tasks`](crate::Check::tracked_tasks).
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Check, Error, Tracked, spawn, yield_now};
    /// let count = |tracked: bool| {
    ///     let check = Check::new().exhaustive();
    ///     let check = if tracked { check.tracked_tasks() } else { check };
    ///     let report = check.run(|| async {
    ///         let tasks = [1, 2].map(|n| {
    ///             let own = Tracked::new(n);
    ///             spawn(async move { yield_now().await.map(|()| own.get()) }).tracked()
    ///         });
    ///         for task in tasks {
    ///             task.await?;
    ///         }
    ///         Ok::<(), Error>(())
    ///     });
    ///     report.schedules
    /// };
    /// assert!(count(true) < count(false));
    /// ```
    pub fn tracked(self) -> Task<T, E> {
        let raw = &self.future.slot.raw;
        raw.shell().track(raw.task().expect("a task is a task"));
        self
    }

    /// A handle of the same task that can be cloned and awaited by several.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, gather, run, spawn};
    /// run(async {
    ///     let task = spawn(async { 5 });
    ///     assert_eq!(gather((task.future(), task.future(), task)).await?, (5, 5, 5));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn future(&self) -> Future<T, E>
    where
        T: Clone,
        E: Clone,
    {
        self.future.clone()
    }
}

impl<T, E> Deref for Task<T, E> {
    type Target = Future<T, E>;

    fn deref(&self) -> &Future<T, E> {
        &self.future
    }
}

impl<T, E: From<Error>> std::future::Future for Task<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        Pin::new(&mut self.future).poll(context)
    }
}
