//! `stack_bad`: one task pushes ten times and says after each push that there is something; the
//! other pops up to ten times if there has ever been something, also when there no longer is.

use seedloop::{Error, Lock, Tracked, yield_now};

use super::{Crew, Start, add, ensure, lock, read, unlock, write};

const SIZE: usize = 10;

#[derive(Clone)]
struct Stack {
    lock: Lock,
    top: Tracked<i64>,
    items: Tracked<[usize; SIZE]>,
    filled: Tracked<bool>,
}

impl Stack {
    /// Is there room? Then one more is there.
    async fn push(&self, item: usize) -> Result<bool, Error> {
        if read(&self.top).await? == SIZE as i64 {
            return Ok(false);
        }
        let top = read(&self.top).await?;
        yield_now().await?;
        self.items.update(|items| items[top as usize] = item);
        add(&self.top, 1).await?;
        Ok(true)
    }

    /// Is there something? Then one less is there.
    async fn pop(&self) -> Result<bool, Error> {
        if read(&self.top).await? == 0 {
            return Ok(false);
        }
        add(&self.top, -1).await?;
        let top = read(&self.top).await?;
        let _item = read(&self.items).await?[top as usize];
        Ok(true)
    }
}

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let stack = Stack {
        lock: Lock::new(),
        top: Tracked::new(0),
        items: Tracked::new([0; SIZE]),
        filled: Tracked::new(false),
    };
    let mut crew = Crew::new(start);
    crew.start(fill(stack.clone())).await?;
    crew.start(empty(stack)).await?;
    crew.join().await
}

async fn fill(stack: Stack) -> Result<(), Error> {
    for item in 0..SIZE {
        let guard = lock(&stack.lock).await?;
        ensure(stack.push(item).await?)?;
        write(&stack.filled, true).await?;
        unlock(guard).await?;
    }
    Ok(())
}

async fn empty(stack: Stack) -> Result<(), Error> {
    for _ in 0..SIZE {
        let guard = lock(&stack.lock).await?;
        if read(&stack.filled).await? {
            ensure(stack.pop().await?)?;
        }
        unlock(guard).await?;
    }
    Ok(())
}
