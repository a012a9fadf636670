//! The loop as other threads may see it: asyncio's `call_soon_threadsafe`.

use std::{fmt, rc::Rc, sync::Arc};

use super::{
    Error,
    inbox::Inbox,
    shell::{Shell, try_with},
    waker::Wake,
};

/// What other threads send to the loop.
pub(crate) enum Mail {
    Wake(Wake),
    Call(Box<dyn FnOnce() + Send>),
}

/// The thread-safe side of a loop: `Send`, `Sync` and `Clone`. All else of a loop belongs to the
/// loop's own thread, and the compiler sees to it.
///
/// # Examples
/// ```
/// use std::{thread, time::Duration};
/// use seedloop::{Config, Loop, call_later, stop};
///
/// // A loop that waits for other threads in real time, instead of reporting a deadlock.
/// let mut event_loop = Loop::new(Config::default().other_threads(true));
/// let handle = event_loop.handle();
/// let thread = thread::spawn(move || {
///     handle.call_soon_threadsafe(|| drop(call_later(Duration::from_secs(1), stop)))
/// });
/// event_loop.run_forever()?; // idle until the call arrives
/// thread.join().unwrap()?;
/// assert_eq!(event_loop.time().as_nanos(), 1_000_000_000);
/// # Ok::<(), seedloop::Error>(())
/// ```
#[derive(Clone)]
pub struct LoopHandle(Arc<Inbox<Mail>>);

impl LoopHandle {
    pub(crate) fn of(shell: &Rc<Shell>) -> LoopHandle {
        LoopHandle(shell.inbox.borrow().clone())
    }

    /// As `loop.call_soon_threadsafe`: `callback` runs on the loop's thread, behind what is ready
    /// at its next iteration, and an idle loop wakes up for it. Inside it everything of the loop
    /// may be used: [`spawn`](crate::spawn), [`stop`](crate::stop), [`TaskRef::cancel`] ...
    ///
    /// When it arrives is up to the threads: such a run is replayed only as far as they repeat
    /// themselves. Nothing ready, and no timer, is a deadlock, unless
    /// [`Config::other_threads`](crate::Config::other_threads) says that somebody may call.
    ///
    /// # Errors
    /// [`Error::LoopClosed`]; the callback is dropped then.
    ///
    /// [`TaskRef::cancel`]: crate::TaskRef::cancel
    ///
    /// # Examples
    /// ```
    /// use std::thread;
    /// use seedloop::{Config, Error, Runner, loop_handle};
    /// let mut runner = Runner::new(Config::default().other_threads(true));
    /// let answer = runner.run(async {
    ///     let (sender, receiver) = futures::channel::oneshot::channel();
    ///     let handle = loop_handle()?;
    ///     let thread = thread::spawn(move || {
    ///         handle.call_soon_threadsafe(move || sender.send(5).unwrap())
    ///     });
    ///     let answer = receiver.await.unwrap();
    ///     thread.join().unwrap()?;
    ///     Ok::<i32, Error>(answer)
    /// });
    /// assert_eq!(answer.unwrap(), 5);
    /// ```
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<(), Error> {
        // From the loop's own thread it comes after what others have sent.
        try_with(|shell| shell.core.borrow_mut().touch_all());
        self.0.post(Mail::Call(Box::new(callback))).map_err(|_dropped| Error::LoopClosed)
    }

    /// Is the loop closed?
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Config, Error, Loop};
    /// let mut event_loop = Loop::new(Config::default());
    /// let handle = event_loop.handle();
    /// assert!(!handle.is_closed());
    /// event_loop.close()?;
    /// assert!(handle.is_closed());
    /// assert!(matches!(handle.call_soon_threadsafe(|| {}), Err(Error::LoopClosed)));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}

impl fmt::Debug for LoopHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoopHandle").field("closed", &self.is_closed()).finish()
    }
}

/// The handle of the running loop, for other threads. As `asyncio.get_running_loop()`, whose other
/// methods are functions here: [`spawn`](crate::spawn), [`call_soon`](crate::call_soon),
/// [`now`](crate::now), [`stop`](crate::stop) ...
///
/// # Errors
/// [`Error::NoRunningLoop`] outside a run.
///
/// # Examples
/// ```
/// use seedloop::{Error, loop_handle, run};
/// assert!(matches!(loop_handle(), Err(Error::NoRunningLoop)));
/// let handle = run(async { loop_handle() })?;
/// assert!(handle.is_closed());
/// # Ok::<(), Error>(())
/// ```
pub fn loop_handle() -> Result<LoopHandle, Error> {
    try_with(LoopHandle::of).ok_or(Error::NoRunningLoop)
}
