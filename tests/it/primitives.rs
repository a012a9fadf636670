//! What the primitives say of themselves: sizes, bounds, and who waits.

use std::{cell::Cell, rc::Rc};

use seedloop::{
    Barrier, BoundedSemaphore, Condition, Error, Event, Lock, Queue, Semaphore, run, spawn,
    yield_now,
};

#[test]
fn a_queue_knows_its_bound_and_its_size() {
    let queue = Queue::new(2);
    let told = || (queue.maxsize(), queue.qsize(), queue.is_empty(), queue.is_full());
    assert_eq!(told(), (2, 0, true, false));
    queue.put_nowait('a').unwrap();
    assert_eq!(told(), (2, 1, false, false));
    queue.put_nowait('b').unwrap();
    assert_eq!(told(), (2, 2, false, true));
    let unbounded = Queue::default();
    unbounded.put_nowait('a').unwrap();
    assert_eq!((unbounded.maxsize(), unbounded.is_full()), (0, false));
}

#[test]
fn a_barrier_counts_who_waits_while_it_fills() {
    run(async {
        let barrier = Barrier::new(2)?;
        let told = || (barrier.parties(), barrier.n_waiting(), barrier.broken());
        assert_eq!(told(), (2, 0, false));
        let first = spawn({
            let barrier = barrier.clone();
            async move { barrier.wait().await }
        });
        yield_now().await?;
        assert_eq!(told(), (2, 1, false));
        assert_eq!((barrier.wait().await?, first.await?), (1, 0));
        assert_eq!(told(), (2, 0, false));
        barrier.abort().await?;
        assert_eq!(told(), (2, 0, true));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_semaphore_counts_its_permits() {
    run(async {
        let (one, bounded) = (Semaphore::new(2), BoundedSemaphore::new(1));
        let told = || (one.permits(), one.locked(), bounded.locked());
        assert_eq!(told(), (2, false, false));
        let kept = (one.acquire().await?, one.acquire().await?, bounded.acquire().await?);
        assert_eq!(told(), (0, true, true));
        drop(kept);
        assert_eq!(told(), (2, false, false));
        one.release();
        assert_eq!(one.permits(), 3);
        assert!(matches!(bounded.release(), Err(Error::InvalidValue(_))));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn locks_and_events_say_whether_they_are_taken_and_set() {
    run(async {
        let (lock, event) = (Lock::new(), Event::new());
        let condition = Condition::with_lock(&lock);
        let told = || (lock.locked(), condition.locked(), event.is_set());
        assert_eq!(told(), (false, false, false));
        let guard = lock.acquire().await?;
        event.set();
        assert_eq!(told(), (true, true, true));
        drop(guard);
        event.clear();
        assert_eq!(told(), (false, false, false));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_wait_for_a_predicate_ends_when_it_holds() {
    run(async {
        let (condition, holds) = (Condition::new(), Rc::new(Cell::new(false)));
        let waiter = spawn({
            let (condition, holds) = (condition.clone(), holds.clone());
            async move {
                let _guard = condition.acquire().await?;
                condition.wait_for(|| holds.get()).await?;
                Ok::<bool, Error>(holds.get())
            }
        });
        for value in [false, true] {
            yield_now().await?;
            let _guard = condition.acquire().await?;
            holds.set(value);
            condition.notify_all()?;
        }
        assert!(waiter.await?);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_queue_that_is_shut_down_gives_what_is_left_unless_at_once() {
    for (immediate, left) in [(false, Some('a')), (true, None)] {
        let queue = Queue::new(0);
        queue.put_nowait('a').unwrap();
        queue.shutdown(immediate);
        assert_eq!((queue.get_nowait().ok(), queue.is_empty()), (left, true));
        assert!(matches!(queue.get_nowait(), Err(Error::QueueShutDown)));
        assert!(matches!(queue.put_nowait('b'), Err(Error::QueueShutDown)));
    }
}
