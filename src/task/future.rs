//! asyncio's `Future`: a value that is set once and awaited by any number.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use super::Outcome;
use crate::{
    exec::{
        Cancelled, Error, ExceptionContext, Outlet, Shell, TaskRef, Wait, raw::RawFuture, running,
    },
    kernel::{self, CallId, FutureId, OnCancel},
};

/// Where a future stands, with what it holds.
///
/// # Examples
/// ```
/// use seedloop::{Error, Future, State, run};
/// run(async {
///     let future: Future<i32> = Future::new();
///     assert!(future.peek(|state| matches!(state, State::Pending)));
///     future.set_result(5)?;
///     assert!(future.peek(|state| matches!(state, State::Finished(Some(5)))));
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State<'a, T, E> {
    /// Not done.
    Pending,
    /// Done, with a value; `None` once somebody took it.
    Finished(Option<&'a T>),
    /// Done, with an error; `None` once somebody took it.
    Failed(Option<&'a E>),
    /// Done, by a cancellation.
    Cancelled,
}

/// Names a done callback, to take it back.
///
/// # Examples
/// ```
/// use seedloop::{CallbackId, Error, Future, run, yield_now};
/// run(async {
///     let future: Future<i32> = Future::new();
///     let callback: CallbackId = future.add_done_callback(|_| unreachable!("it is taken back"));
///     assert!(future.remove_done_callback(callback));
///     future.set_result(5)?;
///     yield_now().await
/// }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallbackId(CallId);

/// What all handles of one future share.
pub(crate) struct Slot<T, E> {
    pub(crate) raw: RawFuture,
    value: RefCell<Option<Result<T, E>>>,
    /// How to copy the value: set once there are two handles. Without it the first await takes it.
    copy: Cell<Option<Copy<T, E>>>,
    /// How reports call it: as CPython's class.
    class: &'static str,
    error_type: ErrorType<E>,
    /// Nobody has looked at the error yet.
    unseen: Cell<bool>,
    /// Somebody has waited for it.
    pub(crate) awaited: Cell<bool>,
    /// Tells the run that the panic that the error is has been looked at.
    panic_seen: RefCell<Option<Rc<Cell<bool>>>>,
}

type Copy<T, E> = fn(&Result<T, E>) -> Result<T, E>;

/// What is known of an error type where its bounds are not.
pub(crate) struct ErrorType<E> {
    text: fn(&E) -> String,
    is_cancellation: fn(&E) -> bool,
    erase: fn(E) -> Rc<dyn Any>,
}

impl<E> Clone for ErrorType<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> std::marker::Copy for ErrorType<E> {}

impl<E: 'static> ErrorType<E> {
    /// The error type of an outcome.
    pub(crate) fn of<O: Outcome<M, Error = E>, M>() -> ErrorType<E> {
        let is_cancellation = |error: &E| O::cancellation(error).is_some();
        ErrorType { text: O::text, is_cancellation, erase: |error| Rc::new(error) }
    }

    /// Any type at all.
    fn opaque() -> ErrorType<E> {
        let text = |_: &E| std::any::type_name::<E>().to_string();
        ErrorType { text, is_cancellation: |_| false, erase: |error| Rc::new(error) }
    }
}

impl<T, E> Slot<T, E> {
    pub(crate) fn new(
        raw: RawFuture,
        class: &'static str,
        error_type: ErrorType<E>,
    ) -> Rc<Slot<T, E>> {
        Rc::new(Slot {
            raw,
            class,
            error_type,
            value: RefCell::new(None),
            copy: Cell::new(None),
            unseen: Cell::new(false),
            awaited: Cell::new(false),
            panic_seen: RefCell::new(None),
        })
    }

    /// For what an operation with this output comes to.
    pub(crate) fn of_outcome<O, M>(shell: &Rc<Shell>, what: &'static str) -> Rc<Slot<T, E>>
    where
        O: Outcome<M, Value = T, Error = E>,
        E: 'static,
    {
        let raw = RawFuture::in_shell(shell, what, OnCancel::Itself);
        Slot::new(raw, "Future", ErrorType::of::<O, M>())
    }

    /// Keeps the value; the state is the kernel's.
    pub(crate) fn put(&self, value: Result<T, E>) {
        self.unseen.set(value.is_err());
        let old = self.value.replace(Some(value));
        drop(old);
    }

    /// Somebody has looked at the error: it is not reported.
    pub(crate) fn mark_retrieved(&self) {
        self.unseen.set(false);
        if let Some(seen) = &*self.panic_seen.borrow() {
            seen.set(true);
        }
    }

    pub(crate) fn state(&self) -> kernel::State {
        self.raw.state()
    }

    /// Did it fail with an error that is a cancellation, as a gathering does?
    fn failed_by_cancellation(&self) -> bool {
        let value = self.value.borrow();
        let error = value.as_ref().and_then(|value| value.as_ref().err());
        error.is_some_and(self.error_type.is_cancellation)
    }

    /// Takes or copies the result of a done future, as `result()` after an await.
    pub(crate) fn outcome(&self) -> Result<T, E>
    where
        E: From<Error>,
    {
        match self.state() {
            kernel::State::Pending => {
                Err(Error::InvalidState("the result is not ready: await it first").into())
            }
            kernel::State::Cancelled => Err(Error::from(self.raw.take_cancelled()).into()),
            _ => {
                self.mark_retrieved();
                let value = match self.copy.get() {
                    Some(copy) => self.value.borrow().as_ref().map(copy),
                    None => self.value.take(),
                };
                const TAKEN: &str = "the result was taken by an earlier await: await clones of it";
                value.unwrap_or_else(|| Err(Error::InvalidState(TAKEN).into()))
            }
        }
    }
}

impl<T, E: From<Error>> Outlet for Slot<T, E> {
    fn panicked(&self, message: Arc<str>, seen: Rc<Cell<bool>>) {
        self.panic_seen.replace(Some(seen));
        self.put(Err(Error::Panicked(message).into()));
    }

    fn look_at_error(&self) -> Option<String> {
        self.mark_retrieved();
        let value = self.value.borrow();
        value.as_ref().and_then(|value| value.as_ref().err()).map(self.error_type.text)
    }
}

impl<T, E> Drop for Slot<T, E> {
    fn drop(&mut self) {
        if !self.unseen.get() {
            return;
        }
        let Some(Err(error)) = self.value.take() else {
            return;
        };
        let ErrorType { text, is_cancellation, erase } = self.error_type;
        // Whoever waited for it was cancelled too.
        if is_cancellation(&error) && self.awaited.get() {
            return;
        }
        let message = format!("{} exception was never retrieved", self.class);
        let mut context = ExceptionContext::new(message).error(text(&error));
        context = context.exception(erase(error));
        if let Some(task) = self.raw.task() {
            context = context.task(TaskRef::new(self.raw.shell(), task));
        }
        self.raw.shell().report(&context);
    }
}

/// A value that is set once. As `asyncio.Future` (`futures.py`). Clones are handles of the same
/// future, and awaiting them needs `T: Clone` and `E: Clone`; without a clone the first await takes
/// the value.
///
/// Awaiting is a schedule point unless the future is done, and a cancel point. A cancellation of
/// the awaiting task cancels the future, for all who await it: [`shield`](crate::shield) it where
/// that is not meant.
///
/// # Errors
/// An await gives the future's own error; [`Error::Cancelled`]; [`Error::WrongLoop`] in another
/// run; [`Error::InvalidState`] if an earlier await took the value.
///
/// # Examples
/// ```
/// use seedloop::{Error, Future, run, spawn};
/// let got = run(async {
///     let answer: Future<i32> = Future::new();
///     let waiter = spawn({ let answer = answer.clone(); async move { answer.await } });
///     answer.set_result(42)?;
///     waiter.await
/// })?;
/// assert_eq!(got, 42);
/// # Ok::<(), Error>(())
/// ```
#[must_use = "a future does nothing unless it is awaited"]
pub struct Future<T, E = Error> {
    /// Dropped before what it waits for.
    wait: Option<Wait<Option<FutureId>>>,
    pub(crate) slot: Rc<Slot<T, E>>,
}

impl<T, E> Unpin for Future<T, E> {}

impl<T: Clone, E: Clone> Clone for Future<T, E> {
    fn clone(&self) -> Self {
        self.slot.copy.set(Some(Result::clone));
        Future::from_slot(self.slot.clone())
    }
}

impl<T, E: 'static> Default for Future<T, E> {
    fn default() -> Self {
        Future::new()
    }
}

impl<T, E: 'static> Future<T, E> {
    /// As `loop.create_future()`.
    ///
    /// # Panics
    /// Outside a run.
    #[track_caller]
    pub fn new() -> Future<T, E> {
        Future::in_shell(&running())
    }

    pub(crate) fn in_shell(shell: &Rc<Shell>) -> Future<T, E> {
        let raw = RawFuture::in_shell(shell, "Future", OnCancel::Itself);
        Future::from_slot(Slot::new(raw, "Future", ErrorType::opaque()))
    }
}

impl<T, E> Future<T, E> {
    pub(crate) fn from_slot(slot: Rc<Slot<T, E>>) -> Future<T, E> {
        Future { wait: None, slot }
    }

    /// As `set_result`: ends it as finished.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if it is done; [`Error::Misuse`] on a task.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Future, run};
    /// run(async {
    ///     let future: Future<i32> = Future::new();
    ///     future.set_result(1)?;
    ///     assert!(matches!(future.set_result(2), Err(Error::InvalidState(_))));
    ///     assert_eq!(future.await?, 1);
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn set_result(&self, value: T) -> Result<(), Error> {
        self.set(Ok(value))
    }

    /// As `set_exception`: ends it as failed.
    ///
    /// # Errors
    /// [`Error::InvalidState`] if it is done; [`Error::Misuse`] on a task.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Future, run};
    /// run(async {
    ///     let future: Future<()> = Future::new();
    ///     future.set_error(Error::TimedOut)?;
    ///     assert!(future.is_failed());
    ///     assert!(matches!(future.await, Err(Error::TimedOut)));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn set_error(&self, error: E) -> Result<(), Error> {
        self.set(Err(error))
    }

    fn set(&self, value: Result<T, E>) -> Result<(), Error> {
        if self.slot.raw.task().is_some() {
            return Err(Error::Misuse("a task's result is what its future returns"));
        }
        if self.is_done() {
            return Err(Error::InvalidState("the future is done: its result is set once"));
        }
        let failed = value.is_err();
        self.slot.put(value);
        let _open = if failed { self.slot.raw.fail() } else { self.slot.raw.resolve() };
        Ok(())
    }

    /// As `cancel()`: false if it is done.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Future, run};
    /// run(async {
    ///     let future: Future<()> = Future::new();
    ///     assert!(future.cancel());
    ///     assert!(future.is_cancelled() && future.is_done());
    ///     assert!(!future.cancel());
    /// }).unwrap();
    /// ```
    pub fn cancel(&self) -> bool {
        self.cancel_message(&None)
    }

    /// As `cancel(msg)`.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, run, sleep, spawn, yield_now};
    /// run(async {
    ///     let task = spawn(sleep(Duration::from_secs(60)));
    ///     yield_now().await?;
    ///     task.cancel_with("bored");
    ///     let Err(Error::Cancelled(cancelled)) = task.await else { panic!("it was cancelled") };
    ///     assert_eq!(cancelled.message(), Some("bored"));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn cancel_with(&self, message: &str) -> bool {
        self.cancel_message(&Some(message.into()))
    }

    fn cancel_message(&self, message: &kernel::Message) -> bool {
        self.slot.mark_retrieved();
        self.slot.raw.cancel_message(message)
    }

    /// As `done()`.
    pub fn is_done(&self) -> bool {
        self.slot.raw.is_done()
    }

    /// As `cancelled()`.
    pub fn is_cancelled(&self) -> bool {
        self.slot.state() == kernel::State::Cancelled
    }

    /// Did it end with an error that is not a cancellation?
    pub fn is_failed(&self) -> bool {
        self.slot.state() == kernel::State::Failed
    }

    /// As `result()`, for a done future.
    ///
    /// # Errors
    /// Its own error; [`Error::Cancelled`]; [`Error::InvalidState`] while it is pending.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, yield_now};
    /// run(async {
    ///     let task = spawn(async { "done" });
    ///     assert!(matches!(task.result(), Err(Error::InvalidState(_)))); // it has not begun
    ///     yield_now().await?;
    ///     assert_eq!(task.result()?, "done");
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn result(&self) -> Result<T, E>
    where
        T: Clone,
        E: Clone + From<Error>,
    {
        self.slot.copy.set(Some(Result::clone));
        self.slot.outcome()
    }

    /// As `exception()`: the error of a done future, `None` if it has a value.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::InvalidState`] while it is pending.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, spawn, wait};
    /// run(async {
    ///     let tasks = [spawn(async { Ok(()) }), spawn(async { Err(Error::QueueFull) })];
    ///     let done = wait(tasks).await?.done;
    ///     assert!(done[0].error()?.is_none());
    ///     assert!(matches!(done[1].error()?, Some(Error::QueueFull)));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn error(&self) -> Result<Option<E>, Error>
    where
        E: Clone,
    {
        match self.slot.state() {
            kernel::State::Pending => {
                Err(Error::InvalidState("the future is not done: await it first"))
            }
            kernel::State::Cancelled => Err(self.slot.raw.take_cancelled().into()),
            _ => {
                self.slot.mark_retrieved();
                let value = self.slot.value.borrow();
                Ok(value.as_ref().and_then(|value| value.as_ref().err().cloned()))
            }
        }
    }

    /// Looks at the state; an error that is only peeked at is still reported as never retrieved.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Future, State, run};
    /// run(async {
    ///     let future: Future<String> = Future::new();
    ///     future.set_result("a text that is not copied".into())?;
    ///     let length = future.peek(|state| match state {
    ///         State::Finished(Some(text)) => text.len(),
    ///         _ => 0,
    ///     });
    ///     assert_eq!(length, 25);
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn peek<R>(&self, look: impl FnOnce(State<'_, T, E>) -> R) -> R {
        match self.slot.state() {
            kernel::State::Pending => return look(State::Pending),
            kernel::State::Cancelled => return look(State::Cancelled),
            _ => {}
        }
        let value = self.slot.value.borrow();
        look(match self.slot.state() {
            kernel::State::Pending | kernel::State::Cancelled => unreachable!("it is done"),
            kernel::State::Finished => {
                State::Finished(value.as_ref().and_then(|v| v.as_ref().ok()))
            }
            kernel::State::Failed => State::Failed(value.as_ref().and_then(|v| v.as_ref().err())),
        })
    }

    /// False if it failed and nobody has looked at the error.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Future, run};
    /// run(async {
    ///     let future: Future<()> = Future::new();
    ///     future.set_error(Error::QueueFull)?;
    ///     assert!(!future.is_retrieved());
    ///     assert!(future.error()?.is_some());
    ///     assert!(future.is_retrieved()); // no report when it is dropped
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn is_retrieved(&self) -> bool {
        !(self.is_failed() && self.slot.unseen.get())
    }

    /// As `add_done_callback`: `callback` is scheduled when the future is done, or soon if it is.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, log, spawn, trace_of, yield_now};
    /// let trace = trace_of(async {
    ///     let task = spawn(async { 5 });
    ///     task.add_done_callback(|task| log(task.result().unwrap()));
    ///     yield_now().await?; // the task ends
    ///     log("then");
    ///     yield_now().await
    /// });
    /// assert!(trace.logs().map(|(_, text)| text).eq(["then", "5"]));
    /// ```
    pub fn add_done_callback(&self, callback: impl FnOnce(&Future<T, E>) + 'static) -> CallbackId
    where
        T: 'static,
        E: 'static,
    {
        let slot = self.slot.clone();
        CallbackId(self.slot.raw.on_done(move || callback(&Future::from_slot(slot))))
    }

    /// As `remove_done_callback`: false if it is not waiting any more.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Future, log, trace_of, yield_now};
    /// let trace = trace_of(async {
    ///     let future: Future<i32> = Future::new();
    ///     let callback = future.add_done_callback(|_| log("done"));
    ///     future.set_result(5)?;
    ///     assert!(!future.remove_done_callback(callback)); // it is about to run
    ///     yield_now().await
    /// });
    /// assert_eq!(trace.logs().count(), 1);
    /// ```
    pub fn remove_done_callback(&self, callback: CallbackId) -> bool {
        self.slot.raw.remove_on_done(callback.0)
    }

    /// Whether two handles are of one future.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Future, run};
    /// run(async {
    ///     let (one, two): (Future<i32>, Future<i32>) = (Future::new(), Future::new());
    ///     assert!(one.is_same(&one.clone()) && !one.is_same(&two));
    /// }).unwrap();
    /// ```
    pub fn is_same(&self, other: &Future<T, E>) -> bool {
        Rc::ptr_eq(&self.slot, &other.slot)
    }

    /// What a gathering reports for a cancelled child.
    pub(crate) fn own_cancelled(&self) -> Cancelled {
        self.slot.raw.own_cancelled()
    }
}

impl<T, E: From<Error>> std::future::Future for Future<T, E> {
    type Output = Result<T, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T, E>> {
        let this = &mut *self;
        let raw = &this.slot.raw;
        if !raw.shell().is_current() {
            return Poll::Ready(Err(Error::WrongLoop.into()));
        }
        let own_task = raw.task().is_some() && raw.shell().core.borrow().actor.task == raw.task();
        let wait = this.wait.get_or_insert_with(|| match own_task {
            true => Wait::on(None),
            false => Wait::on(Some(raw.id())),
        });
        let Poll::Ready(waited) = wait.poll_in(raw.shell(), context) else {
            this.slot.awaited.set(true);
            return Poll::Pending;
        };
        this.wait = None;
        Poll::Ready(match waited {
            Ok(()) if own_task => Err(Error::AwaitSelf.into()),
            Ok(()) => this.slot.outcome(),
            // A cancellation that the future itself has ended with goes first.
            Err(_) if this.slot.failed_by_cancellation() => this.slot.outcome(),
            Err(error) => {
                if this.is_done() {
                    this.slot.mark_retrieved();
                }
                Err(error.into())
            }
        })
    }
}
