//! `asyncio.gather`.

use std::{cell::Cell, collections::BTreeSet, future::IntoFuture, rc::Rc};

use super::awaitable::Child;
use crate::{
    exec::{
        Error, Shell,
        raw::{Object, RawFuture},
        running,
    },
    kernel::{OnCancel, State, TaskId},
    sched::Access,
    task::{ErrorType, Future, Outcome, Slot, ensure},
};

/// As `asyncio.gather` (`tasks.py`): runs futures together and waits for all their values, in the
/// order of the arguments: a tuple of up to eight, or anything that can be iterated. Futures are
/// spawned at once; a [`Task`](crate::Task) or [`Future`] stays itself. The first error ends the
/// gathering; the others go on. A cancellation of the gathering cancels every child.
///
/// Await it, or ask for its [`future`](Gather::future). A schedule point and a cancel point.
///
/// # Errors
/// The first error of a child, its [`Error::Cancelled`] included.
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, gather, run, sleep};
/// async fn after(secs: u64) -> Result<u64, Error> {
///     sleep(Duration::from_secs(secs)).await?;
///     Ok(secs)
/// }
/// run(async {
///     assert_eq!(gather((after(2), after(1))).await?, (2, 1));
///     assert_eq!(gather(vec![after(3), after(1)]).await?, [3, 1]);
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[track_caller]
pub fn gather<G, M>(futures: G) -> Gather<G::All, G::Each, G::Error>
where
    G: Gathering<M>,
{
    let parts = futures.start();
    let Parts { children, error_type, all, each } = parts;
    Gather { children, error_type, all, each }
}

/// Futures that run together; see [`gather`].
///
/// # Examples
/// ```
/// use seedloop::{gather, run};
/// let answer = run(async {
///     let both = gather((async { 6 }, async { 7 })); // both are spawned
///     both.map(|(six, seven)| six * seven).await
/// });
/// assert_eq!(answer.unwrap(), 42);
/// ```
#[must_use = "a gathering is awaited, or asked for its future"]
pub struct Gather<A, B, E> {
    children: Vec<Rc<dyn Child<E>>>,
    error_type: ErrorType<E>,
    all: Finish<A, E>,
    each: Box<dyn FnOnce() -> B>,
}

/// Futures that run together, each with a result of its own; see
/// [`return_exceptions`](Gather::return_exceptions).
///
/// # Examples
/// ```
/// use seedloop::{Error, gather, run};
/// run(async {
///     let results = gather((async { Ok(1) }, async { Err::<i32, _>(Error::QueueFull) }));
///     let (one, two) = results.return_exceptions().await?;
///     assert!(matches!((one, two), (Ok(1), Err(Error::QueueFull))));
///     Ok::<(), Error>(())
/// }).unwrap();
/// ```
#[must_use = "a gathering is awaited, or asked for its future"]
pub struct GatherEach<B, E> {
    children: Vec<Rc<dyn Child<E>>>,
    error_type: ErrorType<E>,
    each: Box<dyn FnOnce() -> B>,
}

impl<A: 'static, B: 'static, E: From<Error> + 'static> Gather<A, B, E> {
    /// As `return_exceptions=True`: waits for all; errors and cancellations are values.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, gather, run};
    /// let failures = run(async {
    ///     let sends = ["a", ""].map(async |text| match text {
    ///         "" => Err(Error::InvalidValue("a text is not empty")),
    ///         _ => Ok(()),
    ///     });
    ///     let results = gather(sends).return_exceptions().await?;
    ///     Ok::<usize, Error>(results.iter().filter(|result| result.is_err()).count())
    /// });
    /// assert_eq!(failures.unwrap(), 1);
    /// ```
    pub fn return_exceptions(self) -> GatherEach<B, E> {
        GatherEach { children: self.children, error_type: self.error_type, each: self.each }
    }

    /// Changes the value where it is made, without a hop.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, gather, run};
    /// let sum = run(async {
    ///     gather([1, 2, 3].map(async |n| n)).map(|all| all.iter().sum::<i32>()).await
    /// });
    /// assert_eq!(sum.unwrap(), 6);
    /// ```
    pub fn map<C>(self, change: impl FnOnce(A) -> C + 'static) -> Gather<C, B, E> {
        let all = self.all;
        let all = Box::new(move || all().map(change));
        Gather { children: self.children, error_type: self.error_type, all, each: self.each }
    }

    /// The gathering as a future: what `asyncio.gather` returns.
    ///
    /// # Panics
    /// Outside a run.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, gather, run, sleep};
    /// run(async {
    ///     let both = gather([1, 2].map(|secs| sleep(Duration::from_secs(secs)))).future();
    ///     assert!(both.cancel()); // and so every child
    ///     assert!(matches!(both.await, Err(Error::Cancelled(_))));
    /// }).unwrap();
    /// ```
    pub fn future(self) -> Future<A, E> {
        start(self.children, self.error_type, false, self.all)
    }
}

impl<B: 'static, E: From<Error> + 'static> GatherEach<B, E> {
    /// Changes the value where it is made, without a hop.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, gather, run};
    /// let failed = run(async {
    ///     let each = gather([async { Err::<(), _>(Error::TimedOut) }]).return_exceptions();
    ///     each.map(|results| results.iter().any(Result::is_err)).await
    /// });
    /// assert!(failed.unwrap());
    /// ```
    pub fn map<C>(self, change: impl FnOnce(B) -> C + 'static) -> GatherEach<C, E> {
        let each = self.each;
        let each = Box::new(move || change(each()));
        GatherEach { children: self.children, error_type: self.error_type, each }
    }

    /// The gathering as a future: what `asyncio.gather` returns.
    ///
    /// # Panics
    /// Outside a run.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, gather, run};
    /// run(async {
    ///     let each = gather([async { 1 }]).return_exceptions().future();
    ///     each.add_done_callback(|each| assert!(each.is_done()));
    ///     assert!(matches!(each.await?[..], [Ok(1)]));
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn future(self) -> Future<B, E> {
        let each = self.each;
        start(self.children, self.error_type, true, Box::new(move || Ok(each())))
    }
}

impl<A: 'static, B: 'static, E: From<Error> + 'static> IntoFuture for Gather<A, B, E> {
    type Output = Result<A, E>;
    type IntoFuture = Future<A, E>;

    fn into_future(self) -> Future<A, E> {
        self.future()
    }
}

impl<B: 'static, E: From<Error> + 'static> IntoFuture for GatherEach<B, E> {
    type Output = Result<B, E>;
    type IntoFuture = Future<B, E>;

    fn into_future(self) -> Future<B, E> {
        self.future()
    }
}

/// Makes the value once every child is done.
type Finish<T, E> = Box<dyn FnOnce() -> Result<T, E>>;

/// The gathering while it waits: `_done_callback` of tasks.py.
struct Collecting<T, E> {
    outer: Rc<Slot<T, E>>,
    /// As given, with repetitions.
    children: Vec<Rc<dyn Child<E>>>,
    /// How many distinct children are not done.
    left: Cell<usize>,
    return_exceptions: bool,
    finish: Cell<Option<Finish<T, E>>>,
    object: Object,
}

fn start<T: 'static, E: From<Error> + 'static>(
    children: Vec<Rc<dyn Child<E>>>,
    error_type: ErrorType<E>,
    return_exceptions: bool,
    finish: Finish<T, E>,
) -> Future<T, E> {
    let mut ids = BTreeSet::new();
    let distinct: Vec<_> =
        children.iter().filter(|child| ids.insert(child.raw().id())).cloned().collect();
    let rule = OnCancel::Children(children.iter().map(|child| child.raw().id()).collect());
    let raw = RawFuture::in_shell(&running(), "gather", rule);
    let outer = Slot::new(raw, "_GatheringFuture", error_type);
    let collecting = Rc::new(Collecting {
        outer: outer.clone(),
        children,
        left: Cell::new(distinct.len()),
        return_exceptions,
        finish: Cell::new(Some(finish)),
        object: Object::new("gather"),
    });
    if distinct.is_empty() {
        collecting.finish();
    }
    let (done, pending): (Vec<_>, Vec<_>) =
        distinct.into_iter().partition(|child| child.raw().is_done());
    for child in pending {
        let (collecting, done) = (collecting.clone(), child.clone());
        child.raw().on_done(move || collecting.child_done(&*done));
    }
    done.iter().for_each(|child| collecting.child_done(&**child));
    Future::from_slot(outer)
}

impl<T, E: From<Error>> Collecting<T, E> {
    fn child_done(&self, child: &dyn Child<E>) {
        self.object.touch(Access::Write);
        self.left.set(self.left.get() - 1);
        if self.outer.raw.is_done() {
            return child.mark_retrieved();
        }
        if !self.return_exceptions
            && let Some(error) = child.take_error()
        {
            self.outer.put(Err(error));
            self.outer.raw.fail();
        } else if self.left.get() == 0 {
            self.finish();
        }
    }

    fn finish(&self) {
        let finish = self.finish.take().expect("a gathering finishes once");
        let mut result = finish();
        if self.outer.raw.is_cancel_requested()
            && let Some(last) = self.children.last()
        {
            result = Err(Error::from(last.raw().take_cancelled()).into());
        }
        let failed = result.is_err();
        self.outer.put(result);
        let _open = if failed { self.outer.raw.fail() } else { self.outer.raw.resolve() };
    }
}

/// A gathering of tasks for their ends alone, as `asyncio.run` makes one of what is left.
pub(crate) fn gather_tasks(shell: &Rc<Shell>, tasks: &[TaskId]) -> Result<Rc<RawFuture>, Error> {
    let futures = tasks.iter().filter_map(|&task| shell.core.borrow().kernel.future_of(task));
    let all = RawFuture::with_cancel("gather", OnCancel::Children(futures.collect()))?;
    let (all, left) = (Rc::new(all), Rc::new(Cell::new(tasks.len())));
    let object = Object::new("gather");
    for &task in tasks {
        let (all, left) = (all.clone(), left.clone());
        RawFuture::on_task_done(shell, task, move || {
            object.touch(Access::Write);
            left.set(left.get() - 1);
            if left.get() == 0 {
                all.resolve();
            }
        });
    }
    Ok(all)
}

/// What [`gather`] takes; `M` is inferred.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, Gathering, gather, run, timeout};
/// /// Whatever can be gathered, within a second.
/// async fn in_time<G: Gathering<M, Error = Error>, M>(futures: G) -> Result<G::All, Error> {
///     let all = gather(futures).future();
///     timeout(Duration::from_secs(1), all).await
/// }
/// assert_eq!(run(in_time((async { 1 }, async { "two" }))).unwrap(), (1, "two"));
/// assert_eq!(run(in_time([async { 3 }])).unwrap(), [3]);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be gathered",
    note = "gather takes a tuple of up to eight futures, or an iterator of futures, \
            all with one error type"
)]
pub trait Gathering<M> {
    /// All the values.
    type All: 'static;
    /// All the results.
    type Each: 'static;
    /// The error type of all.
    type Error: From<Error> + 'static;

    #[doc(hidden)]
    #[allow(private_interfaces)]
    fn start(self) -> Parts<Self::All, Self::Each, Self::Error>;
}

pub(crate) struct Parts<A, B, E> {
    children: Vec<Rc<dyn Child<E>>>,
    error_type: ErrorType<E>,
    all: Finish<A, E>,
    each: Box<dyn FnOnce() -> B>,
}

/// One child's result, as `return_exceptions` shows it.
fn result_of<T, E: From<Error>>(future: &Future<T, E>) -> Result<T, E> {
    match future.slot.state() {
        State::Cancelled => Err(Error::from(future.own_cancelled()).into()),
        _ => future.slot.outcome(),
    }
}

/// Marks iterators.
///
/// # Examples
/// ```
/// use std::future::ready;
/// use seedloop::{Error, Gathering, gather, marker::IsIter, run};
/// /// Gathers an iterator, and no tuple.
/// async fn first<G, T, M>(futures: G) -> Result<Option<T>, G::Error>
/// where
///     G: Gathering<IsIter<M>, All = Vec<T>>,
///     T: 'static,
/// {
///     gather(futures).map(|all| all.into_iter().next()).await
/// }
/// assert_eq!(run(first([ready(1), ready(2)])).unwrap(), Some(1));
/// ```
pub struct IsIter<M>(M);
/// Marks tuples.
///
/// # Examples
/// ```
/// use seedloop::{Gathering, gather, marker::IsTuple, run};
/// /// Gathers a tuple, and no iterator.
/// async fn all<G: Gathering<IsTuple<M>>, M>(futures: G) -> Result<G::All, G::Error> {
///     gather(futures).await
/// }
/// assert_eq!(run(all((async { 1 }, async { "two" }))).unwrap(), (1, "two"));
/// ```
pub struct IsTuple<M>(M);

impl<I, F, M> Gathering<IsIter<M>> for I
where
    I: IntoIterator<Item = F>,
    F: std::future::Future<Output: Outcome<M>> + 'static,
{
    type All = Vec<<F::Output as Outcome<M>>::Value>;
    type Each = Vec<Result<<F::Output as Outcome<M>>::Value, <F::Output as Outcome<M>>::Error>>;
    type Error = <F::Output as Outcome<M>>::Error;

    #[allow(private_interfaces)]
    #[track_caller]
    fn start(self) -> Parts<Self::All, Self::Each, Self::Error> {
        let mut futures = Vec::new();
        for future in self {
            futures.push(ensure(future));
        }
        let futures = Rc::new(futures);
        let mut children: Vec<Rc<dyn Child<Self::Error>>> = Vec::new();
        for future in futures.iter() {
            children.push(future.slot.clone());
        }
        let of_all = futures.clone();
        Parts {
            children,
            error_type: ErrorType::of::<F::Output, M>(),
            all: Box::new(move || of_all.iter().map(|future| future.slot.outcome()).collect()),
            each: Box::new(move || futures.iter().map(result_of).collect()),
        }
    }
}

macro_rules! gather_tuple {
    ($($future:ident $mark:ident $at:tt),*) => {
        impl<Err, $($future, $mark),*> Gathering<IsTuple<($($mark,)*)>> for ($($future,)*)
        where
            Err: From<Error> + 'static,
            $($future: std::future::Future<Output: Outcome<$mark, Error = Err>> + 'static,)*
        {
            type All = ($(<$future::Output as Outcome<$mark>>::Value,)*);
            type Each = ($(Result<<$future::Output as Outcome<$mark>>::Value, Err>,)*);
            type Error = Err;

            #[allow(private_interfaces)]
            #[track_caller]
            fn start(self) -> Parts<Self::All, Self::Each, Err> {
                let futures = Rc::new(($(ensure(self.$at),)*));
                let children: Vec<Rc<dyn Child<Err>>> = vec![$(futures.$at.slot.clone()),*];
                let of_all = futures.clone();
                Parts {
                    children,
                    error_type: ErrorType::of::<A::Output, MA>(),
                    all: Box::new(move || Ok(($(of_all.$at.slot.outcome()?,)*))),
                    each: Box::new(move || ($(result_of(&futures.$at),)*)),
                }
            }
        }
    };
}

gather_tuple!(A MA 0);
gather_tuple!(A MA 0, B MB 1);
gather_tuple!(A MA 0, B MB 1, C MC 2);
gather_tuple!(A MA 0, B MB 1, C MC 2, D MD 3);
gather_tuple!(A MA 0, B MB 1, C MC 2, D MD 3, F MF 4);
gather_tuple!(A MA 0, B MB 1, C MC 2, D MD 3, F MF 4, G MG 5);
gather_tuple!(A MA 0, B MB 1, C MC 2, D MD 3, F MF 4, G MG 5, H MH 6);
gather_tuple!(A MA 0, B MB 1, C MC 2, D MD 3, F MF 4, G MG 5, H MH 6, I MI 7);
