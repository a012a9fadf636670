//! Hand-overs between threads, and runs with two of them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use seedloop::{Check, Config, Runner, gather, run_in_executor, sched::Algorithm};
use shuttle::{MaxSteps, scheduler::RandomScheduler};

use crate::programs::{HANDS, JOBS};

/// How often each of the two jobs of a run lets the other go first.
const YIELDS: u64 = 5;

/// A job that gives the baton to the loop, and gets it back.
pub fn hands_fifo() {
    let config = Config::default().steps_max(u64::MAX).instant_steps_max(u64::MAX);
    hands(Runner::new(config));
}

/// The same in random order: with one job there is nothing to choose.
pub fn hands_random() {
    let config = Config::default().steps_max(u64::MAX).instant_steps_max(u64::MAX);
    hands(Runner::seeded(config, 0, 0));
}

fn hands(mut runner: Runner) {
    let program = async {
        let yields = || (0..HANDS.operations).for_each(|_| seedloop::thread::yield_now());
        run_in_executor(None, yields)?.await
    };
    runner.run(program).expect("the program does not fail");
}

/// Two threads of shuttle that let each other go first: two switches are there and back.
pub fn hands_shuttle() {
    let mut config = shuttle::Config::new();
    config.max_steps = MaxSteps::None;
    let runner = shuttle::Runner::new(RandomScheduler::new_from_seed(0, 1), config);
    runner.run(|| {
        let yields = || (0..HANDS.operations).for_each(|_| shuttle::thread::yield_now());
        let other = shuttle::thread::spawn(yields);
        yields();
        other.join().expect("it does not panic");
    });
}

/// Two threads that unpark each other in turn.
pub fn hands_std() {
    let (there, pings) = mpsc::channel::<thread::Thread>();
    let turn = Arc::new(AtomicU64::new(0));
    let theirs = turn.clone();
    let wait = |turn: &AtomicU64, at: u64| {
        while turn.load(Ordering::Acquire) != at {
            thread::park();
        }
    };
    let other = thread::spawn(move || {
        let main = pings.recv().expect("main sends itself");
        for round in 0..HANDS.operations {
            wait(&theirs, 2 * round + 1);
            theirs.store(2 * round + 2, Ordering::Release);
            main.unpark();
        }
    });
    there.send(thread::current()).expect("the other waits for it");
    for round in 0..HANDS.operations {
        turn.store(2 * round + 1, Ordering::Release);
        other.thread().unpark();
        wait(&turn, 2 * round + 2);
    }
    other.join().expect("it does not panic");
}

async fn two_jobs() -> Result<(), seedloop::Error> {
    let yields = || (0..YIELDS).for_each(|_| seedloop::thread::yield_now());
    gather([run_in_executor(None, yields)?, run_in_executor(None, yields)?]).await?;
    Ok(())
}

/// Runs with two jobs, in one `Runner`: threads are used again.
pub fn jobs_fifo() {
    let mut runner = Runner::new(Config::default());
    for _ in 0..JOBS.operations {
        runner.run(two_jobs()).expect("the program does not fail");
        drop(runner.end());
        runner.again(None);
    }
}

/// The same in a `Check`.
pub fn jobs_random() {
    let check = Check::new().sampler(Algorithm::Random).schedules(JOBS.operations);
    assert_eq!(check.run(two_jobs).schedules, JOBS.operations);
}

/// Runs with two threads of shuttle.
pub fn jobs_shuttle() {
    let count = JOBS.operations as usize;
    let runner =
        shuttle::Runner::new(RandomScheduler::new_from_seed(0, count), shuttle::Config::new());
    runner.run(|| {
        let yields = || (0..YIELDS).for_each(|_| shuttle::thread::yield_now());
        let threads = [shuttle::thread::spawn(yields), shuttle::thread::spawn(yields)];
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    });
}

/// Two threads that yield, started and joined.
pub fn jobs_std() {
    for _ in 0..JOBS.operations {
        let yields = || (0..YIELDS).for_each(|_| thread::yield_now());
        let threads = [thread::spawn(yields), thread::spawn(yields)];
        threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    }
}
