//! `token_ring_bad`: each of three tasks takes over the value of the one before it, the first and
//! one; a fourth says that all are the same once all have done so. They are if the tasks have come
//! in the ring's order.

use seedloop::{Error, Lock, Tracked};

use super::{Crew, Start, ensure, lock, read, unlock, write};

const LEN: usize = 3;

#[derive(Clone)]
struct Ring {
    lock: Lock,
    values: [Tracked<i64>; LEN],
    done: [Tracked<bool>; LEN],
}

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let ring = Ring {
        lock: Lock::new(),
        values: [1, 2, 1].map(Tracked::new),
        done: [false; LEN].map(Tracked::new),
    };
    let mut crew = Crew::new(start);
    for at in 0..LEN {
        crew.start(pass_on(ring.clone(), at)).await?;
    }
    crew.start(check(ring)).await?;
    crew.join().await
}

async fn pass_on(ring: Ring, at: usize) -> Result<(), Error> {
    let guard = lock(&ring.lock).await?;
    let before = read(&ring.values[(at + LEN - 1) % LEN]).await?;
    let value = if at == 0 { (before + 1) % 4 } else { before };
    write(&ring.values[at], value).await?;
    write(&ring.done[at], true).await?;
    unlock(guard).await
}

async fn check(ring: Ring) -> Result<(), Error> {
    let guard = lock(&ring.lock).await?;
    let mut done = true;
    for flag in &ring.done {
        done = done && read(flag).await?;
    }
    if done {
        for at in 1..LEN {
            let same = read(&ring.values[at - 1]).await? == read(&ring.values[at]).await?;
            ensure(same)?;
        }
    }
    unlock(guard).await
}
