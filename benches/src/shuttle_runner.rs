//! shuttle's futures under its random scheduler: no clock; a thread-like stack for each task.

use std::sync::Arc;

use shuttle::{
    Config, MaxSteps, Runner,
    future::{
        self,
        batch_semaphore::{BatchSemaphore, Fairness},
    },
    scheduler::RandomScheduler,
};

use crate::programs::{Runtime, TINY_OF};

pub struct Shuttle;

impl Runtime for Shuttle {
    fn spawn(
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let task = future::spawn(task);
        async move { task.await.expect("the task does not fail") }
    }

    async fn yield_now() {
        future::yield_now().await;
    }
}

/// So many runs of a program.
pub fn runs<F: Future<Output = ()> + 'static>(
    count: usize,
    program: impl Fn() -> F + Send + Sync + 'static,
) {
    let mut config = Config::new();
    config.max_steps = MaxSteps::None;
    let program = Arc::new(program);
    let runner = Runner::new(RandomScheduler::new_from_seed(0, count), config);
    runner.run(move || future::block_on(program()));
}

/// The tiny run with a lock: a semaphore of one, as shuttle's tokio has it for its `Mutex`.
pub async fn locks() {
    let lock = Arc::new(BatchSemaphore::new(1, Fairness::StrictlyFair));
    let (tasks, yields) = TINY_OF;
    let task = || {
        let lock = lock.clone();
        future::spawn(async move {
            for _ in 0..yields {
                lock.acquire(1).await.expect("nobody closes it");
                future::yield_now().await;
                lock.release(1);
            }
        })
    };
    let tasks: Vec<_> = (0..tasks).map(|_| task()).collect();
    for task in tasks {
        task.await.expect("the task does not fail");
    }
}
