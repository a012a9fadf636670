//! The four exercises, and two coroutines, together and one after the other.

use std::{cell::Cell, rc::Rc};

use seedloop::{Error, Task, busy, gather, log, now, run, sleep, spawn};

use super::{check, log_now, ms};

async fn takes_long(secs: u64) -> Result<(), Error> {
    log("non blocking code still runs");
    sleep(ms(1_000 * secs)).await?;
    log("inside some_long_time_taking_task");
    Ok(())
}

#[test]
fn exercise_1_plain_functions_block() {
    fn some_long_time_taking_task() {
        busy(ms(5_000));
        log("inside some_long_time_taking_task");
    }
    let main = async {
        log("inside main");
        some_long_time_taking_task();
        log("function called and done");
        log_now();
    };
    let expected = [
        "0 inside main",
        "5000 inside some_long_time_taking_task",
        "5000 function called and done",
        "5000 now 5000",
    ];
    check("001", main, &expected);
}

#[test]
fn exercise_2_awaiting_a_coroutine_is_no_faster() {
    async fn some_long_time_taking_task() -> Result<(), Error> {
        sleep(ms(5_000)).await?;
        log("inside some_long_time_taking_task");
        Ok(())
    }
    let main = async {
        log("inside main");
        some_long_time_taking_task().await?;
        log("function called and done");
        log_now();
        Ok::<(), Error>(())
    };
    let expected = [
        "0 inside main",
        "5000 inside some_long_time_taking_task",
        "5000 function called and done",
        "5000 now 5000",
    ];
    check("002", main, &expected);
}

#[test]
fn exercise_3_a_task_runs_when_main_awaits() {
    let main = async {
        log("inside main");
        let task = spawn(takes_long(5));
        log("function called and done");
        task.await
    };
    let expected = [
        "0 inside main",
        "0 function called and done",
        "0 non blocking code still runs",
        "5000 inside some_long_time_taking_task",
    ];
    check("003", main, &expected);
}

/// The task starts at main's next await, whatever that is: here during the sleep.
async fn worked_trace(secs: u64) -> Result<(), Error> {
    log("inside main");
    let task = spawn(takes_long(secs));
    log("function called and done");
    sleep(ms(6_000)).await?;
    log("slept for 6 sec");
    task.await?;
    log("main over");
    Ok(())
}

#[test]
fn exercise_4_the_worked_trace() {
    let expected = [
        "0 inside main",
        "0 function called and done",
        "0 non blocking code still runs",
        "5000 inside some_long_time_taking_task",
        "6000 slept for 6 sec",
        "6000 main over",
    ];
    check("004", worked_trace(5), &expected);
}

#[test]
fn exercise_4_with_ten_seconds_main_waits_for_the_task_all_the_same() {
    let expected = [
        "0 inside main",
        "0 function called and done",
        "0 non blocking code still runs",
        "6000 slept for 6 sec",
        "10000 inside some_long_time_taking_task",
        "10000 main over",
    ];
    check("005", worked_trace(10), &expected);
}

#[test]
fn exercise_4_without_the_await_the_task_is_cancelled_at_the_end() {
    let told = Rc::new(Cell::new(None));
    let heard = told.clone();
    let main = async move {
        log("inside main");
        let _task = spawn(async move {
            let slept = sleep(ms(10_000)).await;
            heard.set(Some((now().as_millis(), matches!(slept, Err(Error::Cancelled(_))))));
            slept?;
            log("inside some_long_time_taking_task");
            Ok::<(), Error>(())
        });
        sleep(ms(6_000)).await?;
        log("slept for 6 sec");
        log("main over");
        Ok::<(), Error>(())
    };
    check("006", main, &["0 inside main", "6000 slept for 6 sec", "6000 main over"]);
    assert_eq!(told.get(), Some((6_000, true)));
}

#[test]
fn two_tasks_of_2_s_and_1_s_take_2_s() {
    async fn coro(name: &str, secs: u64, end: &str) -> Result<(), Error> {
        log(format_args!("{name}: Starting"));
        sleep(ms(1_000 * secs)).await?;
        log(format_args!("{name}: Finishing after {end}"));
        Ok(())
    }
    let main = async {
        let coro1 = spawn(coro("coro1", 2, "2 seconds"));
        let coro2 = spawn(coro("coro2", 1, "1 second"));
        coro1.await?;
        coro2.await?;
        log_now();
        Ok::<(), Error>(())
    };
    let expected = [
        "0 coro1: Starting",
        "0 coro2: Starting",
        "1000 coro2: Finishing after 1 second",
        "2000 coro1: Finishing after 2 seconds",
        "2000 now 2000",
    ];
    check("007", main, &expected);
}

async fn value_after<T>(secs: u64, value: T) -> Result<T, Error> {
    sleep(ms(1_000 * secs)).await?;
    Ok(value)
}

#[test]
fn one_after_the_other_they_take_3_s() {
    let main = async {
        log(value_after(2, "one").await?);
        log(value_after(1, "two").await?);
        log_now();
        Ok::<(), Error>(())
    };
    check("008", main, &["2000 one", "3000 two", "3000 now 3000"]);
}

#[test]
fn gather_gives_the_values_in_the_order_of_its_arguments() {
    let main = async {
        let (one, two) = gather((value_after(2, 1), value_after(1, 2))).await?;
        log(format_args!("gather {:?}", [one, two]));
        Ok::<(), Error>(())
    };
    check("009", main, &["2000 gather [1, 2]"]);
    let main = async {
        let both = gather([value_after(2, ()), value_after(1, ())]).await?;
        log(format_args!("gather {both:?}"));
        log_now();
        Ok::<(), Error>(())
    };
    check("203", main, &["2000 gather [(), ()]", "2000 now 2000"]);
    let main = async { gather(Vec::<Task<u32>>::new()).await };
    assert_eq!(run(main).unwrap(), [0_u32; 0], "nothing to gather is done at once");
}
