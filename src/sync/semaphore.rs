//! `asyncio.Semaphore` and `BoundedSemaphore`.

use std::rc::Rc;

use super::{
    machine::semaphore::Machine,
    turn::{Bound, Turn, Waiter, wake},
};
use crate::exec::{Error, Watched};

/// A number of permits. As `asyncio.Semaphore` (`locks.py`): fair. Clones are handles of the same
/// semaphore.
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
    machine: Watched<Machine<Waiter>>,
    bound: Bound,
}

impl Semaphore {
    /// A semaphore with so many permits.
    pub fn new(permits: usize) -> Semaphore {
        let machine = Watched::new("semaphore", Machine::new(permits));
        Semaphore(Rc::new(Inner { machine, bound: Bound::default() }))
    }

    /// As `acquire()`: waits for a permit; dropping the guard gives it back. A schedule point if
    /// there is none or somebody waits, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Semaphore, log, spawn, trace_of};
    /// let trace = trace_of(async {
    ///     let permits = Semaphore::new(1);
    ///     let permit = permits.acquire().await?;
    ///     let waiter = spawn(async move { permits.acquire().await.map(|_permit| log("mine")) });
    ///     log("working");
    ///     drop(permit);
    ///     waiter.await
    /// });
    /// assert!(trace.logs().map(|(_, text)| text).eq(["working", "mine"]));
    /// ```
    pub async fn acquire(&self) -> Result<SemaphoreGuard, Error> {
        let free = self.0.machine.borrow_mut().try_acquire();
        if !free {
            let turn = Turn::new("Semaphore::acquire", &self.0.bound, |waiter, over| {
                wake(self.0.machine.borrow_mut().leave(waiter, over));
            })?;
            self.0.machine.borrow_mut().enqueue(turn.waiter());
            turn.wait().await?;
        }
        Ok(SemaphoreGuard(Some(self.clone())))
    }

    /// As `release()`: one more permit.
    ///
    /// # Examples
    /// ```
    /// use seedloop::Semaphore;
    /// let permits = Semaphore::new(1);
    /// permits.release(); // also one that nobody has acquired
    /// assert_eq!(permits.permits(), 2);
    /// ```
    pub fn release(&self) {
        wake(self.0.machine.borrow_mut().release());
    }

    /// As `locked()`: would `acquire` wait?
    pub fn locked(&self) -> bool {
        self.0.machine.borrow().locked()
    }

    /// The permits that are free.
    pub fn permits(&self) -> usize {
        self.0.machine.borrow().permits()
    }
}

/// Gives the permit back when it is dropped.
///
/// # Examples
/// ```
/// use seedloop::{Error, Semaphore, SemaphoreGuard, run};
/// run(async {
///     let pool = Semaphore::new(3);
///     let held: Vec<SemaphoreGuard> = vec![pool.acquire().await?, pool.acquire().await?];
///     assert_eq!(pool.permits(), 1);
///     drop(held);
///     assert_eq!(pool.permits(), 3);
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[must_use = "the permit is given back when the guard is dropped"]
pub struct SemaphoreGuard(Option<Semaphore>);

impl SemaphoreGuard {
    /// Keeps the permit until [`Semaphore::release`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Semaphore, run};
    /// run(async {
    ///     let permits = Semaphore::new(1);
    ///     permits.acquire().await?.forget();
    ///     assert!(permits.locked());
    ///     permits.release();
    ///     assert!(!permits.locked());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
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

/// A semaphore that never has more permits than at first. As `asyncio.BoundedSemaphore`
/// (`locks.py`). Clones are handles of the same semaphore.
///
/// # Examples
/// ```
/// use seedloop::{BoundedSemaphore, Error};
/// let semaphore = BoundedSemaphore::new(1);
/// let Err(Error::InvalidValue(text)) = semaphore.release() else { panic!("nobody has acquired") };
/// assert!(text.ends_with("release it once per acquire"));
/// ```
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

    /// As [`Semaphore::acquire`], schedule point and cancel point included.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{BoundedSemaphore, Error, run};
    /// run(async {
    ///     let permits = BoundedSemaphore::new(1);
    ///     permits.acquire().await?.forget();
    ///     assert!(permits.locked());
    ///     permits.release()
    /// }).unwrap();
    /// ```
    pub async fn acquire(&self) -> Result<SemaphoreGuard, Error> {
        self.semaphore.acquire().await
    }

    /// As `release()`, for a guard that was forgotten.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if all permits are free.
    pub fn release(&self) -> Result<(), Error> {
        if self.semaphore.permits() >= self.bound {
            return Err(Error::InvalidValue(
                "all permits of the semaphore are free: release it once per acquire",
            ));
        }
        self.semaphore.release();
        Ok(())
    }

    /// As [`Semaphore::locked`].
    pub fn locked(&self) -> bool {
        self.semaphore.locked()
    }
}
