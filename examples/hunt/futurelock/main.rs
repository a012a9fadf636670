//! Oxide's RFD 609, "futurelock": a `select` gives up a `lock()` future without dropping it, the
//! fair lock is handed to that future, and the task waits for the same lock elsewhere: nobody
//! polls the future that has it. The timer must fire while the lock is held, and by the clock it
//! fires after: only a clock that slips shows it. The fixed variant drops the future first.

#[path = "../support.rs"]
mod support;

use std::{pin::pin, process::ExitCode, rc::Rc, time::Duration};

use futures_util::future::{Either, select};
use seedloop::{Error, gather, sleep, spawn_named, yield_now};
use support::hunt;
use tokio::sync::Mutex;

fn main() -> ExitCode {
    hunt(program)
}

async fn add(mutex: Rc<Mutex<u32>>) {
    *mutex.lock().await += 1;
}

async fn program() -> Result<(), Error> {
    let mutex = Rc::new(Mutex::new(0));
    let own = mutex.clone();
    let background = spawn_named("background", async move {
        let _guard = own.lock().await;
        sleep(Duration::from_millis(10)).await?;
        yield_now().await
    });
    let requester = spawn_named("requester", async move {
        let mut first = Box::pin(add(mutex.clone()));
        let timer = pin!(sleep(Duration::from_millis(20)));
        if let Either::Left(_) = select(&mut first, timer).await {
            return;
        }
        if cfg!(feature = "fixed") {
            drop(first);
            add(mutex).await;
        } else {
            add(mutex).await;
            first.await;
        }
    });
    gather((background, requester)).await?;
    Ok(())
}
