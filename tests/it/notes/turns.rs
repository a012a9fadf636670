//! Whose turn it is: suspension, fairness, and waiting for ever.

use std::{cell::Cell, rc::Rc};

use seedloop::{
    Config, Error, Event, Future, Instant, Runner, Task, busy, call_soon, log, run, sleep, spawn,
    spawn_named, yield_now,
};

use super::{check, cpython, lines, ms, reported};

#[test]
fn a_task_may_be_spawned_anywhere_and_runs_in_order_of_creation() {
    let main = async {
        let _a = spawn(async {
            log("a");
            let _e = spawn(async { log("e") });
        });
        async { drop(spawn(async { log("b") })) }.await;
        call_soon(|| {
            log("k");
            drop(spawn(async { log("d") }));
        });
        log("main has not yielded");
        yield_now().await?;
        log("after one iteration");
        yield_now().await?;
        yield_now().await
    };
    let expected =
        ["0 main has not yielded", "0 a", "0 b", "0 k", "0 after one iteration", "0 e", "0 d"];
    check("194", main, &expected);
}

#[test]
fn an_awaited_coroutine_runs_at_once_until_it_suspends() {
    async fn some_coroutine() -> Result<(), Error> {
        log("some_coroutine part 1");
        yield_now().await?;
        log("some_coroutine part 2");
        Ok(())
    }
    let main = async {
        let _ready = spawn(async { log("ready task") });
        some_coroutine().await?;
        log("main");
        Ok::<(), Error>(())
    };
    let expected = ["0 some_coroutine part 1", "0 ready task", "0 some_coroutine part 2", "0 main"];
    check("195", main, &expected);
}

#[test]
fn what_is_done_or_does_not_suspend_gives_nobody_a_turn() {
    let main = async {
        let other = spawn(async { log("other") });
        let f: Future<i32> = Future::new();
        f.set_result(1)?;
        f.await?;
        log("after a done future");
        async {}.await;
        log("after a coroutine that does not suspend");
        yield_now().await?;
        log("after sleep(0)");
        other.await?;
        log("after a done task");
        Ok::<(), Error>(())
    };
    let expected = [
        "0 after a done future",
        "0 after a coroutine that does not suspend",
        "0 other",
        "0 after sleep(0)",
        "0 after a done task",
    ];
    check("031", main, &expected);
}

#[test]
fn a_chain_of_awaits_takes_an_iteration_per_link() {
    let main = async {
        let a = spawn(async {
            sleep(ms(5)).await?;
            log("a over");
            Ok::<(), Error>(())
        });
        let link = |before: Task<()>, text: &'static str| {
            spawn(async move {
                before.await?;
                log(text);
                Ok::<(), Error>(())
            })
        };
        link(link(a, "b has a"), "c has b").await?;
        log("main has c");
        Ok::<(), Error>(())
    };
    check("030", main, &["5 a over", "5 b has a", "5 c has b", "5 main has c"]);
}

/// Logs the name three times, and yields after each.
fn three_turns(name: &'static str) -> Task<()> {
    spawn_named(name, async move {
        for _ in 0..3 {
            log(name);
            yield_now().await?;
        }
        Ok(())
    })
}

#[test]
fn control_goes_back_to_the_loop_which_takes_the_next_task() {
    let main = async {
        let (a, b) = (three_turns("a"), three_turns("b"));
        a.await?;
        b.await
    };
    check("032", main, &["0 a", "0 b", "0 a", "0 b", "0 a", "0 b"]);
}

#[test]
fn every_car_that_is_ready_drives_once_per_round() {
    let main = async {
        let [_car1, _car2, car3] = ["car1", "car2", "car3"].map(three_turns);
        car3.await
    };
    let round = ["0 car1", "0 car2", "0 car3"];
    check("202", main, &[round, round, round].concat());
}

#[test]
fn a_car_that_waits_at_a_light_may_wait_for_ever() {
    let stuck = run(async { Event::new().wait().await });
    let Err(Error::Deadlock(deadlock)) = stuck else { panic!("{stuck:?}") };
    let names: Vec<&str> = deadlock.tasks.iter().map(|task| &*task.name).collect();
    assert_eq!(names, ["main"]);
    assert!(deadlock.tasks[0].waits_for[0].starts_with("Event::wait"), "{deadlock}");
    let mut runner = Runner::new(Config::default());
    assert!(runner.run(async { Event::new().wait().await }).is_err());
    assert_eq!(runner.time(), Instant::from_nanos(0), "and it is found at once");
}

#[test]
fn nobody_is_interrupted_in_the_middle_of_a_step() {
    let main = async {
        let blocking = spawn(async {
            log("busy starts");
            busy(ms(100));
            log("busy ends");
        });
        let other = spawn(async { log("other") });
        blocking.await?;
        other.await?;
        log("main");
        Ok::<(), Error>(())
    };
    check("201", main, &["0 busy starts", "100 busy ends", "100 other", "100 main"]);
}

#[test]
fn a_coroutine_is_awaited_once() {
    let twice = run(async {
        let mut once = Box::pin(async { 1 });
        assert_eq!((&mut once).await, 1);
        once.await
    });
    let Err(Error::Panicked(text)) = twice else { panic!("{twice:?}") };
    assert!(text.contains("resumed after completion"), "{text}");
}

#[test]
fn a_task_that_awaits_itself_is_told_so_and_goes_on() {
    let main = async {
        let own = Rc::new(Cell::new(None::<Future<()>>));
        let slot = own.clone();
        let task = spawn(async move {
            yield_now().await?;
            let itself = slot.take().expect("it was put there").await;
            assert!(matches!(itself, Err(Error::AwaitSelf)));
            log("on");
            Ok::<(), Error>(())
        });
        own.set(Some(task.future()));
        task.await
    };
    let texts = lines(&reported(main)).into_iter().map(|(_, text)| text);
    assert!(texts.eq(cpython("033").into_iter().map(|(_, text)| text)));
    let text = Error::AwaitSelf.to_string();
    assert_eq!(text, "a task cannot await itself: await it from another");
}
