//! tokio's `current_thread` runtime with a paused clock, which skips to the next timer when
//! nothing else is ready.

use std::time::Duration;

use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
    time::sleep,
};

use crate::programs;

pub struct Tokio;

impl programs::Runtime for Tokio {
    fn spawn(
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + 'static {
        let task = tokio::spawn(task);
        async move { task.await.expect("the task does not fail") }
    }

    async fn yield_now() {
        yield_now().await;
    }
}

impl programs::Clock for Tokio {
    async fn sleep_1_ms() {
        sleep(Duration::from_millis(1)).await;
    }
}

pub fn runtime() -> Runtime {
    let built = Builder::new_current_thread().enable_time().start_paused(true).build();
    built.expect("a runtime without I/O")
}
