//! The kernel's invariants, asserted in debug builds: all of them after every step of a small
//! state, and every 4,096 steps of a large one.

use std::collections::{BTreeMap, BTreeSet};

use super::{FutureId, Handle, Kernel, TaskId, calls::Place, futures::Callback};

/// Above this many entries a full check is too dear for every step.
const SMALL: usize = 64;
/// How often a large state is checked in full.
const INTERVAL: u64 = 4_096;

impl Kernel {
    /// Panics if an invariant is broken: always for small states, else every 4,096 steps.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// for step in 0..3 {
    ///     kernel.spawn();
    ///     kernel.check(step);
    /// }
    /// ```
    pub fn check(&self, step: u64) {
        let size = self.tasks.len().max(self.ready.len()).max(self.futures.len());
        if size <= SMALL || step.is_multiple_of(INTERVAL) {
            self.check_all();
        }
    }

    /// Panics if an invariant is broken.
    ///
    /// # Examples
    /// ```
    /// let mut kernel = seedloop::kernel::Kernel::default();
    /// kernel.spawn();
    /// kernel.check_all();
    /// ```
    pub fn check_all(&self) {
        self.check_ready();
        self.check_timers();
        self.check_tasks();
        self.check_callbacks();
    }

    /// Each ready handle stands once, and exists.
    fn check_ready(&self) {
        assert!(self.ready.batch_len() <= self.ready.len(), "the batch is part of what is ready");
        let mut steps = BTreeSet::new();
        for handle in self.ready.iter() {
            match handle {
                Handle::Step(task) => assert!(steps.insert(task), "{task:?} is queued twice"),
                Handle::Call(call) => {
                    let place = self.place(call);
                    let ready = matches!(place, Some(Place::Queued | Place::Cancelled));
                    assert!(ready, "{call:?} is ready but stands at {place:?}");
                }
            }
        }
        for (key, task) in self.tasks.iter() {
            let queued = steps.contains(&TaskId(key));
            assert_eq!(task.queued, queued, "{key:?} says queued: {}", task.queued);
        }
    }

    /// Each armed timer knows its key.
    fn check_timers(&self) {
        for (&(deadline, registration), &call) in &self.timers {
            let place = self.place(call);
            assert_eq!(place, Some(Place::Armed(deadline, registration)), "{call:?} is armed");
        }
    }

    /// No pending request is parked, and at most one task runs.
    fn check_tasks(&self) {
        let running = self.tasks.iter().filter(|(_, task)| task.running).count();
        assert!(running <= 1, "{running} tasks run at once");
        for (key, task) in self.tasks.iter() {
            let awake = task.queued || task.running || self.awaits_closing(TaskId(key));
            assert!(task.must_cancel.is_none() || awake, "{key:?} parks a pending cancel");
        }
    }

    /// A task that waits for a pending future is in that future's list, and no other is: no
    /// wake-up is lost.
    fn check_callbacks(&self) {
        let mut waits: BTreeMap<(FutureId, TaskId), i64> = BTreeMap::new();
        for (key, task) in self.tasks.iter() {
            for future in task.awaits.iter().filter_map(|a| a.on) {
                if !self.is_done(future) {
                    *waits.entry((future, TaskId(key))).or_default() += 1;
                }
            }
        }
        for (key, future) in self.futures.iter() {
            let pending = future.state == super::State::Pending;
            assert!(pending || future.callbacks.is_empty(), "{key:?} is done, with callbacks");
            for callback in &future.callbacks {
                match *callback {
                    Callback::Wake(task) => {
                        *waits.entry((FutureId(key), task)).or_default() -= 1;
                    }
                    Callback::Call(call) => assert_eq!(self.place(call), Some(Place::OnDone)),
                }
            }
        }
        for ((future, task), difference) in waits {
            assert_eq!(difference, 0, "{task:?} waits for {future:?}, which does not know");
        }
    }
}
