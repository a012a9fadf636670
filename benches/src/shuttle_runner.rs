//! shuttle's futures under its random scheduler: no clock; a thread-like stack for each task.

use std::sync::Arc;

use shuttle::{Config, MaxSteps, Runner, future, scheduler::RandomScheduler};

use crate::programs::Runtime;

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
