//! Jobs of executors: real threads, of which one runs at a time, in every order.

use std::{
    collections::BTreeSet,
    panic::catch_unwind,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use seedloop::{
    Check, Config, Error, FailureKind, Loop, Runner, ThreadPool, gather, log, loop_handle, now,
    run, run_in_executor, sleep, spawn, thread, to_thread, trace_of, yield_now,
};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Adds one in two turns: what another thread adds meanwhile is lost.
fn adder(count: &Arc<AtomicU32>) -> impl FnOnce() + Send + use<> {
    let count = count.clone();
    move || {
        let read = count.load(SeqCst);
        thread::yield_now();
        count.store(read + 1, SeqCst);
    }
}

async fn two_adders() -> Result<(), Error> {
    let count = Arc::new(AtomicU32::new(0));
    let jobs = [run_in_executor(None, adder(&count))?, run_in_executor(None, adder(&count))?];
    gather(jobs).await?;
    assert_eq!(count.load(SeqCst), 2, "an update was lost");
    Ok(())
}

#[test]
fn a_lost_update_of_two_jobs_is_found_in_each_way() {
    let exhaustive = || Check::new().exhaustive();
    let ways = [Check::new(), exhaustive(), exhaustive().tracked(), Check::new().deviations(3)];
    for check in ways {
        let failure = check.try_run(two_adders).unwrap_err();
        assert_eq!(failure.kind, FailureKind::Panic, "{failure}");
        assert!(failure.text.contains("an update was lost"), "{failure}");
        let token = failure.token.clone().expect("a schedule has failed");
        let mut again = Runner::replay(&token).expect("a token that was just made");
        assert!(again.run(two_adders()).is_err());
        let report = again.finish();
        assert_eq!((report.divergence, report.digest), (None, failure.digest), "{failure}");
    }
    // In asyncio's order it is lost, too: both jobs start before either goes on.
    assert!(run(two_adders()).is_err());
}

/// One job at a time: all orders are fine, and there are several.
#[test]
fn one_worker_loses_no_update() {
    let report = Check::new().exhaustive().run(|| async {
        let (count, pool) = (Arc::new(AtomicU32::new(0)), ThreadPool::new(1));
        let first = run_in_executor(Some(&pool), adder(&count))?;
        let second = run_in_executor(Some(&pool), adder(&count))?;
        gather((first, second)).await?;
        assert_eq!(count.load(SeqCst), 2);
        Ok::<(), Error>(())
    });
    assert!(report.is_exhausted() && report.schedules > 10, "{report}");
}

/// The loop checks, a job acts.
#[test]
fn a_check_then_act_of_loop_and_job_is_found() {
    let program = || async {
        let left = Arc::new(AtomicU32::new(1));
        let theirs = left.clone();
        let take = move || match theirs.load(SeqCst) {
            0 => {}
            _ => {
                thread::yield_now();
                theirs.fetch_sub(1, SeqCst);
            }
        };
        let job = run_in_executor(None, take)?;
        if left.load(SeqCst) > 0 {
            yield_now().await?;
            assert!(left.load(SeqCst) > 0, "somebody else took the last one");
            left.fetch_sub(1, SeqCst);
        }
        job.await
    };
    let failure = Check::new().exhaustive().try_run(program).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Panic, "{failure}");
    let sampled = Check::new().try_run(program).unwrap_err();
    assert_eq!(sampled.kind, FailureKind::Panic, "{sampled}");
    // Both become one wait: for a worker's turn.
    for failure in [failure, sampled] {
        let told = "main's 2nd step (panicked, failed) waits until asyncio_0's 2nd turn \
                    (schedules executor result c3/c1) has run";
        assert_eq!(failure.told, [told], "{failure}");
        let token = failure.token.as_ref().unwrap();
        assert!(token.to_string().starts_with("sl1-h.main:2@c3:2-"), "{token}");
        let mut again = Runner::replay(token).unwrap();
        assert!(again.run(program()).is_err());
        assert_eq!(again.finish().digest, failure.digest);
    }
}

#[test]
fn a_cancelled_awaiter_leaves_its_job_running() {
    let mut runner = Runner::new(Config::default().record(true));
    let ran = runner.run(async {
        let waits = spawn(to_thread(|| {
            thread::sleep(seconds(10));
            log("the job is over");
            5
        }));
        sleep(seconds(1)).await?;
        waits.cancel();
        assert!(matches!(waits.await, Err(Error::Cancelled(_))));
        log("cancelled");
        Ok::<(), Error>(())
    });
    ran.and_then(|()| runner.close()).unwrap();
    let report = runner.finish();
    // The loop waits for it when it closes.
    assert!(report.trace.logs().map(|(_, text)| text).eq(["cancelled", "the job is over"]));
    assert_eq!(report.time_ns, 10_000_000_000);
}

#[test]
fn a_panic_of_a_job_is_the_futures_and_the_runs() {
    let program = || async {
        let job = to_thread(|| -> u32 { panic!("in a job") });
        match job.await {
            Err(Error::Panicked(message)) => assert_eq!(&*message, "in a job"),
            other => panic!("{other:?}"),
        }
        assert_eq!(to_thread(|| 5).await?, 5); // the worker goes on
        Ok::<(), Error>(())
    };
    let failure = Check::new().schedules(5).try_run(program).unwrap_err();
    assert_eq!((failure.kind, failure.schedule), (FailureKind::Panic, 1), "{failure}");
    assert!(failure.text.contains("in a job"), "{failure}");
    Check::new().schedules(20).tolerate_panics().run(program);
}

/// What is still to come when a run ends: jobs that wait unwind in order, those that have not begun
/// never do.
#[test]
fn the_end_of_a_run_unwinds_its_jobs() {
    struct Says(u32, Arc<Mutex<Vec<u32>>>);
    impl Drop for Says {
        fn drop(&mut self) {
            // In a job that unwinds a destructor does not wait any more.
            thread::sleep(seconds(1));
            self.1.lock().unwrap().push(self.0);
        }
    }
    let ended = Arc::new(Mutex::new(Vec::new()));
    let mut runner = Runner::new(Config::default());
    let started = ended.clone();
    let ran = runner.run(async move {
        let pool = ThreadPool::new(2);
        for number in 1..=3 {
            let says = Says(number, started.clone());
            drop(run_in_executor(Some(&pool), move || {
                let _says = says;
                thread::sleep(seconds(60));
                unreachable!("the run is over");
            })?);
        }
        sleep(seconds(1)).await
    });
    assert!(ran.is_ok() && ended.lock().unwrap().is_empty());
    let report = runner.finish();
    // The third is dropped on the loop's thread, which its destructor blocks.
    assert_eq!((report.time_ns, report.panics.len()), (2_000_000_000, 0));
    assert_eq!(*ended.lock().unwrap(), [1, 2, 3]);
}

#[test]
fn jobs_have_the_time_and_their_workers_name() {
    let trace = trace_of(async {
        let pool = ThreadPool::named("disk", 2);
        let job = |wait: u64| {
            move || {
                thread::sleep(seconds(wait));
                log(format!("{} at {}", thread::name().unwrap(), now()));
            }
        };
        let jobs = [run_in_executor(Some(&pool), job(2))?, run_in_executor(Some(&pool), job(1))?];
        gather(jobs).await.map(drop)
    });
    assert!(trace.logs().map(|(_, text)| text).eq(["disk_1 at 1s", "disk_0 at 2s"]));
    let misplaced = run_in_executor(None, || 5);
    assert!(matches!(misplaced, Err(Error::NoRunningLoop)));
}

/// Same token, same digest, whoever runs it; and no thread outlives its runner.
#[test]
fn ten_thousand_runs_leave_no_thread_behind() {
    const ALONE: &str = "SEEDLOOP_TEST_THREADS";
    let test = "pool::ten_thousand_runs_leave_no_thread_behind";
    if std::env::var_os(ALONE).is_none() {
        // Other tests have threads of their own.
        let this = std::env::current_exe().unwrap();
        let mut child = Command::new(this);
        child.args([test, "--exact", "--nocapture"]).env(ALONE, "1");
        let output = child.env("SEEDLOOP_LOCKSTEP", "off").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    // Linux alone says how many there are.
    let threads = || std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
    let before = threads();
    let program = || async {
        let jobs = [1, 2].map(|wait| {
            run_in_executor(None, move || {
                thread::sleep(seconds(wait));
                thread::yield_now();
            })
        });
        for job in jobs {
            job?.await?;
        }
        Ok::<(), Error>(())
    };
    let report = |jobs| Check::new().schedules(10_000).watchdog(None).jobs(jobs).run(program);
    let one = report(1);
    assert_eq!(report(3), one, "three threads");
    for _ in 0..50 {
        // A handle that is never dropped keeps the memory of its run, and no thread.
        let mut runner = Runner::new(Config::default());
        let ran = runner.run(async {
            let job = run_in_executor(None, || 5)?;
            std::mem::forget(job.clone());
            job.await
        });
        assert_eq!(ran.unwrap(), 5);
    }
    // Of scoped threads the scope awaits the work, not the very end.
    let is_over = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        threads() == before
    });
    assert!(is_over, "{} threads are left of {before}", threads());
}

/// A lane for each worker.
#[test]
fn a_picture_of_two_jobs() {
    let trace = trace_of(async {
        let pool = ThreadPool::named("disk", 2);
        let job = |wait: u64| move || thread::sleep(seconds(wait));
        let jobs = [run_in_executor(Some(&pool), job(2))?, run_in_executor(Some(&pool), job(1))?];
        gather(jobs).await.map(drop)
    });
    insta::assert_snapshot!(trace.timeline().width(80), @"
    time | main             | disk_0           | disk_1           | loop
     0ns |                  |                  |                  | outside spawns
         |                  |                  |                  | main
         | waits for gather |                  |                  |
         | c7 until 2s      |                  |                  |
         | |                | sleeps for 2s    |                  |
         | |                | |                | sleeps for 1s    |
      1s | |                | |                | schedules        |
         | |                | |                | executor result  |
         | |                | |                | c6/c1            |
         | |                | |                | has nothing to   |
         | |                | |                | do               |
         | |                | |                | |                | executor result
         | |                | |                | |                | c6/c1 resolves
         | |                | |                | |                | executor job c4
      2s | |                | schedules        | |                |
         | |                | executor result  | |                |
         | |                | c3/c1            | |                |
         | |                | has nothing to   | |                |
         | |                | do               | |                |
         | |                | |                | |                | executor result
         | |                | |                | |                | c3/c1 resolves
         | |                | |                | |                | executor job c1
         | |                | |                | |                | done callback c8
         | |                | |                | |                | resolves gather
         | |                | |                | |                | c7
         | finished         | |                | |                |
         |                  | |                | |                | done callback
         |                  | |                | |                | c0/c2 stops the
         |                  | |                | |                | loop
    ");
}

/// A job that blocks by something else blocks the run: the watchdog says who.
#[test]
fn a_job_that_hangs_is_named() {
    const ALONE: &str = "SEEDLOOP_TEST_HANG_IN_JOB";
    let check = || Check::new().watchdog(Some(Duration::from_millis(200)));
    match std::env::var(ALONE).as_deref() {
        Ok("asyncio_0") => {
            check().run(|| to_thread(|| std::thread::sleep(seconds(600))));
            return;
        }
        // It does not let itself be unwound at the end of the run.
        Ok("pool_0") => {
            check().run(|| async {
                let stays = || loop {
                    let _ = catch_unwind(|| thread::sleep(seconds(1)));
                };
                run_in_executor(Some(&ThreadPool::new(1)), stays).map(drop)
            });
            return;
        }
        _ => {}
    }
    for worker in ["asyncio_0", "pool_0"] {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        let test = "pool::a_job_that_hangs_is_named";
        let ran = alone.args([test, "--exact", "--nocapture"]).env(ALONE, worker).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(101), "{said}");
        let named = format!("hang inside one turn of a job: {worker} has not come back");
        assert!(said.contains(&named), "{said}");
    }
}

/// Other threads may only do this; from a job it comes after the job's turn.
#[test]
fn a_job_calls_the_loop() {
    let trace = trace_of(async {
        let handle = loop_handle()?;
        let job = to_thread(move || {
            handle.call_soon_threadsafe(|| log("from the job"))?;
            log("called");
            thread::yield_now();
            Ok::<(), Error>(())
        });
        job.await?;
        log("over");
        Ok::<(), Error>(())
    });
    assert!(trace.logs().map(|(_, text)| text).eq(["called", "from the job", "over"]));
}

/// A job and a timer of one instant: in a search each may be first.
#[test]
fn a_job_and_a_timer_of_one_instant_race() {
    static SEEN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());
    let report = Check::new().exhaustive().run(|| async {
        let flag = Arc::new(AtomicU32::new(0));
        let theirs = flag.clone();
        let job = run_in_executor(None, move || {
            thread::sleep(seconds(1));
            theirs.store(1, SeqCst);
        })?;
        sleep(seconds(1)).await?;
        SEEN.lock().unwrap().insert(flag.load(SeqCst));
        job.await
    });
    assert!(report.is_exhausted(), "{report}");
    assert_eq!(*SEEN.lock().unwrap(), BTreeSet::from([0, 1]));
}

#[test]
fn a_pool_serves_one_run_at_a_time() {
    let pool = ThreadPool::new(1);
    let job = |pool: &ThreadPool| run_in_executor(Some(pool), || 5);
    // One after the other is fine.
    for _ in 0..2 {
        let pool = pool.clone();
        assert_eq!(run(async move { job(&pool)?.await }).unwrap(), 5);
    }
    let mut first = Loop::new(Config::default());
    let theirs = pool.clone();
    first.run_until_complete(async move { job(&theirs)?.await }).unwrap();
    // The first loop is not closed, and the pool's workers are its.
    let refused = run(async move { job(&pool).map(drop) });
    assert!(matches!(refused, Err(Error::WrongLoop)));
}
