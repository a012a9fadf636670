//! `reorder_N_bad`: setters write a = 1, then b = -1; a checker must not see the one without the
//! other. Setters and checkers: 2 and 1 of 3, 3 and 1 of 4, 4 and 1 of 5, 9 and 1 of 10, 10 and 10
//! of 20, 40 and 10 of 50, 99 and 1 of 100.

use seedloop::Error;

use super::{Crew, Start, Tracked, ensure, read, write};

#[derive(Clone, Default)]
struct Pair {
    a: Tracked<i64>,
    b: Tracked<i64>,
}

pub(super) async fn main(start: Start, setters: usize, checkers: usize) -> Result<(), Error> {
    let pair = Pair::default();
    let mut crew = Crew::new(start);
    for _ in 0..setters {
        crew.start(set(pair.clone())).await?;
    }
    for _ in 0..checkers {
        crew.start(check(pair.clone())).await?;
    }
    crew.join().await
}

async fn set(pair: Pair) -> Result<(), Error> {
    write(&pair.a, 1).await?;
    write(&pair.b, -1).await
}

/// Reads what C's `(a == 0 && b == 0) || (a == 1 && b == -1)` reads: `a` a second time unless both
/// were 0.
async fn check(pair: Pair) -> Result<(), Error> {
    if read(&pair.a).await? == 0 && read(&pair.b).await? == 0 {
        return Ok(());
    }
    ensure(read(&pair.a).await? == 1 && read(&pair.b).await? == -1)
}
