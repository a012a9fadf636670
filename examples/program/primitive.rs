//! The objects of a running program: seedloop's primitives behind Python's names. A method that
//! an object does not have is Python's AttributeError.

use std::{future::Future, pin::Pin};

use seedloop::{
    Barrier, BoundedSemaphore, Condition, ContextVar, Error, Event, LifoQueue, Lock, PriorityQueue,
    Queue, Semaphore, TaskGroup, ThreadPool, Timeout,
};

use crate::{
    clock::Clock,
    exception::{Exception, Kind},
    grammar::Object,
    op::Method,
    value::{Literal, Value},
};

/// A coroutine object: nothing of it runs before it is awaited.
pub(crate) type Local<T> = Pin<Box<dyn Future<Output = Result<T, Exception>>>>;

#[derive(Clone)]
pub(crate) enum Primitive {
    Lock(Lock),
    Event(Event),
    Semaphore(Semaphore),
    BoundedSemaphore(BoundedSemaphore),
    Condition(Condition),
    Barrier(Barrier),
    Queue(Queue<Literal>),
    PriorityQueue(PriorityQueue<Literal>),
    LifoQueue(LifoQueue<Literal>),
    Variable(ContextVar<Literal>),
    Timeout(Timeout),
    Group(TaskGroup<Exception>),
    Executor(ThreadPool),
    /// A future, which is used by its handle.
    Other,
}

fn no_attribute<T>() -> Result<T, Exception> {
    Err(Exception::new(Kind::AttributeError))
}

fn type_error<T>() -> Result<T, Exception> {
    Err(Exception::new(Kind::TypeError))
}

/// The same for each kind of queue.
macro_rules! for_queue {
    ($object:expr, $queue:ident => $result:expr) => {
        match $object {
            Primitive::Queue($queue) => $result,
            Primitive::PriorityQueue($queue) => $result,
            Primitive::LifoQueue($queue) => $result,
            _ => no_attribute(),
        }
    };
}

fn local(future: impl Future<Output = Result<Value, Error>> + 'static) -> Local<Value> {
    Box::pin(async move { Ok(future.await?) })
}

impl Primitive {
    /// Builds it; `lock` is what a condition shares.
    pub(crate) fn new(
        name: &str,
        object: &Object,
        lock: Option<Primitive>,
    ) -> Result<Self, Exception> {
        let count = |value: i64| match usize::try_from(value) {
            Ok(count) => Ok(count),
            Err(_) => Err(Exception::new(Kind::ValueError)),
        };
        Ok(match object {
            Object::Lock {} => Primitive::Lock(Lock::new()),
            Object::Event {} => Primitive::Event(Event::new()),
            Object::Semaphore { value } => Primitive::Semaphore(Semaphore::new(count(*value)?)),
            Object::BoundedSemaphore { value } => {
                Primitive::BoundedSemaphore(BoundedSemaphore::new(count(*value)?))
            }
            Object::Condition { .. } => Primitive::Condition(match lock {
                Some(Primitive::Lock(lock)) => Condition::with_lock(&lock),
                _ => Condition::new(),
            }),
            Object::Barrier { parties } => Primitive::Barrier(Barrier::new(count(*parties)?)?),
            Object::Queue { maxsize } => Primitive::Queue(Queue::new(*maxsize as usize)),
            Object::PriorityQueue { maxsize } => {
                Primitive::PriorityQueue(PriorityQueue::new(*maxsize as usize))
            }
            Object::LifoQueue { maxsize } => {
                Primitive::LifoQueue(LifoQueue::new(*maxsize as usize))
            }
            Object::Contextvar { default } => {
                Primitive::Variable(ContextVar::new(name).with_default(default.clone()))
            }
            Object::Executor { workers } => {
                Primitive::Executor(ThreadPool::named(name, *workers as usize))
            }
            Object::Future {} => Primitive::Other,
        })
    }

    /// Calls a method, or reads a property, that does not wait.
    pub(crate) fn call(
        &self,
        method: Method,
        args: &[Literal],
        clock: Clock,
    ) -> Result<Value, Exception> {
        use Method as M;
        let done = |()| Value::NONE;
        match (self, method, args) {
            (Primitive::Lock(lock), M::Locked, []) => Ok(Value::bool(lock.locked())),
            (Primitive::Lock(lock), M::Release, []) => Ok(lock.release().map(done)?),
            (Primitive::Event(event), M::Set, []) => {
                event.set();
                Ok(Value::NONE)
            }
            (Primitive::Event(event), M::Clear, []) => {
                event.clear();
                Ok(Value::NONE)
            }
            (Primitive::Event(event), M::IsSet, []) => Ok(Value::bool(event.is_set())),
            (Primitive::Semaphore(permits), M::Locked, []) => Ok(Value::bool(permits.locked())),
            (Primitive::Semaphore(permits), M::Release, []) => {
                permits.release();
                Ok(Value::NONE)
            }
            (Primitive::BoundedSemaphore(permits), M::Locked, []) => {
                Ok(Value::bool(permits.locked()))
            }
            (Primitive::BoundedSemaphore(permits), M::Release, []) => {
                Ok(permits.release().map(done)?)
            }
            (Primitive::Condition(condition), M::Locked, []) => Ok(Value::bool(condition.locked())),
            (Primitive::Condition(condition), M::Release, []) => {
                Ok(condition.release().map(done)?)
            }
            (Primitive::Condition(condition), M::NotifyAll, []) => {
                Ok(condition.notify_all().map(done)?)
            }
            (Primitive::Condition(condition), M::Notify, []) => {
                Ok(condition.notify(1).map(done)?)
            }
            (Primitive::Condition(condition), M::Notify, [count]) => match count.number() {
                Some(count) => Ok(condition.notify(count.max(0) as usize).map(done)?),
                None => condition.notify(0).map_err(Exception::from).and(type_error()),
            },
            (Primitive::Barrier(barrier), M::NWaiting, _) => Ok(Value::int(barrier.n_waiting())),
            (Primitive::Barrier(barrier), M::Broken, _) => Ok(Value::bool(barrier.broken())),
            (Primitive::Barrier(barrier), M::Parties, _) => Ok(Value::int(barrier.parties())),
            (Primitive::Timeout(timeout), M::Expired, []) => Ok(Value::bool(timeout.expired())),
            (Primitive::Timeout(timeout), M::When, []) => {
                Ok(timeout.when().map_or(Value::NONE, |when| Value::int(clock.read(when))))
            }
            _ if self.has(method) => type_error(),
            _ => self.call_queue(method, args),
        }
    }

    /// Whether `call` knows the method of this object, which is no queue.
    fn has(&self, method: Method) -> bool {
        use Method as M;
        match self {
            Primitive::Lock(_) | Primitive::Semaphore(_) | Primitive::BoundedSemaphore(_) => {
                matches!(method, M::Locked | M::Release)
            }
            Primitive::Condition(_) => {
                matches!(method, M::Locked | M::Release | M::Notify | M::NotifyAll)
            }
            Primitive::Event(_) => matches!(method, M::Set | M::Clear | M::IsSet),
            Primitive::Timeout(_) => matches!(method, M::Expired | M::When),
            _ => false,
        }
    }

    fn call_queue(&self, method: Method, args: &[Literal]) -> Result<Value, Exception> {
        use Method as M;
        let done = |()| Value::NONE;
        for_queue!(self, queue => match (method, args) {
            (M::PutNowait, [item]) => Ok(queue.put_nowait(item.clone()).map(done)?),
            (M::GetNowait, []) => Ok(Value::Plain(queue.get_nowait()?)),
            (M::Qsize, []) => Ok(Value::int(queue.qsize())),
            (M::Empty, []) => Ok(Value::bool(queue.is_empty())),
            (M::Full, []) => Ok(Value::bool(queue.is_full())),
            (M::Maxsize, _) => Ok(Value::int(queue.maxsize())),
            (M::TaskDone, []) => Ok(queue.task_done().map(done)?),
            (M::Shutdown, [] | [_]) => {
                queue.shutdown(args.first().is_some_and(Literal::is_true));
                Ok(Value::NONE)
            }
            (M::PutNowait | M::GetNowait | M::Qsize | M::Empty | M::Full, _)
            | (M::TaskDone | M::Shutdown, _) => type_error(),
            _ => no_attribute(),
        })
    }

    /// `wait()` of an event, a condition or a barrier.
    pub(crate) fn wait(self) -> Result<Local<Value>, Exception> {
        match self {
            Primitive::Event(event) => {
                Ok(local(async move { event.wait().await.map(|()| Value::TRUE) }))
            }
            Primitive::Condition(condition) => {
                Ok(local(async move { condition.wait().await.map(|()| Value::TRUE) }))
            }
            Primitive::Barrier(barrier) => {
                Ok(local(async move { barrier.wait().await.map(Value::int) }))
            }
            _ => no_attribute(),
        }
    }

    /// `acquire()`: what it takes is given back by `release` alone.
    pub(crate) fn acquire(self) -> Result<Local<Value>, Exception> {
        match self {
            Primitive::Lock(lock) => Ok(local(async move {
                lock.acquire().await?.forget();
                Ok(Value::TRUE)
            })),
            Primitive::Semaphore(permits) => Ok(local(async move {
                permits.acquire().await?.forget();
                Ok(Value::TRUE)
            })),
            Primitive::BoundedSemaphore(permits) => Ok(local(async move {
                permits.acquire().await?.forget();
                Ok(Value::TRUE)
            })),
            Primitive::Condition(condition) => Ok(local(async move {
                condition.acquire().await?.forget();
                Ok(Value::TRUE)
            })),
            _ => no_attribute(),
        }
    }

    pub(crate) fn get(self) -> Result<Local<Value>, Exception> {
        for_queue!(self, queue => {
            Ok(local(async move { queue.get().await.map(Value::Plain) }))
        })
    }

    pub(crate) fn put(self, item: Literal) -> Result<Local<Value>, Exception> {
        for_queue!(self, queue => {
            Ok(local(async move { queue.put(item).await.map(|()| Value::NONE) }))
        })
    }

    pub(crate) fn join(self) -> Result<Local<Value>, Exception> {
        for_queue!(self, queue => {
            Ok(local(async move { queue.join().await.map(|()| Value::NONE) }))
        })
    }

    pub(crate) fn reset(self) -> Result<Local<Value>, Exception> {
        match self {
            Primitive::Barrier(barrier) => {
                Ok(local(async move { barrier.reset().await.map(|()| Value::NONE) }))
            }
            _ => no_attribute(),
        }
    }

    pub(crate) fn abort(self) -> Result<Local<Value>, Exception> {
        match self {
            Primitive::Barrier(barrier) => {
                Ok(local(async move { barrier.abort().await.map(|()| Value::NONE) }))
            }
            _ => no_attribute(),
        }
    }
}
