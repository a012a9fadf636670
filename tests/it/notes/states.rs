//! Errors, timeouts, and what a task or a future is at each moment.

use std::{cell::RefCell, rc::Rc, time::Duration};

use seedloop::{Config, Error, Future, Runner, log, sleep, spawn, wait_for, yield_now};

use super::{Fault, check, cpython, lines, log_now, ms, python, state};

#[test]
fn an_error_reaches_whoever_awaits_the_coroutine() {
    async fn faulty_task() -> Result<(), Fault> {
        Err(Fault::Said("An error occurred"))
    }
    let main = async {
        if let Err(error) = faulty_task().await {
            log(error);
        }
    };
    check("010", main, &["0 An error occurred"]);
}

#[test]
fn wait_for_gives_up_after_its_timeout() {
    let main = async {
        if let Err(Error::TimedOut) = wait_for(sleep(ms(2_000)), ms(1_000)).await {
            log("Task timed out");
        }
        log_now();
    };
    check("011", main, &["1000 Task timed out", "1000 now 1000"]);
}

/// CPython's program does it twice, with 0 and with -1; a `Duration` is not negative.
#[test]
fn wait_for_with_no_time_starts_nothing_and_takes_what_is_there() {
    let main = async {
        for _ in ["0", "-1"] {
            let never = async {
                log("never");
                Ok::<(), Error>(())
            };
            let given_up = wait_for(never, Duration::ZERO).await;
            assert!(matches!(given_up, Err(Error::TimedOut)));
            log("t");
        }
        let done: Future<i32> = Future::new();
        done.set_result(1)?;
        assert_eq!(wait_for(done, Duration::ZERO).await?, 1);
        Ok::<(), Error>(())
    };
    check("073", main, &["0 t", "0 t"]);
}

#[test]
fn a_task_that_is_told_to_end_is_not_done_yet() {
    let main = async {
        let mut w = spawn(async {
            sleep(ms(10)).await?;
            Ok::<i32, Error>(1)
        });
        log(state(&w));
        log(python(&w.result().unwrap_err()));
        log(format_args!("cancel {}", w.cancel()));
        log(state(&w));
        assert!(matches!((&mut w).await, Err(Error::Cancelled(_))));
        log(state(&w));
        log(python(&w.result().unwrap_err()));
        log(format_args!("cancel {}", w.cancel()));
    };
    let expected = [
        "0 state pending",
        "0 InvalidStateError",
        "0 cancel true",
        "0 state pending",
        "0 state cancelled",
        "0 CancelledError",
        "0 cancel false",
    ];
    check("017", main, &expected);
}

#[test]
fn a_tasks_error_does_not_end_the_program_and_is_reported_if_nobody_looks() {
    async fn program() -> Result<(), Fault> {
        let bad = spawn(async { Err::<(), Fault>(Fault::Said("lost")) });
        sleep(ms(5)).await?;
        log("main goes on");
        log(state(&bad));
        Ok(())
    }
    check("018", program(), &["5 main goes on", "5 state failed"]);
    let mut runner = Runner::new(Config::default());
    let told = Rc::new(RefCell::new(Vec::new()));
    let heard = told.clone();
    runner.set_exception_handler(move |context| heard.borrow_mut().push(context.to_string()));
    runner.run(program()).unwrap();
    runner.close().unwrap();
    drop(runner);
    assert_eq!(told.take(), ["Task exception was never retrieved (task 1): lost"]);
}

#[test]
fn mains_error_is_what_run_gives_after_the_clean_up_of_the_others() {
    let mut runner = Runner::new(Config::default().record(true));
    let failed = runner.run(async {
        let _a = spawn(async {
            let slept = sleep(ms(100)).await;
            log("a cleanup");
            slept
        });
        sleep(ms(1)).await?;
        Err::<(), Fault>(Fault::Said("k"))
    });
    assert!(matches!(failed, Err(Fault::Said("k"))));
    runner.close().unwrap();
    let ours = lines(&runner.finish());
    assert_eq!(ours, [(6, "1 a cleanup".to_string())]);
    assert_eq!(ours, cpython("054"));
}

#[test]
fn a_future_is_set_once_and_says_so() {
    let main = async {
        let failed = |error: Result<(), Error>| log(python(&error.unwrap_err()));
        let f: Future<i32> = Future::new();
        failed(f.result().map(drop));
        failed(f.error().map(drop));
        f.set_result(1)?;
        failed(f.set_result(2));
        failed(f.set_error(Error::QueueEmpty));
        log(format_args!("cancel {}", f.cancel()));
        log(format_args!("result {}", f.result()?));
        assert!(f.error()?.is_none());
        log("exception ()");
        let g: Future<i32> = Future::new();
        log(format_args!("cancel {}", g.cancel_with("why")));
        log(state(&g));
        log(format_args!("cancel {}", g.cancel()));
        let why = g.error().unwrap_err();
        assert_eq!(why.cancelled().unwrap().message(), Some("why"));
        log(python(&why));
        failed(g.set_result(3));
        let k: Future<(), Fault> = Future::new();
        k.set_error(Fault::Said("k"))?;
        for _ in 0..2 {
            assert!(matches!(k.clone().await, Err(Fault::Said("k"))));
        }
        Ok::<(), Error>(())
    };
    let expected = [
        "0 InvalidStateError",
        "0 InvalidStateError",
        "0 InvalidStateError",
        "0 InvalidStateError",
        "0 cancel false",
        "0 result 1",
        "0 exception ()",
        "0 cancel true",
        "0 state cancelled",
        "0 cancel false",
        "0 CancelledError",
        "0 InvalidStateError",
    ];
    check("035", main, &expected);
}

#[test]
fn a_future_is_awaited_by_any_number() {
    let main = async {
        let f: Future<i32> = Future::new();
        let waiter = |name: &'static str| {
            let f = f.clone();
            async move {
                assert_eq!(f.await?, 42);
                log(format_args!("{name} has it"));
                Ok::<(), Error>(())
            }
        };
        let (a, b) = (spawn(waiter("a")), spawn(waiter("b")));
        sleep(ms(5)).await?;
        log(state(&f));
        f.set_result(42)?;
        log(state(&f));
        a.await?;
        b.await
    };
    let expected = ["5 state pending", "5 state finished 42", "5 a has it", "5 b has it"];
    check("196", main, &expected);
}

#[test]
fn done_callbacks_run_by_call_soon_in_order_of_addition() {
    let main = async {
        let f: Future<i32> = Future::new();
        f.add_done_callback(|_| log("one"));
        let two = f.add_done_callback(|_| log("two"));
        f.add_done_callback(|_| log("three"));
        assert!(f.remove_done_callback(two));
        let _w = spawn(f.clone());
        yield_now().await?;
        f.set_result(3)?;
        log("set");
        f.add_done_callback(|_| log("late"));
        yield_now().await?;
        log("end");
        Ok::<(), Error>(())
    };
    check("036", main, &["0 set", "0 one", "0 three", "0 late", "0 end"]);
}
