//! `asyncio.TaskGroup`.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    error::Error as StdError,
    fmt,
    panic::Location,
    rc::Rc,
    sync::Arc,
};

use super::awaitable::Child;
use crate::{
    exec::{
        Cancelled, Error, ExceptionContext, TaskRef, call_exception_handler, current_task,
        raw::{Object, RawFuture},
    },
    kernel::State,
    sched::Access,
    task::{Outcome, Raise, ScopePlace, Task, known_scope, scope, spawn_at},
};

/// How a task group failed. As `ExceptionGroup`, or the cancellation of the group's own task.
///
/// # Examples
/// ```
/// use seedloop::{Error, GroupError, run, task_group};
/// let failed = run(async {
///     let grouped = task_group(async |group| {
///         let _task = group.spawn(async { Err::<(), _>(Error::QueueFull) });
///         Ok::<(), Error>(())
///     });
///     let Err(GroupError::Errors(errors)) = grouped.await else { panic!("a task fails") };
///     errors.len()
/// });
/// assert_eq!(failed.unwrap(), 1);
/// ```
#[derive(Clone, Debug)]
pub enum GroupError<E> {
    /// The task that runs the group was cancelled, and no child failed.
    Cancelled(Cancelled),
    /// The errors of the children, in order of completion, then the body's own.
    Errors(Vec<E>),
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupError::Cancelled(cancelled) => cancelled.fmt(f),
            GroupError::Errors(errors) => {
                write!(f, "{} errors in a task group", errors.len())?;
                errors.iter().try_for_each(|error| write!(f, "; {error}"))
            }
        }
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for GroupError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            GroupError::Cancelled(cancelled) => Some(cancelled),
            GroupError::Errors(_) => None,
        }
    }
}

impl<E> From<Error> for GroupError<E>
where
    E: From<Error>,
{
    fn from(error: Error) -> GroupError<E> {
        match error {
            Error::Cancelled(cancelled) => GroupError::Cancelled(cancelled),
            error => GroupError::Errors(vec![error.into()]),
        }
    }
}

impl From<GroupError<Error>> for Error {
    fn from(error: GroupError<Error>) -> Error {
        match error {
            GroupError::Cancelled(cancelled) => Error::Cancelled(cancelled),
            GroupError::Errors(errors) => Error::Group(errors.into()),
        }
    }
}

/// Tasks that live no longer than a body. As `asyncio.TaskGroup` (`taskgroups.py`): the exit waits
/// for all; the first that fails cancels the others and the body. Clones are handles of the same
/// group.
///
/// Most programs want [`task_group`].
///
/// # Examples
/// ```
/// use seedloop::{Error, TaskGroup, run};
/// run(async {
///     let group = TaskGroup::new();
///     let children = group.clone();
///     let task = group.run(async move { children.spawn(async { 5 }) }).await?;
///     assert_eq!(task.result()?, 5); // all children are done
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
pub struct TaskGroup<E>(Rc<Inner<E>>);

struct Inner<E> {
    stage: Cell<Stage>,
    aborting: Cell<bool>,
    parent: Cell<Option<TaskRef>>,
    /// The scope of body and exit, from their first poll on.
    place: Rc<Cell<Option<ScopePlace>>>,
    /// The group has cancelled its parent, and takes that back at the exit.
    parent_cancelled: Cell<bool>,
    /// The children that are not done, by their number: in order of creation.
    children: RefCell<BTreeMap<u64, Rc<dyn Child<E>>>>,
    /// How many there were.
    created: Cell<u64>,
    errors: RefCell<Vec<E>>,
    /// What the exit waits for.
    completed: RefCell<Option<Rc<RawFuture>>>,
    object: Object,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Created,
    Entered,
    Exiting,
}

impl<E> Clone for TaskGroup<E> {
    fn clone(&self) -> Self {
        TaskGroup(self.0.clone())
    }
}

impl<E: From<Error> + Clone + 'static> Default for TaskGroup<E> {
    fn default() -> Self {
        TaskGroup::new()
    }
}

impl<E: From<Error> + Clone + 'static> TaskGroup<E> {
    /// A group that is not entered.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, TaskGroup};
    /// let group = TaskGroup::<Error>::new();
    /// assert!(matches!(group.spawn(async {}), Err(Error::Misuse(_)))); // not entered yet
    /// ```
    pub fn new() -> TaskGroup<E> {
        TaskGroup(Rc::new(Inner {
            stage: Cell::new(Stage::Created),
            aborting: Cell::new(false),
            parent: Cell::new(None),
            place: Rc::default(),
            parent_cancelled: Cell::new(false),
            children: RefCell::default(),
            created: Cell::default(),
            errors: RefCell::default(),
            completed: RefCell::new(None),
            object: Object::new("task group"),
        }))
    }

    /// As `create_task`: a child of the group.
    ///
    /// # Errors
    /// [`Error::Misuse`] before the group is entered, while it shuts down, and after its end; the
    /// future is dropped.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, task_group};
    /// let sum = run(async {
    ///     let squares = task_group(async |group| {
    ///         let tasks = [1, 2, 3].map(|n| group.spawn(async move { n * n }));
    ///         let mut sum = 0;
    ///         for task in tasks {
    ///             sum += task?.await?;
    ///         }
    ///         Ok::<i32, Error>(sum)
    ///     });
    ///     Ok::<i32, Error>(squares.await?)
    /// });
    /// assert_eq!(sum.unwrap(), 14);
    /// ```
    #[track_caller]
    pub fn spawn<F, M>(&self, future: F) -> Result<Task<<F::Output as Outcome<M>>::Value, E>, Error>
    where
        F: Future<Output: Outcome<M, Error = E>> + 'static,
    {
        self.spawn_at(None, Location::caller(), future)
    }

    /// As `create_task(coro, name=name)`.
    ///
    /// # Errors
    /// As [`spawn`](TaskGroup::spawn).
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, run, task_group};
    /// run(async {
    ///     task_group(async |group| {
    ///         let reader = group.spawn_named("reader", async {})?;
    ///         assert_eq!(reader.name(), "reader");
    ///         Ok::<(), Error>(())
    ///     }).await?;
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    #[track_caller]
    pub fn spawn_named<F, M>(
        &self,
        name: impl Into<String>,
        future: F,
    ) -> Result<Task<<F::Output as Outcome<M>>::Value, E>, Error>
    where
        F: Future<Output: Outcome<M, Error = E>> + 'static,
    {
        self.spawn_at(Some(name.into().into()), Location::caller(), future)
    }

    fn spawn_at<F, M>(
        &self,
        name: Option<Arc<str>>,
        caller: &'static Location<'static>,
        future: F,
    ) -> Result<Task<<F::Output as Outcome<M>>::Value, E>, Error>
    where
        F: Future<Output: Outcome<M, Error = E>> + 'static,
    {
        let inner = &self.0;
        inner.object.touch(Access::Write);
        if inner.stage.get() == Stage::Created {
            return Err(Error::Misuse("the task group does not run yet: spawn inside its body"));
        }
        if inner.stage.get() == Stage::Exiting && inner.children.borrow().is_empty() {
            return Err(Error::Misuse("the task group is finished: make a new one"));
        }
        if inner.aborting.get() {
            return Err(Error::Misuse(
                "the task group is shutting down: it takes no task once one has failed",
            ));
        }
        let task = spawn_at(name, caller, future);
        let child: Rc<dyn Child<E>> = task.slot.clone();
        let number = inner.created.get();
        inner.created.set(number + 1);
        inner.children.borrow_mut().insert(number, child.clone());
        let (group, done) = (self.clone(), child.clone());
        child.raw().on_done(move || group.child_done(number, &*done));
        Ok(task)
    }

    fn child_done(&self, number: u64, child: &dyn Child<E>) {
        let inner = &self.0;
        inner.object.touch(Access::Write);
        inner.children.borrow_mut().remove(&number);
        if inner.children.borrow().is_empty()
            && let Some(completed) = &*inner.completed.borrow()
        {
            completed.resolve();
        }
        if child.raw().state() != State::Failed {
            return;
        }
        let Some(error) = child.take_error() else {
            return;
        };
        inner.errors.borrow_mut().push(error);
        let parent = inner.parent.get().expect("an entered group has a parent");
        if parent.is_done() {
            let text = "a task has failed, but the task of its group is already done";
            return call_exception_handler(ExceptionContext::new(text));
        }
        if !inner.aborting.get() && !inner.parent_cancelled.get() {
            self.abort();
            inner.parent_cancelled.set(true);
            match inner.place.get() {
                Some((scope, _)) => parent.expire(scope),
                None => drop(parent.cancel()),
            }
        }
    }

    /// Cancels the children, in order of creation.
    fn abort(&self) {
        self.0.object.touch(Access::Write);
        self.0.aborting.set(true);
        let children = self.0.children.borrow().clone();
        for child in children.values().filter(|child| !child.raw().is_done()) {
            child.raw().cancel(None);
        }
    }

    /// As `async with group: body`: runs the body, then waits for the children. A schedule point
    /// if a child is not done, and a cancel point.
    ///
    /// # Errors
    /// [`GroupError::Errors`] if a child or the body failed; [`GroupError::Cancelled`] if the task
    /// was cancelled. [`Error::Misuse`] the second time, and outside a task.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, GroupError, TaskGroup, run};
    /// run(async {
    ///     let group = TaskGroup::<Error>::new();
    ///     let failed = group.run(async { Err::<(), _>(Error::QueueFull) }).await;
    ///     assert!(matches!(failed, Err(GroupError::Errors(errors)) if errors.len() == 1));
    ///     let again = group.run(async { Ok::<(), Error>(()) }).await;
    ///     assert!(again.unwrap_err().to_string().contains("make a new one"));
    /// }).unwrap();
    /// ```
    pub async fn run<F, T, M>(&self, body: F) -> Result<T, GroupError<E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Raise<M>,
    {
        let _inside = self.enter()?;
        match known_scope(self.run_inside(body), self.0.place.clone()).await {
            Ok(result) => result,
            Err(error) => Err(error.into()),
        }
    }

    /// The body, then the exit.
    async fn run_inside<F, T, M>(&self, body: F) -> Result<T, GroupError<E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Raise<M>,
    {
        let result = match scope(body).await {
            Ok(result) => result,
            Err(error) => Err(error.into()),
        };
        self.0.object.touch(Access::Write);
        self.0.stage.set(Stage::Exiting);
        let mut cancelled = result.as_ref().err().and_then(Raise::cancellation);
        if result.is_err() && !self.0.aborting.get() {
            self.abort();
        }
        if let Some(later) = self.join().await? {
            cancelled = Some(later);
        }
        self.exit(result, cancelled)
    }

    fn enter(&self) -> Result<Inside<'_, E>, Error> {
        if self.0.stage.get() != Stage::Created {
            return Err(Error::Misuse("the task group has already been entered: make a new one"));
        }
        let parent = current_task().ok_or(Error::Misuse("a task group belongs in a task"))?;
        self.0.parent.set(Some(parent));
        self.0.stage.set(Stage::Entered);
        Ok(Inside(self))
    }

    /// Waits for the children. Gives a cancellation from outside that came meanwhile.
    async fn join(&self) -> Result<Option<Cancelled>, Error> {
        let mut cancelled = None;
        while !self.is_empty() {
            let completed = Rc::new(RawFuture::new("TaskGroup")?);
            self.0.completed.replace(Some(completed.clone()));
            match completed.wait().await {
                Ok(()) => {}
                Err(Error::Cancelled(error)) if !self.0.aborting.get() => {
                    cancelled = Some(error);
                    self.abort();
                }
                Err(Error::Cancelled(_)) => {}
                Err(error) => return Err(error),
            }
            self.0.completed.replace(None);
        }
        Ok(cancelled)
    }

    fn is_empty(&self) -> bool {
        self.0.object.touch(Access::Write);
        self.0.children.borrow().is_empty()
    }

    /// Takes the group's own request back. Gives the requests that are left.
    fn take_back(&self, parent: TaskRef) -> u32 {
        self.0.parent_cancelled.set(false);
        match self.0.place.get() {
            Some((scope, outer)) => parent.end_expiry(scope, outer),
            None => parent.uncancel(),
        }
    }

    fn exit<T, M>(
        &self,
        result: Result<T, E>,
        mut cancelled: Option<Cancelled>,
    ) -> Result<T, GroupError<E>>
    where
        E: Raise<M>,
    {
        let parent = self.0.parent.get().expect("an entered group has a parent");
        if self.0.parent_cancelled.get() && self.take_back(parent) == 0 {
            cancelled = None;
        }
        let mut errors = self.0.errors.take();
        if let Some(cancelled) = cancelled
            && errors.is_empty()
        {
            return Err(GroupError::Cancelled(cancelled));
        }
        let value = match result {
            Ok(value) => Some(value),
            Err(error) if error.cancellation().is_some() => None,
            Err(error) => {
                errors.push(error);
                None
            }
        };
        if !errors.is_empty() {
            // An outside cancellation is re-issued for the next await: its count stays.
            if parent.cancelling() > 0 {
                parent.uncancel();
                parent.cancel();
            }
            return Err(GroupError::Errors(errors));
        }
        // A body that was cancelled by the group itself has errors to show, so there is a value.
        value.ok_or_else(|| GroupError::Cancelled(Cancelled::new(None)))
    }
}

/// The group runs. If it is dropped before its end (an abort), its children are cancelled: none
/// outlives it unasked.
struct Inside<'a, E: From<Error> + Clone + 'static>(&'a TaskGroup<E>);

impl<E: From<Error> + Clone + 'static> Drop for Inside<'_, E> {
    fn drop(&mut self) {
        self.0.0.object.touch(Access::Write);
        self.0.0.stage.set(Stage::Exiting);
        if self.0.0.parent_cancelled.get()
            && let Some(parent) = self.0.0.parent.get()
        {
            self.0.take_back(parent);
        }
        if !self.0.0.children.borrow().is_empty() {
            self.0.abort();
        }
    }
}

/// As `async with asyncio.TaskGroup() as group: ...`: the body may spawn children; the call waits
/// for all of them. The first that fails cancels the others and the body. A schedule point if a
/// child is not done, and a cancel point.
///
/// # Errors
/// [`GroupError::Errors`] if a child or the body failed; [`GroupError::Cancelled`] if the task
/// was cancelled.
///
/// # Examples
/// ```
/// use seedloop::{Error, run, task_group, yield_now};
/// run(async {
///     let sum = task_group(async |group| {
///         let one = group.spawn(async { yield_now().await?; Ok::<i32, Error>(1) })?;
///         let two = group.spawn(async { Ok::<i32, Error>(2) })?;
///         Ok::<i32, Error>(one.await? + two.await?)
///     });
///     assert_eq!(sum.await?, 3);
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub async fn task_group<T, E, M>(
    body: impl AsyncFnOnce(TaskGroup<E>) -> Result<T, E>,
) -> Result<T, GroupError<E>>
where
    E: Raise<M> + Clone,
{
    let group = TaskGroup::new();
    group.run(body(group.clone())).await
}
