//! Shared state that a search knows by a name.

use std::cell::{Ref, RefCell, RefMut};

use super::{core::Core, shell::try_with};
use crate::{
    sched::Access,
    trace::{mix, mix_bytes},
};

/// What is mixed into the key of whoever makes an object, so that it is no task's nor callback's.
const SHARED: u64 = 0x000B_1EC7;

/// Names state that tasks share, for searches: two steps are independent if they touch no object
/// in ways that conflict. Touching it does nothing else. `Copy`; the name survives reordering,
/// since it says who made the object, as which of its objects.
///
/// One that is made outside a run, or used in another run than its own, has no name: touching it is
/// touching everything.
///
/// # Examples
/// A counter of one's own that searches know of:
/// ```
/// use std::{cell::Cell, rc::Rc};
/// use seedloop::{Check, Error, gather, raw::Object, sched::Access};
/// let report = Check::new().exhaustive().tracked().run(|| async {
///     let (count, object) = (Rc::new(Cell::new(0)), Object::new("count"));
///     let add = |count: Rc<Cell<u32>>| async move {
///         object.touch(Access::Add); // nobody reads it before both are done
///         count.set(count.get() + 1);
///     };
///     gather((add(count.clone()), add(count.clone()))).await?;
///     object.touch(Access::Read);
///     assert_eq!(count.get(), 2);
///     Ok::<(), Error>(())
/// });
/// assert!(report.is_exhausted());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    key: u64,
    /// The run it was made in; 0 is none.
    run: u64,
}

impl Object {
    /// A new object of the running task or callback. `what` tells kinds of objects apart.
    pub fn new(what: &'static str) -> Object {
        let made = try_with(|shell| {
            let key = shell.core.borrow_mut().new_shared(what);
            Object { key, run: shell.serial.get() }
        });
        made.unwrap_or(Object { key: 0, run: 0 })
    }

    /// A part of it that is touched by itself: the slot of a queue.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{raw::Object, sched::Access};
    /// let queue = Object::new("queue");
    /// queue.part(3).touch(Access::Write); // the third slot
    /// ```
    #[must_use]
    pub fn part(self, index: u64) -> Object {
        Object { key: mix(self.key, index), ..self }
    }

    /// The running step touches it. Nothing outside a run. Not a schedule point.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{raw::Object, sched::Access};
    /// Object::new("state").touch(Access::Write);
    /// ```
    #[inline]
    pub fn touch(self, access: Access) {
        try_with(|shell| {
            // Something of the loop's own that is dropped in the loop's own time touches nothing.
            let Ok(mut core) = shell.core.try_borrow_mut() else { return };
            match self.run == shell.serial.get() {
                true => core.touch(self.key, access),
                false => core.touch_all(),
            }
        });
    }
}

impl Core {
    fn new_shared(&mut self, what: &'static str) -> u64 {
        self.actor.made.shared += 1;
        let maker = mix(self.actor.key(), SHARED);
        mix(mix_bytes(maker, what.as_bytes()), self.actor.made.shared.into())
    }
}

/// Shared state of the crate's own primitives: reading it and changing it touches its object.
pub(crate) struct Watched<T> {
    object: Object,
    value: RefCell<T>,
}

impl<T> Watched<T> {
    pub(crate) fn new(what: &'static str, value: T) -> Watched<T> {
        Watched { object: Object::new(what), value: RefCell::new(value) }
    }

    #[inline]
    pub(crate) fn borrow(&self) -> Ref<'_, T> {
        self.object.touch(Access::Read);
        self.value.borrow()
    }

    #[inline]
    pub(crate) fn borrow_mut(&self) -> RefMut<'_, T> {
        self.object.touch(Access::Write);
        self.value.borrow_mut()
    }
}

impl<T: Default> Default for Watched<T> {
    fn default() -> Self {
        Watched::new("state", T::default())
    }
}
