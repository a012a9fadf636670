//! Traces as a reader sees them. The last one is a bug that a check found.

use std::time::Duration;

use seedloop::{
    Check, Error, Lock, Queue, assert_trace, call_later, gather, log, sleep, spawn_named,
    task_group, timeout, trace_of, yield_now,
};

#[test]
fn a_task_and_its_spawner() {
    assert_trace!(trace_of(async {
        let worker = spawn_named("worker", async { yield_now().await });
        seedloop::log("spawned");
        worker.await
    }), @"
    0ns outside             spawns main
    0ns outside             adds a callback to main
    0ns main                steps
    0ns main                spawns worker
    0ns main                logs spawned
    0ns main                waits for worker
    0ns worker              steps
    0ns worker              yields
    0ns worker              steps
    0ns worker              finished
    0ns main                steps
    0ns main                finished
    0ns done callback c0/c2 runs
    0ns done callback c0/c2 stops the loop
    ");
}

#[test]
fn logs_are_what_the_program_wrote_whoever_wrote_it() {
    let trace = trace_of(async {
        call_later(Duration::from_millis(1_500), || log("a timer's"));
        spawn_named("logs", async { log("") }).await?;
        sleep(Duration::from_secs(2)).await?;
        log(2);
        Ok::<(), Error>(())
    });
    let at = Duration::from_millis;
    assert!(trace.logs().eq([(at(0), ""), (at(1_500), "a timer's"), (at(2_000), "2")]));
    assert_eq!(trace_of(async {}).logs().count(), 0);
}

#[test]
fn a_timeout() {
    assert_trace!(trace_of(async {
        let _ = timeout(Duration::from_secs(1), sleep(Duration::from_secs(2))).await;
    }), @"
    0ns outside             spawns main
    0ns outside             adds a callback to main
    0ns main                steps
    0ns main                arms timer c1 for 1s
    0ns main                arms timer c3 for 2s
    0ns main                waits for sleep c2
     1s clock               advances
     1s timer c1            runs
     1s timer c1            cancels main
     1s main                steps
     1s main                cancels timer c3
     1s main                uncancels main: 0 left
     1s main                finished
     1s done callback c0/c2 runs
     1s done callback c0/c2 stops the loop
    ");
}

#[test]
fn a_cancellation_that_is_cleaned_up() {
    assert_trace!(trace_of(async {
        let worker = spawn_named("worker", async {
            let told = sleep(Duration::from_secs(9)).await;
            sleep(Duration::from_secs(1)).await?;
            told
        });
        yield_now().await?;
        worker.cancel_with("enough");
        let _ = worker.await;
        Ok::<(), Error>(())
    }), @"
    0ns outside             spawns main
    0ns outside             adds a callback to main
    0ns main                steps
    0ns main                spawns worker
    0ns main                yields
    0ns worker              steps
    0ns worker              arms timer 1/c2 for 9s
    0ns worker              waits for sleep 1/c1
    0ns main                steps
    0ns main                cancels worker
    0ns main                waits for worker
    0ns worker              steps
    0ns worker              cancels timer 1/c2
    0ns worker              arms timer 1/c4 for 1s
    0ns worker              waits for sleep 1/c3
     1s clock               advances
     1s timer 1/c4          runs
     1s worker              steps
     1s worker              was cancelled
     1s main                steps
     1s main                finished
     1s done callback c0/c2 runs
     1s done callback c0/c2 stops the loop
    ");
}

#[test]
fn a_queue_between_two_tasks() {
    assert_trace!(trace_of(async {
        let queue = Queue::new(1);
        let producer = spawn_named("producer", {
            let queue = queue.clone();
            async move {
                queue.put(1).await?;
                queue.put(2).await
            }
        });
        queue.get().await?;
        queue.get().await?;
        producer.await
    }), @"
    0ns outside             spawns main
    0ns outside             adds a callback to main
    0ns main                steps
    0ns main                spawns producer
    0ns main                waits for Queue::get c2
    0ns producer            steps
    0ns producer            resolves Queue::get c2
    0ns producer            waits for Queue::put 1/c1
    0ns main                steps
    0ns main                resolves Queue::put 1/c1
    0ns main                waits for Queue::get c3
    0ns producer            steps
    0ns producer            resolves Queue::get c3
    0ns producer            finished
    0ns main                steps
    0ns main                finished
    0ns done callback c0/c2 runs
    0ns done callback c0/c2 stops the loop
    ");
}

#[test]
fn a_task_group_whose_child_fails() {
    assert_trace!(trace_of(async {
        let failed = task_group(async |group| {
            group.spawn_named("bad", async { Err::<(), Error>(Error::TimedOut) })?;
            group.spawn_named("good", async { sleep(Duration::from_secs(1)).await })?;
            Ok::<(), Error>(())
        });
        assert!(failed.await.is_err());
    }), @"
    0ns outside             spawns main
    0ns outside             adds a callback to main
    0ns main                steps
    0ns main                spawns bad
    0ns main                adds a callback to bad
    0ns main                spawns good
    0ns main                adds a callback to good
    0ns main                waits for TaskGroup c5
    0ns bad                 steps
    0ns bad                 failed
    0ns good                steps
    0ns good                arms timer 2/c2 for 1s
    0ns good                waits for sleep 2/c1
    0ns done callback c2    runs
    0ns done callback c2    cancels good
    0ns done callback c2    cancels main
    0ns good                steps
    0ns good                cancels timer 2/c2
    0ns good                was cancelled
    0ns main                steps
    0ns main                waits for TaskGroup c6
    0ns done callback c4    runs
    0ns done callback c4    resolves TaskGroup c6
    0ns main                steps
    0ns main                uncancels main: 0 left
    0ns main                finished
    0ns done callback c0/c2 runs
    0ns done callback c0/c2 stops the loop
    ");
}

#[test]
fn a_deadlock_of_two_locks_as_a_check_found_it() {
    let failure = Check::new().try_run(|| async {
        let (a, b) = (Lock::new(), Lock::new());
        let both = |one: Lock, two: Lock, turns: u32| async move {
            for _ in 0..turns {
                yield_now().await?;
            }
            let _one = one.acquire().await?;
            yield_now().await?;
            let _two = two.acquire().await?;
            Ok::<(), Error>(())
        };
        gather((both(a.clone(), b.clone(), 0), both(b, a, 2))).await
    });
    let failure = failure.unwrap_err();
    // Without where the tasks were spawned.
    let text = failure.text.lines().map(|line| match line.split_once(" (spawned at ") {
        Some((name, rest)) => format!("{name}{}", rest.split_once(')').unwrap().1),
        None => line.into(),
    });
    insta::assert_snapshot!(text.collect::<Vec<_>>().join("\n"), @"
    deadlock: nothing is ready, no timer is armed
      main waits for gather c3, held up by 1, 2
      1 waits for Lock::acquire 1/c1, held up by 2
      2 waits for Lock::acquire 2/c1, held up by 1
      cycle: 1 -> 2 -> 1
    ");
    let told = "task 1's 2nd step waits until task 2's 3rd step has run";
    assert_eq!(failure.told, [told]);
    insta::assert_snapshot!(failure.token.as_ref().unwrap(), @"sl1-h.1:2@2:3-x0m1000000z10000-7.f9126db-66d3c50e");
    assert_trace!(failure.trace, @"
        0ns outside spawns main
        0ns outside adds a callback to main
        0ns main    steps
        0ns main    spawns 1
        0ns main    spawns 2
        0ns main    adds a callback to 1
        0ns main    adds a callback to 2
        0ns main    waits for gather c3
        0ns 1       steps
        0ns 1       yields
        0ns 2       steps
        0ns 2       yields
        0ns 2       steps
        0ns 2       yields
        0ns 2       steps
        0ns 2       yields
        0ns 1       steps
        0ns 1       waits for Lock::acquire 1/c1
        0ns 2       steps
        0ns 2       waits for Lock::acquire 2/c1
        0ns outside drops main
        0ns outside drops 1
        0ns outside resolves Lock::acquire 2/c1
        0ns outside drops 2
    ");
}
