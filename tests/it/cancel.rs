//! Cancellation through own and foreign awaits, at every point.

use std::{cell::Cell, future::poll_fn, pin::pin, rc::Rc, time::Duration};

use futures::{
    FutureExt, StreamExt,
    channel::{mpsc, oneshot},
    future::{Either, select},
    join, select_biased,
    stream::FuturesUnordered,
};
use seedloop::{
    Error, Event, Lock, Task, call_soon, current_task, foreign, now, run, sleep, spawn,
    spawn_named, timeout, wait, yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

/// Lets what is ready run.
async fn settle() -> Result<(), Error> {
    for _ in 0..4 {
        yield_now().await?;
    }
    Ok(())
}

#[test]
fn a_timeout_drops_a_foreign_future() {
    run(async {
        let (sender, receiver) = oneshot::channel::<u32>();
        let late = timeout(SECOND, foreign(receiver)).await;
        assert!(matches!(late, Err(Error::TimedOut)));
        assert!(sender.is_canceled());
        let (_sender, receiver) = oneshot::channel::<u32>();
        let late: Result<u32, Error> = timeout(SECOND, async { Ok(receiver.await.unwrap()) }).await;
        assert!(matches!(late, Err(Error::TimedOut)), "the scope ends, the task lives");
        let (sender, receiver) = oneshot::channel();
        sender.send(3).unwrap();
        assert_eq!(timeout(SECOND, foreign(receiver)).await?.unwrap(), 3);
        assert_eq!(now().as_millis(), 2_000);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn without_a_scope_a_cancel_drops_the_task() {
    run(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let after = Rc::new(Cell::new(false));
        let reached = after.clone();
        let task = spawn(async move {
            let _ = receiver.await;
            reached.set(true);
        });
        settle().await?;
        assert!(task.cancel());
        settle().await?;
        assert!(task.is_cancelled() && sender.is_canceled() && !after.get());
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn the_innermost_scope_ends_and_the_rest_goes_on() {
    run(async {
        let task = spawn(async {
            let (_sender, receiver) = oneshot::channel::<()>();
            let inner = timeout(10 * SECOND, foreign(receiver)).await;
            assert!(matches!(inner, Err(Error::Cancelled(_))));
            sleep(SECOND).await?; // clean-up may await
            Ok::<_, Error>("cleaned up")
        });
        settle().await?;
        task.cancel();
        assert_eq!(task.await?, "cleaned up");
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn join_of_two_own_awaits_tells_both() {
    run(async {
        let task = spawn(async {
            let (a, b) = join!(sleep(SECOND), sleep(2 * SECOND));
            assert!(a.is_err() && b.is_err());
            a
        });
        settle().await?;
        task.cancel();
        assert!(matches!(task.await, Err(Error::Cancelled(_))));
        assert_eq!(now().as_millis(), 0);
        // Both done, not yet stepped: the values are lost, and both are told.
        let event = Event::new();
        let both = event.clone();
        let task = spawn(async move {
            let (a, b) = join!(both.wait(), both.wait());
            (a.is_err(), b.is_err())
        });
        settle().await?;
        event.set();
        task.cancel();
        // It returned a plain value: told, and not passed on.
        assert_eq!(task.await?, (true, true));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn join_of_own_and_foreign_tells_the_own_one() {
    run(async {
        let (sender, receiver) = oneshot::channel();
        let task = spawn(async move {
            let (own, foreign) = join!(sleep(SECOND), receiver);
            assert!(matches!(own, Err(Error::Cancelled(_))));
            foreign.unwrap()
        });
        settle().await?;
        task.cancel();
        settle().await?;
        assert!(!task.is_done(), "the foreign one is still awaited");
        sender.send(9).unwrap();
        assert_eq!(task.await?, 9);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn select_of_own_and_foreign_ends_by_the_cancel() {
    run(async {
        let (_sender, receiver) = mpsc::unbounded::<()>();
        let task = spawn(async move {
            let mut receiver = receiver;
            let own = pin!(sleep(SECOND));
            match select(own, receiver.next()).await {
                Either::Left((own, _)) => own,
                Either::Right(_) => Ok(()),
            }
        });
        settle().await?;
        task.cancel();
        assert!(matches!(task.await, Err(Error::Cancelled(_))));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_set_of_own_awaits_polls_each_that_is_done() {
    run(async {
        let mut naps: FuturesUnordered<_> = (1..=3).map(|n| sleep(n * SECOND)).collect();
        let mut order = Vec::new();
        while let Some(nap) = naps.next().await {
            nap?;
            order.push(now().as_millis());
        }
        assert_eq!(order, [1_000, 2_000, 3_000]);
        let task = spawn(async {
            let naps: FuturesUnordered<_> = (1..=3).map(|n| sleep(n * SECOND)).collect();
            naps.filter(|nap| futures::future::ready(nap.is_err())).count().await
        });
        settle().await?;
        task.cancel();
        assert_eq!(task.await?, 3);
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Runs `program` again and again, and cancels it after its first poll that waits, after its
/// second, and so on, until it ends before that. `check` looks at every end.
fn at_every_point<F>(program: impl Fn() -> F, check: impl Fn(&Task<(), Error>))
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    for point in 1.. {
        let mut body = Box::pin(program());
        let cancelled = Rc::new(Cell::new(false));
        let reached = cancelled.clone();
        let mut polls = 0;
        let counted = poll_fn(move |context| {
            let polled = body.as_mut().poll(context);
            polls += 1;
            if polls == point && polled.is_pending() {
                let (target, reached) = (current_task().unwrap(), reached.clone());
                call_soon(move || reached.set(target.cancel()));
            }
            polled
        });
        let done = run(async move {
            let waited = wait([spawn_named("target", counted)]).timeout(100 * SECOND).await?;
            Ok::<_, Error>(waited.done.into_iter().next())
        });
        let done = done.unwrap_or_else(|error| panic!("point {point}: {error}"));
        check(&done.unwrap_or_else(|| panic!("point {point}: the task hangs")));
        if !cancelled.get() {
            assert!(point > 3, "only {point} points");
            return;
        }
    }
}

/// RFD 609: a future that waits in a fair queue is not polled while its task waits behind it.
async fn futurelock(lock: Lock, first_is_dropped: bool) -> Result<(), Error> {
    let background = spawn_named("background", {
        let lock = lock.clone();
        async move {
            let _guard = lock.acquire().await?;
            sleep(2 * SECOND).await
        }
    });
    yield_now().await?;
    let mut first = Box::pin(async { lock.acquire().await.map(drop) });
    let timer = pin!(sleep(SECOND));
    if let Either::Right((timer, _)) = select(&mut first, timer).await {
        timer?;
        if first_is_dropped {
            drop(first);
            drop(lock.acquire().await?);
        } else {
            drop(lock.acquire().await?);
            first.await?;
        }
    }
    background.await
}

#[test]
fn futurelock_is_a_deadlock_that_says_what_is_waited_for() {
    let stuck = run(async { futurelock(Lock::new(), false).await });
    let Err(Error::Deadlock(deadlock)) = stuck else { panic!("{stuck:?}") };
    let waits = &deadlock.tasks[0].waits_for;
    assert_eq!(waits.len(), 2, "{deadlock}");
    assert!(waits.iter().all(|wait| wait.starts_with("Lock::acquire")), "{deadlock}");
    run(async { futurelock(Lock::new(), true).await }).unwrap();
}

#[test]
fn futurelock_cancelled_at_every_point_leaves_the_lock_free() {
    for first_is_dropped in [false, true] {
        let lock = Rc::new(Cell::new(None));
        let shared = lock.clone();
        let program = move || {
            let lock = Lock::new();
            shared.set(Some(lock.clone()));
            async move {
                // The shape itself hangs: give up after a while, as its victims do.
                match timeout(50 * SECOND, futurelock(lock, first_is_dropped)).await {
                    Err(Error::TimedOut) => Ok(()),
                    other => other,
                }
            }
        };
        at_every_point(program, |task| {
            assert!(task.is_done());
            let lock = lock.take().unwrap();
            let stuck_by_background = lock.locked();
            assert!(!stuck_by_background || !task.is_failed());
            lock.release().ok();
            assert!(!lock.locked());
        });
    }
}

#[test]
fn join_of_own_and_foreign_cancelled_at_every_point_ends() {
    let program = || async {
        let (sender, receiver) = oneshot::channel();
        let late = spawn(async move {
            sleep(2 * SECOND).await?;
            let _ = sender.send(());
            Ok::<(), Error>(())
        });
        let (own, foreign) = join!(sleep(SECOND), foreign(receiver));
        own?;
        foreign?.ok();
        yield_now().await?;
        sleep(SECOND).await?;
        late.await
    };
    at_every_point(program, |task| assert!(!task.is_failed(), "only cancelled or finished"));
}

#[test]
fn select_of_own_and_foreign_cancelled_at_every_point_ends() {
    let program = || async {
        let (sender, mut messages) = mpsc::unbounded();
        let sends = spawn(async move {
            for n in 1..=3 {
                sleep(SECOND).await?;
                sender.unbounded_send(n).unwrap();
            }
            Ok::<(), Error>(())
        });
        let mut got = Vec::new();
        let mut deadline = pin!(sleep(10 * SECOND).fuse());
        loop {
            select_biased! {
                told = deadline => return told,
                message = messages.next() => match message {
                    Some(n) => got.push(n),
                    None => break,
                },
            }
        }
        assert_eq!(got, [1, 2, 3]);
        sends.await
    };
    at_every_point(program, |task| assert!(!task.is_failed(), "only cancelled or finished"));
}

#[test]
fn timeouts_of_foreign_futures_cancelled_at_every_point_end() {
    let program = || async {
        for n in 1..=4 {
            let (sender, receiver) = oneshot::channel::<u32>();
            let late = timeout(n * SECOND, foreign(receiver)).await;
            assert!(sender.is_canceled(), "dropped, by the deadline or by the cancel");
            match late {
                Err(Error::TimedOut) => {}
                other => return other.map(drop),
            }
        }
        Ok(())
    };
    at_every_point(program, |task| assert!(!task.is_failed(), "only cancelled or finished"));
}

#[test]
fn a_lock_is_handed_on_whoever_is_cancelled_when() {
    let program = || async {
        let lock = Lock::new();
        let held = lock.acquire().await?;
        let hold = |lock: Lock| async move {
            let _guard = lock.acquire().await?;
            sleep(SECOND).await
        };
        let others = [spawn(hold(lock.clone())), spawn(hold(lock.clone()))];
        yield_now().await?;
        drop(held);
        hold(lock.clone()).await?;
        for other in others {
            other.await?;
        }
        assert!(!lock.locked());
        Ok(())
    };
    at_every_point(program, |task| assert!(!task.is_failed()));
}

#[test]
fn abort_at_every_point_releases_what_is_held() {
    for point in 0..8 {
        run(async move {
            let lock = Lock::new();
            let target = spawn({
                let lock = lock.clone();
                async move {
                    for _ in 0..3 {
                        let _guard = lock.acquire().await?;
                        yield_now().await?;
                    }
                    Ok::<(), Error>(())
                }
            });
            let rival = spawn({
                let lock = lock.clone();
                async move {
                    for _ in 0..3 {
                        drop(lock.acquire().await?);
                    }
                    Ok::<(), Error>(())
                }
            });
            for _ in 0..point {
                yield_now().await?;
            }
            target.abort();
            rival.await?;
            let ended = target.await;
            assert!(matches!(ended, Ok(()) | Err(Error::Cancelled(_))) && !lock.locked());
            Ok::<(), Error>(())
        })
        .unwrap();
    }
}
