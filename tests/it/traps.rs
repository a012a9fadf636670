//! What others fell into. (A wake lost between drain and idle: `models/`.)

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
    time::Duration,
};

use seedloop::{
    Check, Config, Error, Event, FailureKind, Runner, all_tasks, now, run, sleep, spawn,
    spawn_named, timeout, trace_of, yield_now,
};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn an_abandoned_timer_does_not_hide_a_deadlock() {
    let stuck = run(async {
        let event = Event::new();
        {
            let mut long = Box::pin(sleep(HOUR));
            let polled = poll_fn(|context| Poll::Ready(long.as_mut().poll(context).is_pending()));
            assert!(polled.await);
        }
        let _ = timeout(HOUR, async { Ok::<(), Error>(()) }).await;
        event.wait().await
    });
    let Err(Error::Deadlock(deadlock)) = stuck else { panic!("{stuck:?}") };
    assert_eq!(deadlock.tasks[0].waits_for, ["Event::wait c4"]);
    assert!(deadlock.tasks[0].spawned_at.contains("traps.rs"), "{deadlock}");
}

#[test]
fn an_abandoned_timer_does_not_move_the_clock() {
    let end = run(async {
        let long = spawn(async { sleep(HOUR).await });
        yield_now().await?;
        long.abort();
        sleep(Duration::from_millis(1)).await?;
        Ok::<_, Error>(now())
    });
    assert_eq!(end.unwrap().as_millis(), 1);
}

#[test]
fn a_double_wake_polls_once() {
    let polls = Rc::new(Cell::new(0));
    let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
    let (counted, shared) = (polls.clone(), waker.clone());
    run(async move {
        spawn(poll_fn(move |context| {
            counted.set(counted.get() + 1);
            shared.replace(Some(context.waker().clone()));
            if counted.get() == 2 { Poll::Ready(()) } else { Poll::Pending }
        }));
        yield_now().await?;
        let waker = waker.take().unwrap();
        waker.wake_by_ref();
        waker.wake_by_ref();
        yield_now().await?;
        waker.wake();
        yield_now().await
    })
    .unwrap();
    assert_eq!(polls.get(), 2);
}

/// Writes its name when it is dropped.
struct Noted(&'static str, Rc<RefCell<Vec<&'static str>>>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

#[test]
fn what_is_left_is_dropped_in_order_of_creation() {
    let dropped: Rc<RefCell<Vec<&'static str>>> = Rc::default();
    let shared = dropped.clone();
    let mut runner = Runner::new(Config::default().record(true));
    let stuck = runner.run(async move {
        let never = Event::new();
        for name in ["one", "two", "three", "four"] {
            let (noted, never) = (Noted(name, shared.clone()), never.clone());
            let task = spawn_named(name, async move {
                let _noted = noted;
                never.wait().await
            });
            drop(task);
        }
        never.wait().await
    });
    assert!(matches!(stuck, Err(Error::Deadlock(_))));
    let trace = runner.finish().trace.to_string();
    assert_eq!(*dropped.borrow(), ["one", "two", "three", "four"]);
    let drops: Vec<&str> = trace.lines().filter(|line| line.contains("drops")).collect();
    assert_eq!(drops.len(), 5, "{trace}");
}

#[test]
fn the_seed_and_the_token_are_printed() {
    let failure = Check::new().seed(7).schedules(50).try_run(lost_update).unwrap_err();
    let text = failure.to_string();
    assert!(text.contains("seed 7"), "{text}");
    assert!(text.contains("\nreplay: SEEDLOOP_REPLAY=sl1-h.none-"), "{text}");
    // Between them stands the profile that the test was built with.
    assert!(text.contains("cargo test -p seedloop "), "{text}");
    assert!(text.contains(" --test it traps::the_seed"), "{text}");
}

async fn lost_update() {
    let count = Rc::new(Cell::new(0));
    let add = |count: Rc<Cell<i32>>| async move {
        let read = count.get();
        yield_now().await.unwrap();
        count.set(read + 1);
    };
    let (one, two) = (spawn(add(count.clone())), spawn(add(count.clone())));
    one.await.unwrap();
    two.await.unwrap();
    assert_eq!(count.get(), 2);
}

#[test]
fn task_names_do_not_come_from_a_global() {
    let names = || async {
        let child = spawn(async { (current_name(), spawn(async { current_name() }).await) });
        let second = spawn(async { current_name() });
        let (own, grandchild) = child.await.unwrap();
        assert_eq!((own.as_str(), grandchild.unwrap().as_str()), ("1", "1/1"));
        assert_eq!(second.await.unwrap(), "2");
    };
    let first = trace_of(names());
    let threads: Vec<_> =
        (0..3).map(|_| std::thread::spawn(move || trace_of(names()).to_string())).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), first.to_string());
    }
}

fn current_name() -> String {
    seedloop::current_task().unwrap().name()
}

#[test]
fn no_memory_is_kept_per_spawn_or_per_poll() {
    run(async {
        for _ in 0..3 {
            for _ in 0..2_000 {
                spawn(async { yield_now().await }).await?;
                let _ = timeout(HOUR, yield_now()).await;
            }
            // Ids are slots: they are used again.
            let id = spawn(async {});
            assert!(format!("{:?}", id.id()).len() < 80, "{:?}", id.id());
            assert_eq!(slot_of(&format!("{:?}", id.id())), 1);
            id.await?;
        }
        assert_eq!(all_tasks().len(), 1);
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// The slot in the debug text of an id.
fn slot_of(id: &str) -> usize {
    let digits = id.split("index: ").nth(1).unwrap();
    digits.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
}

#[test]
fn a_panic_is_the_tasks_and_not_the_simulations() {
    let rest = run(async {
        let bad = spawn(async {
            if true {
                panic!("mine")
            }
        });
        let good = spawn(async { 3 });
        yield_now().await?;
        assert!(matches!(bad.await, Err(Error::Panicked(_))));
        good.await
    });
    assert_eq!(rest.unwrap(), 3);
}

#[test]
fn a_panic_that_nobody_sees_fails_the_check() {
    let failure = Check::new().schedules(3).try_run(|| async {
        drop(spawn_named("culprit", async {
            if true {
                panic!("unseen")
            }
        }));
        yield_now().await?;
        yield_now().await
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.text.contains("culprit panicked: unseen"), "{}", failure.text);
}

#[test]
fn a_panic_in_a_destructor_is_the_tasks() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    let mut runner = Runner::new(Config::default());
    runner
        .run(async {
            let task = spawn(async {
                let _bomb = Bomb;
                sleep(HOUR).await
            });
            yield_now().await?;
            task.abort();
            yield_now().await
        })
        .unwrap();
    let report = runner.finish();
    assert_eq!(report.panics.len(), 1);
    assert_eq!(&*report.panics[0].message, "in a destructor");
}

#[test]
fn wakes_in_one_instant_without_end_are_a_livelock() {
    let ring = || async {
        let (a, b) = (Event::new(), Event::new());
        let pass = |from: Event, to: Event| async move {
            loop {
                from.wait().await?;
                from.clear();
                to.set();
                yield_now().await?;
                if now().as_nanos() > 0 {
                    return Ok::<(), Error>(());
                }
            }
        };
        a.set();
        let one = spawn(pass(a.clone(), b.clone()));
        let two = spawn(pass(b, a));
        sleep(Duration::from_secs(1)).await?;
        one.await?;
        two.await
    };
    let failure = Check::new().schedules(1).try_run(ring).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Livelock);
    let capped = Check::new().schedules(1).steps_max(100).try_run(ring).unwrap_err();
    assert_eq!(capped.kind, FailureKind::StepCap);
    // Both say who goes on, and what allows more.
    assert!(failure.text.contains("after 10000 steps of one instant; ready: "), "{failure}");
    assert!(failure.text.contains("`instant_steps_max`"), "{failure}");
    let text = "more than 100 steps; ready: ";
    assert!(capped.text.contains(text) && capped.text.contains("`steps_max`"), "{capped}");
}

#[test]
fn a_waker_of_an_old_run_wakes_nobody() {
    let kept: Rc<RefCell<Option<Waker>>> = Rc::default();
    for _ in 0..3 {
        let shared = kept.clone();
        let end = run(async move {
            if let Some(old) = shared.take() {
                old.wake();
            }
            let mut first = true;
            let task = spawn(poll_fn(move |context| {
                assert!(std::mem::take(&mut first), "a wake from another run");
                shared.replace(Some(context.waker().clone()));
                Poll::<()>::Pending
            }));
            sleep(Duration::from_secs(1)).await?;
            task.abort();
            Ok::<(), Error>(())
        });
        end.unwrap();
    }
}

#[test]
fn a_wake_from_another_thread_arrives() {
    let mut runner = Runner::new(Config::default().other_threads(true));
    let got = runner.run(async {
        let (sender, receiver) = futures::channel::oneshot::channel();
        let thread = std::thread::spawn(move || sender.send(5).unwrap());
        let got = receiver.await.unwrap();
        thread.join().unwrap();
        got
    });
    assert_eq!(got.unwrap(), 5);
}
