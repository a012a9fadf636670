//! `twostage_bad`: a writer sets the first value under its lock, then the second, which is the
//! first and one, under the other lock; a reader that comes between the two sees an old second
//! value. Writers and readers: 1 and 1, 10 and 10 of 20, 40 and 10 of 50, 99 and 1 of 100. The
//! sizes of the smallest are from descriptions of it.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, ensure, lock, read, unlock, write};

#[derive(Clone, Default)]
struct Stages {
    first: (Lock, Tracked<i64>),
    second: (Lock, Tracked<i64>),
}

pub(super) async fn main(start: Start, writers: usize, readers: usize) -> Result<(), Error> {
    let stages = Stages::default();
    let mut crew = Crew::new(start);
    for _ in 0..writers {
        crew.start(two_stages(stages.clone())).await?;
    }
    for _ in 0..readers {
        crew.start(look(stages.clone())).await?;
    }
    crew.join().await
}

async fn two_stages(stages: Stages) -> Result<(), Error> {
    let guard = lock(&stages.first.0).await?;
    write(&stages.first.1, 1).await?;
    unlock(guard).await?;
    let guard = lock(&stages.second.0).await?;
    let first = read(&stages.first.1).await?;
    write(&stages.second.1, first + 1).await?;
    unlock(guard).await
}

async fn look(stages: Stages) -> Result<(), Error> {
    let guard = lock(&stages.first.0).await?;
    if read(&stages.first.1).await? == 0 {
        return unlock(guard).await;
    }
    let first = read(&stages.first.1).await?;
    unlock(guard).await?;
    let guard = lock(&stages.second.0).await?;
    let second = read(&stages.second.1).await?;
    unlock(guard).await?;
    ensure(second == first + 1)
}
