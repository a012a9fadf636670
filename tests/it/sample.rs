//! Samplers: what they promise, as statistics over fixed seeds, and that each of their runs can be
//! had again.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
    process::Command,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use seedloop::{
    Check, Config, Error, Failure, Runner, gather,
    sched::{Algorithm, Sampler, Scheduler},
    sleep, spawn,
    trace::Plan,
    yield_now,
};

use crate::bugs::{lost_update, order_violation, philosophers, yields};

const ALL: [Algorithm; 9] = [
    Algorithm::Portfolio,
    Algorithm::Random,
    Algorithm::Swarm,
    Algorithm::Pct(1),
    Algorithm::Pct(3),
    Algorithm::Pos,
    Algorithm::Urw,
    Algorithm::Surw,
    Algorithm::PctUrw(2),
];

/// How many of the runs after the first four fail; and the most steps and owners of steps.
fn failures<F>(algorithm: Algorithm, runs: u64, program: impl Fn() -> F) -> (u64, u64)
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let config = Config::default().tracked(true).probe(false);
    let mut runner = Runner::with_scheduler(config, Box::new(Sampler::new(algorithm, 1)));
    runner.set_exception_handler(|_| {});
    let (mut last, mut failed, mut steps) = (None, 0, 0);
    for run in 0..runs + 4 {
        runner.again(last.as_ref());
        let is_bad = runner.run(program()).is_err();
        failed += u64::from(is_bad && run >= 4);
        let report = runner.end();
        steps = steps.max(report.steps);
        last = Some(report.summary(!is_bad));
    }
    (failed, steps)
}

/// The bound of the paper: `1/(n k^(depth-1))`, with n owners of steps and k steps. What is
/// measured must not lie below it by more than chance explains (four standard deviations).
fn holds_the_bound<F>(name: &str, depth: u32, owners: u64, program: impl Fn() -> F)
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let runs = 4_000;
    let (failed, steps) = failures(Algorithm::Pct(depth), runs, program);
    let bound = 1.0 / (owners as f64 * (steps as f64).powi(depth as i32 - 1));
    let expected = bound * runs as f64;
    println!("{name}: PCT({depth}) {failed} of {runs}, bound {expected:.1} ({steps} steps)");
    assert!(failed as f64 >= expected - 4.0 * expected.sqrt(), "{name}: {failed} < {expected}");
    assert!(failed > 0, "{name} is found");
}

#[test]
fn pct_holds_its_bound() {
    // The tasks, main, and what the run adds: a callback, and the two tasks of its clean-up.
    holds_the_bound("order violation + 8", 1, 10 + 1 + 3, || order_violation(8));
    holds_the_bound("lost update of 3", 2, 3 + 1 + 3, || lost_update(3));
    holds_the_bound("philosophers 3", 3, 3 + 1 + 3, || philosophers(3));
}

/// No sampler is the best: each of these finds what others hardly do.
#[test]
fn samplers_differ_by_what_they_find() {
    let runs = 2_000;
    let rate = |algorithm| failures(algorithm, runs, || philosophers(4)).0;
    let (random, urw) = (rate(Algorithm::Random), rate(Algorithm::Urw));
    println!("philosophers 4: random {random}, urw {urw} of {runs}");
    assert!(urw > 5 * random.max(1), "{urw} > {random}");
    let rate = |algorithm| failures(algorithm, runs, || lost_update(10)).0;
    let (urw, pos) = (rate(Algorithm::Urw), rate(Algorithm::Pos));
    println!("lost update of 10: urw {urw}, pos {pos} of {runs}");
    assert!(pos > 5 * urw.max(1), "{pos} > {urw}");
}

/// Two tasks of three and five steps, each with the callback of its end: chains of four and six,
/// which have 210 interleavings. Each is as likely as any other, and comes again as seldom as may
/// be: of independent draws 15 would be missing after 550 runs, and all had after some 1,250.
#[test]
fn the_uniform_walk_is_uniform() {
    let (orders, each) = (210, 100);
    let mut runner =
        Runner::with_scheduler(Config::default(), Box::new(Sampler::new(Algorithm::Urw, 5)));
    let (mut last, mut counts, mut all_by) = (None, BTreeMap::new(), 0);
    for run in 0..orders * each + 4 {
        runner.again(last.as_ref());
        runner.run(async { gather((yields(2), yields(4))).await }).unwrap();
        let report = runner.end();
        if run >= 4 {
            *counts.entry(report.digest.to_string()).or_insert(0_u32) += 1;
            all_by += u64::from(counts.len() as u64 != orders);
        }
        last = Some(report.summary(true));
    }
    assert_eq!(counts.len() as u64, orders);
    let off = counts.values().map(|&count| (f64::from(count) - each as f64).powi(2) / each as f64);
    let (squares, free) = (off.sum::<f64>(), orders as f64 - 1.0);
    println!("chi-square {squares:.0} with {free} degrees of freedom, all in {all_by} runs");
    assert!(squares < free / 10.0, "{squares}: more even than by chance");
    assert!(all_by < 550, "{all_by}");
}

#[test]
fn runs_come_again_and_differ() {
    for algorithm in ALL {
        let digests = || {
            let config = Config::default().cancellations(1).cancel_any(true).slips(1);
            let mut runner = Runner::with_scheduler(config, Box::new(Sampler::new(algorithm, 3)));
            let mut last = None;
            let runs = (0..30).map(|_| {
                runner.again(last.as_ref());
                let _ = runner.run(philosophers(3));
                let report = runner.end();
                last = Some(report.summary(true));
                report.digest.to_string()
            });
            runs.collect::<Vec<_>>()
        };
        let (one, two) = (digests(), digests());
        assert_eq!(one, two, "{algorithm}");
        assert!(one.iter().collect::<BTreeSet<_>>().len() > 5, "{algorithm}");
        assert_eq!(algorithm.to_string().parse(), Ok(algorithm));
        let sampler = Sampler::new(algorithm, 3);
        assert_eq!(sampler.guarantee(), seedloop::sched::Guarantee::Sampled);
    }
}

/// What a seed gives is kept: whatever is added later must not reshuffle it. The values are ours.
#[test]
fn the_runs_of_a_seed_are_frozen() {
    let all = ALL.map(|algorithm| {
        let config = Config::default().tracked(true).cancellations(1).cancel_any(true).slips(1);
        let mut runner = Runner::with_scheduler(config, Box::new(Sampler::new(algorithm, 3)));
        let (mut last, mut digests) = (None, 0_u32);
        for _ in 0..40 {
            runner.again(last.as_ref());
            let _ = runner.run(philosophers(3)); // whether it deadlocks is in the digest
            let report = runner.end();
            digests = digests.rotate_left(5) ^ u32::from_str_radix(&digest(&report), 16).unwrap();
            last = Some(report.summary(true));
        }
        format!("{algorithm} {digests:08x}")
    });
    let frozen = [
        "portfolio 630e58a0",
        "random e1cbc490",
        "swarm eecabc72",
        "pct1 73eaefcc",
        "pct3 ccd266f0",
        "pos c5596acb",
        "urw a1949049",
        "surw 9d3e8c8e",
        "pcturw2 a58238e7",
    ];
    assert_eq!(all, frozen);
}

fn digest(report: &seedloop::RunReport) -> String {
    report.digest.to_string()[..8].to_string()
}

fn found(algorithm: Algorithm) -> Box<Failure> {
    let check = Check::new().seed(2).schedules(50_000).shrink(false).sampler(algorithm);
    check.try_run(|| philosophers(3)).expect_err("it is found, or replayed")
}

/// Not a test of its own: a process in which `SEEDLOOP_REPLAY` says what to run.
#[test]
fn digest_for_another_process() {
    if std::env::var_os("SEEDLOOP_REPLAY").is_some() {
        let failure = found(Algorithm::Random);
        println!("digest {} {}", failure.kind, failure.digest);
    }
}

/// A run that goes by what others have taught: a replay teaches it again, in another process too.
#[test]
fn what_was_learned_is_learned_again_in_a_replay() {
    // Priorities that never change find no deadlock of three.
    for algorithm in ALL.into_iter().filter(|&algorithm| algorithm != Algorithm::Pct(1)) {
        let failure = found(algorithm);
        let token = failure.token.as_ref().unwrap().to_string();
        assert!(token.starts_with(&format!("sl1-s.{algorithm}.2.")), "{token}");
        let test = ["sample::digest_for_another_process", "--exact", "--nocapture"];
        let mut command = Command::new(std::env::current_exe().unwrap());
        let output = command.args(test).env("SEEDLOOP_REPLAY", &token).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let expected = format!("digest {} {}", failure.kind, failure.digest);
        assert!(text.contains(&expected), "{token}: {expected}\n{text}");
        let given = Runner::replay(&token.parse().unwrap());
        if let Err(error) = given {
            assert!(error.to_string().contains("SEEDLOOP_REPLAY in the check"), "{error}");
        }
    }
}

/// Three tasks of 100 steps; it fails in any order.
async fn long() -> Result<(), Error> {
    gather([yields(100), yields(100), yields(100)]).await?;
    Err(Error::QueueFull)
}

/// As above.
#[test]
fn long_digest_for_another_process() {
    if std::env::var_os("SEEDLOOP_REPLAY").is_some() {
        let failure = Check::new().shrink(false).try_run(long).expect_err("it fails");
        println!("digest {}", failure.digest);
    }
}

/// The first runs of a seed teach, and go by what those before them have taught.
#[test]
fn each_run_that_teaches_can_be_had_again() {
    let mut alone = 0;
    for algorithm in ALL {
        let sampler = Sampler::new(algorithm, 3);
        let mut runner = Runner::with_scheduler(Config::default(), Box::new(sampler));
        let mut last = None;
        for run in 0..4 {
            runner.again(last.as_ref());
            runner.run(long()).unwrap_err();
            let ran = runner.end();
            last = Some(ran.summary(false));
            let strategy = algorithm.to_string();
            let mut token = ran.token;
            token.plan = Plan::Seed { strategy, seed: 3, run };
            if let Ok(mut again) = Runner::replay(&token) {
                again.run(long()).unwrap_err();
                let again = again.finish();
                assert_eq!((again.digest, again.divergence), (ran.digest, None), "{token}");
                alone += 1;
                continue;
            }
            let test = ["sample::long_digest_for_another_process", "--exact", "--nocapture"];
            let mut command = Command::new(std::env::current_exe().unwrap());
            let command = command.args(test).env("SEEDLOOP_REPLAY", token.to_string());
            let text = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
            assert!(text.contains(&format!("digest {}", ran.digest)), "{token}: {text}");
        }
    }
    // All of the random walk and of the swarm; the first one of the others.
    assert_eq!(alone, 2 * 4 + (ALL.len() - 2));
}

/// Whatever the number of threads: the same report, and the same first failure.
#[test]
fn threads_do_not_show() {
    let check = || Check::new().seed(5).schedules(700).cancellations(1).cancel_any().slips(1);
    let passes = || async { lost_update(4).await.or(Ok::<(), Error>(())) };
    let one = check().jobs(1).run(passes);
    let deep = || philosophers(4);
    let rare = || Check::new().schedules(50_000).sampler(Algorithm::Pct(2));
    let failure = |jobs| rare().jobs(jobs).try_run(deep).unwrap_err();
    let failed = failure(1);
    assert!(failed.schedule > 64, "on one thread more than a block: {}", failed.schedule);
    for jobs in 2..=8 {
        assert_eq!(check().jobs(jobs).run(passes), one, "{jobs} threads");
        let other = failure(jobs);
        assert_eq!(other.to_string(), failed.to_string(), "{jobs} threads");
        assert_eq!(other.shrunk, failed.shrunk, "{jobs} threads");
    }
}

#[test]
fn chance_is_found_on_threads_too() {
    let flip = std::sync::atomic::AtomicU64::new(0);
    let failure = Check::new().schedules(100).jobs(3).try_run(|| {
        let turns = flip.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        yields(turns % 7)
    });
    assert_eq!(failure.unwrap_err().kind, seedloop::FailureKind::Nondeterminism);
}

/// Polled three times, if `poll` wakes somebody each time; it may keep a waker.
async fn polled(poll: fn(&mut Option<Waker>, &Waker)) -> Result<(), Error> {
    let (mut kept, mut polls) = (None, 0);
    let poll = |context: &mut Context<'_>| {
        poll(&mut kept, context.waker());
        polls += 1;
        if polls == 3 { Poll::Ready(()) } else { Poll::Pending }
    };
    std::future::poll_fn(poll).await;
    Ok(())
}

/// What shows with fresh wakers alone is found, and what shows with kept ones alone.
#[test]
fn a_swarm_has_fresh_wakers_in_half_of_its_runs() {
    let wakes_the_first = |kept: &mut Option<Waker>, waker: &Waker| {
        kept.get_or_insert_with(|| waker.clone()).wake_by_ref();
    };
    let wakes_another = |kept: &mut Option<Waker>, waker: &Waker| {
        if !kept.as_ref().is_some_and(|kept| kept.will_wake(waker)) {
            kept.insert(waker.clone()).wake_by_ref();
        }
    };
    let found = |check: Check, poll| {
        let failure = check.try_run(|| polled(poll)).err()?;
        assert_eq!(failure.kind, seedloop::FailureKind::Deadlock);
        let token = failure.token.expect("it has one");
        if Runner::replay(&token).is_ok_and(|mut again| again.run(polled(poll)).is_ok()) {
            panic!("not found again: {token}");
        }
        Some(token.settings.fresh_wakers)
    };
    for algorithm in [Algorithm::Portfolio, Algorithm::Swarm, Algorithm::Random] {
        let swarms = algorithm != Algorithm::Random;
        let check = |on| Check::new().fresh_wakers(on).sampler(algorithm).schedules(32);
        let fresh = check(true).run(|| yields(2)).fresh_wakers;
        assert_eq!(fresh == 32, !swarms, "{algorithm}: {fresh}");
        assert_eq!(check(false).run(|| yields(2)).fresh_wakers, 0);
        assert_eq!(found(check(true), wakes_the_first), Some(true));
        assert_eq!(found(check(true), wakes_another), swarms.then_some(false));
        assert_eq!(found(check(false), wakes_the_first), None);
        assert_eq!(found(check(false), wakes_another), Some(false));
        let unshrunk = check(true).shrink(false);
        assert_eq!(found(unshrunk, wakes_another), swarms.then_some(true), "by its seed");
    }
}

/// The futurelock of RFD 609 in short: a slip is needed when the first timer has fired, where it is
/// offered twice, after a burst in which it is offered some five hundred times.
#[test]
fn a_fault_that_must_come_late_is_found_beside_a_burst() {
    let program = || async {
        for _ in 0..32 {
            drop(spawn(yields(16)));
        }
        let is_done = Rc::new(Cell::new(false));
        let done = is_done.clone();
        let first = spawn(async move {
            sleep(Duration::from_millis(10)).await?;
            yield_now().await?;
            done.set(true);
            Ok::<(), Error>(())
        });
        sleep(Duration::from_millis(20)).await?;
        assert!(is_done.get(), "by the clock");
        first.await
    };
    let found = (0..10).filter(|&seed| {
        let check = Check::new().seed(seed).slips(1).shrink(false);
        check.try_run(program).is_err()
    });
    let found = found.count();
    println!("found by {found} of 10 seeds");
    assert!(found >= 8, "{found}");
}
