//! `asyncio.Barrier`.

use std::{cell::Ref, rc::Rc};

use super::{Condition, machine::barrier::Machine};
use crate::exec::{Error, Watched};

/// Lets a fixed number of tasks through together. As `asyncio.Barrier` (`locks.py`). Clones are
/// handles of the same barrier.
///
/// # Examples
/// ```
/// use seedloop::{Barrier, Error, gather, run};
/// run(async {
///     let barrier = Barrier::new(2)?;
///     let arrive = |barrier: Barrier| async move { barrier.wait().await };
///     let indices = gather((arrive(barrier.clone()), arrive(barrier))).await?;
///     assert_eq!(indices, (0, 1));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Barrier(Rc<Inner>);

struct Inner {
    condition: Condition,
    machine: Watched<Machine>,
}

impl Barrier {
    /// A barrier for so many tasks.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if `parties` is 0.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Barrier, Error};
    /// assert_eq!(Barrier::new(3)?.parties(), 3);
    /// assert!(matches!(Barrier::new(0), Err(Error::InvalidValue(_))));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn new(parties: usize) -> Result<Barrier, Error> {
        if parties == 0 {
            return Err(Error::InvalidValue("a barrier needs at least one party"));
        }
        let (condition, machine) =
            (Condition::new(), Watched::new("barrier", Machine::new(parties)));
        Ok(Barrier(Rc::new(Inner { condition, machine })))
    }

    /// As `wait()`: waits for the others; gives the index of arrival. A schedule point and a
    /// cancel point.
    ///
    /// # Errors
    /// [`Error::BrokenBarrier`] if it is or gets aborted, or reset; [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Barrier, Error, gather, log, trace_of};
    /// let trace = trace_of(async {
    ///     let barrier = Barrier::new(3)?;
    ///     gather([1, 2, 3].map(|number| {
    ///         let barrier = barrier.clone();
    ///         async move {
    ///             log(format_args!("{number} comes"));
    ///             let index = barrier.wait().await?;
    ///             log(format_args!("{number} goes, of index {index}"));
    ///             Ok::<(), Error>(())
    ///         }
    ///     })).await
    /// });
    /// let told: Vec<&str> = trace.logs().map(|(_, text)| text).collect();
    /// assert_eq!(told[2..4], ["3 comes", "3 goes, of index 2"]);
    /// ```
    pub async fn wait(&self) -> Result<usize, Error> {
        let mut guard = self.0.condition.acquire().await?;
        guard.wait_for(|| !self.state().is_busy()).await?;
        if self.broken() {
            return Err(Error::BrokenBarrier);
        }
        let index = self.0.machine.borrow_mut().enter();
        let inside = Inside(&self.0);
        if index + 1 == self.parties() {
            self.0.condition.notify_all()?;
        } else {
            guard.wait_for(|| !self.state().is_filling()).await?;
            if self.state().is_over() {
                return Err(Error::BrokenBarrier);
            }
        }
        drop(inside);
        Ok(index)
    }

    /// As `reset()`: those inside get [`Error::BrokenBarrier`]; the barrier can be used again. A
    /// schedule point if its lock is held, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Barrier, Error, run, spawn, yield_now};
    /// run(async {
    ///     let barrier = Barrier::new(2)?;
    ///     let other = barrier.clone();
    ///     let inside = spawn(async move { other.wait().await });
    ///     yield_now().await?;
    ///     assert_eq!(barrier.n_waiting(), 1);
    ///     barrier.reset().await?;
    ///     assert!(matches!(inside.await, Err(Error::BrokenBarrier)));
    ///     assert!(!barrier.broken());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub async fn reset(&self) -> Result<(), Error> {
        let _guard = self.0.condition.acquire().await?;
        self.0.machine.borrow_mut().reset();
        self.0.condition.notify_all()
    }

    /// As `abort()`: those inside and those to come get [`Error::BrokenBarrier`], until a reset. A
    /// schedule point if its lock is held, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Barrier, Error, run};
    /// run(async {
    ///     let barrier = Barrier::new(2)?;
    ///     barrier.abort().await?;
    ///     assert!(barrier.broken());
    ///     assert!(matches!(barrier.wait().await, Err(Error::BrokenBarrier)));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub async fn abort(&self) -> Result<(), Error> {
        let _guard = self.0.condition.acquire().await?;
        self.0.machine.borrow_mut().abort();
        self.0.condition.notify_all()
    }

    /// As `parties`.
    pub fn parties(&self) -> usize {
        self.state().parties()
    }

    /// As `n_waiting`: the tasks inside while it fills.
    pub fn n_waiting(&self) -> usize {
        if self.state().is_filling() { self.state().count() } else { 0 }
    }

    /// As `broken`.
    pub fn broken(&self) -> bool {
        self.state().is_broken()
    }

    fn state(&self) -> Ref<'_, Machine> {
        self.0.machine.borrow()
    }
}

/// A task is inside. The last one out lets the next ones in.
struct Inside<'a>(&'a Inner);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        let was_last = self.0.machine.borrow_mut().exit();
        if was_last {
            self.0.condition.wake(usize::MAX);
        }
    }
}
