//! Where user code meets the loop at its edges: shared awaits, old runs, destructors, long chains.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    pin::pin,
    rc::Rc,
    task::Poll,
    time::Duration,
};

use futures::{FutureExt, future::select};
use seedloop::{
    Check, Condition, Config, ContextVar, Error, Event, FailureKind, Future, GroupError, Report,
    Runner, Sleep, TaskRef, all_tasks, call_later, call_soon, current_task, log, now, run, sleep,
    spawn, spawn_named, task_group, timeout, yield_now,
};

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Runs a closure when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn an_await_that_two_tasks_poll_wakes_the_one_that_is_left() {
    run(async {
        let shared = async { sleep(seconds(5)).await.is_ok() }.boxed_local().shared();
        let other = shared.clone();
        // The first polls last, and ends first.
        let first = spawn(async move {
            select(other, pin!(sleep(seconds(1)))).await;
        });
        let second = spawn(shared);
        first.await?;
        assert!(second.await?);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn an_await_of_an_old_run_does_nothing_to_a_new_one() {
    let kept: Rc<RefCell<Option<Sleep>>> = Rc::default();
    for _ in 0..3 {
        let kept = kept.clone();
        let ended = run(async move {
            let old = kept.take();
            let mut nap = sleep(seconds(1));
            poll_fn(|context| Poll::Ready(nap.poll_unpin(context).is_pending())).await;
            drop(old);
            let mut kept_nap = sleep(seconds(9));
            poll_fn(|context| Poll::Ready(kept_nap.poll_unpin(context).is_pending())).await;
            kept.replace(Some(kept_nap));
            nap.await
        });
        ended.unwrap();
    }
}

#[test]
fn a_task_of_an_old_run_is_not_one_of_a_new_one() {
    let old: Cell<Option<TaskRef>> = Cell::new(None);
    for _ in 0..2 {
        let before = old.take();
        let me = run(async move {
            assert!(!before.is_some_and(TaskRef::cancel));
            yield_now().await?;
            Ok::<_, Error>(current_task().unwrap())
        });
        old.set(Some(me.unwrap()));
    }
}

#[test]
fn a_notification_outlives_the_waiter_that_was_dropped_with_it() {
    run(async {
        let condition = Condition::new();
        let wait = |condition: Condition| async move { condition.acquire().await?.wait().await };
        let victim = spawn(wait(condition.clone()));
        let other = spawn(wait(condition.clone()));
        yield_now().await?;
        let guard = condition.acquire().await?;
        condition.notify(1)?;
        yield_now().await?;
        victim.abort();
        yield_now().await?;
        drop(guard);
        other.await
    })
    .unwrap();
}

fn passes<F>(check: Check, program: fn() -> F) -> Result<Report, FailureKind>
where
    F: std::future::Future<Output = Result<(), Error>> + 'static,
{
    check.schedules(5).try_run(program).map_err(|failure| failure.kind)
}

#[test]
fn any_panic_fails_a_check() {
    async fn in_a_callback() -> Result<(), Error> {
        call_soon(|| panic!("in a callback"));
        yield_now().await
    }
    async fn in_a_done_callback() -> Result<(), Error> {
        let task = spawn(async {});
        task.add_done_callback(|_| panic!("in a done callback"));
        task.await
    }
    async fn in_a_task_that_is_awaited() -> Result<(), Error> {
        let task = spawn(async {
            if true {
                panic!("awaited")
            }
        });
        let _ = task.await;
        Ok(())
    }
    assert_eq!(passes(Check::new(), in_a_callback), Err(FailureKind::Panic));
    assert_eq!(passes(Check::new(), in_a_done_callback), Err(FailureKind::Panic));
    assert_eq!(passes(Check::new(), in_a_task_that_is_awaited), Err(FailureKind::Panic));
    assert!(passes(Check::new().tolerate_panics(), in_a_task_that_is_awaited).is_ok());
}

#[test]
fn a_panic_in_a_destructor_fails_the_check_with_a_token() {
    let failure = Check::new().try_run(|| async {
        let bomb = OnDrop(|| panic!("never ran"));
        call_later(seconds(9), move || drop(bomb));
        Ok::<(), Error>(())
    });
    let failure = failure.unwrap_err();
    assert_eq!((failure.kind, failure.token.is_some()), (FailureKind::Panic, true));
    let failure = Check::new().try_run(|| async {
        let variable = ContextVar::new("bomb");
        spawn(async move {
            variable.set(Rc::new(OnDrop(|| panic!("a variable's value"))));
        })
        .await
    });
    assert_eq!(failure.unwrap_err().kind, FailureKind::Panic);
}

#[test]
fn nothing_leaks_from_a_schedule_to_the_next() {
    thread_local!(static USER: ContextVar<i32> = ContextVar::new("user"));
    let alive = Rc::new(());
    let program = || {
        let alive = alive.clone();
        async move {
            assert_eq!(USER.with(ContextVar::get), None);
            let set = OnDrop(|| USER.with(|user| user.set(7)));
            call_later(seconds(9), move || drop(set));
            // Whatever destructors spawn and schedule at the end is dropped too.
            let late = OnDrop(move || {
                let (one, two) = (alive.clone(), alive.clone());
                spawn(async move { drop(one) });
                call_soon(move || drop(two));
            });
            call_later(seconds(9), move || drop(late));
            Ok::<(), Error>(())
        }
    };
    Check::new().schedules(50).run(program);
    assert_eq!(Rc::strong_count(&alive), 1);
}

#[test]
fn a_variables_value_may_use_the_loop_when_it_is_dropped() {
    run(async {
        let variable = ContextVar::new("value");
        variable.set(Rc::new(RefCell::new(OnDrop(|| log("dropped")))) as Rc<dyn std::any::Any>);
        let mut nap = sleep(seconds(1));
        poll_fn(|context| Poll::Ready(nap.poll_unpin(context).is_pending())).await;
        variable.set(Rc::new(()));
        drop(nap);
        yield_now().await
    })
    .unwrap();
}

#[test]
fn a_long_chain_of_awaits_is_cancelled_without_recursion() {
    run(async {
        let mut task = spawn(async { sleep(seconds(9)).await });
        for _ in 0..20_000 {
            task = spawn(task);
        }
        for _ in 0..3 {
            yield_now().await?;
        }
        assert!(task.cancel());
        assert!(matches!(task.await, Err(Error::Cancelled(_))));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn looking_at_a_pending_future_may_complete_it() {
    run(async {
        let future: Future<i32> = Future::new();
        future.peek(|_| future.set_result(3)).unwrap();
        assert_eq!(future.result()?, 3);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_check_is_not_part_of_a_run() {
    let inner = spawn_kind();
    assert_eq!(inner, FailureKind::Usage);
}

/// How a check inside a run fails.
fn spawn_kind() -> FailureKind {
    let kind = Rc::new(Cell::new(None));
    let shared = kind.clone();
    run(async move {
        let failure = Check::new().try_run(|| async {}).unwrap_err();
        shared.set(Some(failure.kind));
    })
    .unwrap();
    kind.get().unwrap()
}

#[test]
fn a_clean_up_that_hangs_shows_what_it_hangs_in() {
    let failure = Check::new().schedules(1).try_run(|| async {
        let stubborn = spawn_named("stubborn", async {
            let never: Future<()> = Future::new();
            let told = sleep(seconds(9)).await;
            assert!(told.is_err());
            never.await
        });
        drop(stubborn);
        yield_now().await?;
        yield_now().await
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Deadlock);
    let text = failure.to_string();
    assert!(text.contains("cancels stubborn"), "{text}");
    assert!(text.contains(") waits for Future"), "{text}");
}

/// Logs its number, and calls the next one soon.
fn hop(number: u32) {
    log(number.to_string());
    if number < 9 {
        call_soon(move || hop(number + 1));
    }
}

/// As CPython 3.11 prints it: each of the two tasks of its shutdown takes two iterations.
#[test]
fn what_main_leaves_ready_runs_as_long_as_asyncio_shuts_down() {
    let mut runner = Runner::new(Config::default().record(true));
    runner.run(async { hop(0) }).unwrap();
    let report = runner.finish();
    let logged: Vec<&str> = report.trace.logs().map(|(_, text)| text).collect();
    assert_eq!(logged, ["0", "1", "2", "3", "4", "5"]);
    assert!(report.trace.to_string().contains("shutdown_default_executor"));
}

/// Where nothing is left the shutdown would be two steps that nobody could tell from none.
#[test]
fn where_nothing_is_left_the_run_ends_with_main() {
    for late in [None, Some(seconds(9))] {
        let mut runner = Runner::new(Config::default().record(true));
        runner.run(async move { drop(late.map(|late| call_later(late, || ()))) }).unwrap();
        let report = runner.finish();
        let shown = report.trace.to_string();
        assert_eq!(shown.contains("shutdown_asyncgens"), late.is_some(), "{shown}");
        assert_eq!(report.main_events < report.trace.events().len(), late.is_some(), "{shown}");
    }
}

#[test]
fn a_stale_wake_is_in_the_trace() {
    let mut runner = Runner::new(Config::default().record(true).fresh_wakers(true));
    let _ = runner.run(async {
        let (sender, receiver) = futures::channel::oneshot::channel::<()>();
        let mut receiver = receiver;
        let waiting = spawn_named("waiting", async move {
            // It polls once, and then forgets to poll again with its new waker.
            poll_fn(|context| Poll::Ready(receiver.poll_unpin(context).is_pending())).await;
            yield_now().await?;
            poll_fn(|_| Poll::<()>::Pending).await;
            drop(receiver);
            Ok::<(), Error>(())
        });
        yield_now().await?;
        yield_now().await?;
        let _ = sender.send(());
        waiting.await
    });
    let trace = runner.finish().trace.to_string();
    assert!(trace.contains("wakes waiting by an old waker: ignored"), "{trace}");
    assert!(trace.contains("waits for something foreign"), "{trace}");
}

#[test]
fn timeouts_beside_each_other_do_not_cancel_each_other() {
    run(async {
        let nap = |n| async move { sleep(seconds(n)).await };
        let (one, two, three) = futures::join!(
            timeout(seconds(2), nap(9)),
            sleep(seconds(5)),
            timeout(seconds(9), nap(4)),
        );
        assert!(matches!(one, Err(Error::TimedOut)));
        assert!(two.is_ok() && three.is_ok());
        assert_eq!(now().as_millis(), 5_000);
        // Both deadlines at once, and a third around them.
        let both =
            async { futures::join!(timeout(seconds(2), nap(9)), timeout(seconds(2), nap(9))) };
        let (one, two) = timeout(seconds(3), async { Ok::<_, Error>(both.await) }).await?;
        assert!(matches!((one, two), (Err(Error::TimedOut), Err(Error::TimedOut))));
        // A value that is there at the deadline is lost in its own scope only.
        let event = Event::new();
        call_later(seconds(2), {
            let event = event.clone();
            move || event.set()
        });
        let (inside, beside) = futures::join!(timeout(seconds(2), event.wait()), event.wait());
        assert!(matches!(inside, Err(Error::TimedOut)), "{inside:?}");
        assert!(beside.is_ok());
        assert_eq!(current_task().unwrap().cancelling(), 0);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_timeout_that_moves_to_another_task_ends_there() {
    run(async {
        let pending = || async {
            let never: Future<()> = Future::new();
            timeout(seconds(2), never).await.is_err()
        };
        let shared = pending().boxed_local().shared();
        let other = shared.clone();
        let first = spawn(async move {
            select(other, pin!(sleep(seconds(1)))).await;
            sleep(seconds(10)).await
        });
        let second = spawn(shared);
        assert!(second.await?);
        assert_eq!(now().as_millis(), 2_000);
        first.await?;
        let shared = pending().boxed_local().shared();
        let first = spawn(shared.clone());
        yield_now().await?;
        let second = spawn(shared);
        yield_now().await?;
        first.abort();
        assert!(second.await?);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_timeout_that_is_dropped_as_it_fires_leaves_no_request() {
    run(async {
        let event = Event::new();
        call_later(seconds(1), {
            let event = event.clone();
            move || event.set()
        });
        let slow = Box::pin(timeout(seconds(1), sleep(seconds(9))));
        let quick = Box::pin(async move { event.wait().await });
        drop(select(quick, slow).await);
        assert_eq!(current_task().unwrap().cancelling(), 0);
        yield_now().await
    })
    .unwrap();
}

#[test]
fn a_run_that_ends_inside_another_is_dropped_by_itself() {
    let mut inner = Runner::new(Config::default());
    let late = OnDrop(|| drop(spawn_named("alien", async {})));
    inner
        .run(async move {
            call_later(seconds(9), move || drop(late));
        })
        .unwrap();
    run(async move {
        drop(inner);
        let names: Vec<String> = all_tasks().into_iter().map(TaskRef::name).collect();
        assert_eq!(names, ["main"]);
        yield_now().await
    })
    .unwrap();
}

#[test]
fn a_group_that_fails_does_not_cancel_what_stands_beside_it() {
    run(async {
        let fails = task_group(async |group| {
            group.spawn(async { Err::<(), Error>(Error::QueueFull) })?;
            sleep(seconds(9)).await
        });
        let (failed, beside) = futures::join!(fails, sleep(seconds(2)));
        assert!(matches!(failed, Err(GroupError::Errors(errors)) if errors.len() == 1));
        assert!(beside.is_ok());
        assert_eq!(current_task().unwrap().cancelling(), 0);
        yield_now().await
    })
    .unwrap();
}
