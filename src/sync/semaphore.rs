//! `asyncio.Semaphore` and `BoundedSemaphore`: a released permit goes to the first waiter at once.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use super::turn::{Bound, Turn, WaitList, Waiter, Waiting};
use crate::{exec::Error, kernel::State};

/// The machine.
/// invariant: permits + woken waiters + permits held is constant but for `release`.
struct Machine<W> {
    permits: usize,
    /// In order of arrival; a woken waiter has its permit and stays until its own step.
    waiters: VecDeque<W>,
}

impl<W: Waiting> Machine<W> {
    fn locked(&self) -> bool {
        self.permits == 0 || self.waiters.iter().any(|w| w.state() != State::Cancelled)
    }

    fn try_acquire(&mut self) -> bool {
        let free = !self.locked();
        self.permits -= usize::from(free);
        free
    }

    /// Gives a permit to the first that still waits.
    fn grant(&mut self) -> Option<W> {
        if self.permits == 0 {
            return None;
        }
        let next = self.waiters.iter().find(|w| w.state() == State::Pending).cloned();
        self.permits -= usize::from(next.is_some());
        next
    }

    /// A wait is over: a permit that is not taken goes back.
    fn leave(&mut self, waiter: &W, is_turn: bool) {
        self.waiters.retain(|other| other != waiter);
        if !is_turn && waiter.state() == State::Finished {
            self.permits += 1;
        }
    }
}

/// A number of permits. As `asyncio.Semaphore`: fair. Clones are handles of the same semaphore.
///
/// # Examples
/// ```
/// use seedloop::{Error, Semaphore, run};
/// run(async {
///     let semaphore = Semaphore::new(1);
///     let permit = semaphore.acquire().await?;
///     assert!(semaphore.locked());
///     drop(permit);
///     assert!(!semaphore.locked());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Semaphore(Rc<Inner>);

struct Inner {
    machine: RefCell<Machine<Waiter>>,
    bound: Bound,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub fn new(permits: usize) -> Semaphore {
        let machine = RefCell::new(Machine { permits, waiters: VecDeque::new() });
        Semaphore(Rc::new(Inner { machine, bound: Bound::default() }))
    }

    /// As `acquire()`: waits for a permit; dropping the guard gives it back. A schedule point if
    /// there is none or somebody waits, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    pub async fn acquire(&self) -> Result<SemaphoreGuard, Error> {
        let free = self.0.machine.borrow_mut().try_acquire();
        if !free {
            let turn = Turn::new(self, "Semaphore::acquire", &self.0.bound)?;
            self.0.machine.borrow_mut().waiters.push_back(turn.waiter());
            turn.wait().await?;
        }
        Ok(SemaphoreGuard(Some(self.clone())))
    }

    /// As `release()`: one more permit.
    pub fn release(&self) {
        let permits = self.0.machine.borrow().permits.saturating_add(1);
        self.0.machine.borrow_mut().permits = permits;
        self.grant();
    }

    /// As `locked()`: would `acquire` wait?
    pub fn locked(&self) -> bool {
        self.0.machine.borrow().locked()
    }

    /// The permits that are free.
    pub fn permits(&self) -> usize {
        self.0.machine.borrow().permits
    }

    /// Gives a free permit to the first waiter. Says whether there was one.
    fn grant(&self) -> bool {
        let next = self.0.machine.borrow_mut().grant();
        next.inspect(Waiter::wake).is_some()
    }
}

impl WaitList for Semaphore {
    fn over(&self, waiter: &Waiter, is_turn: bool) {
        self.0.machine.borrow_mut().leave(waiter, is_turn);
        // Those behind had to wait for this one, although there were permits.
        while self.grant() {}
    }
}

/// Gives the permit back when it is dropped.
#[must_use = "the permit is given back when the guard is dropped"]
pub struct SemaphoreGuard(Option<Semaphore>);

impl SemaphoreGuard {
    /// Keeps the permit until [`Semaphore::release`].
    pub fn forget(mut self) {
        self.0 = None;
    }
}

impl Drop for SemaphoreGuard {
    fn drop(&mut self) {
        if let Some(semaphore) = self.0.take() {
            semaphore.release();
        }
    }
}

/// A semaphore that never has more permits than at first. As `asyncio.BoundedSemaphore`.
#[derive(Clone)]
pub struct BoundedSemaphore {
    semaphore: Semaphore,
    bound: usize,
}

impl BoundedSemaphore {
    /// A semaphore with so many permits, and never more.
    pub fn new(permits: usize) -> BoundedSemaphore {
        BoundedSemaphore { semaphore: Semaphore::new(permits), bound: permits }
    }

    /// As [`Semaphore::acquire`].
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    pub async fn acquire(&self) -> Result<SemaphoreGuard, Error> {
        self.semaphore.acquire().await
    }

    /// As `release()`.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if all permits are free.
    pub fn release(&self) -> Result<(), Error> {
        if self.semaphore.permits() >= self.bound {
            return Err(Error::InvalidValue("the semaphore was released more than acquired"));
        }
        self.semaphore.release();
        Ok(())
    }

    /// As [`Semaphore::locked`].
    pub fn locked(&self) -> bool {
        self.semaphore.locked()
    }
}
