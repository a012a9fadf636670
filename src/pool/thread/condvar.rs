//! `std::sync::Condvar` for jobs.

use std::{
    fmt,
    sync::{LockResult, PoisonError},
    time::Duration,
};

use super::{
    deadline::Deadline,
    mutex::MutexGuard,
    shared::{Held, Shared, Then},
};
use crate::{exec::raw::job_point, sched::Access};

/// Jobs wait until others say that something may have changed: `threading.Condition` without its
/// lock, with the interface of [`std::sync::Condvar`]. Whom [`notify_one`](Condvar::notify_one)
/// wakes is a choice: of those who waited then, the first to have a turn. Nobody wakes for nothing;
/// code must be ready for that all the same.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use seedloop::{Check, Error, gather, thread::{Condvar, Mutex}, to_thread};
/// Check::new().schedules(100).run(|| async {
///     let pair = Arc::new((Mutex::new(false), Condvar::new()));
///     let theirs = pair.clone();
///     let waits = to_thread(move || {
///         let (ready, changed) = &*theirs;
///         drop(changed.wait_while(ready.lock().unwrap(), |ready| !*ready).unwrap());
///     });
///     let sets = to_thread(move || {
///         let (ready, changed) = &*pair;
///         *ready.lock().unwrap() = true;
///         changed.notify_one();
///     });
///     gather((waits, sets)).await?;
///     Ok::<(), Error>(())
/// });
/// ```
pub struct Condvar(Shared<Raw>);

#[derive(Default)]
struct Raw {
    tickets: u64,
    /// Who waits.
    waiting: Vec<u64>,
    /// For each wake-up that nobody has taken yet the first ticket that came too late for it.
    wakeups: Vec<u64>,
}

impl Held for Raw {}

impl Raw {
    fn enter(&mut self) -> u64 {
        self.tickets += 1;
        self.waiting.push(self.tickets);
        self.tickets
    }

    fn notify(&mut self, most: usize) {
        let free = self.waiting.len() - self.wakeups.len();
        let late = self.tickets + 1;
        self.wakeups.extend(std::iter::repeat_n(late, free.min(most)));
    }

    /// Takes the oldest wake-up that the ticket is not too late for: the others are as good for
    /// whoever else waits.
    fn leave(&mut self, ticket: u64) -> Option<()> {
        let at = self.wakeups.iter().position(|&late| ticket < late)?;
        self.wakeups.remove(at);
        self.waiting.retain(|&other| other != ticket);
        Some(())
    }

    fn give_up(&mut self, ticket: u64) {
        self.waiting.retain(|&other| other != ticket);
        self.wakeups.truncate(self.waiting.len());
    }
}

/// A wait that may be given up: by a timeout, or because the job unwinds.
struct Ticket<'a>(&'a Condvar, u64);

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        let Ticket(Condvar(raw), ticket) = *self;
        raw.unseen(Access::Write, |raw| raw.give_up(ticket));
    }
}

impl Condvar {
    /// Nobody waits. Make it inside the run, or each use of it depends on everything.
    pub fn new() -> Condvar {
        Condvar(Shared::new("Condvar", Raw::default()))
    }

    /// As `wait()`: releases the lock and waits, both at once, and then locks again. Schedule
    /// points of a job: before, and before it locks again.
    ///
    /// # Errors
    /// The lock is poisoned.
    ///
    /// # Panics
    /// In a coroutine or a callback: it would block the loop.
    pub fn wait<'a, T>(&self, guard: MutexGuard<'a, T>) -> LockResult<MutexGuard<'a, T>> {
        self.wait_until(guard, None).map(|(guard, _)| guard).map_err(|poisoned| {
            let (guard, _) = poisoned.into_inner();
            PoisonError::new(guard)
        })
    }

    /// As `wait_for()`: waits as long as the condition holds.
    ///
    /// # Errors
    /// As [`wait`](Condvar::wait).
    ///
    /// # Panics
    /// As [`wait`](Condvar::wait).
    pub fn wait_while<'a, T>(
        &self,
        mut guard: MutexGuard<'a, T>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> LockResult<MutexGuard<'a, T>> {
        while condition(&mut guard) {
            guard = self.wait(guard)?;
        }
        Ok(guard)
    }

    /// As `wait(timeout)`, in virtual time.
    ///
    /// # Errors
    /// As [`wait`](Condvar::wait).
    ///
    /// # Panics
    /// As [`wait`](Condvar::wait).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, now, run, thread::{Condvar, Mutex}, to_thread};
    /// run(async {
    ///     to_thread(|| {
    ///         let (lock, changed) = (Mutex::new(()), Condvar::new());
    ///         let waited = changed.wait_timeout(lock.lock().unwrap(), Duration::from_secs(60));
    ///         assert!(waited.unwrap().1.timed_out());
    ///     })
    ///     .await?;
    ///     assert_eq!(now().as_millis(), 60_000);
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn wait_timeout<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        timeout: Duration,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        self.wait_until(guard, Some(Deadline::after(timeout)))
    }

    fn wait_until<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Deadline>,
    ) -> LockResult<(MutexGuard<'a, T>, WaitTimeoutResult)> {
        job_point();
        let Condvar(raw) = self;
        let ticket = raw.unseen(Access::Write, Raw::enter);
        let place = Ticket(self, ticket);
        let lock = guard.release();
        let woken = raw.wait("wakes by", Then::Nothing, deadline, |raw| raw.leave(ticket));
        drop(place);
        let timed_out = WaitTimeoutResult(woken.is_none());
        match lock.lock() {
            Ok(guard) => Ok((guard, timed_out)),
            Err(poisoned) => Err(PoisonError::new((poisoned.into_inner(), timed_out))),
        }
    }

    /// As `notify()`: wakes one of those who wait. A schedule point of a job.
    pub fn notify_one(&self) {
        job_point();
        self.0.change("notifies", |raw| raw.notify(1));
    }

    /// As `notify_all()`. A schedule point of a job.
    ///
    /// # Examples
    /// ```
    /// seedloop::thread::Condvar::new().notify_all(); // nobody waits
    /// ```
    pub fn notify_all(&self) {
        job_point();
        self.0.change("notifies all of", |raw| raw.notify(usize::MAX));
    }
}

impl Default for Condvar {
    fn default() -> Self {
        Condvar::new()
    }
}

impl fmt::Debug for Condvar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condvar").finish_non_exhaustive()
    }
}

/// Did [`Condvar::wait_timeout`] take too long?
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::thread::{Condvar, Mutex, WaitTimeoutResult};
/// let (lock, changed) = (Mutex::new(()), Condvar::new());
/// let waited = changed.wait_timeout(lock.lock().unwrap(), Duration::ZERO).unwrap();
/// let result: WaitTimeoutResult = waited.1;
/// assert!(result.timed_out());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitTimeoutResult(bool);

impl WaitTimeoutResult {
    /// Did it?
    pub fn timed_out(&self) -> bool {
        self.0
    }
}
