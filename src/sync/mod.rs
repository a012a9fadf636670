//! asyncio's synchronisation primitives and queues (locks.py, queues.py of CPython 3.13).
//!
//! Each is a plain machine, without futures, and a thin future around it. The machine keeps the
//! waiters in order; whether a waiter is still pending is asked of the waiter itself, because a
//! cancellation reaches it first.

mod barrier;
mod condition;
mod event;
mod heap;
mod lock;
mod queue;
mod semaphore;
mod turn;

pub use barrier::Barrier;
pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use queue::{Fifo, Lifo, LifoQueue, Order, Priority, PriorityQueue, Queue, QueueOf};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};
