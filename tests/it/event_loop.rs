//! Loops of one's own: `asyncio.new_event_loop` and what it can do.

use std::{cell::RefCell, rc::Rc, sync::mpsc, thread, time::Duration};

use seedloop::{
    Config, Error, ExceptionContext, Future, Loop, Runner, TaskRef, call_later, call_soon,
    current_task, loop_handle, now, run, sleep, spawn, stop, yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

type Said = Rc<RefCell<Vec<String>>>;

/// A loop whose exception handler writes down what it is told.
fn listening(config: Config) -> (Loop, Said) {
    let (event_loop, said) = (Loop::new(config), Said::default());
    let heard = said.clone();
    event_loop.set_exception_handler(move |context| heard.borrow_mut().push(context.to_string()));
    (event_loop, said)
}

#[test]
fn what_is_left_stays_in_the_loop_between_its_runs() {
    let mut event_loop = Loop::new(Config::default());
    let first: Future<i32> = event_loop.create_future().unwrap();
    let waiter = event_loop.create_task({
        let first = first.clone();
        async move { Ok::<i32, Error>(first.await? + 1) }
    });
    event_loop.call_later(SECOND, move || first.set_result(1).unwrap()).unwrap();
    assert_eq!(event_loop.run_until_complete(async { yield_now().await.map(|()| 5) }).unwrap(), 5);
    assert_eq!(event_loop.time().as_nanos(), 0);
    assert_eq!(event_loop.run_until_complete(waiter.unwrap()).unwrap(), 2);
    assert_eq!(event_loop.time().as_nanos(), 1_000_000_000);
}

#[test]
fn a_stop_before_the_run_gives_one_iteration() {
    let mut event_loop = Loop::new(Config::default());
    let order = Said::default();
    for name in ["a", "b"] {
        let order = order.clone();
        let again = move || {
            order.borrow_mut().push(name.into());
            call_soon(move || order.borrow_mut().push(format!("{name} again")));
        };
        event_loop.call_soon(again).unwrap();
    }
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(*order.borrow(), ["a", "b"]);
    event_loop.stop();
    event_loop.run_forever().unwrap();
    assert_eq!(*order.borrow(), ["a", "b", "a again", "b again"]);
}

#[test]
fn a_loop_that_is_stopped_too_early_says_so() {
    let mut event_loop = Loop::new(Config::default());
    let stopped = event_loop.run_until_complete(async {
        stop();
        sleep(SECOND).await
    });
    assert!(matches!(&stopped, Err(Error::Misuse(text)) if text.contains("stopped before")));
    // It is not broken by that.
    assert!(event_loop.run_until_complete(sleep(SECOND)).is_ok());
}

#[test]
fn a_closed_loop_refuses_everything_and_says_why() {
    let mut event_loop = Loop::new(Config::default());
    let handle = event_loop.handle();
    event_loop.close().unwrap();
    event_loop.close().unwrap();
    assert!(event_loop.is_closed() && handle.is_closed());
    let refusals = [
        event_loop.run_until_complete(async {}).err(),
        event_loop.run_forever().err(),
        event_loop.call_soon(|| ()).err(),
        event_loop.call_later(SECOND, || ()).err(),
        event_loop.create_task(async {}).err(),
        event_loop.create_future::<(), Error>().err(),
        handle.call_soon_threadsafe(|| ()).err(),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Some(Error::LoopClosed)), "{refusal:?}");
    }
    assert!(Error::LoopClosed.to_string().contains("make a new one"));
}

#[test]
fn no_loop_runs_inside_another() {
    let mut other = Loop::new(Config::default());
    run(async move {
        assert!(matches!(other.run_until_complete(async {}), Err(Error::NestedRun)));
        assert!(matches!(other.run_forever(), Err(Error::NestedRun)));
        assert!(matches!(other.close(), Err(Error::NestedRun)));
        // What it refused has not harmed the loop around it.
        yield_now().await
    })
    .unwrap();
}

#[test]
fn a_future_of_another_loop_is_refused() {
    let (mut one, mut two) = (Loop::new(Config::default()), Loop::new(Config::default()));
    let task = one.create_task(async {}).unwrap();
    assert!(matches!(two.run_until_complete(task), Err(Error::WrongLoop)));
    assert!(one.run_until_complete(async {}).is_ok());
}

#[test]
fn two_loops_share_nothing() {
    let (mut one, mut two) = (Loop::new(Config::default()), Loop::new(Config::default()));
    one.run_until_complete(sleep(SECOND)).unwrap();
    two.run_until_complete(sleep(2 * SECOND)).unwrap();
    one.run_until_complete(sleep(SECOND)).unwrap();
    assert_eq!((one.time(), two.time()), (two.time(), one.time()));
}

#[test]
fn pending_tasks_are_dropped_in_order_and_reported_when_their_loop_closes() {
    let (event_loop, said) = listening(Config::default());
    let dropped = Said::default();
    struct Loud(&'static str, Said);
    impl Drop for Loud {
        fn drop(&mut self) {
            self.1.borrow_mut().push(self.0.into());
        }
    }
    for name in ["first", "second"] {
        let loud = Loud(name, dropped.clone());
        let pending = async move {
            let _loud = loud;
            sleep(SECOND).await
        };
        drop(event_loop.create_task(pending).unwrap());
    }
    drop(event_loop);
    assert_eq!(*dropped.borrow(), ["first", "second"]);
    assert_eq!(
        *said.borrow(),
        [
            "Task was destroyed but it is pending! (task main)",
            "Task was destroyed but it is pending! (task c0/1)"
        ]
    );
}

#[test]
fn a_call_from_another_thread_wakes_an_idle_loop() {
    let mut event_loop = Loop::new(Config::default().other_threads(true));
    let (idle, wait_for_idle) = mpsc::channel();
    let handle = event_loop.handle();
    let caller = thread::spawn(move || {
        let task: TaskRef = wait_for_idle.recv().unwrap();
        // Only then is there nothing left to do but to wait.
        handle.call_soon_threadsafe(move || assert!(task.cancel())).unwrap();
    });
    let ended = event_loop.run_until_complete(async move {
        let sleeper = spawn(std::future::pending::<()>());
        idle.send(sleeper.id()).unwrap();
        sleeper.await
    });
    assert!(matches!(ended, Err(Error::Cancelled(_))));
    caller.join().unwrap();
}

#[test]
fn calls_of_one_thread_arrive_in_order_and_outside_all_tasks() {
    let got = run(async {
        let (handle, order) = (loop_handle()?, std::sync::Arc::new(std::sync::Mutex::new(vec![])));
        let calls = order.clone();
        let caller = thread::spawn(move || {
            for number in 0..3 {
                let calls = calls.clone();
                let call = move || {
                    assert!(current_task().is_none());
                    calls.lock().unwrap().push(number);
                };
                handle.call_soon_threadsafe(call).unwrap();
            }
        });
        caller.join().unwrap();
        yield_now().await?;
        yield_now().await?;
        let got = order.lock().unwrap().clone();
        Ok::<_, Error>(got)
    });
    assert_eq!(got.unwrap(), [0, 1, 2]);
}

#[test]
fn debug_mode_can_be_switched_and_names_what_is_slow() {
    let (mut event_loop, said) = listening(Config::default());
    let slow = || async {
        let task = seedloop::spawn_named("slow one", async {
            seedloop::busy(Duration::from_millis(150));
        });
        task.await
    };
    event_loop.run_until_complete(slow()).unwrap();
    assert!(!event_loop.debug() && said.borrow().is_empty());
    event_loop.set_debug(true);
    event_loop.run_until_complete(slow()).unwrap();
    // A busy machine may be slow in real time, too.
    let said: Vec<_> = said.take().into_iter().filter(|t| t.starts_with("slow_callback")).collect();
    assert_eq!(said, ["slow_callback (task slow one): 150"]);
}

#[test]
fn debug_mode_names_what_is_slow_in_real_time() {
    let (mut event_loop, said) = listening(Config::default().debug(true));
    let blocks = || thread::sleep(Duration::from_millis(110)); // what must not be done
    event_loop.call_soon(blocks).unwrap();
    event_loop.run_until_complete(yield_now()).unwrap();
    let said = said.borrow();
    let blocked = said.iter().find(|text| text.contains("call_soon")).expect("it is named");
    assert!(blocked.starts_with("slow in real time (call_soon c0/c1): "), "{blocked}");
    assert_eq!(event_loop.time().as_nanos(), 0);
}

#[test]
fn the_handler_is_told_what_a_program_tells_it() {
    let (mut event_loop, said) = listening(Config::default());
    event_loop.call_exception_handler(&ExceptionContext::new("from outside"));
    event_loop
        .run_until_complete(async {
            seedloop::call_exception_handler(ExceptionContext::new("from inside").error("why"));
        })
        .unwrap();
    assert_eq!(*said.borrow(), ["from outside", "from inside: why"]);
}

#[test]
fn a_loop_replays_from_its_token() {
    let program = |event_loop: &mut Loop| {
        let order = Said::default();
        for name in ["a", "b", "c"] {
            let order = order.clone();
            let task = event_loop.create_task(async move {
                yield_now().await?;
                order.borrow_mut().push(name.into());
                Ok::<(), Error>(())
            });
            drop(task.unwrap());
        }
        event_loop.call_later(SECOND, stop).unwrap();
        event_loop.run_forever().unwrap();
        order.take()
    };
    let orders: std::collections::BTreeSet<Vec<String>> = (0..20)
        .map(|seed| {
            let mut first = Loop::seeded(Config::default(), seed, 0);
            let order = program(&mut first);
            let token = first.finish().token;
            let mut again = Loop::replay_with(Config::default(), &token).unwrap();
            assert_eq!(program(&mut again), order);
            let report = again.finish();
            assert_eq!((report.divergence, report.token), (None, token));
            order
        })
        .collect();
    assert_eq!(orders.len(), 6, "every order of three");
}

#[test]
fn a_runner_has_a_loop() {
    let mut runner = Runner::new(Config::default());
    let timer = runner.event_loop().call_later(SECOND, || ()).unwrap();
    runner.run(async { sleep(2 * SECOND).await }).unwrap();
    assert!(!timer.cancelled());
    assert_eq!(runner.event_loop().time(), runner.time());
}

#[test]
fn a_timer_of_the_loop_is_one_of_the_program() {
    let mut event_loop = Loop::new(Config::default());
    let order = Said::default();
    let say = |what: &'static str| {
        let order = order.clone();
        move || order.borrow_mut().push(format!("{what} at {}", now().as_nanos()))
    };
    let never = event_loop.call_at(event_loop.time() + SECOND, say("never")).unwrap();
    never.cancel();
    event_loop.call_later(SECOND, say("outside")).unwrap();
    let inside = say("inside");
    event_loop
        .run_until_complete(async move {
            call_later(SECOND, inside);
            sleep(SECOND).await
        })
        .unwrap();
    assert_eq!(*order.borrow(), ["outside at 1000000000", "inside at 1000000000"]);
}
