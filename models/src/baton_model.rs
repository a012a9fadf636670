//! The baton between the loop and two workers: one thread runs at a time, each sees what the one
//! before it did, and all end. Beside it wrong ones, which the models must catch.

use loom::{
    sync::{
        Arc, Mutex,
        atomic::{
            AtomicU8, AtomicUsize,
            Ordering::{AcqRel, Acquire, Relaxed, Release},
        },
    },
    thread::{self, JoinHandle, Thread, park},
};

use crate::{
    baton::Baton,
    tests::{explore, is_caught},
};

/// What only the thread with the baton may touch. Without the baton's happens-before a thread could
/// read an old number, and add to that.
#[derive(Clone)]
struct Guarded {
    inside: Arc<AtomicUsize>,
    turns: Arc<AtomicUsize>,
}

impl Guarded {
    fn new() -> Guarded {
        Guarded { inside: Arc::new(AtomicUsize::new(0)), turns: Arc::new(AtomicUsize::new(0)) }
    }

    fn turn(&self) {
        assert_eq!(self.inside.fetch_add(1, Relaxed), 0, "two threads run at a time");
        self.turns.store(self.turns.load(Relaxed) + 1, Relaxed);
        self.inside.fetch_sub(1, Relaxed);
    }

    fn turns(&self) -> usize {
        self.turns.load(Relaxed)
    }
}

/// What the loop and a worker need of a baton: the real one, or a wrong one.
trait Hands: Send + Sync + 'static {
    fn lend(&self, worker: &Thread, message: u32) -> Option<u32>;
    fn take(&self) -> Option<u32>;
    fn give(&self, message: u32);
    fn end(&self, worker: &Thread);
}

impl Hands for Baton<u32, u32> {
    fn lend(&self, worker: &Thread, message: u32) -> Option<u32> {
        Baton::lend(self, worker, message)
    }

    fn take(&self) -> Option<u32> {
        Baton::take(self)
    }

    fn give(&self, message: u32) {
        Baton::give(self, message);
    }

    fn end(&self, worker: &Thread) {
        Baton::end(self, worker);
    }
}

/// A worker that answers each number with the next, until it ends.
fn worker<B: Hands>(baton: &Arc<B>, guarded: &Guarded) -> JoinHandle<()> {
    let (baton, guarded) = (baton.clone(), guarded.clone());
    thread::spawn(move || {
        while let Some(message) = baton.take() {
            guarded.turn();
            baton.give(message + 1);
        }
    })
}

/// The loop lends to two workers in turn, has turns of its own, and ends both.
fn two_workers<B: Hands>(new: impl Fn() -> B) {
    let guarded = Guarded::new();
    let batons = [Arc::new(new()), Arc::new(new())];
    let workers = batons.each_ref().map(|baton| worker(baton, &guarded));
    for (number, at) in [(10, 0), (20, 1), (30, 0)] {
        guarded.turn();
        assert_eq!(batons[at].lend(workers[at].thread(), number), Some(number + 1));
    }
    assert_eq!(guarded.turns(), 6, "a turn was not seen");
    batons.iter().zip(&workers).for_each(|(baton, worker)| baton.end(worker.thread()));
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn one_of_the_loop_and_two_workers_runs_at_a_time() {
    explore("the loop and two workers", None, || two_workers(Baton::new));
}

#[test]
fn a_worker_ends_wherever_it_is() {
    explore("an end", None, || {
        let (baton, guarded) = (Arc::new(Baton::new()), Guarded::new());
        let worker = worker(&baton, &guarded);
        // It waits already, or does not yet.
        baton.end(worker.thread());
        assert_eq!(baton.lend(worker.thread(), 1), None);
        worker.join().unwrap();
        assert_eq!(guarded.turns(), 0);
    });
}

/// A worker that ends by itself, as one does that panics: in its turn, or before.
#[test]
fn the_loop_does_not_wait_for_a_worker_that_has_ended() {
    explore("a worker that ends", None, || {
        let baton = Arc::new(Baton::<u32, u32>::new());
        let theirs = baton.clone();
        let worker = thread::spawn(move || {
            let message = theirs.take();
            theirs.over();
            message
        });
        let thread = worker.thread().clone();
        assert_eq!(baton.lend(&thread, 1), None);
        assert_eq!(worker.join().unwrap(), Some(1));
        assert_eq!(baton.lend(&thread, 2), None);
    });
}

/// Turns that are cut short: the loop takes a worker back that is in the middle of its work.
#[test]
fn a_job_is_unwound_in_the_middle() {
    explore("a job that is unwound", None, || {
        let (baton, guarded) = (Arc::new(Baton::<u32, u32>::new()), Guarded::new());
        let (theirs, its) = (baton.clone(), guarded.clone());
        let worker = thread::spawn(move || {
            assert_eq!(theirs.take(), Some(1));
            its.turn();
            // It blocks, and is told to unwind.
            theirs.give(2);
            assert_eq!(theirs.take(), Some(3));
            its.turn();
            theirs.give(4);
            assert_eq!(theirs.take(), None);
        });
        assert_eq!(baton.lend(worker.thread(), 1), Some(2));
        guarded.turn();
        assert_eq!(baton.lend(worker.thread(), 3), Some(4));
        baton.end(worker.thread());
        worker.join().unwrap();
        assert_eq!(guarded.turns(), 3);
    });
}

/// What a wrong baton does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// It unparks before it has moved: who wakes looks too early, and sleeps on.
    RingsBeforeMove,
    /// The message comes after the move: the other takes an old one.
    MovesBeforePush,
    /// It does not wait until the baton is back.
    DoubleGrant,
    /// Its end does not unpark: a worker that waits sleeps on.
    SkipsParked,
    /// Who gives the baton back moves it, also where all is over.
    ClearsTheEnd,
}

const HOME: u8 = 0;
const LENT: u8 = 1;
const BACK: u8 = 2;
const OVER: u8 = 3;

struct WrongBaton {
    mistake: Mistake,
    place: AtomicU8,
    message: Mutex<u32>,
    lender: Thread,
}

impl WrongBaton {
    fn new(mistake: Mistake) -> WrongBaton {
        let (place, message) = (AtomicU8::new(HOME), Mutex::new(0));
        WrongBaton { mistake, place, message, lender: thread::current() }
    }

    fn moves(&self, other: &Thread, place: u8, message: u32) {
        if self.mistake == Mistake::RingsBeforeMove {
            other.unpark();
        }
        let put = || *self.message.lock().unwrap() = message;
        if self.mistake != Mistake::MovesBeforePush {
            put();
        }
        self.place.store(place, Release);
        if self.mistake == Mistake::MovesBeforePush {
            put();
        }
        if self.mistake != Mistake::RingsBeforeMove {
            other.unpark();
        }
    }

    fn wait(&self, there: u8) -> Option<u32> {
        loop {
            match self.place.load(Acquire) {
                OVER => return None,
                place if place == there => return Some(*self.message.lock().unwrap()),
                _ => park(),
            }
        }
    }
}

impl Hands for WrongBaton {
    fn lend(&self, worker: &Thread, message: u32) -> Option<u32> {
        self.moves(worker, LENT, message);
        match self.mistake {
            Mistake::DoubleGrant => Some(message + 1),
            _ => self.wait(BACK),
        }
    }

    fn take(&self) -> Option<u32> {
        self.wait(LENT)
    }

    fn give(&self, message: u32) {
        if self.place.load(Acquire) != OVER || self.mistake == Mistake::ClearsTheEnd {
            self.moves(&self.lender, BACK, message);
        }
    }

    fn end(&self, worker: &Thread) {
        self.place.swap(OVER, AcqRel);
        if self.mistake != Mistake::SkipsParked {
            worker.unpark();
        }
    }
}

fn wrong(mistake: Mistake) {
    explore("a wrong baton", None, move || two_workers(|| WrongBaton::new(mistake)));
}

#[test]
fn a_baton_that_rings_too_early_is_caught() {
    let test = "baton_model::a_baton_that_rings_too_early_is_caught";
    is_caught(test, "deadlock; threads", || wrong(Mistake::RingsBeforeMove));
}

#[test]
fn a_baton_whose_message_comes_late_is_caught() {
    let test = "baton_model::a_baton_whose_message_comes_late_is_caught";
    is_caught(test, "left: Some", || wrong(Mistake::MovesBeforePush));
}

#[test]
fn a_baton_that_is_lent_twice_is_caught() {
    let test = "baton_model::a_baton_that_is_lent_twice_is_caught";
    is_caught(test, "a turn was not seen", || wrong(Mistake::DoubleGrant));
}

#[test]
fn an_end_that_skips_who_waits_is_caught() {
    let test = "baton_model::an_end_that_skips_who_waits_is_caught";
    is_caught(test, "deadlock; threads", || wrong(Mistake::SkipsParked));
}

/// The end comes while the worker is in its turn: from a third thread.
#[test]
fn an_end_that_is_forgotten_is_caught() {
    let test = "baton_model::an_end_that_is_forgotten_is_caught";
    is_caught(test, "deadlock; threads", || {
        explore("a wrong baton", None, || {
            let baton = Arc::new(WrongBaton::new(Mistake::ClearsTheEnd));
            let worker = worker(&baton, &Guarded::new());
            let (ends, its) = (baton.clone(), worker.thread().clone());
            let end = thread::spawn(move || ends.end(&its));
            let _ = baton.lend(worker.thread(), 1);
            end.join().unwrap();
            worker.join().unwrap();
        });
    });
}
