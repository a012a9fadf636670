//! Calls in the wrong place are errors that name the fix, and break nothing.

use seedloop::{
    Check, Config, Error, Lock, Runner, run, sched, sched::Scheduler, sleep, spawn, yield_now,
};

fn panic_of(call: impl FnOnce() + std::panic::UnwindSafe) -> String {
    let payload = std::panic::catch_unwind(call).unwrap_err();
    let text = payload.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string())
}

#[test]
fn a_nested_run_is_an_error_and_the_outer_one_goes_on() {
    let answer = run(async {
        let nested = run(async { 1 });
        assert!(matches!(nested, Err(Error::NestedRun)));
        assert!(Error::NestedRun.to_string().contains("use spawn"));
        yield_now().await?;
        Ok::<i32, Error>(2)
    });
    assert_eq!(answer.unwrap(), 2);
}

#[test]
fn calls_outside_a_run_say_where_they_belong() {
    for text in [
        panic_of(|| drop(spawn(async {}))),
        panic_of(|| drop(seedloop::call_soon(|| ()))),
        panic_of(|| drop(seedloop::Future::<()>::new())),
    ] {
        assert!(text.contains("inside seedloop::run"), "{text}");
    }
    let slept = futures::executor::block_on(sleep(std::time::Duration::from_secs(1)));
    assert!(matches!(slept, Err(Error::NoRunningLoop)));
    assert_eq!((seedloop::iteration(), seedloop::is_running()), (0, false));
}

#[test]
fn a_closed_runner_stays_closed() {
    let mut runner = Runner::new(Config::default());
    assert_eq!(runner.run(async { 1 }).unwrap(), 1);
    assert_eq!(runner.run(async { 2 }).unwrap(), 2);
    runner.close().unwrap();
    assert!(matches!(runner.run(async { 3 }), Err(Error::LoopClosed)));
}

#[test]
fn an_object_of_another_run_is_refused() {
    let lock = Lock::new();
    let contend = |lock: Lock| async move {
        let guard = lock.acquire().await?;
        let waiter = spawn({
            let lock = lock.clone();
            async move { lock.acquire().await.map(drop) }
        });
        yield_now().await?;
        drop(guard);
        waiter.await
    };
    run(contend(lock.clone())).unwrap();
    assert!(matches!(run(contend(lock)), Err(Error::WrongLoop)));
}

#[test]
fn a_task_that_awaits_itself_is_told_so() {
    run(async {
        let slot = std::rc::Rc::new(std::cell::RefCell::new(None));
        let own = slot.clone();
        let task = spawn(async move {
            yield_now().await?;
            let me: seedloop::Future<(), Error> = own.borrow_mut().take().unwrap();
            me.await
        });
        slot.replace(Some(task.future()));
        assert!(matches!(task.await, Err(Error::AwaitSelf)));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_cycle_of_awaits_is_named_and_can_be_cancelled() {
    let cycle = || {
        let b = seedloop::Future::<seedloop::Future<(), Error>>::new();
        let a = seedloop::spawn_named("a", {
            let b = b.clone();
            async move { b.await?.await }
        });
        let task = seedloop::spawn_named("b", a.future());
        b.set_result(task.future()).unwrap();
        (a, task)
    };
    let stuck = run(async move { cycle().0.await });
    let Err(Error::Deadlock(deadlock)) = stuck else { panic!("{stuck:?}") };
    let names: Vec<&str> = deadlock.cycle.iter().map(|name| &**name).collect();
    assert_eq!(names, ["a", "b"], "{deadlock}");
    run(async move {
        let (a, b) = cycle();
        (0..3).for_each(|_| drop(seedloop::call_soon(|| ())));
        yield_now().await?;
        yield_now().await?;
        assert!(a.cancel());
        assert!(matches!(a.await, Err(Error::Cancelled(_))));
        assert!(matches!(b.await, Err(Error::Cancelled(_))));
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// Picks what is not on the menu.
struct Wild;

impl Scheduler for Wild {
    fn choose(&mut self, menu: &sched::Menu<'_>) -> u32 {
        menu.len()
    }

    fn next_run(&mut self, _last: Option<&sched::RunReport>) -> Option<sched::RunPlan> {
        None
    }

    fn guarantee(&self) -> sched::Guarantee {
        sched::Guarantee::One
    }
}

#[test]
fn a_scheduler_that_picks_off_the_menu_is_caught() {
    let text = panic_of(|| {
        let program = || async {
            let (a, b) = (spawn(async {}), spawn(async {}));
            a.await?;
            b.await
        };
        let _ = Check::new().try_scheduler(Box::new(Wild), program);
    });
    assert!(text.contains("picked 2 from a menu of 2"), "{text}");
    assert_eq!(run(async { 5 }).unwrap(), 5, "the thread can run again");
}
