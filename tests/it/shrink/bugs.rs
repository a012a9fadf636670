//! Ten bugs with known depths: of each, sixty random failing schedules must all end at the fewest
//! steps that have to wait. Philosophers, a lost update, a broken order of start-up and a broken
//! invariant over two variables, with tasks beside them that have nothing to do with it.

use std::{cell::Cell, pin::Pin, rc::Rc};

use seedloop::{Check, Error, Lock, Runner, spawn, yield_now};

type Body = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

async fn yields(times: u64) -> Result<(), Error> {
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
async fn lost_update(tasks: i64) -> Result<(), Error> {
    let count = Rc::new(Cell::new(0));
    let add = |count: Rc<Cell<i64>>| -> Body {
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
async fn order_violation(others: usize) -> Result<(), Error> {
    let is_set = Rc::new(Cell::new(false));
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

async fn philosophers(count: usize) -> Result<(), Error> {
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
async fn two_variables(others: usize) -> Result<(), Error> {
    let (a, b) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
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

/// Sixty seeds: each one's first failing schedule ends at this many waits. Gives the schedules that
/// shrinking took, and the waits before, on average.
fn ends_at<F>(name: &str, waits: usize, program: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let (mut runs, mut from) = (0, 0);
    for seed in 0..60 {
        let check = Check::new().seed(seed).schedules(200_000).fresh_wakers(false);
        let failure = check.clone().try_run(&program).expect_err("it is found");
        let shrunk = failure.shrunk.as_ref().expect("it is shrunk");
        assert_eq!(failure.told.len(), waits, "{name}, seed {seed}: {failure}");
        let printed = failure.token.as_ref().expect("it has one").to_string();
        let mut runner = Runner::replay(&printed.parse().unwrap()).unwrap();
        assert!(runner.run(program()).is_err(), "{name}, seed {seed} fails in a replay");
        assert_eq!(runner.finish().digest, failure.digest, "{name}, seed {seed}");
        if seed == 0 {
            let again = check.try_run(&program).expect_err("it is found again");
            assert_eq!((&again.told, &again.token), (&failure.told, &failure.token));
            assert_eq!(again.shrunk, failure.shrunk);
        }
        (runs, from) = (runs + shrunk.runs, from + shrunk.from);
    }
    println!("{name}: {} waits -> {waits} in {} schedules", from / 60, runs / 60);
}

#[test]
fn a_lost_update_of_three() {
    ends_at("lost update of 3", 1, || lost_update(3));
}

#[test]
fn a_lost_update_of_six() {
    ends_at("lost update of 6", 4, || lost_update(6));
}

#[test]
#[ignore = "100,000 runs: .ci/run has them in release"]
fn a_lost_update_of_ten() {
    ends_at("lost update of 10", 8, || lost_update(10));
}

#[test]
fn a_broken_order_beside_three() {
    ends_at("order violation + 3", 1, || order_violation(3));
}

#[test]
fn a_broken_order_beside_eight() {
    ends_at("order violation + 8", 1, || order_violation(8));
}

#[test]
fn philosophers_two() {
    ends_at("philosophers 2", 1, || philosophers(2));
}

#[test]
fn philosophers_three() {
    ends_at("philosophers 3", 2, || philosophers(3));
}

#[test]
fn philosophers_four() {
    ends_at("philosophers 4", 3, || philosophers(4));
}

#[test]
fn two_variables_beside_two() {
    ends_at("two variables + 2", 1, || two_variables(2));
}

#[test]
fn two_variables_beside_six() {
    ends_at("two variables + 6", 1, || two_variables(6));
}
