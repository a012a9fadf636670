//! One line replays a run, fails closed where it diverges, and means the same in every process.

use std::{cell::Cell, process::Command, rc::Rc, time::Duration};

use proptest::prelude::*;
use seedloop::{
    Check, Config, Error, Failure, FailureKind, Lock, Runner, Token, gather, run, sched::Algorithm,
    schedules, sleep, spawn, yield_now,
};

/// Ten tasks that contend, sleep and spawn; `extra` is a step more in one of them.
async fn busy_program(extra: bool) -> Result<(), Error> {
    let lock = Lock::new();
    let worker = |n: u64, lock: Lock| async move {
        for round in 0..3 {
            let guard = lock.acquire().await?;
            yield_now().await?;
            if extra && n == 4 && round == 1 {
                seedloop::log("changed");
                yield_now().await?;
            }
            drop(guard);
            sleep(Duration::from_millis(n % 3)).await?;
        }
        let child = spawn(async { yield_now().await });
        child.await
    };
    gather((0..10).map(|n| worker(n, lock.clone()))).await.map(drop)
}

fn token_of(seed: u64, config: Config) -> (Token, String) {
    let mut runner = Runner::seeded(config, seed, 3);
    runner.run(busy_program(false)).unwrap();
    let report = runner.finish();
    (report.token.clone(), report.digest.to_string())
}

#[test]
fn a_token_gives_the_same_run() {
    for seed in 0..20 {
        let (token, digest) = token_of(seed, Config::default().fresh_wakers(true));
        let token: Token = token.to_string().parse().unwrap();
        let mut runner = Runner::replay(&token).unwrap();
        runner.run(busy_program(false)).unwrap();
        let report = runner.finish();
        assert_eq!((report.digest.to_string(), report.divergence.clone()), (digest.clone(), None));
        // The choices alone give it too.
        let mut runner = Runner::replay(&report.raw_token()).unwrap();
        runner.run(busy_program(false)).unwrap();
        let raw = runner.finish();
        assert_eq!((raw.digest.to_string(), raw.divergence), (digest, None));
    }
}

#[test]
fn replay_after_the_program_changed_fails_at_the_step() {
    let mut diverged = 0;
    for seed in 0..20 {
        let (token, _) = token_of(seed, Config::default());
        let mut runner = Runner::replay(&token).unwrap();
        let result = runner.run(busy_program(true));
        let Err(Error::Diverged(divergence)) = result else { panic!("{result:?}") };
        assert!(divergence.to_string().starts_with("diverged at step "), "{divergence}");
        diverged += divergence.step;
    }
    assert!(diverged > 0);
}

#[test]
fn a_shorter_and_a_longer_program_diverge() {
    let program = |turns: u32| async move {
        for _ in 0..turns {
            yield_now().await?;
        }
        Ok::<(), Error>(())
    };
    let mut runner = Runner::seeded(Config::default(), 0, 0);
    runner.run(program(5)).unwrap();
    let token = runner.finish().token;
    for turns in [4, 6] {
        let mut runner = Runner::replay(&token).unwrap();
        let _ = runner.run(program(turns));
        let divergence = runner.finish().divergence.expect("another program");
        assert!(divergence.to_string().contains("run it without the token"), "{divergence}");
    }
}

/// In which order two tasks run decides.
async fn race() -> Result<(), Error> {
    let first = Rc::new(Cell::new(0));
    let note = |n: u32, first: Rc<Cell<u32>>| async move {
        yield_now().await?;
        if first.get() == 0 {
            first.set(n);
        }
        Ok::<(), Error>(())
    };
    gather((note(1, first.clone()), note(2, first.clone()))).await?;
    assert_eq!(first.get(), 1, "the second was first");
    Ok(())
}

fn find_race() -> Box<Failure> {
    Check::new().schedules(100).try_run(race).unwrap_err()
}

#[test]
fn a_failure_replays_from_its_token() {
    let failure = find_race();
    assert_eq!(failure.kind, FailureKind::Panic);
    let mut runner = Runner::replay(failure.token.as_ref().unwrap()).unwrap();
    assert!(runner.run(race()).is_err());
    assert_eq!(runner.finish().divergence, None);
    let passes = run(race());
    assert!(passes.is_ok(), "asyncio's order passes");
}

#[test]
fn a_swarms_token_replays_with_and_without_faults() {
    let program = || async {
        let _ = busy_program(false).await;
        Err::<(), Error>(Error::QueueFull)
    };
    for seed in 0..8 {
        let check = Check::new().seed(seed).cancellations(1).cancel_any().slips(1);
        let check = check.sampler(Algorithm::Swarm);
        let failure = check.shrink(false).try_run(program).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Error, "{failure}");
        let text = failure.token.as_ref().expect("a failure has one").to_string();
        assert!(text.starts_with(&format!("sl1-s.swarm.{seed}.0-")), "{text}");
        let mut runner = Runner::replay(&text.parse::<Token>().unwrap()).unwrap();
        runner.run(program()).unwrap_err();
        let again = runner.finish();
        assert_eq!((again.digest, again.divergence), (failure.digest, None));
    }
}

#[test]
fn a_program_that_chance_decides_is_named_as_such() {
    let flip = Cell::new(0);
    let failure = Check::new().schedules(10).try_run(|| {
        flip.set(flip.get() + 1);
        let turns = flip.get();
        async move {
            for _ in 0..turns {
                yield_now().await?;
            }
            Ok::<(), Error>(())
        }
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Nondeterminism);
    assert!(failure.text.contains("another run, from step"), "{}", failure.text);
}

/// Prints the digests of some runs, when it is asked to by the test below.
#[test]
fn digests_for_another_process() {
    if std::env::var_os("SEEDLOOP_TEST_DIGESTS").is_some() {
        for seed in 0..5 {
            let (token, digest) = token_of(seed, Config::default().fresh_wakers(true));
            println!("digest {token} {digest}");
        }
    }
}

#[test]
fn two_processes_get_equal_digests() {
    let run = || {
        let this = std::env::current_exe().unwrap();
        let test = ["replay::digests_for_another_process", "--exact", "--nocapture"];
        let output = Command::new(this).args(test).env("SEEDLOOP_TEST_DIGESTS", "1").output();
        let text = String::from_utf8(output.unwrap().stdout).unwrap();
        text.lines().filter(|line| line.contains("digest sl1-")).map(String::from).collect()
    };
    let (one, two): (Vec<String>, Vec<String>) = (run(), run());
    assert_eq!(one.len(), 5, "{one:?}");
    assert_eq!(one, two);
}

proptest! {
    #[test]
    fn any_text_is_a_token_or_refused(text in "(sl1-)?[a-z0-9.-]{0,60}") {
        if let Ok(token) = text.parse::<Token>() {
            prop_assert_eq!(token.to_string(), text);
        }
    }

    #[test]
    fn a_changed_token_is_refused_or_replays_closed(at in 0..100_usize, to in "[a-z0-9.-]") {
        let (token, _) = token_of(1, Config::default());
        let mut text = token.to_string();
        let at = at % text.len();
        text.replace_range(at..=at, &to);
        if let Ok(changed) = text.parse::<Token>()
            && changed != token
            && let Ok(mut runner) = Runner::replay(&changed)
        {
            let _ = runner.run(busy_program(false));
            // Another limit, or another budget that is not used, may leave the run as it is.
            let same_settings = changed.settings == token.settings;
            prop_assert!(runner.finish().divergence.is_some() || !same_settings);
        }
    }

    #[test]
    fn every_schedule_is_a_legal_run_and_its_token_replays(schedule in schedules()) {
        let check = Check::new().cancellations(1).cancel_any().slips(1);
        let program = || async {
            let _ = busy_program(false).await;
        };
        let report = check.try_schedule(&schedule, program);
        let report = report.map_err(|failure| TestCaseError::fail(failure.to_string()))?;
        let token: Token = report.token.to_string().parse().unwrap();
        let mut runner = Runner::replay(&token).unwrap();
        runner.run(program()).unwrap();
        let again = runner.finish();
        prop_assert_eq!((again.digest, again.divergence), (report.digest, None));
    }
}
