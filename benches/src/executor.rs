//! async-executor's `LocalExecutor`: no clock, no choice of the order.

use std::{cell::RefCell, pin::Pin, rc::Rc, task::Poll};

use async_executor::LocalExecutor;
use futures::executor::block_on;

use crate::programs::Runtime;

thread_local! {
    static CURRENT: RefCell<Rc<LocalExecutor<'static>>> = RefCell::default();
}

pub struct Executor;

impl Runtime for Executor {
    fn spawn(
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + 'static {
        CURRENT.with_borrow(|executor| executor.spawn(task))
    }

    async fn yield_now() {
        let mut polled = false;
        let yields = std::future::poll_fn(|context| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        });
        yields.await;
    }
}

/// Runs in the thread's executor.
pub fn run(program: impl Future<Output = ()> + 'static) {
    let executor = CURRENT.with_borrow(Rc::clone);
    let program: Pin<Box<dyn Future<Output = ()>>> = Box::pin(program);
    let main = executor.spawn(program);
    block_on(executor.run(main));
}

/// Runs in an executor of its own.
pub fn run_new(program: impl Future<Output = ()> + 'static) {
    CURRENT.take();
    run(program);
}
