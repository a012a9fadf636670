//! `asyncio.as_completed`.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;

use super::{
    Awaitable,
    awaitable::{Callbacks, Child, distinct, sealed},
};
use crate::{
    exec::{Error, Handle, raw::Object},
    sched::Access,
    sync::Queue,
    time::call_later,
};

/// As `asyncio.as_completed` (`tasks.py`): the results of tasks, each as soon as it is there. Given
/// up half-way, its callbacks and its timer stay until they have run once more, as in asyncio.
///
/// # Panics
/// Outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, as_completed, run, sleep, spawn};
/// run(async {
///     let nap = |secs| spawn(async move {
///         sleep(Duration::from_secs(secs)).await?;
///         Ok::<_, Error>(secs)
///     });
///     let mut naps = as_completed([nap(2), nap(1)]);
///     assert_eq!(naps.next().await.transpose()?, Some(1));
///     assert_eq!(naps.next().await.transpose()?, Some(2));
///     assert!(naps.next().await.is_none());
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn as_completed<A: Awaitable>(tasks: impl IntoIterator<Item = A>) -> AsCompleted<A> {
    let tasks = distinct(tasks);
    let shared = Rc::new(Shared {
        done: Queue::new(0),
        todo: RefCell::new(Todo { indices: (0..tasks.len()).collect(), callbacks: None }),
        timer: RefCell::new(None),
        object: Object::new("as_completed"),
    });
    let mut callbacks = Callbacks::new();
    for (index, task) in tasks.iter().enumerate() {
        let child: Rc<dyn Child<A::Error>> = task.slot().clone();
        let shared = shared.clone();
        callbacks.add(&child, move || shared.child_done(index));
    }
    shared.todo.borrow_mut().callbacks = Some(callbacks);
    AsCompleted { waiting: None, left: tasks.len(), tasks, shared }
}

/// Results in the order of completion; see [`as_completed`]. Also a [`Stream`], for the adapters of
/// the futures crate.
///
/// # Examples
/// ```
/// use futures::StreamExt;
/// use seedloop::{AsCompleted, Error, Task, as_completed, run, spawn};
/// run(async {
///     let tasks: [Task<i32>; 2] = [spawn(async { 1 }), spawn(async { 2 })];
///     let mut values: AsCompleted<Task<i32>> = as_completed(tasks);
///     assert_eq!(values.len(), 2);
///     let sum = values.by_ref().fold(0, async |sum, value| sum + value.unwrap());
///     assert_eq!(sum.await, 3);
///     assert!(values.is_empty());
/// }).unwrap();
/// ```
#[must_use = "results are fetched by `next`"]
pub struct AsCompleted<A: Awaitable> {
    /// The wait for the next result, if somebody polls for it as a stream.
    waiting: Option<Waiting>,
    tasks: Vec<A>,
    /// How many results are to be fetched.
    left: usize,
    shared: Rc<Shared<A::Error>>,
}

/// Gives the index of a task that is done; none if the time is up.
type Waiting = Pin<Box<dyn Future<Output = Result<Option<usize>, Error>>>>;
type Item<A> = Result<<A as sealed::Handle>::Value, <A as sealed::Handle>::Error>;

struct Shared<E> {
    /// The index of a task that is done; none if the time is up.
    done: Queue<Option<usize>>,
    todo: RefCell<Todo<E>>,
    timer: RefCell<Option<Handle>>,
    object: Object,
}

struct Todo<E> {
    /// The tasks that are not done.
    indices: BTreeSet<usize>,
    callbacks: Option<Callbacks<E>>,
}

impl<E> Shared<E> {
    fn child_done(&self, index: usize) {
        self.object.touch(Access::Write);
        let all = {
            let mut todo = self.todo.borrow_mut();
            if !todo.indices.remove(&index) {
                return;
            }
            todo.indices.is_empty()
        };
        self.done.put_nowait(Some(index)).expect("the queue has no bound");
        if all {
            self.disarm();
        }
    }

    fn time_is_up(&self) {
        self.object.touch(Access::Write);
        let (indices, callbacks) = {
            let mut todo = self.todo.borrow_mut();
            (std::mem::take(&mut todo.indices), todo.callbacks.take())
        };
        drop(callbacks);
        for _ in indices {
            self.done.put_nowait(None).expect("the queue has no bound");
        }
    }

    fn disarm(&self) {
        let timer = self.timer.take();
        if let Some(timer) = timer {
            timer.cancel();
        }
    }
}

impl<A: Awaitable> AsCompleted<A> {
    /// As `timeout=...`: after so long every result that is missing is [`Error::TimedOut`]; the
    /// tasks go on.
    ///
    /// # Panics
    /// Outside a run.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, as_completed, run, sleep, spawn};
    /// run(async {
    ///     let nap = |secs| spawn(async move { sleep(Duration::from_secs(secs)).await });
    ///     let mut naps = as_completed([nap(1), nap(9)]).timeout(Duration::from_secs(5));
    ///     assert!(matches!(naps.next().await, Some(Ok(()))));
    ///     assert!(matches!(naps.next().await, Some(Err(Error::TimedOut))));
    /// }).unwrap();
    /// ```
    pub fn timeout(self, duration: Duration) -> AsCompleted<A> {
        if !self.tasks.is_empty() {
            let shared = self.shared.clone();
            let timer = call_later(duration, move || shared.time_is_up());
            self.shared.timer.replace(Some(timer));
        }
        self
    }

    /// The next result; `None` after the last. A schedule point if it is not there yet, and a
    /// cancel point: one that is cancelled, or dropped, loses no result.
    ///
    /// # Errors
    /// Those of the task; [`Error::TimedOut`] after a [`timeout`](AsCompleted::timeout);
    /// [`Error::Cancelled`].
    pub async fn next(&mut self) -> Option<Item<A>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// How many results are to be fetched.
    pub fn len(&self) -> usize {
        self.left
    }

    /// Have all results been fetched?
    pub fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl<A: Awaitable> Unpin for AsCompleted<A> {}

impl<A: Awaitable> Stream for AsCompleted<A> {
    type Item = Item<A>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Item<A>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => {
                let queue = self.shared.done.clone();
                Box::pin(async move { queue.get().await })
            }
        };
        let Poll::Ready(next) = waiting.as_mut().poll(context) else {
            self.waiting = Some(waiting);
            return Poll::Pending;
        };
        Poll::Ready(Some(match next {
            // A wait that is cancelled has used up no result.
            Err(error) => Err(error.into()),
            Ok(done) => {
                self.left -= 1;
                match done {
                    Some(index) => self.tasks[index].slot().outcome(),
                    None => Err(Error::TimedOut.into()),
                }
            }
        }))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}
