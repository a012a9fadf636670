//! Buggy programs of SCTBench (Thomson, Donaldson, Betts, "Concurrency testing using controlled
//! schedulers: an empirical study", 2016) as tasks, in the sizes and with the threads that the
//! artefact of SURW (Zhao et al., "Selectively uniform concurrency testing", 2025) runs; that one
//! took them from PERIOD, which added `reorder_50`, `reorder_100`, `twostage_20`, `twostage_50`.
//!
//! A thread is a task. Before each access to shared state, each lock and each unlock there is one
//! yield, so each is one step; so is a task's start. What is set before the first task starts and
//! never again is a constant here. A `seedloop::Lock` goes to who has waited longest; a pthread
//! mutex goes to anybody.

mod account;
mod bluetooth;
mod deadlock;
mod reorder;
mod stack;
mod string_buffer;
mod token_ring;
mod twostage;
mod work_steal_queue;
mod wronglock;

use std::pin::Pin;

use seedloop::{Error, Lock, LockGuard, Task, Tracked, spawn, yield_now};

/// A main, not yet run.
pub(crate) type Main = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// How a main starts its tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Each start is a step of its own, as `pthread_create` is: the first tasks may be over before
    /// the last one is there.
    OneByOne,
    /// All tasks are there before any of them runs.
    AtOnce,
}

/// A program with a bug.
#[derive(Clone, Copy)]
pub(crate) struct Program {
    pub(crate) name: &'static str,
    /// Fails, panics or deadlocks in the schedules that show the bug.
    pub(crate) main: fn(Start) -> Main,
}

/// All of them, in the order of the published table.
pub(crate) const PROGRAMS: [Program; 21] = [
    Program { name: "twostage", main: |start| Box::pin(twostage::main(start, 1, 1)) },
    Program { name: "twostage_20", main: |start| Box::pin(twostage::main(start, 10, 10)) },
    Program { name: "twostage_50", main: |start| Box::pin(twostage::main(start, 40, 10)) },
    Program { name: "twostage_100", main: |start| Box::pin(twostage::main(start, 99, 1)) },
    Program { name: "reorder_3", main: |start| Box::pin(reorder::main(start, 2, 1)) },
    Program { name: "reorder_4", main: |start| Box::pin(reorder::main(start, 3, 1)) },
    Program { name: "reorder_5", main: |start| Box::pin(reorder::main(start, 4, 1)) },
    Program { name: "reorder_10", main: |start| Box::pin(reorder::main(start, 9, 1)) },
    Program { name: "reorder_20", main: |start| Box::pin(reorder::main(start, 10, 10)) },
    Program { name: "reorder_50", main: |start| Box::pin(reorder::main(start, 40, 10)) },
    Program { name: "reorder_100", main: |start| Box::pin(reorder::main(start, 99, 1)) },
    Program { name: "stack", main: |start| Box::pin(stack::main(start)) },
    Program { name: "token_ring", main: |start| Box::pin(token_ring::main(start)) },
    Program { name: "lazy01", main: |start| Box::pin(account::lazy01(start)) },
    Program { name: "deadlock01", main: |start| Box::pin(deadlock::main(start)) },
    Program { name: "bluetooth_driver", main: |start| Box::pin(bluetooth::main(start)) },
    Program { name: "account", main: |start| Box::pin(account::main(start)) },
    Program { name: "wronglock", main: |start| Box::pin(wronglock::main(start, 1, 7)) },
    Program { name: "wronglock_3", main: |start| Box::pin(wronglock::main(start, 1, 3)) },
    Program { name: "stringbuffer-jdk1.4", main: |start| Box::pin(string_buffer::main(start)) },
    Program { name: "WorkStealQueue", main: |start| Box::pin(work_steal_queue::main(start)) },
];

/// The tasks that a main has started.
struct Crew {
    start: Start,
    tasks: Vec<Task<(), Error>>,
}

impl Crew {
    fn new(start: Start) -> Crew {
        Crew { start, tasks: Vec::new() }
    }

    async fn start(
        &mut self,
        task: impl Future<Output = Result<(), Error>> + 'static,
    ) -> Result<(), Error> {
        if self.start == Start::OneByOne {
            yield_now().await?;
        }
        self.tasks.push(spawn(task));
        Ok(())
    }

    /// Waits for one after the other; fails with the first that has failed.
    async fn join(self) -> Result<(), Error> {
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}

/// One step that reads.
async fn read<T: Clone>(cell: &Tracked<T>) -> Result<T, Error> {
    yield_now().await?;
    Ok(cell.get())
}

/// One step that writes.
async fn write<T>(cell: &Tracked<T>, value: T) -> Result<(), Error> {
    yield_now().await?;
    cell.set(value);
    Ok(())
}

/// `cell += amount`, in two steps: what another task does between them is lost.
async fn add(cell: &Tracked<i64>, amount: i64) -> Result<(), Error> {
    let value = read(cell).await?;
    write(cell, value + amount).await
}

/// One step that takes the lock, or waits for it.
async fn lock(lock: &Lock) -> Result<LockGuard, Error> {
    yield_now().await?;
    lock.acquire().await
}

/// One step that gives the lock back.
async fn unlock(guard: LockGuard) -> Result<(), Error> {
    yield_now().await?;
    drop(guard);
    Ok(())
}

/// What a violated assertion says.
pub(crate) const VIOLATED: &str = "the program's assertion does not hold";

/// The program's own assertion: an error, so that a run ends in peace.
fn ensure(holds: bool) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::InvalidState(VIOLATED)) }
}
