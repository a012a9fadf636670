//! What the operations touch: the footprint of a step, as far as the kernel knows it. Kept only if
//! somebody wants it, and no part of what a state means.

use super::{FutureId, Handle, Kernel, TaskId};

/// One thing that an operation has read or changed.
///
/// # Examples
/// ```
/// use seedloop::kernel::{Handle, Kernel, OnCancel, State, Touched};
/// let mut kernel = Kernel::default();
/// kernel.watch(true);
/// let (task, future) = (kernel.spawn(), kernel.future_new(OnCancel::Itself));
/// kernel.resolve(future, State::Finished);
/// let mut touched = Vec::new();
/// kernel.take_touched(&mut touched);
/// assert_eq!(touched, [Touched::Readied(Handle::Step(task)), Touched::Wrote(future)]);
/// kernel.take_touched(&mut touched);
/// assert_eq!(touched.len(), 2); // nothing since
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Touched {
    /// The handle was to be made ready. It may have been so already.
    Readied(Handle),
    /// What the future has come to, or that it is pending, has mattered.
    Read(FutureId),
    /// The future has changed.
    Wrote(FutureId),
    /// The requests to cancel the task have changed.
    Asked(TaskId),
}

impl Kernel {
    /// Whether to keep what the operations touch, from here on. A new kernel does not.
    pub fn watch(&mut self, on: bool) {
        self.is_watched = on;
        self.touched.clear();
    }

    /// Appends what they have touched since this was last asked, in order.
    pub fn take_touched(&mut self, to: &mut Vec<Touched>) {
        to.append(&mut self.touched);
    }

    #[inline(always)]
    pub(super) fn touch(&mut self, thing: Touched) {
        if self.is_watched {
            self.touched.push(thing);
        }
    }

    /// Whether the future is about to be done has mattered: so do all that it gathers.
    pub(super) fn touch_closing(&mut self, future: FutureId) {
        if !self.is_watched {
            return;
        }
        let mut left = vec![future];
        while let Some(future) = left.pop() {
            self.touched.push(Touched::Read(future));
            if let Some(super::OnCancel::Children(children)) =
                self.futures.get(future.0).map(|entry| &entry.on_cancel)
            {
                left.extend(children);
            }
        }
    }
}
