//! What the blocking primitives are built of: state that jobs and the loop share, and jobs that
//! wait until it is as they need it.
//!
//! Each operation of a job begins a turn of its own, so that anything may come before it. Whoever
//! finds the state otherwise parks, and looks again when somebody has changed it: of several that
//! look, the first to have a turn wins. Nobody is promised anything, as with `std`'s.

use std::{
    fmt,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use super::deadline::{Deadline, park_really};
use crate::{
    exec::{
        After, Awaited, BesideId, Deed, Object, Said, Waiting, acting_job, did, is_running, job,
        wake_parked,
    },
    sched::Access,
};

/// State that threads share. Clones are handles of the same.
pub(in crate::pool) struct Shared<S>(Arc<Inner<S>>);

struct Inner<S> {
    object: Object,
    label: Arc<str>,
    state: Mutex<State<S>>,
    /// For threads outside of a run.
    changed: Condvar,
}

struct State<S> {
    own: S,
    /// Who is to look again when it changes.
    parked: Vec<BesideId>,
}

/// Who holds up others that wait for this state, as far as is known.
pub(in crate::pool) trait Held: Send {
    fn holder(&self) -> Option<Waiting> {
        None
    }
}

impl<S> Clone for Shared<S> {
    fn clone(&self) -> Self {
        Shared(self.0.clone())
    }
}

impl<S> fmt::Debug for Shared<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.label)
    }
}

/// The job of this thread.
pub(in crate::pool) fn this_job() -> Option<Waiting> {
    Some(Waiting::Job(job()?.id()))
}

/// Does this thread unwind because of a panic, and not since its run is over?
pub(in crate::pool) fn is_panicking() -> bool {
    std::thread::panicking() && !job().is_some_and(|job| job.is_over())
}

/// What somebody's wait has come to means for others who wait.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::pool) enum Then {
    /// Nothing new.
    Nothing,
    /// They may go on.
    Wakes,
}

impl<S: Held + 'static> Shared<S> {
    pub(in crate::pool) fn new(what: &'static str, own: S) -> Shared<S> {
        let (object, label) = Object::labelled(what);
        let state = Mutex::new(State { own, parked: Vec::new() });
        Shared(Arc::new(Inner { object, label, state, changed: Condvar::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State<S>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn did(&self, verb: &'static str, access: Access) {
        did(Deed { object: self.0.object, access, verb, label: self.0.label.clone() });
    }

    /// Looks at the state, or changes it, in ways that no text mentions.
    pub(in crate::pool) fn unseen<R>(&self, access: Access, f: impl FnOnce(&mut S) -> R) -> R {
        let result = f(&mut self.lock().own);
        self.0.object.touch(access);
        result
    }

    /// Looks at the state, or changes it, without that somebody who waits may go on.
    pub(in crate::pool) fn now<R>(
        &self,
        verb: &'static str,
        access: Access,
        f: impl FnOnce(&mut S) -> R,
    ) -> R {
        let result = f(&mut self.lock().own);
        self.did(verb, access);
        result
    }

    /// Changes the state so that whoever waits may go on.
    pub(in crate::pool) fn change<R>(&self, verb: &'static str, f: impl FnOnce(&mut S) -> R) -> R {
        let result = f(&mut self.lock().own);
        self.did(verb, Access::Write);
        self.wake();
        result
    }

    fn wake(&self) {
        let parked = std::mem::take(&mut self.lock().parked);
        parked.into_iter().for_each(wake_parked);
        self.0.changed.notify_all();
    }

    /// Waits until `f` gives something. None if that takes too long.
    ///
    /// # Panics
    /// In the loop's own thread, if it would have to wait.
    pub(in crate::pool) fn wait<R>(
        &self,
        verb: &'static str,
        then: Then,
        deadline: Option<Deadline>,
        mut f: impl FnMut(&mut S) -> Option<R>,
    ) -> Option<R> {
        loop {
            let mut state = self.lock();
            if let Some(result) = f(&mut state.own) {
                drop(state);
                self.did(verb, Access::Write);
                if then == Then::Wakes {
                    self.wake();
                }
                return Some(result);
            }
            if deadline.is_some_and(Deadline::is_over) {
                drop(state);
                self.did("gives up", Access::Write);
                return None;
            }
            let Some(job) = acting_job() else {
                assert!(
                    !is_running(),
                    "{} would block the loop, and with it everything: do this in a job \
                     (`to_thread`), or await a primitive of asyncio's instead",
                    self.0.label
                );
                park_really(&self.0.changed, state, deadline);
                continue;
            };
            let _place = Parked::new(self, state, job.id());
            self.0.object.touch(Access::Read);
            job.say(Said::Waits(self.0.clone()));
            job.end_turn(match deadline {
                Some(Deadline::Virtual(at)) => After::ParkedUntil(at),
                _ => After::Parked,
            });
        }
    }
}

/// A job's place among those who are parked. It leaves it if it unwinds, too.
struct Parked<'a, S> {
    shared: &'a Shared<S>,
    id: BesideId,
}

impl<'a, S> Parked<'a, S> {
    fn new(
        shared: &'a Shared<S>,
        mut state: MutexGuard<'_, State<S>>,
        id: BesideId,
    ) -> Parked<'a, S> {
        state.parked.push(id);
        Parked { shared, id }
    }
}

impl<S> Drop for Parked<'_, S> {
    fn drop(&mut self) {
        let mut state = self.shared.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.parked.retain(|&id| id != self.id);
    }
}

impl<S: Held> Awaited for Inner<S> {
    fn label(&self) -> Arc<str> {
        self.label.clone()
    }

    fn holder(&self) -> Option<Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).own.holder()
    }
}
