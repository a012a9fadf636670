//! proptest shrinks a failing schedule towards asyncio's order.

mod bugs;
mod holds;

use std::{cell::Cell, rc::Rc};

use proptest::{
    collection::vec,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};
use seedloop::{Check, Error, gather, sched::Holds, schedules, spawn, yield_now};

/// Five tasks add one each, with a turn between read and write: any overtaking loses an update.
async fn lost_update() -> Result<(), Error> {
    let count = Rc::new(Cell::new(0));
    let add = |count: Rc<Cell<i32>>| async move {
        // Asyncio's order passes: all read, in turn, before anybody is ready to write again.
        let read = count.get();
        count.set(read + 1);
        yield_now().await?;
        Ok::<(), Error>(())
    };
    let rival = |count: Rc<Cell<i32>>| async move {
        let read = count.get();
        yield_now().await?;
        count.set(read + 1);
        Ok::<(), Error>(())
    };
    let quiet = async {
        for _ in 0..5 {
            yield_now().await?;
        }
        Ok::<(), Error>(())
    };
    gather((add(count.clone()), quiet)).await?;
    gather((rival(count.clone()), add_after(count.clone()))).await?;
    assert_eq!(count.get(), 3, "an update is lost");
    Ok(())
}

/// Adds one after two turns.
async fn add_after(count: Rc<Cell<i32>>) -> Result<(), Error> {
    yield_now().await?;
    yield_now().await?;
    count.set(count.get() + 1);
    Ok(())
}

#[test]
fn a_real_failure_shrinks_to_few_deviations() {
    let check = Check::new();
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let failed = runner.run(&schedules(), |schedule| {
        check
            .try_schedule(&schedule, lost_update)
            .map(drop)
            .map_err(|failure| TestCaseError::fail(failure.text))
    });
    let Err(TestError::Fail(reason, schedule)) = failed else { panic!("{failed:?}") };
    assert!(reason.to_string().contains("an update is lost"), "{reason}");
    assert_eq!(schedule.holds().map(Holds::len), Some(1), "{schedule:?}");
    assert_eq!(format!("{schedule:?}"), "Schedule(h.3:2@4:3)");
    let again = check.try_schedule(&schedule, lost_update).unwrap_err();
    assert!(again.text.contains("an update is lost"));
    assert!(seedloop::run(lost_update()).is_ok(), "asyncio's order passes");
}

/// Beside a schedule proptest shrinks what comes after it, too.
#[test]
fn inputs_after_the_schedule_shrink_as_well() {
    let check = Check::new();
    let config = Config { cases: 2_000, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let inputs = (0..9_u8, schedules(), vec(0..9_u8, 0..10));
    let failed = TestRunner::new_with_rng(config, rng).run(&inputs, |(before, schedule, after)| {
        if before < 1 || after.len() < 2 {
            return Ok(());
        }
        check.try_schedule(&schedule, lost_update).map(drop).map_err(|failure| {
            // A schedule of holds says what it is.
            assert!(schedule.holds().is_none_or(|holds| failure.told.len() == holds.len()));
            TestCaseError::fail(failure.text)
        })
    });
    let Err(TestError::Fail(_, (before, schedule, after))) = failed else { panic!("{failed:?}") };
    assert_eq!((before, after), (1, vec![0, 0]));
    assert_eq!(schedule.holds().map(Holds::len), Some(1), "{schedule:?}");
}

/// A cancellation moves to where it is enough by itself.
#[test]
fn a_cancellation_is_told_alone() {
    let failure = Check::new().cancellations(1).try_run(|| async {
        let count = Rc::new(Cell::new(0));
        let counts = count.clone();
        let task = spawn(async move {
            for step in 1..4 {
                counts.set(step);
                yield_now().await?;
            }
            Ok::<(), Error>(())
        });
        let _ = task.cancellable().await;
        assert_eq!(count.get(), 3);
        Ok::<(), Error>(())
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.told.len(), 1, "{failure}");
    let decides = failure.shrunk.as_ref().unwrap().decides.as_ref().unwrap();
    assert!(decides.starts_with("without what is chosen in"), "{decides}");
}
