//! `wronglock_bad`: one task counts under a lock and looks whether it has counted, the others count
//! under another lock. Others: 7, and 3 of `wronglock_3_bad`.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, add, ensure, lock, read, unlock};

#[derive(Clone, Default)]
struct Data {
    value: Tracked<i64>,
    right: Lock,
    wrong: Lock,
}

pub(super) async fn main(start: Start, right: usize, wrong: usize) -> Result<(), Error> {
    let data = Data::default();
    let mut crew = Crew::new(start);
    for _ in 0..right {
        crew.start(count_and_look(data.clone())).await?;
    }
    for _ in 0..wrong {
        crew.start(count(data.clone())).await?;
    }
    crew.join().await
}

async fn count_and_look(data: Data) -> Result<(), Error> {
    let guard = lock(&data.right).await?;
    let before = read(&data.value).await?;
    add(&data.value, 1).await?;
    ensure(read(&data.value).await? == before + 1)?;
    unlock(guard).await
}

async fn count(data: Data) -> Result<(), Error> {
    let guard = lock(&data.wrong).await?;
    add(&data.value, 1).await?;
    unlock(guard).await
}
