//! `asyncio.Lock`: FIFO, without barging.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::turn::{Bound, Turn, WaitList, Waiter, Waiting};
use crate::{
    exec::{Error, Holder, TaskRef, current_task},
    kernel::State,
};

/// The machine: who has the lock is not known, who waits is.
pub(super) struct Machine<W> {
    locked: bool,
    /// In order of arrival; a woken waiter stays until its own step.
    waiters: VecDeque<W>,
}

impl<W> Default for Machine<W> {
    fn default() -> Self {
        Machine { locked: false, waiters: VecDeque::new() }
    }
}

impl<W: Waiting> Machine<W> {
    /// Takes the lock, unless it is held or somebody waits.
    fn try_acquire(&mut self) -> bool {
        let free = !self.locked && self.waiters.iter().all(|w| w.state() == State::Cancelled);
        self.locked |= free;
        free
    }

    fn enqueue(&mut self, waiter: W) {
        self.waiters.push_back(waiter);
    }

    /// The lock is free. Gives whom to wake.
    fn release(&mut self) -> Result<Option<W>, Error> {
        if !self.locked {
            return Err(Error::Misuse("the lock is not held: release it once per acquire"));
        }
        self.locked = false;
        Ok(self.first())
    }

    /// A wait is over. Gives whom to wake: a turn that is not taken passes on.
    fn leave(&mut self, waiter: &W, is_turn: bool) -> Option<W> {
        self.waiters.retain(|other| other != waiter);
        if is_turn {
            self.locked = true;
            return None;
        }
        if self.locked { None } else { self.first() }
    }

    fn first(&self) -> Option<W> {
        self.waiters.front().filter(|w| w.state() == State::Pending).cloned()
    }
}

/// Mutual exclusion between tasks. As `asyncio.Lock`: fair, not re-entrant, and any task may
/// release it. Clones are handles of the same lock.
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
    machine: RefCell<Machine<Waiter>>,
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
    pub async fn acquire(&self) -> Result<LockGuard, Error> {
        let free = self.0.machine.borrow_mut().try_acquire();
        if !free {
            let turn = Turn::new(self, "Lock::acquire", &self.0.bound)?.held_by(&self.0.holder);
            self.0.machine.borrow_mut().enqueue(turn.waiter());
            turn.wait().await?;
        }
        self.0.holder.set(current_task().map(TaskRef::id));
        Ok(LockGuard(Some(self.clone())))
    }

    /// As `release()`, for a guard that was forgotten.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the lock is free.
    pub fn release(&self) -> Result<(), Error> {
        let next = self.0.machine.borrow_mut().release()?;
        self.0.holder.set(None);
        wake(next);
        Ok(())
    }

    /// As `locked()`.
    pub fn locked(&self) -> bool {
        self.0.machine.borrow().locked
    }
}

fn wake(waiter: Option<Waiter>) {
    if let Some(waiter) = waiter {
        waiter.wake();
    }
}

impl WaitList for Lock {
    fn over(&self, waiter: &Waiter, is_turn: bool) {
        let next = self.0.machine.borrow_mut().leave(waiter, is_turn);
        wake(next);
    }
}

/// Releases the lock when it is dropped.
#[must_use = "the lock is released when the guard is dropped"]
pub struct LockGuard(Option<Lock>);

impl LockGuard {
    /// Keeps the lock held until [`Lock::release`].
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
