//! Bugs of blocking code beside the loop, each found by a search of every behaviour, made small,
//! and drawn with a column per thread:
//!
//! ```text
//! cargo run --example threads [WORD]
//! ```
//! Each program looks right, and is, in asyncio's order.

use std::{collections::VecDeque, env, process::ExitCode, sync::Arc};

use seedloop::{
    Check, Error, Failure, at_end, gather, run_in_executor, spawn,
    thread::{
        self, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    to_thread, yield_now,
};

/// A program with a bug.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// What goes wrong.
    pub(crate) bug: &'static str,
    pub(crate) find: fn() -> Result<(), Box<Failure>>,
}

/// All of them.
pub(crate) const CASES: [Case; 5] = [
    Case {
        name: "lost-update",
        bug: "two jobs read a balance, and then write it",
        find: || search(lost_update),
    },
    Case {
        name: "check-then-act",
        bug: "the loop looks whether a connection is open, and then uses it; a job closes it",
        find: || search(check_then_act),
    },
    Case {
        name: "deadlock",
        bug: "two jobs take two locks in opposite orders",
        find: || search(deadlock),
    },
    Case {
        name: "dropped-result",
        bug: "whoever waits for a job is cancelled, and what the job has taken is lost",
        find: || search(dropped_result),
    },
    Case {
        name: "lost-hand-off",
        bug: "a job is queued when the worker has looked already, and does not sleep yet",
        find: || search(lost_hand_off),
    },
];

fn main() -> ExitCode {
    let word = env::args().nth(1).unwrap_or_default();
    let mut code = ExitCode::SUCCESS;
    for Case { name, bug, find } in CASES.iter().filter(|case| case.name.contains(&word)) {
        println!("== {name}: {bug}\n");
        match find() {
            Err(failure) => println!("{failure:#}\n"),
            Ok(()) => {
                println!("not found");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

/// Every behaviour of the program, until one fails.
fn search<F>(program: fn() -> F) -> Result<(), Box<Failure>>
where
    F: Future<Output = Result<(), Error>> + 'static,
{
    Check::new().exhaustive().tracked().try_run(program).map(drop)
}

async fn lost_update() -> Result<(), Error> {
    let balance = Arc::new(AtomicUsize::new(100));
    let deposit = |amount: usize| {
        let balance = balance.clone();
        run_in_executor(None, move || {
            let before = balance.load(SeqCst);
            balance.store(before + amount, SeqCst);
        })
    };
    gather([deposit(10)?, deposit(20)?]).await?;
    assert_eq!(balance.load(SeqCst), 130, "a deposit is lost");
    Ok(())
}

async fn check_then_act() -> Result<(), Error> {
    let is_open = Arc::new(AtomicBool::new(true));
    let theirs = is_open.clone();
    let closes = run_in_executor(None, move || {
        thread::yield_now(); // says goodbye
        theirs.store(false, SeqCst);
    })?;
    if is_open.load(SeqCst) {
        yield_now().await?; // asks for a buffer
        assert!(is_open.load(SeqCst), "it was open a moment ago");
    }
    closes.await
}

async fn deadlock() -> Result<(), Error> {
    let (ann, bob) = (Arc::new(Mutex::new(100)), Arc::new(Mutex::new(100)));
    let transfer = |from: &Arc<Mutex<i32>>, to: &Arc<Mutex<i32>>| {
        let (from, to) = (from.clone(), to.clone());
        run_in_executor(None, move || {
            let mut from = from.lock().unwrap();
            let mut to = to.lock().unwrap();
            *from -= 10;
            *to += 10;
        })
    };
    gather([transfer(&ann, &bob)?, transfer(&bob, &ann)?]).await?;
    Ok(())
}

async fn dropped_result() -> Result<(), Error> {
    let free = Arc::new(AtomicUsize::new(1));
    let left = free.clone();
    at_end(move || assert_eq!(left.load(SeqCst), 1, "every connection is back"));
    let takes = free.clone();
    let waits = spawn(async move {
        to_thread(move || takes.fetch_sub(1, SeqCst)).await?;
        // Whoever has the result gives the connection back; but nobody may have it.
        free.fetch_add(1, SeqCst);
        Ok::<(), Error>(())
    });
    for _ in 0..4 {
        yield_now().await?;
    }
    waits.cancel(); // it has had its time
    let _ = waits.await;
    Ok(())
}

/// A queue of jobs, and a worker that sleeps while there are none.
#[derive(Default)]
struct Pool {
    queue: Mutex<VecDeque<u32>>,
    /// How many workers sleep.
    idle: AtomicUsize,
    bell: (Mutex<()>, Condvar),
    done: AtomicUsize,
}

/// The shape of a regression of tokio 1.52.0 (its issue 8056, taken back in 1.52.1): the queue of
/// `spawn_blocking` got locks of its own, so that a worker's last look at the queue and its going
/// to sleep were no longer one, and a job that came in between woke nobody.
impl Pool {
    fn submit(&self, job: u32) {
        self.queue.lock().unwrap().push_back(job);
        // If no worker sleeps, one is busy, and will look again: that is the mistake.
        if self.idle.load(SeqCst) > 0 {
            let _bell = self.bell.0.lock().unwrap();
            self.bell.1.notify_one();
        }
    }

    fn work(&self) {
        while self.done.load(SeqCst) < 2 {
            let job = self.queue.lock().unwrap().pop_front();
            if job.is_some() {
                self.done.fetch_add(1, SeqCst);
                continue;
            }
            let bell = self.bell.0.lock().unwrap();
            self.idle.fetch_add(1, SeqCst);
            drop(self.bell.1.wait(bell).unwrap());
            self.idle.fetch_sub(1, SeqCst);
        }
    }
}

async fn lost_hand_off() -> Result<(), Error> {
    let pool = Arc::new(Pool::default());
    pool.submit(1);
    let (works, submits) = (pool.clone(), pool);
    let works = run_in_executor(None, move || works.work())?;
    let submits = run_in_executor(None, move || submits.submit(2))?;
    gather([works, submits]).await?;
    Ok(())
}
