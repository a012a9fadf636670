//! Sleeps and timers.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use super::{Instant, now};
use crate::{
    exec::{Error, Handle, NextTurn, Thing, Wait, running, try_with},
    kernel::{Action, CallId, FutureId, OnCancel, State},
    sched::Access,
    trace::Kind,
};

/// Waits until a deadline; see [`sleep`]. Holds ids only, so it is `Send`.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, Sleep, now, run, sleep};
/// run(async {
///     let nap: Sleep = sleep(Duration::from_secs(2));
///     sleep(Duration::from_secs(1)).await?;
///     nap.await?; // counts from here
///     assert_eq!(now().as_millis(), 3_000);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep {
    length: Length,
    state: Progress,
}

#[derive(Clone, Copy, Debug)]
enum Length {
    For(Duration),
    Until(Instant),
}

#[derive(Debug)]
enum Progress {
    New,
    /// Zero or less: one turn.
    Turn(Wait<NextTurn>),
    Armed(Armed),
}

/// A timer that resolves a future, in the run with this serial number.
#[derive(Debug)]
struct Armed {
    wait: Wait,
    future: FutureId,
    timer: CallId,
    serial: u64,
}

/// As `asyncio.sleep` (`tasks.py`): waits for so long, in virtual time, from its first poll on.
/// Zero gives the other ready handles one turn. A schedule point and a cancel point.
///
/// # Errors
/// [`Error::Cancelled`]; [`Error::NoRunningLoop`] outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, run, sleep};
/// run(async { sleep(Duration::from_secs(86_400)).await })?; // takes no time
/// # Ok::<(), Error>(())
/// ```
pub fn sleep(duration: Duration) -> Sleep {
    Sleep { length: Length::For(duration), state: Progress::New }
}

/// Waits until `deadline`; one turn if it has passed. A schedule point and a cancel point. Not in
/// asyncio.
///
/// # Errors
/// [`Error::Cancelled`]; [`Error::NoRunningLoop`] outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, now, run, sleep_until};
/// run(async {
///     let noon = now() + Duration::from_secs(12 * 3600);
///     sleep_until(noon).await?;
///     assert_eq!(now(), noon);
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn sleep_until(deadline: Instant) -> Sleep {
    Sleep { length: Length::Until(deadline), state: Progress::New }
}

/// As `asyncio.sleep(0)`: gives the other ready handles one turn. A schedule point and a cancel
/// point.
///
/// # Errors
/// [`Error::Cancelled`]; [`Error::NoRunningLoop`] outside a run.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{Error, run, spawn, yield_now};
/// run(async {
///     let ran = Rc::new(Cell::new(false));
///     let seen = ran.clone();
///     let _task = spawn(async move { seen.set(true) });
///     yield_now().await?;
///     assert!(ran.get());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[inline]
pub fn yield_now() -> Sleep {
    let state = Progress::Turn(Wait::on(NextTurn));
    Sleep { length: Length::For(Duration::ZERO), state }
}

impl Sleep {
    fn start(&mut self) {
        if matches!(self.length, Length::For(Duration::ZERO)) {
            self.state = Progress::Turn(Wait::on(NextTurn));
            return;
        }
        let deadline = match self.length {
            Length::For(duration) => now() + duration,
            Length::Until(deadline) => deadline,
        };
        self.state = match deadline > now() {
            false => Progress::Turn(Wait::on(NextTurn)),
            true => Armed::new(deadline).map_or(Progress::New, Progress::Armed),
        };
    }
}

impl Armed {
    fn new(deadline: Instant) -> Option<Armed> {
        try_with(|shell| {
            let mut core = shell.core.borrow_mut();
            let future = core.new_future("sleep", OnCancel::Itself);
            let timer = core.kernel.arm(deadline.as_nanos(), Action::Resolve(future));
            core.name_call(timer, "timer", None);
            let length = deadline.as_nanos() - core.kernel.now();
            core.note(Kind::Arm, Thing::Call(timer), length);
            Armed { wait: Wait::on(future), future, timer, serial: shell.serial.get() }
        })
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if try_with(|shell| shell.serial.get()) != Some(self.serial) {
            return Poll::Ready(Err(Error::WrongLoop));
        }
        let Poll::Ready(waited) = self.wait.poll(context) else {
            return Poll::Pending;
        };
        let cancelled = try_with(|shell| {
            let core = &mut *shell.core.borrow_mut();
            let cancelled = core.kernel.state(self.future) == State::Cancelled;
            if cancelled {
                core.touch_future(self.future, Access::Write);
            }
            cancelled.then(|| core.kernel.take_message(self.future))
        });
        Poll::Ready(match cancelled.flatten() {
            Some(message) => Err(crate::exec::Cancelled::from_message(message).into()),
            None => waited,
        })
    }
}

impl Drop for Armed {
    // A sleep that is over, or given up, leaves no timer behind.
    fn drop(&mut self) {
        self.wait.end_now();
        let garbage = try_with(|shell| {
            if shell.serial.get() != self.serial {
                return None;
            }
            let mut core = shell.core.borrow_mut();
            core.touch_call(self.timer, Access::Write);
            let armed = core.kernel.deadline(self.timer).is_some();
            if armed {
                core.note(Kind::Disarm, Thing::Call(self.timer), 0);
            }
            core.kernel.cancel_call(self.timer);
            core.name_touched();
            core.kernel.future_release(self.future);
            let timer = if armed { core.calls.take(self.timer.index()) } else { None };
            Some((timer, core.futures.take(self.future.index())))
        });
        drop(garbage);
    }
}

impl Future for Sleep {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if matches!(self.state, Progress::New) {
            self.start();
        }
        let polled = match &mut self.state {
            Progress::New => Poll::Ready(Err(Error::NoRunningLoop)),
            Progress::Turn(wait) => wait.poll(context),
            Progress::Armed(armed) => armed.poll(context),
        };
        if polled.is_ready() {
            self.state = Progress::New;
        }
        polled
    }
}

/// As `loop.call_later`: runs `callback` after so long. Also a zero goes through the timers: it
/// comes behind what is ready. Not a schedule point.
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, Future, call_later, now, run};
/// run(async {
///     let rings: Future<u128> = Future::new();
///     let bell = rings.clone();
///     call_later(Duration::from_secs(5), move || bell.set_result(5).expect("once"));
///     assert_eq!(rings.await?, 5);
///     assert_eq!(now().as_nanos(), 5_000_000_000);
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn call_later(duration: Duration, callback: impl FnOnce() + 'static) -> Handle {
    call_at(now() + duration, callback)
}

/// As `loop.call_at`: runs `callback` at `deadline`, at the next iteration if it has passed. Not a
/// schedule point.
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, call_at, now, run, sleep};
/// run(async {
///     let deadline = now() + Duration::from_secs(5);
///     call_at(deadline, move || assert_eq!(now(), deadline));
///     sleep(Duration::from_secs(6)).await
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn call_at(deadline: Instant, callback: impl FnOnce() + 'static) -> Handle {
    Handle::at(&running(), deadline.as_nanos(), Box::new(callback))
}
