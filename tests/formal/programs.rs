//! Programs that between them do everything that can be done to the kernel.

use std::{cell::Cell, pin::pin, rc::Rc, time::Duration};

use futures::{
    FutureExt, StreamExt, channel::oneshot, join, select_biased, stream::FuturesUnordered,
};
use seedloop::{
    Barrier, BoundedSemaphore, Check, Condition, Config, Error, Event, Future, Lock, Queue, Runner,
    as_completed, busy, call_later, call_soon, current_task, foreign, gather, interrupt,
    sched::Algorithm, schedules, shield, sleep, spawn, task_group, timeout, wait, wait_for,
    yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

/// Each by name.
pub(crate) const ALL: [(&str, fn()); 14] = [
    ("timers", timers),
    ("together", together),
    ("primitives", primitives),
    ("cancellations", cancellations),
    ("requests", requests),
    ("gatherings", gatherings),
    ("foreign", foreign_futures),
    ("scopes", scopes),
    ("injected", injected),
    ("slips", slips),
    ("ends", ends),
    ("interrupted", interrupted),
    ("failing", failing),
    ("shrunk", shrunk),
];

fn five(check: Check) -> Check {
    // No run of the random walk goes without a kind of fault.
    check.schedules(5).sampler(Algorithm::Random)
}

/// Equal deadlines, timers that are given up, callbacks that are cancelled, a loop that is late.
fn timers() {
    five(Check::new()).run(|| async {
        let naps: Vec<_> = (0..4).map(|_| spawn(sleep(SECOND))).collect();
        let (armed, late) = (call_later(SECOND, || {}), call_later(9 * SECOND, || {}));
        let soon = call_soon(|| {});
        call_soon(|| busy(SECOND / 2));
        soon.cancel();
        late.cancel();
        busy(2 * SECOND);
        yield_now().await?;
        armed.cancel();
        for nap in naps {
            nap.await?;
        }
        let nap = spawn(sleep(5 * SECOND));
        yield_now().await?;
        nap.cancel();
        let _ = nap.await;
        Ok::<(), Error>(())
    });
}

/// Everything that waits for several.
fn together() {
    five(Check::new()).run(|| async {
        let nap = |seconds: u32| async move {
            sleep(seconds * SECOND).await?;
            Ok::<u32, Error>(seconds)
        };
        assert_eq!(gather((nap(2), nap(1))).await?, (2, 1));
        let tasks = [3, 1, 2].map(|seconds| spawn(nap(seconds)));
        let done = wait(tasks).first_completed().await?;
        let mut ended = as_completed(done.pending);
        while let Some(task) = ended.next().await {
            task?;
        }
        assert!(matches!(wait_for(nap(2), SECOND).await, Err(Error::TimedOut)));
        let kept = spawn(nap(1));
        shield(kept).await?;
        let grouped = task_group(async |group| {
            group.spawn(nap(1))?;
            let failing = async { Err::<(), Error>(Error::TimedOut) };
            group.spawn(failing)?;
            sleep(9 * SECOND).await
        });
        assert!(grouped.await.is_err());
        Ok::<(), Error>(())
    });
}

/// Locks, semaphores, conditions, barriers, events, queues.
fn primitives() {
    five(Check::new()).run(|| async {
        let (lock, permits) = (Lock::new(), BoundedSemaphore::new(2));
        let (set, condition, barrier) = (Event::new(), Condition::new(), Barrier::new(3)?);
        let queue = Queue::<u32>::new(1);
        let worker = |number: u32| {
            let (lock, permits, set, condition) =
                (lock.clone(), permits.clone(), set.clone(), condition.clone());
            let (barrier, queue) = (barrier.clone(), queue.clone());
            async move {
                set.wait().await?;
                let held = lock.acquire().await?;
                yield_now().await?;
                drop(held);
                let permit = permits.acquire().await?;
                barrier.wait().await?;
                drop(permit);
                queue.put(number).await?;
                let mut guard = condition.acquire().await?;
                guard.wait().await
            }
        };
        let workers: Vec<_> = (0..2).map(|number| spawn(worker(number))).collect();
        set.set();
        barrier.wait().await?;
        queue.get().await?;
        queue.get().await?;
        while workers.iter().any(|worker| !worker.is_done()) {
            let guard = condition.acquire().await?;
            condition.notify_all()?;
            drop(guard);
            yield_now().await?;
        }
        Ok::<(), Error>(())
    });
}

/// Cancels with and without texts, before the first step, in the middle, and refused ones.
fn cancellations() {
    five(Check::new()).run(|| async {
        let at_once = spawn(async { Ok::<(), Error>(()) });
        at_once.cancel_with("before its first step");
        let stubborn = spawn(async {
            let _ = sleep(SECOND).await;
            sleep(SECOND).await
        });
        let turning = spawn(async {
            while yield_now().await.is_ok() {}
            Ok::<(), Error>(())
        });
        let aborted = spawn(async { sleep(SECOND).await });
        let own = spawn(async {
            current_task().expect("a task").cancel_with("my own");
            yield_now().await
        });
        yield_now().await?;
        stubborn.cancel_with("once");
        turning.cancel();
        aborted.abort();
        for task in [at_once, stubborn, turning, aborted, own] {
            let _ = task.await;
        }
        Ok::<(), Error>(())
    });
}

/// Requests that are taken back, and one that comes right before the end.
fn requests() {
    five(Check::new()).run(|| async {
        let task = spawn(async {
            let told = yield_now().await;
            current_task().expect("a task").uncancel();
            told.err();
            current_task().expect("a task").cancel();
            Ok::<u32, Error>(3)
        });
        yield_now().await?;
        task.cancel();
        task.cancel();
        task.uncancel();
        let _ = task.await;
        Ok::<(), Error>(())
    });
}

/// A gathering is cancelled, also when its children are done already; a done callback is removed.
fn gatherings() {
    five(Check::new()).run(|| async {
        let gate: Future<u32> = Future::new();
        let children = (gate.clone(), sleep(SECOND), yield_now());
        let waiting = spawn(async move { gather(children).await.map(drop) });
        yield_now().await?;
        yield_now().await?;
        waiting.cancel_with("all");
        assert!(waiting.await.is_err());
        let done: Future<u32> = Future::new();
        let both = spawn({
            let done = done.clone();
            async move { gather((done.clone(), done)).await.map(drop) }
        });
        yield_now().await?;
        let callback = done.add_done_callback(|_| {});
        done.add_done_callback(|_| {});
        done.remove_done_callback(callback);
        done.set_result(1)?;
        both.cancel();
        let _ = both.await;
        let failed: Future<u32> = Future::new();
        failed.set_error(Error::TimedOut)?;
        assert!(failed.await.is_err());
        let dropped: Future<u32> = Future::new();
        dropped.add_done_callback(|_| {});
        drop(dropped);
        Ok::<(), Error>(())
    });
}

/// Futures of other libraries, and own awaits inside of them.
fn foreign_futures() {
    five(Check::new()).run(|| async {
        let (sender, receiver) = oneshot::channel::<u32>();
        let mut naps: FuturesUnordered<_> = (1..4).map(|n| sleep(n % 2 * SECOND)).collect();
        let waiting = spawn(async move { foreign(receiver).await });
        let collecting = spawn(async move {
            while let Some(napped) = naps.next().await {
                napped?;
            }
            Ok::<(), Error>(())
        });
        let shared = sleep(SECOND).shared();
        let (a, b) = (spawn(shared.clone()), spawn(shared));
        yield_now().await?;
        sender.send(3).expect("somebody waits");
        let (first, second) = join!(sleep(SECOND), sleep(2 * SECOND));
        first?;
        second?;
        let mut soon = pin!(sleep(SECOND).fuse());
        let mut later = pin!(sleep(2 * SECOND).fuse());
        select_biased! { told = soon => told?, told = later => told? }
        let _ = (waiting.await, collecting.await, a.await, b.await);
        let (_sender, never) = oneshot::channel::<u32>();
        let stuck = spawn(async move { foreign(never).await });
        yield_now().await?;
        stuck.cancel();
        assert!(stuck.await.is_err());
        Ok::<(), Error>(())
    });
}

/// Timeouts beside one another in one task.
fn scopes() {
    five(Check::new()).run(|| async {
        let (short, long) =
            join!(timeout(SECOND, sleep(5 * SECOND)), timeout(3 * SECOND, sleep(2 * SECOND)));
        let _ = (short, long);
        let held = Lock::new();
        let guard = held.acquire().await?;
        let late = timeout(SECOND, async { held.acquire().await.map(drop) }).await;
        assert!(late.is_err());
        drop(guard);
        let (turn, nap) = join!(timeout(SECOND, turns()), sleep(3 * SECOND));
        let _ = (turn, nap);
        Ok::<(), Error>(())
    });
}

/// Blocks until a timeout is due, and waits for nothing but a turn when it comes.
async fn turns() -> Result<(), Error> {
    busy(2 * SECOND);
    yield_now().await?;
    sleep(SECOND).await
}

/// Cancellations and aborts at any await, wakers that are kept.
fn injected() {
    for fresh in [true, false] {
        let check = five(Check::new()).fresh_wakers(fresh).cancellations(3).cancel_any();
        check.tolerate_panics().schedules(40).run(|| async {
            let (lock, queue) = (Lock::new(), Queue::<u32>::new(0));
            let worker = |number| {
                let (lock, queue) = (lock.clone(), queue.clone());
                async move {
                    let _held = lock.acquire().await?;
                    sleep(SECOND).await?;
                    timeout(SECOND, yield_now()).await?;
                    queue.put(number).await
                }
            };
            let workers: Vec<_> = (0..3).map(|number| spawn(worker(number))).collect();
            let _ = wait(workers).await;
            Ok::<(), Error>(())
        });
    }
}

fn slips() {
    five(Check::new()).slips(2).schedules(40).run(|| async {
        let (sender, receiver) = oneshot::channel::<u32>();
        let asking = spawn(async move { timeout(SECOND, foreign(receiver)).await });
        yield_now().await?;
        let _ = sender.send(1);
        let _ = asking.await;
        Ok::<(), Error>(())
    });
}

/// Spawns when it is dropped.
struct Spawns;

impl Drop for Spawns {
    fn drop(&mut self) {
        drop(spawn(async { Ok::<(), Error>(()) }));
    }
}

/// Panics, destructors that spawn, what is left at the end.
fn ends() {
    five(Check::new().tolerate_panics()).run(|| async {
        let panics = spawn(async {
            yield_now().await?;
            panic!("as it should");
            #[allow(unreachable_code)]
            Ok::<(), Error>(())
        });
        let spawns = spawn(async {
            let _spawns = Spawns;
            sleep(SECOND).await
        });
        drop(spawn(async {
            let _spawns = Spawns;
            while sleep(SECOND).await.is_err() {}
            Ok::<(), Error>(())
        }));
        yield_now().await?;
        spawns.abort();
        let _ = (panics.await, spawns.await);
        let parked = Rc::new(Cell::new(None));
        let keep = parked.clone();
        let late = spawn(async move {
            std::future::poll_fn(move |context| {
                keep.set(Some(context.waker().clone()));
                std::task::Poll::Ready(())
            })
            .await;
            Ok::<(), Error>(())
        });
        late.await?;
        parked.take().expect("it was polled").wake();
        Ok::<(), Error>(())
    });
}

/// The loop is left, closed, and a run is given up.
fn interrupted() {
    let mut runner = Runner::new(Config::default());
    let left = runner.run(async {
        drop(spawn(sleep(SECOND)));
        interrupt();
        sleep(SECOND).await
    });
    assert!(matches!(left, Err(Error::Interrupted)));
    runner.finish();
    let mut runner = Runner::new(Config::default().iterations_max(50));
    let turning = runner.run(async {
        while yield_now().await.is_ok() {}
        Ok::<(), Error>(())
    });
    assert!(turning.is_err());
    runner.finish();
}

/// Checks that fail: the failing run, and its recorded second one.
fn failing() {
    let deadlock = Check::new().try_run(|| async {
        let (one, other) = (Lock::new(), Lock::new());
        let both = |first: Lock, second: Lock| async move {
            let _first = first.acquire().await?;
            yield_now().await?;
            let _second = second.acquire().await?;
            Ok::<(), Error>(())
        };
        gather((both(one.clone(), other.clone()), both(other, one))).await.map(drop)
    });
    assert!(deadlock.is_err());
    let panics = Check::new().try_run(|| async {
        drop(spawn(async { sleep(SECOND).await }));
        assert!(yield_now().await.is_err(), "on purpose");
        Ok::<(), Error>(())
    });
    assert!(panics.is_err());
}

/// Schedules of proptest's, down to the smallest that fails.
fn shrunk() {
    use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
    let check = Check::new();
    let config = Config { cases: 50, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let failed = TestRunner::new_with_rng(config, rng).run(&schedules(), |schedule| {
        let ran = check.try_schedule(&schedule, || async {
            let count = Rc::new(Cell::new(0));
            let add = |count: Rc<Cell<u32>>| async move {
                count.set(count.get() * 2 + 1);
                yield_now().await?;
                count.set(count.get() * 3);
                Ok::<(), Error>(())
            };
            gather((add(count.clone()), add(count.clone()))).await?;
            assert_eq!(count.get(), 27, "in asyncio's order");
            Ok::<(), Error>(())
        });
        ran.map(drop).map_err(|failure| TestCaseError::fail(failure.text))
    });
    assert!(failed.is_err());
}
