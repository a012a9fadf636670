//! asyncio's synchronisation primitives and queues (locks.py, queues.py of CPython 3.13).
//!
//! Each is a plain machine (`machine/`), without futures, and a thin future around it.

mod barrier;
mod condition;
mod event;
mod lock;
mod machine;
mod queue;
mod semaphore;
mod tracked;
mod turn;

pub use barrier::Barrier;
pub use condition::{Condition, ConditionGuard};
pub use event::Event;
pub use lock::{Lock, LockGuard};
pub use machine::order::{Fifo, Lifo, Order, Priority};
pub use queue::{Items, LifoQueue, PriorityQueue, Queue, QueueOf};
pub use semaphore::{BoundedSemaphore, Semaphore, SemaphoreGuard};
pub use tracked::Tracked;
