//! Small programs with bugs of known depth: a lost update, a broken order of start-up, philosophers
//! that get stuck, a broken invariant over two variables; beside tasks that have nothing to do with
//! it.

use std::pin::Pin;

use seedloop::{Error, Lock, Tracked, spawn, yield_now};

type Body = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

pub(crate) async fn yields(times: u64) -> Result<(), Error> {
    for _ in 0..times {
        yield_now().await?;
    }
    Ok(())
}

fn fails_if(is_bad: bool) -> Result<(), Error> {
    if is_bad { Err(Error::QueueFull) } else { Ok(()) }
}

async fn all(bodies: Vec<Body>) -> Result<(), Error> {
    let tasks: Vec<_> = bodies.into_iter().map(spawn).collect();
    for task in tasks {
        task.await?;
    }
    Ok(())
}

/// All but one of the updates are done upon another's.
pub(crate) async fn lost_update(tasks: i64) -> Result<(), Error> {
    let count = Tracked::new(0);
    let add = |count: Tracked<i64>| -> Body {
        Box::pin(async move {
            yields(2).await?;
            let read = count.get();
            yield_now().await?;
            count.set(read + 1);
            Ok(())
        })
    };
    all((0..tasks).map(|_| add(count.clone())).collect()).await?;
    fails_if(count.get() == tasks - 1)
}

fn noise(tasks: usize, turns: u64) -> Vec<Body> {
    (0..tasks).map(|_| Box::pin(yields(turns)) as Body).collect()
}

/// What must be set up by then is not.
pub(crate) async fn order_violation(others: usize) -> Result<(), Error> {
    let is_set = Tracked::new(false);
    let sets = is_set.clone();
    let mut bodies = noise(others, 6);
    bodies.push(Box::pin(async move {
        yield_now().await?;
        sets.set(true);
        Ok(())
    }));
    bodies.push(Box::pin(async move {
        yields(4).await?;
        fails_if(!is_set.get())
    }));
    all(bodies).await
}

pub(crate) async fn philosophers(count: usize) -> Result<(), Error> {
    let forks: Vec<Lock> = (0..count).map(|_| Lock::new()).collect();
    let dines = |seat: usize| -> Body {
        let (left, right) = (forks[seat].clone(), forks[(seat + 1) % count].clone());
        Box::pin(async move {
            yields(seat as u64 * 3).await?;
            let _left = left.acquire().await?;
            yield_now().await?;
            let _right = right.acquire().await?;
            Ok(())
        })
    };
    all((0..count).map(dines).collect()).await
}

/// Two variables that are to be equal are seen to differ.
pub(crate) async fn two_variables(others: usize) -> Result<(), Error> {
    let (a, b) = (Tracked::new(0), Tracked::new(0));
    let (written_a, written_b) = (a.clone(), b.clone());
    let mut bodies = noise(others, 5);
    bodies.push(Box::pin(async move {
        for round in 1..4 {
            written_a.set(round);
            written_b.set(round);
            yield_now().await?;
        }
        written_a.set(9);
        yield_now().await?;
        written_b.set(9);
        Ok(())
    }));
    bodies.push(Box::pin(async move {
        yields(8).await?;
        fails_if(a.get() != b.get())
    }));
    all(bodies).await
}
