//! The programs as tasks.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::{Poll, Waker},
};

pub(super) use seedloop::{Error, Tracked, yield_now};
use seedloop::{raw::Object, sched::Access, spawn};

use super::{Start, ends, ensure};

programs!();

#[derive(Clone)]
struct Lock(Rc<Inner>);

struct Inner {
    object: Object,
    is_held: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

struct Guard(Lock);

impl Lock {
    fn new() -> Lock {
        let object = Object::new("Lock");
        Lock(Rc::new(Inner { object, is_held: Cell::new(false), waiting: RefCell::default() }))
    }

    /// Whoever finds it held looks again when it is free.
    async fn acquire(&self) -> Result<Guard, Error> {
        poll_fn(|context| {
            let Inner { object, is_held, waiting } = &*self.0;
            if is_held.get() {
                object.touch(Access::Read);
                waiting.borrow_mut().push(context.waker().clone());
                return Poll::Pending;
            }
            object.touch(Access::Write);
            is_held.set(true);
            Poll::Ready(())
        })
        .await;
        Ok(Guard(self.clone()))
    }
}

impl Default for Lock {
    fn default() -> Self {
        Lock::new()
    }
}

impl Guard {
    fn release(self) {
        let Inner { object, is_held, waiting } = &*self.0.0;
        object.touch(Access::Write);
        is_held.set(false);
        waiting.take().into_iter().for_each(Waker::wake);
    }
}

/// One step that takes the lock, or waits for it.
async fn lock(lock: &Lock) -> Result<Guard, Error> {
    yield_now().await?;
    lock.acquire().await
}

/// One step that gives the lock back.
async fn unlock(guard: Guard) -> Result<(), Error> {
    yield_now().await?;
    guard.release();
    Ok(())
}

struct Crew;

impl Crew {
    fn new(_: Start) -> Crew {
        Crew
    }

    async fn start(
        &mut self,
        task: impl Future<Output = Result<(), Error>> + 'static,
    ) -> Result<(), Error> {
        let end = Rc::new(Cell::new(None));
        let theirs = end.clone();
        drop(spawn(async move { theirs.set(Some(task.await.is_ok())) }));
        ends(move || end.get());
        Ok(())
    }

    async fn join(self) -> Result<(), Error> {
        std::future::pending().await
    }
}
