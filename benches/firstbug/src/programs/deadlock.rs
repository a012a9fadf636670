//! `deadlock01_bad`: two tasks take two locks in opposite orders.

use seedloop::Error;

use super::{Crew, Lock, Start, Tracked, add, lock, unlock};

pub(super) async fn main(start: Start) -> Result<(), Error> {
    let (a, b, counter) = (Lock::new(), Lock::new(), Tracked::new(1));
    let mut crew = Crew::new(start);
    crew.start(under_both(a.clone(), b.clone(), counter.clone(), 1)).await?;
    crew.start(under_both(b, a, counter, -1)).await?;
    crew.join().await
}

async fn under_both(
    outer: Lock,
    inner: Lock,
    counter: Tracked<i64>,
    amount: i64,
) -> Result<(), Error> {
    let outer = lock(&outer).await?;
    let inner = lock(&inner).await?;
    add(&counter, amount).await?;
    unlock(inner).await?;
    unlock(outer).await
}
