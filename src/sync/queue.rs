//! asyncio's queues: FIFO, LIFO, and by priority.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    marker::PhantomData,
    rc::Rc,
};

use super::{
    Event, heap,
    turn::{Bound, Turn, WaitList, Waiter, Waiting},
};
use crate::{exec::Error, kernel::State};

/// In which order a queue gives its items back.
pub trait Order<T>: 'static {
    /// Where the items are.
    type Store: Default;
    /// Adds an item.
    fn put(store: &mut Self::Store, item: T);
    /// Takes the next item.
    fn get(store: &mut Self::Store) -> Option<T>;
    /// How many there are.
    fn len(store: &Self::Store) -> usize;
}

/// First in, first out.
pub struct Fifo(());
/// Last in, first out.
pub struct Lifo(());
/// The least first.
pub struct Priority(());

impl<T> Order<T> for Fifo {
    type Store = VecDeque<T>;
    fn put(store: &mut VecDeque<T>, item: T) {
        store.push_back(item);
    }
    fn get(store: &mut VecDeque<T>) -> Option<T> {
        store.pop_front()
    }
    fn len(store: &VecDeque<T>) -> usize {
        store.len()
    }
}

impl<T> Order<T> for Lifo {
    type Store = Vec<T>;
    fn put(store: &mut Vec<T>, item: T) {
        store.push(item);
    }
    fn get(store: &mut Vec<T>) -> Option<T> {
        store.pop()
    }
    fn len(store: &Vec<T>) -> usize {
        store.len()
    }
}

impl<T: Ord> Order<T> for Priority {
    type Store = Vec<T>;
    fn put(store: &mut Vec<T>, item: T) {
        heap::push(store, item);
    }
    fn get(store: &mut Vec<T>) -> Option<T> {
        heap::pop(store)
    }
    fn len(store: &Vec<T>) -> usize {
        store.len()
    }
}

/// As `asyncio.Queue`: first in, first out. See [`QueueOf`].
pub type Queue<T> = QueueOf<T, Fifo>;
/// As `asyncio.LifoQueue`: last in, first out. See [`QueueOf`].
pub type LifoQueue<T> = QueueOf<T, Lifo>;
/// As `asyncio.PriorityQueue`: the least first. See [`QueueOf`].
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
    store: RefCell<O::Store>,
    /// 0: no bound.
    maxsize: usize,
    getters: Rc<Line>,
    putters: Rc<Line>,
    /// Items put and not yet reported as done.
    unfinished: Cell<usize>,
    /// Set while there are none.
    finished: Event,
    is_shutdown: Cell<bool>,
    order: PhantomData<O>,
}

/// The tasks that wait at one end of a queue.
#[derive(Default)]
struct Line {
    waiters: RefCell<VecDeque<Waiter>>,
    /// There is something for the first of them.
    is_open: Cell<bool>,
    bound: Bound,
}

impl Line {
    /// Wakes the first that still waits.
    fn wake_next(&self) {
        loop {
            let Some(waiter) = self.waiters.borrow_mut().pop_front() else {
                return;
            };
            if waiter.state() == State::Pending {
                return waiter.wake();
            }
        }
    }

    async fn wait(self: &Rc<Line>, what: &'static str) -> Result<(), Error> {
        let turn = Turn::new(self, what, &self.bound)?;
        self.waiters.borrow_mut().push_back(turn.waiter());
        turn.wait().await
    }
}

impl WaitList for Rc<Line> {
    fn over(&self, waiter: &Waiter, is_turn: bool) {
        if is_turn {
            return;
        }
        self.waiters.borrow_mut().retain(|other| other != waiter);
        // It was woken and cannot take it: the next in line can.
        if waiter.state() == State::Finished && self.is_open.get() {
            self.wake_next();
        }
    }
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
        let finished = Event::new();
        finished.set();
        let queue = QueueOf(Rc::new(Inner {
            store: RefCell::default(),
            maxsize,
            getters: Rc::default(),
            putters: Rc::default(),
            unfinished: Cell::new(0),
            finished,
            is_shutdown: Cell::new(false),
            order: PhantomData,
        }));
        queue.update();
        queue
    }

    /// Which ends are open.
    fn update(&self) {
        self.0.getters.is_open.set(!self.is_empty());
        self.0.putters.is_open.set(!self.is_full());
    }

    /// As `qsize()`.
    pub fn qsize(&self) -> usize {
        O::len(&self.0.store.borrow())
    }

    /// As `maxsize`; 0 for no bound.
    pub fn maxsize(&self) -> usize {
        self.0.maxsize
    }

    /// As `empty()`.
    pub fn is_empty(&self) -> bool {
        self.qsize() == 0
    }

    /// As `full()`.
    pub fn is_full(&self) -> bool {
        self.0.maxsize > 0 && self.qsize() >= self.0.maxsize
    }

    /// As `put()`: waits for room. A schedule point if it is full, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`], and the item is dropped; [`Error::QueueShutDown`].
    pub async fn put(&self, item: T) -> Result<(), Error> {
        while self.is_full() {
            if self.0.is_shutdown.get() {
                return Err(Error::QueueShutDown);
            }
            self.0.putters.wait("Queue::put").await?;
        }
        self.put_nowait(item)
    }

    /// As `put_nowait()`.
    ///
    /// # Errors
    /// [`Error::QueueFull`]; [`Error::QueueShutDown`].
    pub fn put_nowait(&self, item: T) -> Result<(), Error> {
        if self.0.is_shutdown.get() {
            return Err(Error::QueueShutDown);
        }
        if self.is_full() {
            return Err(Error::QueueFull);
        }
        O::put(&mut self.0.store.borrow_mut(), item);
        self.update();
        self.0.unfinished.set(self.0.unfinished.get() + 1);
        self.0.finished.clear();
        self.0.getters.wake_next();
        Ok(())
    }

    /// As `get()`: waits for an item. A schedule point if it is empty, and a cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; [`Error::QueueShutDown`] when it is empty too.
    pub async fn get(&self) -> Result<T, Error> {
        while self.is_empty() {
            if self.0.is_shutdown.get() {
                return Err(Error::QueueShutDown);
            }
            self.0.getters.wait("Queue::get").await?;
        }
        self.get_nowait()
    }

    /// As `get_nowait()`.
    ///
    /// # Errors
    /// [`Error::QueueEmpty`]; [`Error::QueueShutDown`].
    pub fn get_nowait(&self) -> Result<T, Error> {
        let item = O::get(&mut self.0.store.borrow_mut());
        let Some(item) = item else {
            return Err(match self.0.is_shutdown.get() {
                true => Error::QueueShutDown,
                false => Error::QueueEmpty,
            });
        };
        self.update();
        self.0.putters.wake_next();
        Ok(item)
    }

    /// As `task_done()`: one item that was taken is dealt with.
    ///
    /// # Errors
    /// [`Error::InvalidValue`] if that was said of all items.
    pub fn task_done(&self) -> Result<(), Error> {
        let Some(left) = self.0.unfinished.get().checked_sub(1) else {
            return Err(Error::InvalidValue("task_done was called more often than put"));
        };
        self.0.unfinished.set(left);
        if left == 0 {
            self.0.finished.set();
        }
        Ok(())
    }

    /// As `join()`: waits until every item is dealt with. A schedule point if some are not, and a
    /// cancel point.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub async fn join(&self) -> Result<(), Error> {
        if self.0.unfinished.get() > 0 {
            self.0.finished.wait().await?;
        }
        Ok(())
    }

    /// As `shutdown(immediate)`: no more puts, and gets only until it is empty; with `immediate`
    /// it is empty at once.
    pub fn shutdown(&self, immediate: bool) {
        self.0.is_shutdown.set(true);
        while immediate && !self.is_empty() {
            let item = O::get(&mut self.0.store.borrow_mut());
            drop(item);
            if self.0.unfinished.get() > 0 {
                let _ = self.task_done();
            }
        }
        self.update();
        for line in [&self.0.getters, &self.0.putters] {
            let waiters = std::mem::take(&mut *line.waiters.borrow_mut());
            let pending = waiters.iter().filter(|waiter| waiter.state() == State::Pending);
            pending.for_each(Waiter::wake);
        }
    }
}
