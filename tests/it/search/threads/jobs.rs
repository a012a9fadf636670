//! The programs as threads.

use std::sync::{Arc, Mutex, MutexGuard};

use futures::FutureExt;
pub(super) use seedloop::Error;
use seedloop::{
    raw::{Object, job_point},
    sched::Access,
    thread::{mpsc, spawn},
};

use super::{Start, ends, ensure};

programs!();

async fn yield_now() -> Result<(), Error> {
    job_point();
    Ok(())
}

/// A variable of C: each use is a step, torn apart by nothing but that.
#[derive(Clone)]
struct Tracked<T>(Object, Arc<Mutex<T>>);

impl<T> Tracked<T> {
    fn new(value: T) -> Tracked<T> {
        Tracked(Object::new("Tracked"), Arc::new(Mutex::new(value)))
    }

    fn borrow(&self) -> MutexGuard<'_, T> {
        self.0.touch(Access::Read);
        self.1.lock().unwrap()
    }

    fn update(&self, change: impl FnOnce(&mut T)) {
        self.0.touch(Access::Write);
        change(&mut self.1.lock().unwrap());
    }

    fn get(&self) -> T
    where
        T: Clone,
    {
        self.borrow().clone()
    }
}

impl<T: Default> Default for Tracked<T> {
    fn default() -> Self {
        Tracked::new(T::default())
    }
}

#[derive(Clone)]
struct Lock(Arc<(mpsc::Sender<()>, mpsc::Receiver<()>)>);

struct Guard(Lock);

impl Lock {
    fn new() -> Lock {
        let (sender, receiver) = mpsc::channel();
        sender.send(()).expect("it is just made");
        let lock = Lock(Arc::new((sender, receiver)));
        // Whoever dropped it last would close the channel, in turns of its own.
        std::mem::forget(lock.clone());
        lock
    }

    async fn acquire(&self) -> Result<Guard, Error> {
        self.0.1.recv().expect("the sender is there");
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
        self.0.0.0.send(()).expect("the receiver is there");
    }
}

async fn lock(lock: &Lock) -> Result<Guard, Error> {
    lock.acquire().await
}

async fn unlock(guard: Guard) -> Result<(), Error> {
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
        job: impl Future<Output = Result<(), Error>> + Send + 'static,
    ) -> Result<(), Error> {
        let end: Arc<Mutex<Option<bool>>> = Arc::default();
        let theirs = end.clone();
        drop(spawn(move || {
            let ended = job.now_or_never().expect("a job blocks, it does not wait");
            *theirs.lock().unwrap() = Some(ended.is_ok());
        }));
        ends(move || *end.lock().unwrap());
        Ok(())
    }

    async fn join(self) -> Result<(), Error> {
        std::future::pending().await
    }
}
