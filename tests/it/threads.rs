//! What jobs block in: each primitive, in every order; deadlocks; the end of a run; what the loop's
//! own thread may do; threads that jobs start, coroutines that they wait for, jobs that share
//! nothing.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex as StdMutex},
    time::Duration,
};

use seedloop::{
    Check, Config, ContextVar, Error, FailureKind, ProcessPool, Report, Runner, ThreadPool, gather,
    log, loop_handle, now, run, run_in_executor, sleep, spawn,
    thread::{
        self, Barrier, Condvar, Mutex, Once, OnceLock, RwLock,
        atomic::{AtomicU32, Ordering::SeqCst},
        mpsc,
    },
    to_thread, yield_now,
};

/// Every order of the program is fine, by search with reduction.
fn exhausts<F>(program: impl Fn() -> F) -> Report
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let report = Check::new().exhaustive().tracked().run(program);
    assert!(report.is_exhausted(), "{report}");
    report
}

/// Every way to look for it finds the failure. Gives its text.
fn fails<F>(program: impl Fn() -> F) -> String
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    let exhaustive = || Check::new().exhaustive();
    let ways = [Check::new(), exhaustive(), exhaustive().tracked(), Check::new().deviations(4)];
    let texts = ways.map(|check| {
        let failure = check.try_run(&program).unwrap_err();
        let token = failure.token.as_ref().expect("it has one");
        let mut again = Runner::replay(token).expect("just made");
        assert!(again.run(program()).is_err(), "{failure}");
        assert_eq!(again.finish().digest, failure.digest, "{failure}");
        failure.text.clone()
    });
    texts[2].clone()
}

/// A thread that does this with the shared value.
fn with<T: Send + Sync + 'static>(
    shared: &Arc<T>,
    f: impl FnOnce(&T) + Send + 'static,
) -> thread::JoinHandle<()> {
    let shared = shared.clone();
    thread::spawn(move || f(&shared))
}

/// Waits until threads are over: they wait for nothing that takes time.
async fn over<const N: usize>(threads: [thread::JoinHandle<()>; N]) -> Result<(), Error> {
    sleep(Duration::from_millis(1)).await?;
    threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    Ok(())
}

#[test]
fn a_lock_loses_no_update_and_an_atomic_does() {
    exhausts(|| async {
        let count = Arc::new(Mutex::new(0));
        let add = |count: &Mutex<i32>| *count.lock().unwrap() += 1;
        over([with(&count, add), with(&count, add), with(&count, add)]).await?;
        assert_eq!(*count.lock().unwrap(), 3);
        Ok(())
    });
    let text = fails(|| async {
        let count = Arc::new(AtomicU32::new(0));
        let add = |count: &AtomicU32| count.store(count.load(SeqCst) + 1, SeqCst);
        over([with(&count, add), with(&count, add)]).await?;
        assert_eq!(count.load(SeqCst), 2);
        Ok(())
    });
    assert!(text.contains("left: 1"), "{text}");
    exhausts(|| async {
        let count = Arc::new(AtomicU32::new(0));
        let add = |count: &AtomicU32| {
            count.fetch_add(1, SeqCst);
        };
        over([with(&count, add), with(&count, add), with(&count, add)]).await?;
        assert_eq!(count.load(SeqCst), 3);
        Ok(())
    });
}

#[test]
fn a_deadlock_of_two_jobs_names_the_locks_and_the_cycle() {
    let text = fails(|| async {
        let locks = Arc::new((Mutex::new(()), Mutex::new(())));
        let one = with(&locks, |(a, b)| drop((a.lock().unwrap(), b.lock().unwrap())));
        let other = with(&locks, |(a, b)| drop((b.lock().unwrap(), a.lock().unwrap())));
        sleep(Duration::from_millis(1)).await?;
        // The loop waits for ever, too: until both are over.
        let both = move || drop((one.join(), other.join()));
        to_thread(both).await
    });
    for part in [
        "waits for executor job c5, held up by asyncio_0",
        "asyncio_0 (spawned at tests/it/threads.rs",
        "waits for thread o3, held up by thread c1",
        "waits for Mutex o2, held up by thread c2",
        "waits for Mutex o1, held up by thread c1",
        "cycle: thread c1 -> thread c2 -> thread c1",
    ] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

/// A buffer of one place between two jobs, as with CPython's `Condition`.
#[test]
fn a_condition_loses_no_wake_up_unless_it_is_used_wrongly() {
    type Place = (Mutex<Option<u32>>, Condvar);
    async fn passes(looks_again: bool) -> Result<(), Error> {
        let place: Arc<Place> = Arc::default();
        let put = move |(place, changed): &Place| {
            *place.lock().unwrap() = Some(5);
            changed.notify_one();
        };
        let take = move |(place, changed): &Place| {
            let is_empty = place.lock().unwrap().is_none();
            let guard = place.lock().unwrap();
            let mut guard = match looks_again {
                true => changed.wait_while(guard, |place| place.is_none()).unwrap(),
                // It looked before it had the lock.
                false if is_empty => changed.wait(guard).unwrap(),
                false => guard,
            };
            assert_eq!(guard.take(), Some(5));
        };
        let (puts, takes) = (with(&place, put), with(&place, take));
        to_thread(move || drop((puts.join(), takes.join()))).await
    }
    exhausts(|| passes(true));
    let text = fails(|| passes(false));
    assert!(text.contains("waits for Condvar o2"), "{text}");
}

#[test]
fn a_notification_is_for_one_of_those_who_wait() {
    let woken: Arc<StdMutex<BTreeSet<u32>>> = Arc::default();
    let seen = woken.clone();
    let report = Check::new().exhaustive().tracked().try_run(move || {
        let seen = seen.clone();
        async move {
            type Gate = (Mutex<u32>, Condvar, AtomicU32);
            let gate: Arc<Gate> = Arc::default();
            let waits = move |number: u32| {
                move |(lock, changed, first): &Gate| {
                    let mut waiting = lock.lock().unwrap();
                    *waiting += 1;
                    drop(changed.wait(waiting).unwrap());
                    let _ = first.compare_exchange(0, number, SeqCst, SeqCst);
                }
            };
            let threads = [with(&gate, waits(1)), with(&gate, waits(2))];
            sleep(Duration::from_millis(1)).await?;
            assert_eq!(*gate.0.lock().unwrap(), 2);
            gate.1.notify_one();
            sleep(Duration::from_millis(1)).await?;
            let first = gate.2.load(SeqCst);
            assert!(threads.iter().filter(|thread| thread.is_finished()).count() == 1);
            seen.lock().unwrap().insert(first);
            gate.1.notify_all();
            over(threads).await
        }
    });
    assert!(report.is_ok_and(|report| report.is_exhausted()));
    assert_eq!(*woken.lock().unwrap(), BTreeSet::from([1, 2]), "it is a choice");
}

#[test]
fn channels_deliver_in_order_and_say_when_nobody_is_left() {
    for bound in [None, Some(0), Some(1), Some(2)] {
        exhausts(move || async move {
            let received: Arc<Mutex<Vec<u32>>> = Arc::default();
            let theirs = received.clone();
            let sends: Box<dyn FnOnce() + Send>;
            let receiver = match bound {
                None => {
                    let (sender, receiver) = mpsc::channel();
                    sends = Box::new(move || (1..3).for_each(|n| sender.send(n).unwrap()));
                    receiver
                }
                Some(bound) => {
                    let (sender, receiver) = mpsc::sync_channel(bound);
                    sends = Box::new(move || (1..3).for_each(|n| sender.send(n).unwrap()));
                    receiver
                }
            };
            let receives = move || {
                for number in receiver.iter() {
                    theirs.lock().unwrap().push(number);
                }
            };
            over([thread::spawn(sends), thread::spawn(receives)]).await?;
            assert_eq!(*received.lock().unwrap(), [1, 2]);
            Ok(())
        });
    }
    exhausts(|| async {
        let (sender, receiver) = mpsc::sync_channel(0);
        let sends = move || {
            // It comes back, or somebody had it.
            let sent = sender.send(5);
            assert!(sent.is_ok() || sent.is_err_and(|error| error.0 == 5));
        };
        over([thread::spawn(sends), thread::spawn(move || drop(receiver))]).await
    });
}

#[test]
fn readers_read_together_and_writers_alone() {
    exhausts(|| async {
        let shared = Arc::new((RwLock::new((0, 0)), AtomicU32::new(0)));
        let reads = |(pair, _): &(RwLock<(u32, u32)>, AtomicU32)| {
            let pair = pair.read().unwrap();
            assert_eq!(pair.0, pair.1);
        };
        let writes = |(pair, _): &(RwLock<(u32, u32)>, AtomicU32)| {
            let mut pair = pair.write().unwrap();
            pair.0 += 1;
            thread::yield_now();
            pair.1 += 1;
        };
        over([with(&shared, reads), with(&shared, writes), with(&shared, reads)]).await
    });
}

#[test]
fn a_barrier_opens_for_all_and_once_is_once() {
    exhausts(|| async {
        let shared = Arc::new((Barrier::new(2), AtomicU32::new(0)));
        let meets = |(barrier, before): &(Barrier, AtomicU32)| {
            before.fetch_add(1, SeqCst);
            barrier.wait();
            assert_eq!(before.load(SeqCst), 2);
        };
        over([with(&shared, meets), with(&shared, meets)]).await
    });
    exhausts(|| async {
        let shared = Arc::new((OnceLock::new(), Once::new(), AtomicU32::new(0)));
        let uses = |(value, once, times): &(OnceLock<u32>, Once, AtomicU32)| {
            once.call_once(|| {
                times.fetch_add(1, SeqCst);
            });
            assert_eq!(times.load(SeqCst), 1);
            assert_eq!(*value.get_or_init(|| 5), 5);
        };
        over([with(&shared, uses), with(&shared, uses)]).await
    });
}

/// Tells that it was dropped; first it locks a lock, if it has one.
struct Tells(Option<Arc<Mutex<()>>>, &'static str, Arc<StdMutex<Vec<&'static str>>>);

impl Drop for Tells {
    fn drop(&mut self) {
        let Tells(lock, text, told) = self;
        let _guard = lock.as_ref().map(|lock| lock.lock().unwrap());
        told.lock().unwrap().push(text);
    }
}

/// Parked jobs unwind in order; a destructor that needs what another job holds waits for its end.
#[test]
fn the_end_of_a_run_releases_what_parked_jobs_hold() {
    let told: Arc<StdMutex<Vec<&'static str>>> = Arc::default();
    let mut runner = Runner::new(Config::default());
    for run in 0..3 {
        let lock: Arc<Mutex<()>> = Arc::default();
        let never: Arc<(Mutex<()>, Condvar)> = Arc::default();
        let tells = |lock: Option<&Arc<Mutex<()>>>, text| Tells(lock.cloned(), text, told.clone());
        let (first, second) = (tells(Some(&lock), "the first"), tells(None, "the second"));
        let ran = runner.run(async move {
            let parks = never.clone();
            drop(thread::spawn(move || {
                let _tells = first;
                drop(parks.1.wait(parks.0.lock().unwrap()));
            }));
            drop(thread::spawn(move || {
                let _held = lock.lock().unwrap();
                let _tells = second;
                drop(never.1.wait(never.0.lock().unwrap()));
            }));
            sleep(Duration::from_secs(1)).await
        });
        ran.and_then(|()| runner.close()).unwrap();
        drop(runner.end());
        assert_eq!(
            std::mem::take(&mut *told.lock().unwrap()),
            ["the second", "the first"],
            "{run}"
        );
        runner.again(None);
    }
}

/// What a destructor waits for that never ends is said, and the process goes on.
#[test]
fn destructors_that_wait_for_each_other_are_reported() {
    let reports: Arc<StdMutex<Vec<String>>> = Arc::default();
    let heard = reports.clone();
    let mut runner = Runner::new(Config::default());
    runner.set_exception_handler(move |context| heard.lock().unwrap().push(context.to_string()));
    let ran = runner.run(async {
        let lock: Arc<Mutex<()>> = Arc::default();
        let never: Arc<(Mutex<()>, Condvar)> = Arc::default();
        let theirs = lock.clone();
        drop(thread::spawn(move || {
            let held = theirs.lock().unwrap();
            // Dropped before the lock is released.
            let _tells = Tells(Some(theirs.clone()), "never", Arc::default());
            drop(never.1.wait(never.0.lock().unwrap()));
            drop(held);
        }));
        sleep(Duration::from_secs(1)).await
    });
    ran.and_then(|()| runner.close()).unwrap();
    drop(runner);
    let text = "jobs wait for each other in destructors: their threads never end: thread c1";
    assert_eq!(*reports.lock().unwrap(), [text]);
}

#[test]
fn the_loop_never_blocks() {
    let mut runner = Runner::new(Config::default());
    let ran = runner.run(async {
        let lock = Arc::new(Mutex::new(()));
        drop(lock.lock().unwrap()); // it is free
        let held = with(&lock, |lock| {
            let _guard = lock.lock().unwrap();
            thread::sleep(Duration::from_secs(1));
        });
        yield_now().await?;
        assert!(lock.try_lock().is_err());
        let waits = spawn(async move { drop(lock.lock()) });
        match waits.await {
            Err(Error::Panicked(text)) => assert!(
                text.contains("Mutex o1 would block the loop") && text.contains("to_thread"),
                "{text}"
            ),
            other => panic!("{other:?}"),
        }
        drop(held);
        Ok::<(), Error>(())
    });
    ran.unwrap();
}

#[test]
fn a_panic_with_a_lock_poisons_it_and_the_end_of_a_run_does_not() {
    let lock = Arc::new(Mutex::new(0));
    for panics in [false, true] {
        let mut runner = Runner::new(Config::default());
        let theirs = lock.clone();
        let ran = runner.run(async move {
            drop(run_in_executor(None, move || {
                let _guard = theirs.lock().unwrap();
                assert!(!panics, "with the lock");
                thread::sleep(Duration::from_secs(60));
            })?);
            sleep(Duration::from_secs(1)).await
        });
        ran.unwrap();
        drop(runner.finish());
        assert_eq!(lock.is_poisoned(), panics);
    }
    assert!(lock.lock().is_err() && lock.try_lock().is_err());
    lock.clear_poison();
    assert_eq!(*lock.lock().unwrap(), 0);
}

/// A job spins until the loop has done something: in asyncio's order it lets the loop go on.
#[test]
fn a_job_that_spins_lets_others_go_on() {
    run(async {
        let flag = Arc::new(AtomicU32::new(0));
        let theirs = flag.clone();
        let spins = spawn(to_thread(move || while theirs.load(SeqCst) == 0 {}));
        yield_now().await?;
        flag.store(1, SeqCst);
        spins.await
    })
    .unwrap();
}

#[test]
fn a_job_waits_for_a_coroutine_and_for_other_jobs() {
    run(async {
        let handle = loop_handle()?;
        let job = to_thread(move || {
            let slow = handle.run_coroutine_threadsafe(|| async {
                sleep(Duration::from_secs(10)).await?;
                Ok::<i32, Error>(5)
            })?;
            let fails = handle.run_coroutine_threadsafe(|| async {
                yield_now().await?;
                Err::<i32, Error>(Error::QueueFull)
            })?;
            let other = thread::spawn(|| thread::sleep(Duration::from_secs(20)));
            let never = handle.run_coroutine_threadsafe(|| async { unreachable!("cancelled") })?;
            assert!(never.cancel() && matches!(never.result(), Err(Error::Cancelled(_))));
            assert!(matches!(fails.result(), Err(Error::QueueFull)) && !slow.is_done());
            let sum = slow.result()?;
            other.join().unwrap();
            Ok::<i32, Error>(sum)
        });
        assert_eq!((job.await?, now().as_millis()), (5, 20_000));
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// A loop of its own in a job is another run, in a time of its own.
#[test]
fn a_job_may_have_a_loop_of_its_own() {
    run(async {
        let inner = to_thread(|| {
            run(async {
                let user = ContextVar::new("user");
                user.set("ann");
                let theirs = user.clone();
                spawn(async move { theirs.set("bob") }).await?;
                sleep(Duration::from_secs(5)).await?;
                thread::sleep(Duration::from_secs(1)); // blocks this loop
                Ok::<_, Error>((user.get(), now().as_millis()))
            })
        });
        assert_eq!((inner.await?, now().as_millis()), ((Some("ann"), 6_000), 0));
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// The loop's task waits for the job, and the job for the task: the classic of
/// `run_coroutine_threadsafe(..).result()`.
#[test]
fn a_job_that_waits_for_its_own_task_is_a_deadlock() {
    let text = fails(|| async {
        let handle = loop_handle()?;
        to_thread(move || {
            let never =
                handle.run_coroutine_threadsafe(std::future::pending::<Result<(), Error>>).unwrap();
            drop(never.result());
        })
        .await
    });
    assert!(text.contains("waits for executor job c1, held up by asyncio_0"), "{text}");
    assert!(text.contains("waits for threadsafe future c3/o1, held up by c3/c1/1"), "{text}");
    assert!(text.contains("c3/c1/1 (spawned at tests/it/threads.rs"), "{text}");
}

#[test]
fn context_variables_travel_into_to_thread_alone() {
    let user = ContextVar::new("user").with_default("nobody").travels();
    let quiet: ContextVar<&str> = ContextVar::new("quiet");
    run(async move {
        user.set("ann");
        let theirs = user.clone();
        assert_eq!(to_thread(move || theirs.get()).await?, Some("ann"));
        // As in asyncio: only `to_thread` copies the context.
        let theirs = user.clone();
        assert_eq!(run_in_executor(None, move || theirs.get())?.await?, Some("nobody"));
        let pool = ProcessPool::new(1);
        let stays = pool.run(|quiet: ContextVar<&str>| quiet.get().is_some(), quiet)?;
        match stays.await {
            Err(Error::Panicked(text)) => {
                assert!(text.contains("quiet") && text.contains("travels()"), "{text}");
            }
            other => panic!("{other:?}"),
        }
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// A crash of a job that shares nothing is its own: the run goes on, and passes.
#[test]
fn a_crash_of_a_process_is_its_own() {
    fn halves(number: u32) -> u32 {
        thread::sleep(Duration::from_secs(1));
        assert!(number.is_multiple_of(2), "odd");
        number / 2
    }
    let report = Check::new().schedules(50).run(|| async {
        let pool = ProcessPool::new(2);
        let (even, odd) = (pool.run(halves, 4)?, pool.run(halves, 5)?);
        assert!(matches!(odd.await, Err(Error::Panicked(_))));
        assert_eq!(even.await?, 2);
        pool.shutdown();
        Ok::<(), Error>(())
    });
    assert_eq!(report.schedules, 50);
}

/// A panic of a thread is one of the run, whoever joins it.
#[test]
fn a_panic_of_a_thread_is_the_runs() {
    let failure = Check::new().schedules(5).try_run(|| async {
        let thread = thread::spawn_named("breaks", || panic!("in a thread"));
        let joined: bool = to_thread(move || thread.join().is_err()).await?;
        assert!(joined);
        Ok::<(), Error>(())
    });
    let failure = failure.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Panic);
    assert!(failure.text.contains("breaks") && failure.text.contains("in a thread"), "{failure}");
}

/// A thousand runs of one token, and any number of threads that explore: the same digest.
#[test]
fn a_token_of_a_run_with_jobs_is_the_same_run_each_time() {
    let program = || async {
        let pool = ThreadPool::new(2);
        let shared = Arc::new((Mutex::new(0), Condvar::new(), AtomicU32::new(0)));
        let jobs = [1, 2, 3].map(|number| {
            let shared = shared.clone();
            run_in_executor(Some(&pool), move || {
                let (count, changed, order) = &*shared;
                *count.lock().unwrap() += 1;
                changed.notify_all();
                log(format!("{number} is {}", order.fetch_add(1, SeqCst)));
            })
        });
        gather(jobs.into_iter().collect::<Result<Vec<_>, _>>()?).await?;
        assert_ne!(shared.2.load(SeqCst), 3, "all have run");
        Ok::<(), Error>(())
    };
    let failures = [1, 2, 3, 4, 5, 6, 7, 8].map(|jobs| {
        let check = Check::new().seed(3).schedules(64).jobs(jobs);
        check.try_run(program).unwrap_err()
    });
    for failure in &failures[1..] {
        assert_eq!(failure.to_string(), failures[0].to_string());
    }
    let token = failures[0].token.as_ref().unwrap();
    let runs = if cfg!(debug_assertions) { 200 } else { 1_000 };
    for _ in 0..runs {
        let mut again = Runner::replay(token).unwrap();
        assert!(again.run(program()).is_err());
        assert_eq!(again.finish().digest, failures[0].digest);
    }
}
