//! The loop's iterations, timers and callbacks.

use std::{cell::RefCell, rc::Rc, thread, time::Duration};

use seedloop::{
    Config, Error, Handle, Instant, Runner, busy, call_at, call_later, call_soon, log, loop_handle,
    now, sleep, spawn, yield_now,
};

use super::{check, cpython, lines, log_now, ms, reported};

#[test]
fn what_a_handle_schedules_runs_in_the_next_iteration() {
    let main = async {
        let said = |name: &'static str| move || log(name);
        call_soon(move || {
            log("a");
            call_soon(said("a2"));
        });
        call_soon(said("b"));
        let _w = spawn(async move {
            log("w");
            call_soon(said("w2"));
        });
        yield_now().await?;
        log("main");
        yield_now().await?;
        log("end");
        Ok::<(), Error>(())
    };
    check("020", main, &["0 a", "0 b", "0 w", "0 main", "0 a2", "0 w2", "0 end"]);
}

#[test]
fn timers_of_one_instant_fire_in_the_order_of_their_calls() {
    let main = async {
        for name in ["k0", "k1", "k2", "k3", "k4", "k5"] {
            call_later(ms(5), move || log(name));
        }
        sleep(ms(5)).await?;
        log("main");
        sleep(ms(1)).await
    };
    check("021", main, &["5 k0", "5 k1", "5 k2", "5 k3", "5 k4", "5 k5", "5 main"]);
}

/// CPython's program has one more, of -5 ms; a `Duration` is not negative.
#[test]
fn timers_fire_by_their_deadlines_also_late_ones() {
    let main = async {
        let said = |name: &'static str| move || log(name);
        call_later(ms(30), said("d30"));
        call_later(ms(10), said("d10"));
        call_at(Instant::from_millis(20), said("at20"));
        call_later(ms(0), said("d0"));
        busy(ms(25));
        log("blocked until 25");
        yield_now().await?;
        log("after one iteration");
        sleep(ms(20)).await
    };
    let ours = lines(&reported(main));
    let expected = [
        (1, "25 blocked until 25"),
        (2, "25 after one iteration"),
        (2, "25 d0"),
        (2, "25 d10"),
        (2, "25 at20"),
        (3, "30 d30"),
    ];
    assert_eq!(ours, expected.map(|(iteration, text)| (iteration, text.to_string())));
    let mut theirs = cpython("022");
    theirs.retain(|(_, text)| text != "25 neg");
    assert_eq!(ours, theirs);
}

#[test]
fn a_due_timer_comes_behind_what_is_ready() {
    let main = async {
        call_later(Duration::ZERO, || log("timer"));
        call_soon(|| log("soon"));
        yield_now().await?;
        log("main");
        yield_now().await
    };
    check("023", main, &["0 soon", "0 main", "0 timer"]);
}

#[test]
fn a_cancelled_timer_never_moves_the_clock() {
    let main = async {
        let said = |name: &'static str| move || log(name);
        let early = call_later(ms(10), said("early"));
        let late = call_later(ms(1_000), said("late"));
        call_later(ms(15), said("kept"));
        early.cancel();
        late.cancel();
        sleep(ms(20)).await?;
        log("main");
        log_now();
        Ok::<(), Error>(())
    };
    check("024", main, &["15 kept", "20 main", "20 now 20"]);
}

/// The thread's call is made in real time, before the step at 10 ms ends.
#[test]
fn a_call_from_another_thread_comes_before_a_timer_of_the_same_instant() {
    let main = async {
        call_later(ms(10), || log("timer"));
        let handle = loop_handle()?;
        call_soon(move || {
            busy(ms(10));
            let call = move || handle.call_soon_threadsafe(|| log("thread"));
            thread::spawn(call).join().expect("no panic").expect("the loop is open");
        });
        sleep(ms(10)).await?;
        log("main");
        Ok::<(), Error>(())
    };
    let texts: Vec<String> = lines(&reported(main)).into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, ["10 thread", "10 timer", "10 main"]);
    let theirs: Vec<String> = cpython("025").into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, theirs);
}

#[test]
fn a_handle_that_is_cancelled_by_an_earlier_one_does_not_run() {
    let main = async {
        let doomed = Rc::new(RefCell::new(Vec::<Handle>::new()));
        let handles = doomed.clone();
        call_soon(move || {
            log("a");
            handles.borrow().iter().for_each(Handle::cancel);
        });
        doomed.borrow_mut().push(call_soon(|| log("b")));
        call_soon(|| log("c"));
        doomed.borrow_mut().push(call_later(Duration::ZERO, || log("later")));
        yield_now().await?;
        yield_now().await
    };
    check("158", main, &["0 a", "0 c"]);
}

#[test]
fn a_blocking_step_delays_all_timers() {
    let main = async {
        for (delay, name) in [(30, "at30"), (10, "at10"), (60, "at60"), (20, "at20")] {
            call_later(ms(delay), move || log(name));
        }
        busy(ms(50));
        log("blocked until 50");
        sleep(ms(20)).await?;
        log("main");
        Ok::<(), Error>(())
    };
    let expected = ["50 blocked until 50", "50 at10", "50 at20", "50 at30", "60 at60", "70 main"];
    check("161", main, &expected);
}

/// CPython's lines, from `tests/conformance/028`: 100 ms by 199, 150 ms by 349.
#[test]
fn debug_mode_names_the_steps_that_block_for_100_ms() {
    let mut runner = Runner::new(Config::default().debug(true));
    let told = Rc::new(RefCell::new(Vec::new()));
    let heard = told.clone();
    runner.set_exception_handler(move |context| {
        let text = context.to_string();
        if text.starts_with("slow_callback") {
            heard.borrow_mut().push(format!("{} {text}", now().as_millis()));
        }
    });
    let main = async {
        busy(ms(99));
        yield_now().await?;
        busy(ms(100));
        yield_now().await?;
        call_soon(|| busy(ms(150)));
        yield_now().await
    };
    runner.run(main).unwrap();
    runner.close().unwrap();
    let expected = ["199 slow_callback (task main): 100", "349 slow_callback (call_soon c1): 150"];
    assert_eq!(told.take(), expected);
}
