//! `std::sync::Mutex` for jobs.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{LockResult, PoisonError, TryLockError, TryLockResult},
};

use super::{
    poison::{Poison, Since, free},
    shared::{Held, Shared, Then, this_job},
};
use crate::{
    exec::{Waiting, raw::job_point},
    sched::Access,
};

/// Mutual exclusion between jobs: `threading.Lock`, with the interface of [`std::sync::Mutex`],
/// poison included. [`lock`](Mutex::lock) begins a turn of the job, and so does the guard's end:
/// whoever else is ready may come before. Unfair: of those who wait, and those who come by, the
/// first to have a turn has it. Outside a run it is `std`'s.
///
/// The loop's own thread may use it as long as it has not to wait: if it has, that is a panic. For
/// tasks there is [`Lock`](crate::Lock).
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use seedloop::{Check, Error, gather, thread::Mutex, to_thread};
/// let report = Check::new().exhaustive().tracked().run(|| async {
///     let count = Arc::new(Mutex::new(0));
///     let add = |count: Arc<Mutex<i32>>| move || *count.lock().unwrap() += 1;
///     gather((to_thread(add(count.clone())), to_thread(add(count.clone())))).await?;
///     assert_eq!(*count.lock().unwrap(), 2);
///     Ok::<(), Error>(())
/// });
/// assert!(report.is_exhausted());
/// ```
pub struct Mutex<T: ?Sized> {
    raw: Shared<Raw>,
    poison: Poison,
    /// invariant: locked by the holder alone, which waits for nobody there.
    value: std::sync::Mutex<T>,
}

/// Who has it.
#[derive(Default)]
struct Raw {
    is_held: bool,
    by: Option<Waiting>,
}

impl Raw {
    fn take(&mut self) -> Option<()> {
        if self.is_held {
            return None;
        }
        *self = Raw { is_held: true, by: this_job() };
        Some(())
    }
}

impl Held for Raw {
    fn holder(&self) -> Option<Waiting> {
        self.by
    }
}

impl<T> Mutex<T> {
    /// Free, with this value. Make it inside the run, or each use of it depends on everything.
    pub fn new(value: T) -> Mutex<T> {
        Mutex {
            raw: Shared::new("Mutex", Raw::default()),
            poison: Poison::default(),
            value: std::sync::Mutex::new(value),
        }
    }

    /// The value, if nobody has panicked with the lock.
    ///
    /// # Errors
    /// It is poisoned.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(seedloop::thread::Mutex::new(5).into_inner().unwrap(), 5);
    /// ```
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.around(self.value.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: ?Sized> Mutex<T> {
    /// As `acquire()`: waits for the lock. A schedule point of a job.
    ///
    /// # Errors
    /// Somebody has panicked with the lock; the guard is in the error.
    ///
    /// # Panics
    /// In a coroutine or a callback, if the lock is not free.
    ///
    /// # Examples
    /// A deadlock of two jobs:
    /// ```
    /// use std::sync::Arc;
    /// use seedloop::{Check, Error, FailureKind, gather, thread::Mutex, to_thread};
    /// let failure = Check::new().try_run(|| async {
    ///     let (a, b) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(())));
    ///     let both = |first: &Arc<Mutex<()>>, second: &Arc<Mutex<()>>| {
    ///         let (first, second) = (first.clone(), second.clone());
    ///         move || {
    ///             let _first = first.lock().unwrap();
    ///             let _second = second.lock().unwrap();
    ///         }
    ///     };
    ///     gather((to_thread(both(&a, &b)), to_thread(both(&b, &a)))).await?;
    ///     Ok::<(), Error>(())
    /// }).unwrap_err();
    /// assert_eq!(failure.kind, FailureKind::Deadlock);
    /// assert!(failure.text.contains("cycle: asyncio_0 -> asyncio_1 -> asyncio_0"), "{failure}");
    /// ```
    pub fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        job_point();
        self.lock_now()
    }

    /// The same, in the turn that has begun.
    pub(super) fn lock_now(&self) -> LockResult<MutexGuard<'_, T>> {
        self.raw.wait("locks", Then::Nothing, None, Raw::take).expect("nothing ends it");
        self.guard()
    }

    /// As `acquire(blocking=False)`. A schedule point of a job.
    ///
    /// # Errors
    /// It is held, or poisoned.
    ///
    /// # Examples
    /// ```
    /// let lock = seedloop::thread::Mutex::new(5);
    /// let guard = lock.try_lock().unwrap();
    /// assert!(lock.try_lock().is_err());
    /// # drop(guard);
    /// ```
    pub fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        job_point();
        match self.raw.now("tries to lock", Access::Write, Raw::take) {
            None => Err(TryLockError::WouldBlock),
            Some(()) => self.guard().map_err(TryLockError::Poisoned),
        }
    }

    fn guard(&self) -> LockResult<MutexGuard<'_, T>> {
        let value = Some(free(self.value.try_lock()));
        self.poison.around(MutexGuard { lock: self, value, since: Poison::enter() })
    }

    /// Has somebody panicked with the lock? A job that unwinds at the end of its run has not.
    ///
    /// # Examples
    /// ```
    /// assert!(!seedloop::thread::Mutex::new(5).is_poisoned());
    /// ```
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_there()
    }

    /// Takes that back.
    ///
    /// # Examples
    /// ```
    /// use seedloop::thread::Mutex;
    /// let lock = Mutex::new(5);
    /// let panics = || {
    ///     let _guard = lock.lock();
    ///     panic!("with the lock");
    /// };
    /// let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(panics));
    /// assert!(lock.is_poisoned());
    /// lock.clear_poison();
    /// assert!(lock.lock().is_ok());
    /// ```
    pub fn clear_poison(&self) {
        self.poison.clear();
    }

    /// The value: nobody else can have the lock.
    ///
    /// # Errors
    /// It is poisoned.
    ///
    /// # Examples
    /// ```
    /// let mut lock = seedloop::thread::Mutex::new(5);
    /// *lock.get_mut().unwrap() += 1;
    /// assert_eq!(*lock.lock().unwrap(), 6);
    /// ```
    pub fn get_mut(&mut self) -> LockResult<&mut T> {
        self.poison.around(self.value.get_mut().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Mutex::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Mutex::new(value)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// The lock, which is released when this is dropped: a schedule point of a job.
///
/// # Examples
/// ```
/// use seedloop::thread::{Mutex, MutexGuard};
/// let lock = Mutex::new(5);
/// let mut guard: MutexGuard<'_, i32> = lock.lock().unwrap();
/// *guard += 1;
/// drop(guard);
/// assert_eq!(*lock.lock().unwrap(), 6);
/// ```
#[must_use = "the lock is released when the guard is dropped"]
pub struct MutexGuard<'a, T: ?Sized> {
    lock: &'a Mutex<T>,
    /// None once it is given back.
    value: Option<std::sync::MutexGuard<'a, T>>,
    since: Since,
}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// Releases the lock in the turn that runs. Gives it, to be locked again.
    pub(super) fn release(mut self) -> &'a Mutex<T> {
        self.unlock();
        self.lock
    }

    fn unlock(&mut self) {
        if self.value.take().is_some() {
            self.lock.poison.leave(self.since);
            self.lock.raw.change("unlocks", |raw| *raw = Raw::default());
        }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        if self.value.is_some() {
            job_point();
            self.unlock();
        }
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is not given back yet")
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("it is not given back yet")
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
