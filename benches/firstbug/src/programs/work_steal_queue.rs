//! `WorkStealQueue`: the deque of Cilk's THE protocol, whose owner pushes and pops at the tail
//! while a thief steals at the head, under a lock. A push must leave one slot free, since the thief
//! counts an item as taken before it reads it; this one does not. The owner is a task, as in the
//! artefact; in SCTBench it is main itself.
//!
//! The array and its size are one cell: only the owner changes the size, under the lock, so its
//! reads race with nothing.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, add, ensure, lock, read, unlock, write, yield_now};

const SIZE: usize = 2;
const ITEMS: usize = 4;
const STEALS: usize = 2;

/// How often each item was worked on: in the end once.
type Items = [Tracked<i64>; ITEMS];

#[derive(Clone)]
struct Queue {
    lock: Lock,
    head: Tracked<i64>,
    tail: Tracked<i64>,
    /// invariant: the length is a power of two.
    slots: Tracked<Vec<Option<usize>>>,
}

impl Queue {
    fn new() -> Queue {
        let (head, tail) = (Tracked::new(0), Tracked::new(0));
        Queue { lock: Lock::new(), head, tail, slots: Tracked::new(vec![None; SIZE]) }
    }

    async fn slot(&self, at: i64) -> Result<Option<usize>, Error> {
        yield_now().await?;
        let slots = self.slots.borrow();
        Ok(slots[at as usize & (slots.len() - 1)])
    }

    async fn put(&self, at: i64, item: usize) -> Result<(), Error> {
        yield_now().await?;
        self.slots.update(|slots| {
            let mask = slots.len() - 1;
            slots[at as usize & mask] = Some(item);
        });
        Ok(())
    }

    async fn push(&self, item: usize) -> Result<(), Error> {
        let tail = read(&self.tail).await?;
        let head = read(&self.head).await?;
        // The bug: no slot stays free.
        if tail >= head + self.slots.borrow().len() as i64 {
            return self.push_locked(item).await;
        }
        self.put(tail, item).await?;
        write(&self.tail, tail + 1).await
    }

    async fn push_locked(&self, item: usize) -> Result<(), Error> {
        let guard = lock(&self.lock).await?;
        let head = read(&self.head).await?;
        let count = read(&self.tail).await? - head;
        let mask = self.slots.borrow().len() as i64 - 1;
        let head = head & mask;
        write(&self.head, head).await?;
        write(&self.tail, head + count).await?;
        if count >= mask {
            yield_now().await?;
            self.slots.update(|slots| {
                let old = |at: i64| slots[(head + at) as usize & (slots.len() - 1)];
                let mut larger: Vec<_> = (0..count).map(old).collect();
                larger.resize(2 * slots.len(), None);
                *slots = larger;
            });
            write(&self.head, 0).await?;
            write(&self.tail, count).await?;
        }
        ensure(count < self.slots.borrow().len() as i64 - 1)?;
        let tail = read(&self.tail).await?;
        self.put(tail, item).await?;
        write(&self.tail, tail + 1).await?;
        unlock(guard).await
    }

    async fn pop(&self) -> Result<Option<usize>, Error> {
        let tail = read(&self.tail).await? - 1;
        write(&self.tail, tail).await?;
        if read(&self.head).await? <= tail {
            return self.slot(tail).await;
        }
        write(&self.tail, tail + 1).await?;
        self.pop_locked().await
    }

    async fn pop_locked(&self) -> Result<Option<usize>, Error> {
        let guard = lock(&self.lock).await?;
        let tail = read(&self.tail).await? - 1;
        write(&self.tail, tail).await?;
        let mut found = None;
        if read(&self.head).await? <= tail {
            found = self.slot(tail).await?;
        } else {
            write(&self.tail, tail + 1).await?;
        }
        if read(&self.head).await? > tail {
            write(&self.head, 0).await?;
            write(&self.tail, 0).await?;
            found = None;
        }
        unlock(guard).await?;
        Ok(found)
    }

    async fn steal(&self) -> Result<Option<usize>, Error> {
        let guard = lock(&self.lock).await?;
        let head = read(&self.head).await?;
        write(&self.head, head + 1).await?;
        let mut found = None;
        if head < read(&self.tail).await? {
            found = self.slot(head).await?;
        } else {
            write(&self.head, head).await?;
        }
        unlock(guard).await?;
        Ok(found)
    }
}

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let (queue, items) = (Queue::new(), [0; ITEMS].map(Tracked::new));
    let mut crew = Crew::new(start);
    crew.start(steal(queue.clone(), items.clone())).await?;
    crew.start(own(queue, items.clone())).await?;
    crew.join().await?;
    ensure(items.iter().all(|item| item.get() == 1))
}

async fn steal(queue: Queue, items: Items) -> Result<(), Error> {
    for _ in 0..STEALS {
        work_on(&items, queue.steal().await?).await?;
    }
    Ok(())
}

async fn own(queue: Queue, items: Items) -> Result<(), Error> {
    for item in (0..ITEMS).step_by(2) {
        queue.push(item).await?;
        queue.push(item + 1).await?;
        work_on(&items, queue.pop().await?).await?;
    }
    for _ in 0..ITEMS / 2 {
        work_on(&items, queue.pop().await?).await?;
    }
    Ok(())
}

async fn work_on(items: &Items, item: Option<usize>) -> Result<(), Error> {
    match item {
        Some(item) => add(&items[item], 1).await,
        None => Ok(()),
    }
}
