//! `std::sync::RwLock` for jobs.

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

/// Many read, or one writes, with the interface of [`std::sync::RwLock`], poison included. Nobody
/// is preferred: of those who wait, and those who come by, the first to have a turn has it. Each
/// operation is a schedule point of a job, and so is a guard's end. Outside a run it is `std`'s.
///
/// # Examples
/// ```
/// use std::sync::Arc;
/// use seedloop::{Check, Error, gather, thread::RwLock, to_thread};
/// Check::new().schedules(100).run(|| async {
///     let names = Arc::new(RwLock::new(vec!["ann"]));
///     let theirs = names.clone();
///     let adds = to_thread(move || theirs.write().unwrap().push("bob"));
///     let theirs = names.clone();
///     let counts = to_thread(move || theirs.read().unwrap().len());
///     let ((), count) = gather((adds, counts)).await?;
///     assert!(count == 1 || count == 2);
///     Ok::<(), Error>(())
/// });
/// ```
pub struct RwLock<T: ?Sized> {
    raw: Shared<Raw>,
    poison: Poison,
    /// invariant: locked by those alone who have the lock, who wait for nobody there.
    value: std::sync::RwLock<T>,
}

/// Who has it.
#[derive(Default)]
struct Raw {
    readers: usize,
    is_written: bool,
    /// The writer, or the only reader.
    by: Option<Waiting>,
}

impl Raw {
    fn read(&mut self) -> Option<()> {
        if self.is_written {
            return None;
        }
        self.readers += 1;
        self.by = this_job().filter(|_| self.readers == 1);
        Some(())
    }

    fn write(&mut self) -> Option<()> {
        if self.is_written || self.readers > 0 {
            return None;
        }
        (self.is_written, self.by) = (true, this_job());
        Some(())
    }

    fn end_read(&mut self) {
        self.readers -= 1;
        self.by = None;
    }

    fn end_write(&mut self) {
        (self.is_written, self.by) = (false, None);
    }
}

impl Held for Raw {
    fn holder(&self) -> Option<Waiting> {
        self.by
    }
}

impl<T> RwLock<T> {
    /// Free, with this value. Make it inside the run, or each use of it depends on everything.
    pub fn new(value: T) -> RwLock<T> {
        RwLock {
            raw: Shared::new("RwLock", Raw::default()),
            poison: Poison::default(),
            value: std::sync::RwLock::new(value),
        }
    }

    /// The value, if nobody has panicked while writing.
    ///
    /// # Errors
    /// It is poisoned.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(seedloop::thread::RwLock::new(5).into_inner().unwrap(), 5);
    /// ```
    pub fn into_inner(self) -> LockResult<T> {
        self.poison.around(self.value.into_inner().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<T: ?Sized> RwLock<T> {
    /// Waits until nobody writes. A schedule point of a job.
    ///
    /// # Errors
    /// Somebody has panicked while writing; the guard is in the error.
    ///
    /// # Panics
    /// In a coroutine or a callback, if somebody writes.
    pub fn read(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        job_point();
        self.raw.wait("reads", Then::Nothing, None, Raw::read).expect("nothing ends it");
        self.reading()
    }

    /// The same, if nobody writes. A schedule point of a job.
    ///
    /// # Errors
    /// Somebody writes, or it is poisoned.
    ///
    /// # Examples
    /// ```
    /// let lock = seedloop::thread::RwLock::new(5);
    /// let (one, two) = (lock.try_read().unwrap(), lock.try_read().unwrap());
    /// assert_eq!(*one, *two);
    /// ```
    pub fn try_read(&self) -> TryLockResult<RwLockReadGuard<'_, T>> {
        job_point();
        match self.raw.now("tries to read", Access::Write, Raw::read) {
            None => Err(TryLockError::WouldBlock),
            Some(()) => self.reading().map_err(TryLockError::Poisoned),
        }
    }

    fn reading(&self) -> LockResult<RwLockReadGuard<'_, T>> {
        let value = Some(free(self.value.try_read()));
        self.poison.around(RwLockReadGuard { lock: self, value })
    }

    /// Waits until nobody reads or writes. A schedule point of a job.
    ///
    /// # Errors
    /// As [`read`](RwLock::read).
    ///
    /// # Panics
    /// In a coroutine or a callback, if somebody reads or writes.
    ///
    /// # Examples
    /// ```
    /// let lock = seedloop::thread::RwLock::new(5);
    /// *lock.write().unwrap() += 1;
    /// assert_eq!(*lock.read().unwrap(), 6);
    /// ```
    pub fn write(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        job_point();
        self.raw.wait("writes", Then::Nothing, None, Raw::write).expect("nothing ends it");
        self.writing()
    }

    /// The same, if nobody reads or writes. A schedule point of a job.
    ///
    /// # Errors
    /// Somebody does, or it is poisoned.
    ///
    /// # Examples
    /// ```
    /// let lock = seedloop::thread::RwLock::new(5);
    /// let reading = lock.read().unwrap();
    /// assert!(lock.try_write().is_err());
    /// # drop(reading);
    /// ```
    pub fn try_write(&self) -> TryLockResult<RwLockWriteGuard<'_, T>> {
        job_point();
        match self.raw.now("tries to write", Access::Write, Raw::write) {
            None => Err(TryLockError::WouldBlock),
            Some(()) => self.writing().map_err(TryLockError::Poisoned),
        }
    }

    fn writing(&self) -> LockResult<RwLockWriteGuard<'_, T>> {
        let value = Some(free(self.value.try_write()));
        self.poison.around(RwLockWriteGuard { lock: self, value, since: Poison::enter() })
    }

    /// Has somebody panicked while writing?
    ///
    /// # Examples
    /// ```
    /// assert!(!seedloop::thread::RwLock::new(5).is_poisoned());
    /// ```
    pub fn is_poisoned(&self) -> bool {
        self.poison.is_there()
    }

    /// Takes that back.
    ///
    /// # Examples
    /// ```
    /// seedloop::thread::RwLock::new(5).clear_poison();
    /// ```
    pub fn clear_poison(&self) {
        self.poison.clear();
    }
}

impl<T: Default> Default for RwLock<T> {
    fn default() -> Self {
        RwLock::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

/// Reads, until this is dropped: a schedule point of a job.
///
/// # Examples
/// ```
/// use seedloop::thread::{RwLock, RwLockReadGuard};
/// let lock = RwLock::new(5);
/// let guard: RwLockReadGuard<'_, i32> = lock.read().unwrap();
/// assert_eq!(*guard, 5);
/// ```
#[must_use = "reading ends when the guard is dropped"]
pub struct RwLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    value: Option<std::sync::RwLockReadGuard<'a, T>>,
}

/// Writes, until this is dropped: a schedule point of a job.
///
/// # Examples
/// ```
/// use seedloop::thread::{RwLock, RwLockWriteGuard};
/// let lock = RwLock::new(5);
/// let mut guard: RwLockWriteGuard<'_, i32> = lock.write().unwrap();
/// *guard += 1;
/// ```
#[must_use = "writing ends when the guard is dropped"]
pub struct RwLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwLock<T>,
    value: Option<std::sync::RwLockWriteGuard<'a, T>>,
    since: Since,
}

impl<T: ?Sized> Drop for RwLockReadGuard<'_, T> {
    fn drop(&mut self) {
        job_point();
        drop(self.value.take());
        self.lock.raw.change("ends to read", Raw::end_read);
    }
}

impl<T: ?Sized> Drop for RwLockWriteGuard<'_, T> {
    fn drop(&mut self) {
        job_point();
        drop(self.value.take());
        self.lock.poison.leave(self.since);
        self.lock.raw.change("ends to write", Raw::end_write);
    }
}

impl<T: ?Sized> Deref for RwLockReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is not given back yet")
    }
}

impl<T: ?Sized> Deref for RwLockWriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().expect("it is not given back yet")
    }
}

impl<T: ?Sized> DerefMut for RwLockWriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().expect("it is not given back yet")
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for RwLockWriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
