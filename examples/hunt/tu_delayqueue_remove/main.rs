//! tokio-util #6752: `DelayQueue::remove` of the last item does not wake the consumer that waits
//! for it. The consumer must wait first. The queue needs tokio's runtime for its timer, whose
//! clock stands still here.

#[path = "../support.rs"]
mod support;

use std::{cell::RefCell, future::poll_fn, process::ExitCode, rc::Rc, time::Duration};

use seedloop::{Error, gather, spawn_named};
use support::hunt;
use tokio::runtime::Builder;
use tokio_util::time::DelayQueue;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.expect("a runtime without threads and I/O");
    let _entered = runtime.enter();
    let queue = Rc::new(RefCell::new(DelayQueue::new()));
    let key = queue.borrow_mut().insert("item", Duration::from_secs(10));
    let own = queue.clone();
    let consumer = spawn_named("consumer", async move {
        let expired = poll_fn(|context| own.borrow_mut().poll_expired(context)).await;
        assert!(expired.is_none(), "it was removed before its time");
    });
    let remover = spawn_named("remover", async move {
        queue.borrow_mut().remove(&key);
    });
    gather((consumer, remover)).await?;
    Ok(())
}
