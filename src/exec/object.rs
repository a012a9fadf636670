//! Shared state that a search knows by a name.

use std::{
    cell::{Ref, RefCell, RefMut},
    sync::Arc,
};

use super::{
    core::Core,
    job::{Said, job},
    shell::try_with,
};
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
    /// A new object of the running task, callback or job. `what` tells kinds of objects apart.
    pub fn new(what: &'static str) -> Object {
        let made = try_with(|shell| {
            let key = shell.core.borrow_mut().new_shared(what);
            Object { key, run: shell.serial.get() }
        });
        made.or_else(|| Some(job()?.new_object(what).0)).unwrap_or(Object { key: 0, run: 0 })
    }

    /// The same, and how it is called in texts: `Mutex o1` is the first object of main.
    pub(crate) fn labelled(what: &'static str) -> (Object, Arc<str>) {
        if let Some(job) = job() {
            return job.new_object(what);
        }
        let object = Object::new(what);
        let label = try_with(|shell| shell.core.borrow().label_of_shared(what));
        (object, label.unwrap_or_else(|| format!("{what} from outside").into()))
    }

    /// The object of this name in the run of this number.
    pub(crate) fn of(what: &'static str, maker: u64, ordinal: u64, run: u64) -> Object {
        let maker = mix(maker, SHARED);
        Object { key: mix(mix_bytes(maker, what.as_bytes()), ordinal), run }
    }

    pub(crate) fn key(self) -> u64 {
        self.key
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
            self.touch_in(&mut core, shell.serial.get(), access);
        });
        // In a loop of a job's own, it is the job that does so, too.
        if let Some(job) = job() {
            job.say(Said::Touched(self, access));
        }
    }

    pub(super) fn touch_in(self, core: &mut Core, run: u64, access: Access) {
        match self.run == run {
            true => core.touch(self.key, access),
            false => core.touch_all(),
        }
    }
}

impl Core {
    fn new_shared(&mut self, what: &'static str) -> u64 {
        self.actor.made.shared += 1;
        Object::of(what, self.actor.key(), self.actor.made.shared.into(), 0).key
    }

    fn label_of_shared(&self, what: &str) -> Arc<str> {
        let (maker, ordinal) = (self.actor_path(), self.actor.made.shared);
        match maker.is_root() {
            true => format!("{what} o{ordinal}").into(),
            false => format!("{what} {maker}/o{ordinal}").into(),
        }
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
