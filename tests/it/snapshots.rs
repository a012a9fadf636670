//! Traces as a reader sees them. The last one is a bug that a check found.

use std::time::Duration;

use seedloop::{
    Check, Error, Lock, Queue, assert_trace, gather, sleep, spawn_named, task_group, timeout,
    trace_of, yield_now,
};

#[test]
fn a_task_and_its_spawner() {
    assert_trace!(trace_of(async {
        let worker = spawn_named("worker", async { yield_now().await });
        seedloop::log("spawned");
        worker.await
    }), @"");
}

#[test]
fn a_timeout() {
    assert_trace!(trace_of(async {
        let _ = timeout(Duration::from_secs(1), sleep(Duration::from_secs(2))).await;
    }), @"");
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
    }), @"");
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
    }), @"");
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
    }), @"");
}

#[test]
fn a_deadlock_of_two_locks_as_a_check_found_it() {
    let failure = Check::new().try_run(|| async {
        let (a, b) = (Lock::new(), Lock::new());
        let both = |one: Lock, two: Lock| async move {
            let _one = one.acquire().await?;
            let _two = two.acquire().await?;
            yield_now().await
        };
        let turn = |one: Lock, two: Lock| async move {
            yield_now().await?;
            let _one = one.acquire().await?;
            yield_now().await?;
            let _two = two.acquire().await?;
            Ok::<(), Error>(())
        };
        gather((both(a.clone(), b.clone()), turn(b.clone(), a.clone()), turn(a, b))).await
    });
    let failure = failure.unwrap_err();
    insta::assert_snapshot!(failure.text, @"");
    insta::assert_snapshot!(failure.token.as_ref().unwrap(), @"");
    assert_trace!(failure.trace, @"");
}
