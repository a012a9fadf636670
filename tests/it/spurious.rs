//! Polls that nothing promised: legal by the contract of `Future::poll`, so whatever waits must
//! bear them.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use seedloop::{
    Barrier, Check, Condition, Error, Event, FailureKind, Lock, Queue, Runner, Semaphore, at_end,
    gather, shield, sleep, spawn, spawn_named, task_group, timeout, to_thread, wait_for, yield_now,
};

/// A hand-off without a queue. Its receiver takes a second poll for the wake that it waits for.
#[derive(Clone, Default)]
struct HandOff {
    item: Rc<Cell<Option<u32>>>,
    receiver: Rc<RefCell<Option<Waker>>>,
}

impl HandOff {
    fn send(&self, item: u32) {
        self.item.set(Some(item));
        if let Some(receiver) = self.receiver.take() {
            receiver.wake();
        }
    }

    async fn receive(&self) -> u32 {
        let mut waits = false;
        poll_fn(|context| {
            if let Some(item) = self.item.take() {
                return Poll::Ready(item);
            }
            assert!(!std::mem::replace(&mut waits, true), "woken for nothing");
            *self.receiver.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

async fn hand_off() -> Result<(), Error> {
    let hand_off = HandOff::default();
    let sender = hand_off.clone();
    let receiver = spawn_named("receiver", async move { hand_off.receive().await });
    spawn(async move { sender.send(7) }).await?;
    assert_eq!(receiver.await?, 7);
    Ok(())
}

#[test]
fn whoever_takes_a_second_poll_for_a_wake_is_found_in_every_way() {
    for check in [Check::new(), Check::new().exhaustive(), Check::new().deviations(2)] {
        assert!(check.clone().try_run(hand_off).is_ok());
        let failure = check.spurious_polls(1).try_run(hand_off).expect_err("it is polled twice");
        assert!(failure.text.contains("woken for nothing"), "{failure}");
        let text = failure.to_string();
        assert!(text.contains("receiver is polled although nothing wakes it"), "{text}");
        let token = failure.token.expect("it replays");
        assert!(token.to_string().contains("-x0y1"), "{token}");
        let mut runner = Runner::replay(&token).expect("a token that was just made");
        runner.run(hand_off()).expect_err("the same");
        let again = runner.finish();
        assert_eq!((again.digest, again.divergence), (failure.digest, None));
    }
}

#[test]
fn a_report_says_in_how_many_runs_there_was_one() {
    let check = || Check::new().schedules(100).spurious_polls(1);
    let never = check().run(|| async {});
    assert!(never.to_string().contains("no spurious poll: no task waited"), "{never}");
    let report = check().run(|| sleep(Duration::from_secs(1)));
    let (some, all) = (report.spuriously_polled, report.schedules);
    assert!(0 < some && some < all, "{report}");
    assert!(report.to_string().contains(&format!("a spurious poll in {some} of them")), "{report}");
}

/// It is asked where a task begins to wait, and where the clock moves.
#[test]
fn a_search_has_each_place_of_one() {
    let polls = Rc::new(RefCell::new(Vec::new()));
    let all = polls.clone();
    let program = move || {
        let all = all.clone();
        async move {
            let (mut nap, mut times) = (Box::pin(sleep(Duration::from_secs(2))), Vec::new());
            drop(spawn(sleep(Duration::from_secs(1))));
            let napped = poll_fn(|context| {
                times.push(seedloop::now().as_nanos() / 1_000_000_000);
                nap.as_mut().poll(context)
            });
            napped.await?;
            all.borrow_mut().push(times);
            Ok::<(), Error>(())
        }
    };
    let report = Check::new().exhaustive().spurious_polls(2).run(program);
    let mut polls = polls.take();
    polls.sort();
    polls.dedup();
    // Each run has a poll at 0 and one at 2, and at most two more, in any of three places.
    let want = [
        vec![0, 0, 0, 2],
        vec![0, 0, 1, 2],
        vec![0, 0, 2],
        vec![0, 0, 2, 2],
        vec![0, 1, 1, 2],
        vec![0, 1, 2],
        vec![0, 1, 2, 2],
        vec![0, 2],
        vec![0, 2, 2],
        vec![0, 2, 2, 2],
    ];
    assert_eq!(polls, want, "{report}");
}

#[test]
fn a_deadlock_is_one_still() {
    let check = Check::new().exhaustive().spurious_polls(2);
    let failure =
        check.try_run(|| async { Event::new().wait().await }).expect_err("nobody sets it");
    assert_eq!(failure.kind, FailureKind::Deadlock);
}

/// What waits in each of the crate's ways, and keeps what each of them promises.
async fn all_ways() -> Result<(), Error> {
    let (lock, permits, queue) = (Lock::new(), Semaphore::new(1), Queue::new(1));
    let (event, condition, barrier) = (Event::new(), Condition::new(), Barrier::new(2)?);
    let inside = Rc::new(Cell::new(0));
    at_end({
        let (lock, permits) = (lock.clone(), permits.clone());
        move || assert!(!lock.locked() && permits.permits() == 1, "all is given back")
    });
    let worker = |number: u32| {
        let (lock, permits, queue) = (lock.clone(), permits.clone(), queue.clone());
        let (event, condition, barrier) = (event.clone(), condition.clone(), barrier.clone());
        let inside = inside.clone();
        async move {
            let guard = lock.acquire().await?;
            assert_eq!(inside.replace(1), 0, "one at a time");
            yield_now().await?;
            inside.set(0);
            drop(guard);
            let permit = permits.acquire().await?;
            sleep(Duration::from_millis(10)).await?;
            drop(permit);
            let first = barrier.wait().await? == 0;
            if first {
                queue.put(number).await?;
                queue.put(number).await?;
                event.set();
                let guard = condition.acquire().await?;
                condition.notify_all()?;
                drop(guard);
            } else {
                assert_eq!(queue.get().await?, queue.get().await?);
                event.wait().await?;
                assert!(event.is_set());
            }
            Ok::<u32, Error>(number)
        }
    };
    let both = gather([worker(1), worker(2)]).await?;
    assert_eq!(both, [1, 2]);
    let napped = task_group(async |group| {
        let nap = group.spawn(async { sleep(Duration::from_secs(1)).await.map(|()| 3) })?;
        nap.await
    });
    assert_eq!(napped.await?, 3);
    let late = timeout(Duration::from_secs(1), Event::new().wait()).await;
    assert!(matches!(late, Err(Error::TimedOut)));
    let late = wait_for(shield(spawn(sleep(Duration::from_secs(2)))), Duration::from_secs(1)).await;
    assert!(matches!(late, Err(Error::TimedOut)));
    assert_eq!(to_thread(|| 4).await?, 4);
    Ok(())
}

#[test]
fn what_waits_in_the_crates_ways_bears_them() {
    for count in [1, 3, 50] {
        let report = Check::new().schedules(500).spurious_polls(count).run(all_ways);
        assert!(report.spuriously_polled > 100, "{report}");
    }
    Check::new().deviations(2).schedules(20_000).spurious_polls(2).run(all_ways);
}
