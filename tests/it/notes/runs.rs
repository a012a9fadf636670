//! Runs and loops: what they give, and what they refuse.

use seedloop::{
    Config, Error, Lock, Loop, Runner, gather, log, loop_handle, run, sleep, spawn, yield_now,
};

use super::{check, cpython, lines, ms, reported};

#[test]
fn run_gives_what_main_returns() {
    check("190", async { 42 }, &[]);
    assert_eq!(run(async { 42 }).unwrap(), 42);
}

#[test]
fn run_returns_when_main_is_over() {
    let main = async {
        for _ in 0..100 {
            log(2);
            sleep(ms(1_000)).await?;
        }
        Ok::<(), Error>(())
    };
    let report = reported(main);
    let expected: Vec<String> = (0..100).map(|secs| format!("{} 2", secs * 1_000)).collect();
    let ours: Vec<String> = lines(&report).into_iter().map(|(_, text)| text).collect();
    assert_eq!(ours, expected);
    assert_eq!(lines(&report), cpython("193"));
    assert_eq!(report.time_ns, 100_000_000_000, "what stands after the run comes after 100 s");
}

#[test]
fn a_run_inside_a_run_is_refused_in_every_form_and_the_outer_one_goes_on() {
    let main = async {
        let mut other = Loop::new(Config::default());
        let refused = [
            run(async {}),
            Runner::new(Config::default()).run(async {}),
            other.run_until_complete(async {}),
            other.close(),
        ];
        for refusal in refused {
            assert!(matches!(refusal, Err(Error::NestedRun)), "{refusal:?}");
        }
        sleep(ms(1)).await?;
        log("still running");
        Ok::<(), Error>(())
    };
    check("013", main, &["1 still running"]);
    assert_eq!(Error::NestedRun.to_string(), "run is not nested: use spawn, or await the future");
}

#[test]
fn without_a_run_there_is_no_loop() {
    assert!(matches!(loop_handle(), Err(Error::NoRunningLoop)));
    let text = "no running loop: call this inside seedloop::run, or in a Check";
    assert_eq!(Error::NoRunningLoop.to_string(), text);
    let payload = std::panic::catch_unwind(|| drop(spawn(async {}))).unwrap_err();
    assert_eq!(payload.downcast_ref::<&str>(), Some(&text));
}

#[test]
fn loops_share_nothing() {
    async fn program() -> Result<(), Error> {
        let turn = |name: char| spawn(async move { log(name) });
        gather("abcdef".chars().map(turn)).await?;
        Ok(())
    }
    let runner = |seed| Runner::seeded(Config::default(), seed, 0);
    let alone = [1, 2].map(|seed| {
        let mut runner = runner(seed);
        (0..3).for_each(|_| runner.run(program()).unwrap());
        runner.finish().digest
    });
    let mut both = [1, 2].map(runner);
    for _ in 0..3 {
        both.iter_mut().for_each(|runner| runner.run(program()).unwrap());
    }
    assert_eq!(both.map(|runner| runner.finish().digest), alone);
    assert_ne!(alone[0], alone[1]);

    let mut closed = Runner::new(Config::default());
    closed.close().unwrap();
    assert!(matches!(closed.run(async {}), Err(Error::LoopClosed)));
    assert_eq!(Error::LoopClosed.to_string(), "the runner is closed: make a new one");
}

#[test]
fn a_lock_of_one_loop_is_refused_by_another() {
    let lock = Lock::new();
    let contend = |lock: Lock| async move {
        let held = lock.acquire().await?;
        let waiter = spawn(async move { lock.acquire().await.map(drop) });
        yield_now().await?;
        drop(held);
        waiter.await
    };
    run(contend(lock.clone())).unwrap();
    let refused = run(contend(lock));
    assert!(matches!(refused, Err(Error::WrongLoop)));
    assert!(Error::WrongLoop.to_string().contains("make it inside this one"));
}
