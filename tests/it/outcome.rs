//! How a task's output counts: the rule of DESIGN.md, for each shape of output.

use std::{error::Error as StdError, time::Duration};

use anyhow::Context;
use seedloop::{Error, Task, run, sleep, spawn, spawn_plain, timeout, wait_for, yield_now};

#[derive(thiserror::Error, Debug, Clone)]
enum Layer {
    #[error("the loop said so")]
    Loop(#[from] Error),
    #[error("app {0}")]
    App(u32),
}

#[derive(thiserror::Error, Debug)]
enum Transparent {
    #[error(transparent)]
    Layer(#[from] Layer),
    #[error(transparent)]
    Loop(#[from] Error),
}

fn long() -> seedloop::Sleep {
    sleep(Duration::from_secs(3600))
}

/// How a task stands: pending, finished, failed or cancelled.
fn stands<T, E>(task: &Task<T, E>) -> &'static str {
    match (task.is_done(), task.is_cancelled(), task.is_failed()) {
        (false, ..) => "pending",
        (_, true, _) => "cancelled",
        (.., true) => "failed",
        _ => "finished",
    }
}

/// Cancels a task that sleeps, and says how it then stands.
macro_rules! cancelled {
    ($body:expr) => {{
        let task = spawn($body);
        yield_now().await?;
        assert!(task.cancel());
        yield_now().await?;
        yield_now().await?;
        stands(&task)
    }};
}

#[test]
fn plain_values_finish() {
    run(async {
        let (unit, number) = (spawn(async {}), spawn(async { 7 }));
        let text = spawn(async { "text" });
        let raw = spawn_plain(async { std::sync::mpsc::channel::<()>() });
        yield_now().await?;
        let all = [stands(&unit), stands(&number), stands(&text), stands(&raw)];
        assert_eq!(all, ["finished"; 4]);
        assert_eq!(number.await?, 7);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn a_loop_without_an_end_is_a_task() {
    run(async {
        let forever = spawn(async {
            loop {
                // A cancellation that is not passed on does not end the task.
                let _ = long().await;
            }
        });
        yield_now().await?;
        forever.cancel();
        yield_now().await?;
        assert_eq!(stands(&forever), "pending");
        forever.abort();
        yield_now().await?;
        assert_eq!(stands(&forever), "cancelled");
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn an_error_with_a_cancellation_in_its_chain_is_one() {
    run(async {
        let own = cancelled!(async { long().await });
        let from = cancelled!(async { Ok::<(), Layer>(long().await?) });
        let transparent = cancelled!(async {
            let inner = async { Ok::<(), Layer>(long().await?) };
            Ok::<(), Transparent>(inner.await?)
        });
        let direct = cancelled!(async { Ok::<(), Transparent>(long().await?) });
        let context = cancelled!(async { long().await.context("reading").context("opening") });
        let boxed = cancelled!(async {
            long().await?;
            Ok::<(), Box<dyn StdError + Send + Sync>>(())
        });
        assert_eq!([own, from, transparent, direct, context, boxed], ["cancelled"; 6]);
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn another_error_replaces_a_cancellation() {
    run(async {
        let replaced = cancelled!(async { long().await.map_err(|_| Layer::App(3)) });
        let plain = cancelled!(async { vec![long().await] });
        assert_eq!((replaced, plain), ("failed", "finished"));
        Ok::<(), Error>(())
    })
    .unwrap();
}

#[test]
fn errors_reach_whoever_awaits_with_their_type() {
    run(async {
        let app = spawn(async { Err::<(), Layer>(Layer::App(5)) });
        assert!(matches!(app.await, Err(Layer::App(5))));
        let any = spawn(async {
            anyhow::bail!("no");
            #[allow(unreachable_code)]
            Ok::<(), _>(())
        });
        assert_eq!(any.await.unwrap_err().to_string(), "no");
        let panicked = spawn(async {
            if true {
                panic!("boom")
            }
        });
        assert!(matches!(panicked.await, Err(Error::Panicked(text)) if &*text == "boom"));
        Ok::<(), Error>(())
    })
    .unwrap();
}

/// The limit counts for a body that cannot tell of a cancellation, too.
#[test]
fn a_timeout_of_a_body_with_a_plain_output_is_a_timeout() {
    let second = Duration::from_secs(1);
    run(async move {
        let never = async { std::future::pending::<()>().await };
        assert!(matches!(timeout(second, never).await, Err(Error::TimedOut)), "timeout");
        let never = async { std::future::pending::<()>().await };
        assert!(matches!(wait_for(never, second).await, Err(Error::TimedOut)), "wait_for");
        let never = async { std::future::pending::<()>().await };
        let no_time = wait_for(never, Duration::ZERO).await;
        assert!(matches!(no_time, Err(Error::TimedOut)), "wait_for of zero");
        Ok::<(), Error>(())
    })
    .unwrap();
}
