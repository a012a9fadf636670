//! Asynchronous iteration: results as they come, items of a queue.

use std::time::Duration;

use futures::{Stream, StreamExt, TryStreamExt};
use seedloop::{
    Check, Error, PriorityQueue, Queue, as_completed, run, sleep, spawn, timeout, yield_now,
};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn results_are_a_stream_in_the_order_of_completion() {
    let got = run(async {
        let nap = |secs: u32| {
            spawn(async move {
                sleep(secs * SECOND).await?;
                Ok::<_, Error>(secs)
            })
        };
        let naps = as_completed([nap(3), nap(1), nap(2)]);
        assert_eq!(Stream::size_hint(&naps), (3, Some(3)));
        naps.map_ok(|secs| secs * 10).try_collect::<Vec<_>>().await
    });
    assert_eq!(got.unwrap(), [10, 20, 30]);
}

#[test]
fn a_wait_that_times_out_loses_no_result() {
    let got = run(async {
        let mut naps = as_completed([spawn(async {
            sleep(2 * SECOND).await?;
            Ok::<_, Error>(7)
        })]);
        let early = timeout(SECOND, async { StreamExt::next(&mut naps).await.transpose() });
        assert!(matches!(early.await, Err(Error::TimedOut)));
        assert_eq!(naps.len(), 1);
        naps.next().await.transpose()
    });
    assert_eq!(got.unwrap(), Some(7));
}

#[test]
fn items_end_when_the_queue_is_shut_down_and_empty() {
    let got = run(async {
        let queue = PriorityQueue::new(0);
        let producer = spawn({
            let queue = queue.clone();
            async move {
                for item in [3, 1, 2] {
                    queue.put(item).await?;
                    yield_now().await?;
                }
                queue.shutdown(false);
                Ok::<(), Error>(())
            }
        });
        let all: Vec<i32> = queue.items().try_collect().await?;
        producer.await?;
        assert!(queue.items().next().await.is_none());
        Ok::<_, Error>(all)
    });
    assert_eq!(got.unwrap().len(), 3);
}

#[test]
fn two_readers_share_the_items_in_every_order() {
    Check::new().schedules(300).run(|| async {
        let queue = Queue::new(1);
        let reader = |queue: Queue<u32>| {
            spawn(async move {
                let (mut items, mut sum) = (queue.items(), 0);
                while let Some(item) = items.next().await {
                    sum += item?;
                }
                Ok::<u32, Error>(sum)
            })
        };
        let (one, two) = (reader(queue.clone()), reader(queue.clone()));
        for item in 1..=4 {
            queue.put(item).await?;
        }
        queue.shutdown(false);
        assert_eq!(one.await? + two.await?, 10);
        Ok::<(), Error>(())
    });
}
