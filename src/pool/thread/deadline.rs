//! By when somebody no longer waits: in virtual time, or outside of a run in real time.

use std::{
    sync::{Condvar, MutexGuard},
    time::{Duration, Instant},
};

use crate::exec::job;

/// By when somebody no longer waits.
#[derive(Clone, Copy)]
pub(in crate::pool) enum Deadline {
    /// In virtual time, in ns.
    Virtual(u64),
    /// Outside of a run.
    Real(Instant),
}

impl Deadline {
    pub(in crate::pool) fn after(duration: Duration) -> Deadline {
        match job() {
            Some(job) => {
                let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
                Deadline::Virtual(job.now().saturating_add(ns))
            }
            None => Deadline::Real(Instant::now() + duration),
        }
    }

    pub(super) fn is_over(self) -> bool {
        match self {
            Deadline::Virtual(at) => job().is_none_or(|job| job.now() >= at),
            Deadline::Real(at) => Instant::now() >= at,
        }
    }
}

/// A thread outside of a run waits for the state to change.
pub(super) fn park_really<S>(
    changed: &Condvar,
    state: MutexGuard<'_, S>,
    deadline: Option<Deadline>,
) {
    match deadline {
        Some(Deadline::Real(at)) => {
            let left = at.saturating_duration_since(Instant::now());
            drop(changed.wait_timeout(state, left));
        }
        _ => drop(changed.wait(state)),
    }
}
