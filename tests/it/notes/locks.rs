//! Locks, events and semaphores: who gets them, and when.

use std::{cell::RefCell, rc::Rc};

use seedloop::{
    BoundedSemaphore, Error, Event, Lock, LockGuard, Semaphore, SemaphoreGuard, log, now, sleep,
    spawn, wait_for, yield_now,
};

use super::{Fault, check, ms, python, state};

#[test]
fn a_guard_releases_on_error_and_on_cancellation() {
    let main = async {
        let lock = Lock::new();
        let x = spawn({
            let lock = lock.clone();
            async move {
                let _held = lock.acquire().await?;
                sleep(ms(1)).await?;
                Err::<(), Fault>(Fault::Said("body"))
            }
        });
        let y = spawn({
            let lock = lock.clone();
            async move {
                let _held = lock.acquire().await?;
                sleep(ms(100)).await
            }
        });
        sleep(ms(5)).await?;
        log(format_args!("cancel {}", y.cancel()));
        assert!(matches!(x.await, Err(Fault::Said("body"))));
        assert!(matches!(y.await, Err(Error::Cancelled(_))));
        log(format_args!("locked {}", lock.locked()));
        Ok::<(), Error>(())
    };
    check("197", main, &["5 cancel true", "5 locked false"]);
}

#[test]
fn a_lock_event_and_semaphore_together() {
    let main = async {
        let (lock, event, semaphore) = (Lock::new(), Event::new(), Semaphore::new(2));
        let worker = |name: &'static str| {
            let (lock, event, semaphore) = (lock.clone(), event.clone(), semaphore.clone());
            spawn(async move {
                event.wait().await?;
                let _permit = semaphore.acquire().await?;
                log(format_args!("{name} in"));
                sleep(ms(10)).await?;
                let _held = lock.acquire().await?;
                log(format_args!("{name} locked"));
                sleep(ms(1)).await
            })
        };
        let workers = ["w1", "w2", "w3"].map(worker);
        sleep(ms(5)).await?;
        event.set();
        for worker in workers {
            worker.await?;
        }
        Ok::<(), Error>(())
    };
    let expected =
        ["5 w1 in", "5 w2 in", "15 w1 locked", "16 w2 locked", "16 w3 in", "26 w3 locked"];
    check("198", main, &expected);
}

#[test]
fn a_lock_is_handed_on_in_order() {
    let main = async {
        let lock = Lock::new();
        let worker = |name: &'static str| {
            let lock = lock.clone();
            spawn(async move {
                log(format_args!("{name} wants"));
                let held = lock.acquire().await?;
                log(format_args!("{name} has"));
                sleep(ms(10)).await?;
                drop(held);
                log(format_args!("{name} left"));
                Ok::<(), Error>(())
            })
        };
        for worker in ["a", "b", "c"].map(worker) {
            worker.await?;
        }
        Ok::<(), Error>(())
    };
    let expected = [
        "0 a wants",
        "0 a has",
        "0 b wants",
        "0 c wants",
        "10 a left",
        "10 b has",
        "20 b left",
        "20 c has",
        "30 c left",
    ];
    check("108", main, &expected);
}

/// Takes the lock, says so, and gives it back.
async fn takes(lock: Lock, text: &'static str) -> Result<(), Error> {
    let held = lock.acquire().await?;
    log(text);
    drop(held);
    Ok(())
}

#[test]
fn nobody_takes_a_lock_past_who_waits_for_it() {
    let main = async {
        let lock = Lock::new();
        let held = lock.acquire().await?;
        let w = spawn(takes(lock.clone(), "w has"));
        yield_now().await?;
        drop(held);
        log(format_args!("locked {}", lock.locked()));
        takes(lock, "main again").await?;
        w.await
    };
    check("109", main, &["0 locked false", "0 w has", "0 main again"]);
}

#[test]
fn a_cancelled_waiter_leaves_the_lock_to_the_next_woken_or_not() {
    async fn program(cancelled_first: bool) -> Result<Lock, Error> {
        let lock = Lock::new();
        let mut held = Some(lock.acquire().await?);
        let a = spawn(takes(lock.clone(), "never"));
        let b = spawn(takes(lock.clone(), "b has"));
        yield_now().await?;
        if !cancelled_first {
            drop(held.take());
        }
        log(format_args!("cancel {}", a.cancel()));
        drop(held.take());
        assert!(matches!(a.await, Err(Error::Cancelled(_))));
        b.await?;
        Ok(lock)
    }
    check("110", async { program(true).await.map(drop) }, &["0 cancel true", "0 b has"]);
    let main = async {
        let lock = program(false).await?;
        log(format_args!("locked {}", lock.locked()));
        Ok::<(), Error>(())
    };
    check("111", main, &["0 cancel true", "0 b has", "0 locked false"]);
}

#[test]
fn a_lock_knows_no_owner_and_a_free_one_is_not_released() {
    let main = async {
        let lock = Lock::new();
        let free = lock.release().unwrap_err();
        assert_eq!(free.to_string(), "the lock is not held: release it once per acquire");
        log(python(&free));
        lock.acquire().await?.forget();
        let again = lock.clone();
        let again = wait_for(async move { again.acquire().await.map(LockGuard::forget) }, ms(10));
        assert!(matches!(again.await, Err(Error::TimedOut)));
        log(format_args!("locked {}", lock.locked()));
        let other = lock.clone();
        let other = spawn(async move {
            other.release()?;
            log("other released it");
            Ok::<(), Error>(())
        });
        other.await?;
        log(format_args!("locked {}", lock.locked()));
        Ok::<(), Error>(())
    };
    let expected = ["0 RuntimeError", "10 locked true", "10 other released it", "10 locked false"];
    check("112", main, &expected);
}

#[test]
fn an_event_that_is_cleared_at_once_still_wakes_who_waited() {
    let woken = Rc::new(RefCell::new(Vec::new()));
    let seen = woken.clone();
    let main = async move {
        let event = Event::new();
        let waiter = |name: &'static str| {
            let (event, woken) = (event.clone(), woken.clone());
            spawn(async move {
                event.wait().await?;
                woken.borrow_mut().push((now().as_millis(), name));
                Ok::<(), Error>(())
            })
        };
        let (_a, _b) = (waiter("a"), waiter("b"));
        yield_now().await?;
        event.set();
        event.clear();
        let late = waiter("late");
        sleep(ms(5)).await?;
        log(format_args!("is_set {}", event.is_set()));
        event.set();
        late.await?;
        event.wait().await
    };
    check("113", main, &["5 is_set false"]);
    assert_eq!(seen.take(), [(0, "a"), (0, "b"), (5, "late")]);
}

#[test]
fn a_semaphore_lets_so_many_in_in_order() {
    let main = async {
        let semaphore = Semaphore::new(2);
        let worker = |name: &'static str| {
            let semaphore = semaphore.clone();
            spawn(async move {
                let _permit = semaphore.acquire().await?;
                log(format_args!("{name} in"));
                sleep(ms(10)).await
            })
        };
        let [_a, _b, c, d] = ["a", "b", "c", "d"].map(worker);
        c.await?;
        d.await
    };
    check("114", main, &["0 a in", "0 b in", "10 c in", "10 d in"]);
}

/// Takes a permit, says so, and keeps it.
async fn keeps(semaphore: Semaphore, text: &'static str) -> Result<(), Error> {
    semaphore.acquire().await?.forget();
    log(text);
    Ok(())
}

#[test]
fn a_released_permit_is_reserved_for_the_first_waiter() {
    let main = async {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await?;
        let waiter = semaphore.clone();
        let _w = spawn(async move {
            let permit = waiter.acquire().await?;
            log("w has");
            drop(permit);
            Ok::<(), Error>(())
        });
        yield_now().await?;
        drop(permit);
        log(format_args!("locked {}", semaphore.locked()));
        let _again = semaphore.acquire().await?;
        log("main again");
        Ok::<(), Error>(())
    };
    check("115", main, &["0 locked true", "0 w has", "0 main again"]);
}

#[test]
fn a_waiter_that_is_woken_and_cancelled_passes_the_permit_on() {
    let main = async {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.acquire().await?;
        let a = spawn(keeps(semaphore.clone(), "never"));
        let waiter = semaphore.clone();
        let b = spawn(async move {
            let _permit = waiter.acquire().await?;
            log("b has");
            Ok::<(), Error>(())
        });
        yield_now().await?;
        drop(permit);
        log(format_args!("cancel {}", a.cancel()));
        assert!(matches!(a.await, Err(Error::Cancelled(_))));
        b.await?;
        log(format_args!("locked {}", semaphore.locked()));
        Ok::<(), Error>(())
    };
    check("116", main, &["0 cancel true", "0 b has", "0 locked false"]);
}

#[test]
fn two_released_permits_go_to_the_two_that_still_wait() {
    let main = async {
        let semaphore = Semaphore::new(2);
        semaphore.acquire().await?.forget();
        semaphore.acquire().await?.forget();
        let a = spawn(keeps(semaphore.clone(), "a has"));
        let waiter = semaphore.clone();
        let b = spawn(async move { waiter.acquire().await.map(SemaphoreGuard::forget) });
        let c = spawn(keeps(semaphore.clone(), "c has"));
        yield_now().await?;
        log(format_args!("cancel {}", b.cancel()));
        semaphore.release();
        semaphore.release();
        assert!(matches!(b.await, Err(Error::Cancelled(_))));
        sleep(ms(1)).await?;
        log(state(&a));
        log(state(&c));
        semaphore.release();
        sleep(ms(1)).await?;
        log(state(&c));
        Ok::<(), Error>(())
    };
    let expected = [
        "0 cancel true",
        "0 a has",
        "0 c has",
        "1 state finished ()",
        "1 state finished ()",
        "2 state finished ()",
    ];
    check("117", main, &expected);
}

/// A negative number of permits does not compile.
#[test]
fn a_bounded_semaphore_is_not_released_too_often() {
    let main = async {
        let bounded = BoundedSemaphore::new(1);
        let over = bounded.release().unwrap_err();
        let fix = "all permits of the semaphore are free: release it once per acquire";
        assert_eq!(over.to_string(), fix);
        log(python(&over));
        let semaphore = Semaphore::new(1);
        semaphore.release();
        semaphore.acquire().await?.forget();
        semaphore.acquire().await?.forget();
        log(format_args!("locked {}", semaphore.locked()));
        Ok::<(), Error>(())
    };
    check("118", main, &["0 ValueError", "0 locked true"]);
}

#[test]
fn three_permits_at_once_wake_three_waiters() {
    let main = async {
        let semaphore = Semaphore::new(1);
        semaphore.acquire().await?.forget();
        let a = spawn(keeps(semaphore.clone(), "a has"));
        yield_now().await?;
        let b = spawn(keeps(semaphore.clone(), "b has"));
        let c = spawn(keeps(semaphore.clone(), "c has"));
        (0..3).for_each(|_| semaphore.release());
        a.await?;
        b.await?;
        c.await
    };
    check("204", main, &["0 a has", "0 b has", "0 c has"]);
}
