//! tokio #2941: a write guard that is downgraded gives back more permits than it holds: a writer
//! gets in beside the reader.

#[path = "../support.rs"]
mod support;

use std::{cell::Cell, process::ExitCode, rc::Rc};

use seedloop::{Error, gather, spawn_named, yield_now};
use support::hunt;
use tokio::sync::RwLock;

fn main() -> ExitCode {
    hunt(program)
}

async fn program() -> Result<(), Error> {
    let lock = Rc::new(RwLock::new(0));
    let writes = Rc::new(Cell::new(false));
    let reads = Rc::new(Cell::new(false));
    let (own, sees, tells) = (lock.clone(), writes.clone(), reads.clone());
    let downgrader = spawn_named("downgrader", async move {
        let guard = own.write().await;
        assert!(!sees.get(), "two writers");
        let _guard = guard.downgrade();
        tells.set(true);
        yield_now().await?;
        yield_now().await?;
        assert!(!sees.get(), "a writer beside a reader");
        tells.set(false);
        Ok::<(), Error>(())
    });
    let writer = spawn_named("writer", async move {
        let mut guard = lock.write().await;
        assert!(!reads.get(), "a reader beside a writer");
        writes.set(true);
        *guard += 1;
        yield_now().await?;
        writes.set(false);
        Ok::<(), Error>(())
    });
    gather((downgrader, writer)).await?;
    Ok(())
}
