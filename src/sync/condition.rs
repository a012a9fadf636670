//! `asyncio.Condition`: a wait gives the lock up, and comes back only with it.

use std::rc::Rc;

use super::{
    Lock, LockGuard,
    machine::condition::Machine,
    turn::{Bound, Turn, Waiter, wake},
};
use crate::exec::{Error, Watched};

/// A condition that tasks wait for under a lock. As `asyncio.Condition` (`locks.py`). Wake-ups may
/// be spurious: look at the condition again. Clones are handles of the same one.
///
/// # Examples
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{Condition, Error, run, spawn};
/// run(async {
///     let (condition, ready) = (Condition::new(), Rc::new(Cell::new(false)));
///     let waiter = spawn({
///         let (condition, ready) = (condition.clone(), ready.clone());
///         async move {
///             let mut guard = condition.acquire().await?;
///             guard.wait_for(|| ready.get()).await
///         }
///     });
///     let guard = condition.acquire().await?;
///     ready.set(true);
///     condition.notify_all()?;
///     drop(guard);
///     waiter.await
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Condition(Rc<Inner>);

#[derive(Default)]
struct Inner {
    lock: Lock,
    machine: Watched<Machine<Waiter>>,
    bound: Bound,
}

impl Condition {
    /// A condition with a lock of its own.
    pub fn new() -> Condition {
        Condition::default()
    }

    /// A condition under a lock that others use too.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Condition, Error, Lock, run};
    /// run(async {
    ///     let lock = Lock::new();
    ///     let (full, empty) = (Condition::with_lock(&lock), Condition::with_lock(&lock));
    ///     let _guard = full.acquire().await?;
    ///     assert!(lock.locked() && empty.locked());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn with_lock(lock: &Lock) -> Condition {
        Condition(Rc::new(Inner { lock: lock.clone(), ..Inner::default() }))
    }

    /// As `acquire()`: waits for the lock. A schedule point if the lock is held or waited for, and
    /// a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    pub async fn acquire(&self) -> Result<ConditionGuard, Error> {
        let lock = Some(self.0.lock.acquire().await?);
        Ok(ConditionGuard { condition: self.clone(), lock })
    }

    /// As `release()`, for a guard that was forgotten.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the lock is free.
    pub fn release(&self) -> Result<(), Error> {
        self.0.lock.release()
    }

    /// As `locked()`.
    pub fn locked(&self) -> bool {
        self.0.lock.locked()
    }

    /// As `wait()`, for a lock whose guard was forgotten: gives it up, waits for a notification,
    /// and takes it again, also when cancelled. With a guard use [`ConditionGuard::wait`]. A
    /// schedule point and a cancel point.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the lock is free; [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Condition, Error, run, timeout};
    /// run(async {
    ///     let condition = Condition::new();
    ///     condition.acquire().await?.forget();
    ///     let waited = timeout(Duration::from_secs(1), condition.wait()).await;
    ///     assert!(matches!(waited, Err(Error::TimedOut)));
    ///     condition.release() // it came back with the lock
    /// }).unwrap();
    /// ```
    pub async fn wait(&self) -> Result<(), Error> {
        let (lock, waited) = self.wait_unlocked().await?;
        lock.forget();
        waited
    }

    /// As `wait_for(predicate)`, for a lock whose guard was forgotten: waits until it holds. A
    /// schedule point unless it does at once, and a cancel point.
    ///
    /// # Errors
    /// As [`wait`](Condition::wait).
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Condition, Error, run};
    /// run(async {
    ///     let condition = Condition::new();
    ///     condition.acquire().await?.forget();
    ///     condition.wait_for(|| true).await?; // holds at once: no wait
    ///     condition.release()
    /// }).unwrap();
    /// ```
    pub async fn wait_for(&self, mut predicate: impl FnMut() -> bool) -> Result<(), Error> {
        while !predicate() {
            self.wait().await?;
        }
        Ok(())
    }

    /// Waits; gives the lock, and how the wait ended.
    async fn wait_unlocked(&self) -> Result<(LockGuard, Result<(), Error>), Error> {
        if !self.locked() {
            return Err(Error::Misuse("waiting needs the lock: acquire it first"));
        }
        let turn = Turn::new("Condition::wait", &self.0.bound, |waiter, over| {
            wake(self.0.machine.borrow_mut().leave(waiter, over));
        })?;
        self.release()?;
        self.0.machine.borrow_mut().enqueue(turn.waiter());
        let mut waited = turn.wait().await;
        let notified = Notified(Some(self));
        let lock = loop {
            match self.0.lock.acquire().await {
                Ok(lock) => break lock,
                Err(error @ Error::Cancelled(_)) => waited = Err(error),
                Err(error) => return Err(error),
            }
        };
        match waited {
            Ok(()) => notified.used(),
            // It may have been notified as well: that is passed on.
            Err(_) => drop(notified),
        }
        Ok((lock, waited))
    }

    /// As `notify(n)`: wakes the first `n` that wait.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the lock is free.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Condition, Error};
    /// let free = Condition::new().notify(1);
    /// assert!(matches!(free, Err(Error::Misuse(text)) if text.contains("acquire it first")));
    /// ```
    pub fn notify(&self, n: usize) -> Result<(), Error> {
        if !self.locked() {
            return Err(Error::Misuse("notifying needs the lock: acquire it first"));
        }
        self.wake(n);
        Ok(())
    }

    /// As `notify_all()`.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the lock is free.
    pub fn notify_all(&self) -> Result<(), Error> {
        self.notify(usize::MAX)
    }

    /// Wakes the first `n` that wait, whoever has the lock.
    pub(super) fn wake(&self, n: usize) {
        wake(self.0.machine.borrow_mut().notify(n));
    }
}

/// A notification that is passed on unless it is used: also if its waiter is dropped while it
/// takes the lock again.
struct Notified<'a>(Option<&'a Condition>);

impl Notified<'_> {
    fn used(mut self) {
        self.0 = None;
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        if let Some(condition) = self.0 {
            condition.wake(1);
        }
    }
}

/// The lock of a condition, held: `async with condition`. Dropping it releases the lock.
///
/// # Examples
/// ```
/// use seedloop::{Condition, ConditionGuard, Error, run};
/// run(async {
///     let condition = Condition::new();
///     let guard: ConditionGuard = condition.acquire().await?;
///     assert!(condition.locked());
///     drop(guard);
///     assert!(!condition.locked());
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[must_use = "the lock is released when the guard is dropped"]
pub struct ConditionGuard {
    condition: Condition,
    /// None while a wait has given it up.
    lock: Option<LockGuard>,
}

impl ConditionGuard {
    /// Keeps the lock held until [`Condition::release`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Condition, Error, run};
    /// run(async {
    ///     let condition = Condition::new();
    ///     condition.acquire().await?.forget();
    ///     condition.notify_all()?; // the lock is still held
    ///     condition.release()
    /// }).unwrap();
    /// ```
    pub fn forget(mut self) {
        if let Some(lock) = self.lock.take() {
            lock.forget();
        }
    }

    /// As `Condition.wait()`: gives the lock up, waits for a notification, and takes it again,
    /// also when cancelled. Dropped meanwhile, the guard holds nothing. A schedule point and a
    /// cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Condition, Error, run, spawn, yield_now};
    /// run(async {
    ///     let condition = Condition::new();
    ///     let waiter = spawn({
    ///         let condition = condition.clone();
    ///         async move {
    ///             let mut guard = condition.acquire().await?;
    ///             guard.wait().await?;
    ///             Ok::<bool, Error>(condition.locked())
    ///         }
    ///     });
    ///     yield_now().await?;
    ///     let guard = condition.acquire().await?; // free while the other waits
    ///     condition.notify(1)?;
    ///     drop(guard);
    ///     assert!(waiter.await?);
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub async fn wait(&mut self) -> Result<(), Error> {
        if let Some(lock) = self.lock.take() {
            lock.forget();
        }
        let (lock, waited) = self.condition.wait_unlocked().await?;
        self.lock = Some(lock);
        waited
    }

    /// As `Condition.wait_for(predicate)`: waits until it holds. A schedule point unless it does at
    /// once, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use std::{cell::Cell, rc::Rc};
    /// use seedloop::{Condition, Error, gather, run};
    /// run(async {
    ///     let (condition, items) = (Condition::new(), Rc::new(Cell::new(0)));
    ///     let get = {
    ///         let (condition, items) = (condition.clone(), items.clone());
    ///         async move { condition.acquire().await?.wait_for(|| items.get() > 0).await }
    ///     };
    ///     let put = async move {
    ///         let _guard = condition.acquire().await?;
    ///         items.set(1);
    ///         condition.notify_all()
    ///     };
    ///     gather((get, put)).await.map(|_| ())
    /// }).unwrap();
    /// ```
    pub async fn wait_for(&mut self, mut predicate: impl FnMut() -> bool) -> Result<(), Error> {
        while !predicate() {
            self.wait().await?;
        }
        Ok(())
    }
}
