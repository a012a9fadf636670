//! `asyncio.Barrier`.

use std::{cell::Cell, rc::Rc};

use super::Condition;
use crate::exec::Error;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Filling,
    Draining,
    Resetting,
    Broken,
}

/// Lets a fixed number of tasks through together. As `asyncio.Barrier`. Clones are handles of the
/// same barrier.
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
    parties: usize,
    phase: Cell<Phase>,
    /// The tasks inside.
    count: Cell<usize>,
}

impl Barrier {
    /// A barrier for so many tasks.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if `parties` is 0.
    pub fn new(parties: usize) -> Result<Barrier, Error> {
        if parties == 0 {
            return Err(Error::InvalidValue("a barrier needs at least one party"));
        }
        Ok(Barrier(Rc::new(Inner {
            condition: Condition::new(),
            parties,
            phase: Cell::new(Phase::Filling),
            count: Cell::new(0),
        })))
    }

    /// As `wait()`: waits for the others; gives the index of arrival. A schedule point and a
    /// cancel point.
    ///
    /// # Errors
    /// [`Error::BrokenBarrier`] if it is or gets aborted, or reset; [`Error::Cancelled`].
    pub async fn wait(&self) -> Result<usize, Error> {
        let inner = &self.0;
        let mut guard = inner.condition.acquire().await?;
        let busy = || matches!(inner.phase.get(), Phase::Draining | Phase::Resetting);
        guard.wait_for(|| !busy()).await?;
        if self.broken() {
            return Err(Error::BrokenBarrier);
        }
        let index = inner.count.get();
        let inside = Inside::enter(self);
        if index + 1 == inner.parties {
            inner.phase.set(Phase::Draining);
            inner.condition.notify_all()?;
        } else {
            guard.wait_for(|| inner.phase.get() != Phase::Filling).await?;
            if matches!(inner.phase.get(), Phase::Broken | Phase::Resetting) {
                return Err(Error::BrokenBarrier);
            }
        }
        drop(inside);
        Ok(index)
    }

    /// As `reset()`: those inside get [`Error::BrokenBarrier`]; the barrier can be used again.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub async fn reset(&self) -> Result<(), Error> {
        let _guard = self.0.condition.acquire().await?;
        let inside = self.0.count.get() > 0;
        self.0.phase.set(if inside { Phase::Resetting } else { Phase::Filling });
        self.0.condition.notify_all()
    }

    /// As `abort()`: those inside and those to come get [`Error::BrokenBarrier`], until a reset.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub async fn abort(&self) -> Result<(), Error> {
        let _guard = self.0.condition.acquire().await?;
        self.0.phase.set(Phase::Broken);
        self.0.condition.notify_all()
    }

    /// As `parties`.
    pub fn parties(&self) -> usize {
        self.0.parties
    }

    /// As `n_waiting`: the tasks inside while it fills.
    pub fn n_waiting(&self) -> usize {
        if self.0.phase.get() == Phase::Filling { self.0.count.get() } else { 0 }
    }

    /// As `broken`.
    pub fn broken(&self) -> bool {
        self.0.phase.get() == Phase::Broken
    }
}

/// A task is inside. The last one out lets the next ones in.
struct Inside<'a>(&'a Inner);

impl<'a> Inside<'a> {
    fn enter(barrier: &'a Barrier) -> Inside<'a> {
        barrier.0.count.set(barrier.0.count.get() + 1);
        Inside(&barrier.0)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            if matches!(self.0.phase.get(), Phase::Resetting | Phase::Draining) {
                self.0.phase.set(Phase::Filling);
            }
            self.0.condition.wake(usize::MAX);
        }
    }
}
