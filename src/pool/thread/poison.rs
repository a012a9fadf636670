//! What locks share: poison, and the lock of std beneath, for whose guard nobody ever waits.

use std::sync::{
    LockResult, PoisonError, TryLockError, TryLockResult,
    atomic::{AtomicBool, Ordering},
};

use super::shared::is_panicking;

/// Has somebody panicked with the lock?
#[derive(Default)]
pub(super) struct Poison(AtomicBool);

/// Somebody has the lock; did it panic already?
#[derive(Clone, Copy)]
pub(super) struct Since {
    was_panicking: bool,
}

impl Poison {
    /// Somebody gets the lock.
    pub(super) fn enter() -> Since {
        Since { was_panicking: is_panicking() }
    }

    /// And gives it back.
    pub(super) fn leave(&self, Since { was_panicking }: Since) {
        if !was_panicking && is_panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn clear(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// What is behind the lock, with the error that says so.
    pub(super) fn around<T>(&self, behind: T) -> LockResult<T> {
        if self.is_there() { Err(PoisonError::new(behind)) } else { Ok(behind) }
    }
}

/// The guard of std's lock, which is free for whoever has ours.
pub(super) fn free<G>(locked: TryLockResult<G>) -> G {
    match locked {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => unreachable!("those alone who have the lock have it"),
    }
}
