//! bb8 #167: a broken connection that is dropped makes room without a word to those who wait for
//! one: they wait until their timeout. One task waits while the other has the connection. bb8 opens
//! connections in tasks of tokio's runtime, which a task of the program drives; its clock stands
//! still.

#[path = "../support.rs"]
mod support;

use std::{
    convert::Infallible,
    process::ExitCode,
    rc::Rc,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use bb8::{ManageConnection, Pool};
use seedloop::{Error, gather, sleep, spawn_named, yield_now};
use support::hunt;
use tokio::{
    runtime::{Builder, Runtime},
    task,
};

fn main() -> ExitCode {
    hunt(program)
}

/// Its first connection breaks when it is used.
struct Manager {
    breaks: AtomicBool,
}

#[async_trait]
impl ManageConnection for Manager {
    type Connection = ();
    type Error = Infallible;

    async fn connect(&self) -> Result<(), Infallible> {
        Ok(())
    }

    async fn is_valid(&self, _: &mut ()) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut ()) -> bool {
        self.breaks.swap(false, Relaxed)
    }
}

/// Runs tokio's tasks whenever nothing else is ready.
async fn drive(runtime: Rc<Runtime>) -> Result<(), Error> {
    for _ in 0..4 {
        sleep(Duration::from_millis(1)).await?;
        runtime.block_on(task::yield_now());
    }
    Ok(())
}

async fn program() -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = Rc::new(runtime.expect("a runtime without threads and I/O"));
    let _entered = runtime.enter();
    let manager = Manager { breaks: AtomicBool::new(true) };
    let pool = Pool::builder().max_size(1).build_unchecked(manager);
    let user = |name| {
        let pool = pool.clone();
        spawn_named(name, async move {
            let _connection = pool.get().await.expect("no timeout, and no error");
            yield_now().await
        })
    };
    let driver = spawn_named("driver", drive(runtime.clone()));
    gather((user("a"), user("b"), driver)).await?;
    Ok(())
}
