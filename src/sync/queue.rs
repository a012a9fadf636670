//! asyncio's queues: FIFO, LIFO, and by priority.

use std::{
    cell::{Cell, RefCell, RefMut},
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{
    machine::{
        order::{Fifo, Lifo, Order, Priority},
        queue::{Machine, Side},
    },
    turn::{Bound, Turn, Waiter, wake},
};
use crate::{
    exec::{Error, raw::Object},
    sched::Access,
};

/// As `asyncio.Queue` (`queues.py`): first in, first out. See [`QueueOf`].
///
/// # Examples
/// ```
/// use seedloop::{Error, Queue};
/// let queue: Queue<&str> = Queue::new(1);
/// queue.put_nowait("only")?;
/// assert!(matches!(queue.put_nowait("one too many"), Err(Error::QueueFull)));
/// assert_eq!(queue.get_nowait()?, "only");
/// # Ok::<(), Error>(())
/// ```
pub type Queue<T> = QueueOf<T, Fifo>;
/// As `asyncio.LifoQueue`: last in, first out. See [`QueueOf`].
///
/// # Examples
/// ```
/// let queue = seedloop::LifoQueue::new(0);
/// [1, 2].into_iter().try_for_each(|item| queue.put_nowait(item))?;
/// assert_eq!(queue.get_nowait()?, 2);
/// # Ok::<(), seedloop::Error>(())
/// ```
pub type LifoQueue<T> = QueueOf<T, Lifo>;
/// As `asyncio.PriorityQueue`: the least first. See [`QueueOf`].
///
/// # Examples
/// ```
/// let queue = seedloop::PriorityQueue::new(0);
/// [2, 1].into_iter().try_for_each(|item| queue.put_nowait(item))?;
/// assert_eq!(queue.get_nowait()?, 1);
/// # Ok::<(), seedloop::Error>(())
/// ```
pub type PriorityQueue<T> = QueueOf<T, Priority>;

/// A queue between tasks: [`Queue`], [`LifoQueue`] or [`PriorityQueue`]. Waiting tasks are woken
/// in order, but who comes by at the right moment may be faster, as in asyncio. Clones are handles
/// of the same queue.
///
/// # Examples
/// ```
/// use seedloop::{Error, Queue, run, spawn};
/// run(async {
///     let queue = Queue::new(1);
///     let producer = spawn({
///         let queue = queue.clone();
///         async move {
///             for item in 0..3 {
///                 queue.put(item).await?;
///             }
///             Ok::<(), Error>(())
///         }
///     });
///     assert_eq!((queue.get().await?, queue.get().await?, queue.get().await?), (0, 1, 2));
///     producer.await
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub struct QueueOf<T, O: Order<T>>(Rc<Inner<T, O>>);

struct Inner<T, O: Order<T>> {
    machine: RefCell<Machine<T, O, Waiter>>,
    /// The items put and taken so far.
    puts: Cell<u64>,
    takes: Cell<u64>,
    object: Object,
    bound: Bound,
    /// Of those that join: asyncio has an event for them.
    join_bound: Bound,
}

/// A part of a queue that is touched by itself.
#[derive(Clone, Copy)]
enum Part {
    /// Who waits at either end.
    Getters,
    Putters,
    /// How many items are not dealt with, and who waits for that.
    Unfinished,
    Shutdown,
    /// How many items were taken, and put.
    Head,
    Tail,
    /// The place of one item.
    Slot(u64),
}

impl<T, O: Order<T>> Clone for QueueOf<T, O> {
    fn clone(&self) -> Self {
        QueueOf(self.0.clone())
    }
}

impl<T, O: Order<T>> Default for QueueOf<T, O> {
    fn default() -> Self {
        QueueOf::new(0)
    }
}

impl<T, O: Order<T>> QueueOf<T, O> {
    /// A queue for at most so many items; 0 for any number.
    pub fn new(maxsize: usize) -> Self {
        QueueOf(Rc::new(Inner {
            machine: RefCell::new(Machine::new(maxsize)),
            puts: Cell::new(0),
            takes: Cell::new(0),
            object: Object::new("queue"),
            bound: Bound::default(),
            join_bound: Bound::default(),
        }))
    }

    fn machine(&self) -> RefMut<'_, Machine<T, O, Waiter>> {
        self.0.machine.borrow_mut()
    }

    /// The running step touches a part of the queue. Where the items have no slots of their own,
    /// both ends and all items are one part, and what is put changes what is taken.
    fn touch(&self, part: Part, access: Access) {
        let part = match part {
            Part::Getters => 0,
            Part::Putters => 1,
            Part::Unfinished => 2,
            Part::Shutdown => 3,
            Part::Head => 4,
            Part::Tail | Part::Slot(_) if !O::HAS_SLOTS => 4,
            Part::Tail => 5,
            Part::Slot(at) => 6 + at,
        };
        self.0.object.part(part).touch(access);
    }

    /// It matters whether there is an item: whether the first slot is full.
    fn touch_is_empty(&self) {
        self.touch(Part::Head, Access::Read);
        self.touch(Part::Slot(self.0.takes.get()), Access::Read);
    }

    /// It matters whether there is room: whether the slot is empty that was filled last but so
    /// many as there is room for.
    fn touch_is_full(&self) {
        let maxsize = self.machine().maxsize() as u64;
        self.touch(Part::Tail, Access::Read);
        if let Some(at) = self.0.puts.get().checked_sub(maxsize).filter(|_| maxsize > 0) {
            self.touch(Part::Slot(at), Access::Read);
        }
    }

    /// An item was taken, if there was one.
    fn touch_take(&self) {
        let takes = &self.0.takes;
        self.touch(Part::Head, Access::Write);
        self.touch(Part::Slot(takes.get()), Access::Write);
        takes.set(takes.get() + 1);
    }

    /// Whoever waits first at an end is woken, if anybody waits there.
    fn touch_line(&self, side: Side) {
        let (part, is_empty) = match side {
            Side::Get => (Part::Getters, self.machine().nobody_waits(side)),
            Side::Put => (Part::Putters, self.machine().nobody_waits(side)),
            Side::Join => (Part::Unfinished, false),
        };
        self.touch(part, if is_empty { Access::Read } else { Access::Write });
    }

    /// Somebody joins or leaves those that wait at an end; who leaves looks whether the next may go
    /// on.
    fn touch_end(&self, side: Side) {
        match side {
            Side::Get => {
                self.touch(Part::Getters, Access::Write);
                self.touch_is_empty();
            }
            Side::Put => {
                self.touch(Part::Putters, Access::Write);
                self.touch_is_full();
            }
            Side::Join => self.touch(Part::Unfinished, Access::Write),
        }
    }

    fn is_shutdown(&self) -> bool {
        self.touch(Part::Shutdown, Access::Read);
        self.machine().is_shutdown()
    }

    /// As `qsize()`.
    pub fn qsize(&self) -> usize {
        self.touch(Part::Head, Access::Read);
        self.touch(Part::Tail, Access::Read);
        self.machine().len()
    }

    /// As `maxsize`; 0 for no bound.
    ///
    /// # Examples
    /// ```
    /// let queue = seedloop::Queue::new(2);
    /// queue.put_nowait("a")?;
    /// assert_eq!((queue.maxsize(), queue.qsize()), (2, 1));
    /// assert!(!queue.is_full() && !queue.is_empty());
    /// # Ok::<(), seedloop::Error>(())
    /// ```
    pub fn maxsize(&self) -> usize {
        self.machine().maxsize()
    }

    /// As `empty()`.
    pub fn is_empty(&self) -> bool {
        self.touch_is_empty();
        self.machine().len() == 0
    }

    /// As `full()`.
    pub fn is_full(&self) -> bool {
        self.touch_is_full();
        self.machine().is_full()
    }

    /// As `put()`: waits for room. A schedule point if it is full, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and the item is dropped; [`Error::QueueShutDown`].
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Queue, run, spawn, yield_now};
    /// run(async {
    ///     let queue = Queue::new(1);
    ///     queue.put("a").await?;
    ///     let other = queue.clone();
    ///     let putter = spawn(async move { other.put("b").await });
    ///     yield_now().await?;
    ///     assert!(!putter.is_done()); // there is no room
    ///     assert_eq!((queue.get().await?, queue.get().await?), ("a", "b"));
    ///     putter.await
    /// }).unwrap();
    /// ```
    pub async fn put(&self, item: T) -> Result<(), Error> {
        while self.is_full() {
            if self.is_shutdown() {
                return Err(Error::QueueShutDown);
            }
            self.wait(Side::Put, "Queue::put").await?;
        }
        self.put_nowait(item)
    }

    /// As `put_nowait()`.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; [`Error::QueueShutDown`].
    pub fn put_nowait(&self, item: T) -> Result<(), Error> {
        if self.is_shutdown() {
            return Err(Error::QueueShutDown);
        }
        if self.is_full() {
            return Err(Error::QueueFull);
        }
        self.touch(Part::Tail, Access::Write);
        self.touch(Part::Slot(self.0.puts.get()), Access::Write);
        self.0.puts.set(self.0.puts.get() + 1);
        self.touch(Part::Unfinished, Access::Add);
        self.touch_line(Side::Get);
        let getter = self.machine().put(item);
        wake(getter);
        Ok(())
    }

    /// As `get()`: waits for an item. A schedule point if it is empty, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::QueueShutDown`] when it is empty too.
    pub async fn get(&self) -> Result<T, Error> {
        while self.is_empty() {
            if self.is_shutdown() {
                return Err(Error::QueueShutDown);
            }
            self.wait(Side::Get, "Queue::get").await?;
        }
        self.get_nowait()
    }

    /// As `get_nowait()`.
    ///
    /// # Errors
    /// [`Error::QueueEmpty`]; [`Error::QueueShutDown`].
    pub fn get_nowait(&self) -> Result<T, Error> {
        self.touch_is_empty();
        self.touch_line(Side::Put);
        let taken = self.machine().get();
        let Some((item, next)) = taken else {
            return Err(match self.is_shutdown() {
                true => Error::QueueShutDown,
                false => Error::QueueEmpty,
            });
        };
        self.touch_take();
        wake(next);
        Ok(item)
    }

    /// As `task_done()`: one item that was taken is dealt with.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if that was said of all items.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Queue, run, spawn};
    /// run(async {
    ///     let queue = Queue::new(0);
    ///     (1..=3).try_for_each(|item| queue.put_nowait(item))?;
    ///     let worker = queue.clone();
    ///     let _worker = spawn(async move {
    ///         loop {
    ///             let _item = worker.get().await?;
    ///             worker.task_done()?;
    ///         }
    ///         #[allow(unreachable_code)]
    ///         Ok::<(), Error>(())
    ///     });
    ///     queue.join().await?;
    ///     assert!(queue.is_empty());
    ///     Ok::<(), Error>(())
    /// }).unwrap();
    /// ```
    pub fn task_done(&self) -> Result<(), Error> {
        self.touch(Part::Unfinished, Access::Write);
        let Some(joiners) = self.machine().task_done() else {
            return Err(Error::InvalidValue(
                "task_done is called once per item that get gave, not more often",
            ));
        };
        wake(joiners);
        Ok(())
    }

    /// As `join()`: waits until every item is dealt with. A schedule point if some are not, and a
    /// cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub async fn join(&self) -> Result<(), Error> {
        self.touch(Part::Unfinished, Access::Read);
        let unfinished = self.machine().unfinished();
        if unfinished > 0 {
            self.wait(Side::Join, "Event::wait").await?;
        }
        Ok(())
    }

    /// The items, one [`get`](QueueOf::get) after the other, until the queue is shut down and
    /// empty: `while let Some(item) = items.next().await`. Dropped half-way it loses no item.
    ///
    /// # Examples
    /// ```
    /// use futures::StreamExt;
    /// use seedloop::{Queue, run};
    /// let queue = Queue::new(0);
    /// queue.put_nowait("a").unwrap();
    /// queue.shutdown(false);
    /// let texts = queue.items().map(Result::unwrap);
    /// assert_eq!(run(async { texts.collect::<Vec<&str>>().await }).unwrap(), ["a"]);
    /// ```
    pub fn items(&self) -> Items<T, O> {
        Items { waiting: None, queue: self.clone() }
    }

    /// Waits to be woken.
    async fn wait(&self, side: Side, what: &'static str) -> Result<(), Error> {
        let bound = if side == Side::Join { &self.0.join_bound } else { &self.0.bound };
        let turn = Turn::new(what, bound, |waiter, over| {
            self.touch_end(side);
            let next = self.machine().leave(side, waiter, over);
            wake(next);
        })?;
        self.touch_end(side);
        self.machine().enqueue(side, turn.waiter());
        turn.wait().await
    }

    /// As `shutdown(immediate)`: no more puts, and gets only until it is empty; with `immediate`
    /// it is empty at once.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Error, Queue};
    /// let queue = Queue::new(0);
    /// queue.put_nowait("last")?;
    /// queue.shutdown(false);
    /// assert!(matches!(queue.put_nowait("late"), Err(Error::QueueShutDown)));
    /// assert_eq!(queue.get_nowait()?, "last");
    /// assert!(matches!(queue.get_nowait(), Err(Error::QueueShutDown)));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn shutdown(&self, immediate: bool) {
        self.touch(Part::Shutdown, Access::Write);
        self.machine().shut_down();
        while immediate && !self.is_empty() {
            self.touch_take();
            let item = self.machine().discard();
            drop(item);
            // More may have been reported as done than were taken.
            let _ = self.task_done();
        }
        self.touch(Part::Getters, Access::Write);
        self.touch(Part::Putters, Access::Write);
        let all = self.machine().empty_lines();
        wake(all);
    }
}

type Getting<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

/// The items of a queue; see [`QueueOf::items`]. Also a [`Stream`], for the adapters of the futures
/// crate.
///
/// # Examples
/// ```
/// use seedloop::{Error, Queue, run};
/// run(async {
///     let queue = Queue::new(0);
///     (1..=3).try_for_each(|item| queue.put_nowait(item))?;
///     queue.shutdown(false);
///     let (mut items, mut sum) = (queue.items(), 0);
///     while let Some(item) = items.next().await {
///         sum += item?;
///     }
///     assert_eq!(sum, 6);
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[must_use = "items are fetched by `next`"]
pub struct Items<T, O: Order<T>> {
    /// The wait for the next item, if somebody polls for it as a stream.
    waiting: Option<Getting<T>>,
    queue: QueueOf<T, O>,
}

impl<T: 'static, O: Order<T> + 'static> Items<T, O> {
    /// The next item; `None` once the queue is shut down and empty. A schedule point if the queue
    /// is empty, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::WrongLoop`].
    pub async fn next(&mut self) -> Option<Result<T, Error>> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl<T, O: Order<T>> Unpin for Items<T, O> {}

impl<T: 'static, O: Order<T> + 'static> Stream for Items<T, O> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => {
                let queue = self.queue.clone();
                Box::pin(async move { queue.get().await })
            }
        };
        match waiting.as_mut().poll(context) {
            Poll::Pending => {
                self.waiting = Some(waiting);
                Poll::Pending
            }
            Poll::Ready(Err(Error::QueueShutDown)) => Poll::Ready(None),
            Poll::Ready(item) => Poll::Ready(Some(item)),
        }
    }
}
