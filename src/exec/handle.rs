//! Callbacks and timers as the program holds them.

use std::{cell::Cell, rc::Rc};

use super::{record::Thing, shell::Shell};
use crate::{
    kernel::{Action, CallId},
    sched::Access,
    trace::Kind,
};

/// A scheduled callback: asyncio's `Handle` and `TimerHandle` (`events.py`).
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{call_later, run, sleep, Error};
/// run(async {
///     let alarm = call_later(Duration::from_secs(1), || panic!("nobody hears it"));
///     alarm.cancel();
///     assert!(alarm.cancelled());
///     sleep(Duration::from_secs(2)).await
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct Handle {
    shell: Rc<Shell>,
    call: CallId,
    cancelled: Rc<Cell<bool>>,
    deadline: Option<u64>,
    /// Stands for it in footprints, also when it has run.
    key: u64,
}

impl Handle {
    /// A callback for the next iteration.
    pub(crate) fn soon(shell: &Rc<Shell>, callback: Box<dyn FnOnce()>) -> Handle {
        let mut core = shell.core.borrow_mut();
        let call = core.kernel.call_soon(Action::Closure);
        core.name_call(call, "call_soon", Some(callback));
        core.note(Kind::Schedule, Thing::Call(call), 0);
        let key = core.call_key(call);
        Handle::of(shell, call, None, key)
    }

    /// A callback for a time, in ns.
    pub(crate) fn at(shell: &Rc<Shell>, deadline: u64, callback: Box<dyn FnOnce()>) -> Handle {
        let mut core = shell.core.borrow_mut();
        let call = core.kernel.arm(deadline, Action::Closure);
        core.name_call(call, "timer", Some(callback));
        let length = deadline.saturating_sub(core.kernel.now());
        core.note(Kind::Arm, Thing::Call(call), length);
        let key = core.call_key(call);
        Handle::of(shell, call, Some(deadline), key)
    }

    fn of(shell: &Rc<Shell>, call: CallId, deadline: Option<u64>, key: u64) -> Handle {
        Handle { shell: shell.clone(), call, cancelled: Rc::default(), deadline, key }
    }

    /// As `Handle.cancel()`: the callback will not run. Nothing if it has.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, call_soon, run, yield_now};
    /// run(async {
    ///     let handle = call_soon(|| unreachable!("it is cancelled"));
    ///     handle.cancel();
    ///     yield_now().await
    /// }).unwrap();
    /// ```
    pub fn cancel(&self) {
        if self.cancelled.replace(true) {
            return;
        }
        let garbage = {
            let mut core = self.shell.core.borrow_mut();
            core.touch(self.key, Access::Write);
            let armed = core.kernel.deadline(self.call).is_some();
            let scheduled = core.kernel.is_scheduled(self.call);
            if scheduled {
                core.note(Kind::Disarm, Thing::Call(self.call), 0);
                core.kernel.cancel_call(self.call);
            }
            // A timer that is not due is gone; a ready handle stays, as a no-op.
            let info = if armed { core.calls.take(self.call.index()) } else { None };
            let kept = core.calls.get_mut(self.call.index()).filter(|_| scheduled && !armed);
            (info, kept.and_then(|info| info.closure.take()))
        };
        drop(garbage);
    }

    /// As `Handle.cancelled()`.
    pub fn cancelled(&self) -> bool {
        self.shell.core.borrow_mut().touch(self.key, Access::Read);
        self.cancelled.get()
    }

    pub(crate) fn deadline_ns(&self) -> Option<u64> {
        self.deadline
    }
}
