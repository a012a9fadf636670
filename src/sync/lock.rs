//! `asyncio.Lock`: FIFO, without barging.

use std::rc::Rc;

use super::{
    machine::lock::Machine,
    turn::{Bound, Turn, Waiter, wake},
};
use crate::exec::{Error, Holder, Waiting, Watched, current_task};

/// Mutual exclusion between tasks. As `asyncio.Lock` (`locks.py`): fair, not re-entrant, and any
/// task may release it. Clones are handles of the same lock.
///
/// # Examples
/// ```
/// use seedloop::{Error, Lock, run};
/// run(async {
///     let lock = Lock::new();
///     let guard = lock.acquire().await?;
///     assert!(lock.locked());
///     drop(guard);
///     assert!(!lock.locked());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Lock(Rc<Inner>);

#[derive(Default)]
struct Inner {
    machine: Watched<Machine<Waiter>>,
    holder: Holder,
    bound: Bound,
}

impl Lock {
    /// A free lock.
    pub fn new() -> Lock {
        Lock::default()
    }

    /// As `acquire()`: waits for the lock; dropping the guard releases it. A schedule point if
    /// the lock is held or waited for, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Lock, log, run, spawn, trace_of};
    /// let trace = trace_of(async {
    ///     let lock = Lock::new();
    ///     let guard = lock.acquire().await?;
    ///     let wait = |name: &'static str| {
    ///         let lock = lock.clone();
    ///         spawn(async move { lock.acquire().await.map(|_guard| log(name)) })
    ///     };
    ///     let (first, second) = (wait("first"), wait("second"));
    ///     seedloop::yield_now().await?;
    ///     drop(guard);
    ///     second.await?;
    ///     first.await
    /// });
    /// assert!(trace.logs().map(|(_, text)| text).eq(["first", "second"]));
    /// ```
    pub async fn acquire(&self) -> Result<LockGuard, Error> {
        let free = self.0.machine.borrow_mut().try_acquire();
        if !free {
            let turn = Turn::new("Lock::acquire", &self.0.bound, |waiter, over| {
                wake(self.0.machine.borrow_mut().leave(waiter, over));
            })?;
            let turn = turn.held_by(&self.0.holder);
            self.0.machine.borrow_mut().enqueue(turn.waiter());
            turn.wait().await?;
        }
        self.0.holder.set(current_task().map(|task| Waiting::Task(task.id())));
        Ok(LockGuard(Some(self.clone())))
    }

    /// As `release()`, for a guard that was forgotten.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the lock is free.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Lock};
    /// let free = Lock::new().release();
    /// assert!(matches!(free, Err(Error::Misuse(text)) if text.contains("once per acquire")));
    /// ```
    pub fn release(&self) -> Result<(), Error> {
        let mut machine = self.0.machine.borrow_mut();
        if !machine.locked() {
            return Err(Error::Misuse("the lock is not held: release it once per acquire"));
        }
        let next = machine.release();
        drop(machine);
        self.0.holder.set(None);
        wake(next);
        Ok(())
    }

    /// As `locked()`.
    pub fn locked(&self) -> bool {
        self.0.machine.borrow().locked()
    }
}

/// Releases the lock when it is dropped.
///
/// # Examples
/// ```
/// use seedloop::{Error, Lock, LockGuard, run};
/// run(async {
///     let lock = Lock::new();
///     {
///         let _guard: LockGuard = lock.acquire().await?;
///         assert!(lock.locked());
///     }
///     assert!(!lock.locked());
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard(Option<Lock>);

impl LockGuard {
    /// Keeps the lock held until [`Lock::release`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Lock, run, spawn};
    /// run(async {
    ///     let lock = Lock::new();
    ///     lock.acquire().await?.forget();
    ///     let other = lock.clone();
    ///     spawn(async move { other.release() }).await?; // any task may
    ///     assert!(!lock.locked());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        if let Some(lock) = self.0.take() {
            // Somebody else may have released it: then it is not ours any more.
            let _ = lock.release();
        }
    }
}
