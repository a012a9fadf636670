//! State that tasks share, and that searches know of.

use std::{
    cell::{Ref, RefCell},
    fmt,
    ops::AddAssign,
    rc::Rc,
};

use crate::{exec::raw::Object, sched::Access};

/// A value that tasks share, as `Rc<RefCell<T>>`, whose uses a search knows of: two steps that only
/// read it are independent, and so are two that only add to it. Clones are handles of the same
/// value. No use of it is a schedule point, and each is in the step that runs: two uses with no
/// await between them are not torn apart.
///
/// # Examples
/// Two tasks read, yield and write. Of the 6 orders of their steps 4 lose an update:
/// ```
/// use seedloop::{Check, Error, Tracked, gather, yield_now};
/// let failure = Check::new().exhaustive().tracked().try_run(|| async {
///     let count = Tracked::new(0);
///     let add = |count: Tracked<i32>| async move {
///         let read = count.get();
///         yield_now().await?;
///         count.set(read + 1);
///         Ok::<(), Error>(())
///     };
///     gather((add(count.clone()), add(count.clone()))).await?;
///     assert_eq!(count.get(), 2);
///     Ok::<(), Error>(())
/// });
/// assert!(failure.unwrap_err().text.contains("left: 1"));
/// ```
pub struct Tracked<T>(Rc<Inner<T>>);

struct Inner<T> {
    object: Object,
    value: RefCell<T>,
}

impl<T> Tracked<T> {
    /// A value of the running task. Make it inside the run: of one that was made before, a search
    /// knows no name, and using it depends on everything.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(seedloop::Tracked::new(5).get(), 5);
    /// ```
    pub fn new(value: T) -> Tracked<T> {
        Tracked(Rc::new(Inner { object: Object::new("Tracked"), value: RefCell::new(value) }))
    }

    /// The value: reads it.
    ///
    /// # Examples
    /// ```
    /// let name = seedloop::Tracked::new("ann");
    /// assert_eq!(name.get(), "ann");
    /// ```
    pub fn get(&self) -> T
    where
        T: Clone,
    {
        self.borrow().clone()
    }

    /// The value, as long as the guard lives: reads it.
    ///
    /// # Panics
    /// Inside [`update`](Tracked::update) of the same value.
    ///
    /// # Examples
    /// ```
    /// let names = seedloop::Tracked::new(vec!["ann", "bob"]);
    /// assert_eq!(names.borrow().len(), 2);
    /// ```
    pub fn borrow(&self) -> Ref<'_, T> {
        self.0.object.touch(Access::Read);
        self.0.value.borrow()
    }

    /// Puts another value there: writes it.
    ///
    /// # Panics
    /// While it is borrowed.
    ///
    /// # Examples
    /// ```
    /// let name = seedloop::Tracked::new("ann");
    /// name.set("bob");
    /// assert_eq!(name.get(), "bob");
    /// ```
    pub fn set(&self, value: T) {
        drop(self.replace(value));
    }

    /// Puts another value there and gives the old one: writes it.
    ///
    /// # Panics
    /// While it is borrowed.
    ///
    /// # Examples
    /// ```
    /// let turn = seedloop::Tracked::new("ann");
    /// assert_eq!(turn.replace("bob"), "ann");
    /// ```
    pub fn replace(&self, value: T) -> T {
        self.0.object.touch(Access::Write);
        self.0.value.replace(value)
    }

    /// Changes the value: reads and writes it.
    ///
    /// # Panics
    /// While it is borrowed.
    ///
    /// # Examples
    /// ```
    /// let names = seedloop::Tracked::new(Vec::new());
    /// names.update(|names| names.push("ann"));
    /// assert_eq!(names.get(), ["ann"]);
    /// ```
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R {
        self.0.object.touch(Access::Write);
        change(&mut self.0.value.borrow_mut())
    }

    /// Adds to the value, without looking at it: commutes with other additions.
    ///
    /// # Panics
    /// While it is borrowed.
    ///
    /// # Examples
    /// ```
    /// let count = seedloop::Tracked::new(1);
    /// count.add(2);
    /// assert_eq!(count.get(), 3);
    /// ```
    pub fn add(&self, amount: T)
    where
        T: AddAssign,
    {
        self.0.object.touch(Access::Add);
        *self.0.value.borrow_mut() += amount;
    }
}

impl<T> Clone for Tracked<T> {
    fn clone(&self) -> Self {
        Tracked(self.0.clone())
    }
}

impl<T: Default> Default for Tracked<T> {
    fn default() -> Self {
        Tracked::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Tracked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tracked").field(&self.borrow()).finish()
    }
}
