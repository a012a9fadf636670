//! Mistakes that some version of CPython's asyncio has, or has had, and what happens here. Where
//! 3.13 keeps the behaviour it is asyncio's, and kept: then a check can find it in a program.

use std::{cell::Cell, rc::Rc, time::Duration};

use seedloop::{
    Cancelled, Check, Condition, Config, Error, FailureKind, Future, GroupError, Loop, Queue,
    Runner, current_task, gather, run, shield, sleep, spawn, task_group, wait_for, yield_now,
};

const MS: Duration = Duration::from_millis(1);

fn is_cancelled<T>(result: &Result<T, Error>) -> bool {
    matches!(result, Err(Error::Cancelled(_)))
}

/// 3.11: the waiter's cancel was swallowed when the inner future was done in the same step.
#[test]
fn wait_for_does_not_swallow_a_cancel() {
    run(async {
        let inner: Future<&str> = Future::new();
        let waiter = spawn(wait_for(inner.clone(), 100 * MS));
        sleep(MS).await?;
        inner.set_result("there")?;
        assert!(waiter.cancel());
        assert!(is_cancelled(&waiter.await));
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// 3.11: after a timeout and a cancel the inner task was left behind, an orphan.
#[test]
fn wait_for_leaves_no_orphan_behind() {
    run(async {
        let cleaned = Rc::new(Cell::new(false));
        let inner = {
            let cleaned = cleaned.clone();
            async move {
                let told = sleep(50 * MS).await;
                let _ = sleep(20 * MS).await;
                cleaned.set(true);
                told
            }
        };
        let waiter = spawn(wait_for(inner, 10 * MS));
        sleep(15 * MS).await?;
        waiter.cancel();
        assert!(is_cancelled(&waiter.await));
        // It has waited for the clean-up.
        assert!(cleaned.get());
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Up to 3.12: a parent that was cancelled while its group failed lost the cancel, or kept a count
/// that nobody took back.
#[test]
fn a_group_neither_loses_a_cancel_nor_leaks_a_count() {
    run(async {
        let parent = spawn(async {
            let grouped = task_group(async |group| {
                let _bad = group.spawn(async {
                    sleep(5 * MS).await?;
                    Err::<(), Error>(Error::QueueFull)
                });
                let _slow = group.spawn(async {
                    let told = sleep(50 * MS).await;
                    let _ = sleep(10 * MS).await;
                    told
                });
                sleep(100 * MS).await
            });
            let failed = grouped.await;
            assert!(matches!(failed, Err(GroupError::Errors(_))));
            let me = current_task().expect("a task");
            assert_eq!(me.cancelling(), 1, "the cancel from outside, not the group's own");
            // The cancel that came while the group failed is told at the next await.
            sleep(MS).await
        });
        sleep(10 * MS).await?;
        parent.cancel();
        assert!(is_cancelled(&parent.await));
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Up to 3.12: a notification was lost with a waiter that was cancelled in the same step.
#[test]
fn a_notification_is_passed_on_by_a_cancelled_waiter() {
    run(async {
        let condition = Condition::new();
        let waiter = || {
            let condition = condition.clone();
            spawn(async move {
                let mut guard = condition.acquire().await?;
                guard.wait().await
            })
        };
        let (first, second) = (waiter(), waiter());
        yield_now().await?;
        let guard = condition.acquire().await?;
        condition.notify(1)?;
        first.cancel();
        drop(guard);
        assert!(is_cancelled(&first.await));
        second.await
    })
    .unwrap();
}

/// Up to 3.12: a request that was taken back hit all the same.
#[test]
fn a_request_that_is_taken_back_does_nothing() {
    run(async {
        let before_it_starts = spawn(async { 1 });
        before_it_starts.cancel();
        assert_eq!(before_it_starts.uncancel(), 0);
        assert_eq!(before_it_starts.await?, 1);
        let by_itself = spawn(async {
            let me = current_task().expect("a task");
            me.cancel();
            me.uncancel();
            sleep(MS).await
        });
        by_itself.await
    })
    .unwrap();
}

/// 3.13.0: a nested `run_forever` was refused, but the loop around it was forgotten.
#[test]
fn a_refused_nested_run_leaves_the_outer_loop_running() {
    let mut inner = Loop::new(Config::default());
    run(async move {
        assert!(matches!(inner.run_forever(), Err(Error::NestedRun)));
        assert!(seedloop::is_running() && current_task().is_some());
        spawn(async { 7 }).await
    })
    .unwrap();
}

/// CPython: RecursionError.
#[test]
fn a_cycle_of_awaits_can_be_cancelled() {
    let ended = run(async {
        let (one, two) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
        let waits_for = |other: &Rc<Cell<Option<Future<()>>>>| {
            let other = other.clone();
            spawn(async move { other.take().expect("the other task").await })
        };
        let (first, second) = (waits_for(&two), waits_for(&one));
        one.set(Some(first.future()));
        two.set(Some(second.future()));
        sleep(MS).await?;
        first.cancel();
        first.await
    });
    assert!(is_cancelled(&ended));
}

/// Kept: gather is done when its first child is, though others still clean up.
#[test]
fn a_gathering_may_be_done_before_its_children() {
    run(async {
        let cleaned = Rc::new(Cell::new(false));
        let slow = {
            let cleaned = cleaned.clone();
            async move {
                let told = sleep(50 * MS).await;
                let _ = sleep(7 * MS).await;
                cleaned.set(true);
                told
            }
        };
        let gathering = spawn(async move { gather((sleep(50 * MS), slow)).await.map(drop) });
        sleep(MS).await?;
        gathering.cancel();
        assert!(is_cancelled(&gathering.await));
        assert!(!cleaned.get(), "asyncio's own trap: a task group waits");
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Kept: a cancel of one who awaits a future hits all who do. A shield keeps it off.
#[test]
fn a_shared_future_is_cancelled_for_all_unless_it_is_shielded() {
    let others_end = |shielded: bool| {
        run(async move {
            let shared: Future<i32> = Future::new();
            let one = match shielded {
                true => spawn(shield(shared.clone())),
                false => spawn(shared.clone()),
            };
            let other = spawn(shared.clone());
            sleep(MS).await?;
            one.cancel();
            let _ = one.await;
            let _ = shared.set_result(5);
            other.await
        })
    };
    assert!(is_cancelled(&others_end(false)));
    assert_eq!(others_end(true).unwrap(), 5);
}

/// Kept: a getter that waits may be overtaken by one that comes by; a check shows the order.
#[test]
fn a_queue_getter_may_be_overtaken_and_a_check_finds_it() {
    let first_come_first_served = || async {
        let queue = Queue::new(0);
        let got = Rc::new(Cell::new(None));
        let get = |name: &'static str| {
            let (queue, got) = (queue.clone(), got.clone());
            spawn(async move {
                queue.get().await?;
                got.set(got.get().or(Some(name)));
                Ok::<(), Error>(())
            })
        };
        let patient = get("patient");
        sleep(MS).await?;
        queue.put_nowait(1)?;
        let passer_by = get("passer-by");
        queue.put_nowait(2)?;
        gather((patient, passer_by)).await?;
        assert_eq!(got.get(), Some("patient"));
        Ok::<(), Error>(())
    };
    let failure = Check::new().try_run(first_come_first_served).expect_err("barging");
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(Runner::new(Config::default()).run(first_come_first_served()).is_ok());
}

/// Kept: only the first who asks sees the message of a cancel; here the error keeps it.
#[test]
fn the_message_of_a_cancel_is_in_the_error() {
    let ended = run(async {
        let task = spawn(async { sleep(MS).await });
        yield_now().await?;
        task.cancel_with("enough");
        task.await
    });
    let message = |error: &Error| error.cancelled().and_then(Cancelled::message).map(String::from);
    assert_eq!(message(&ended.unwrap_err()), Some("enough".into()));
}
