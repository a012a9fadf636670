//! The baton between the loop and two workers: one thread runs at a time, each sees what the one
//! before it did, and all end. Beside it wrong ones, which the models must catch.

use loom::{
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
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
    fn lend(&self, message: u32) -> Option<u32>;
    fn take(&self) -> Option<u32>;
    fn give(&self, message: u32);
    fn end(&self);
}

impl Hands for Baton<u32, u32> {
    fn lend(&self, message: u32) -> Option<u32> {
        Baton::lend(self, message)
    }

    fn take(&self) -> Option<u32> {
        Baton::take(self)
    }

    fn give(&self, message: u32) {
        Baton::give(self, message);
    }

    fn end(&self) {
        Baton::end(self);
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
        assert_eq!(batons[at].lend(number), Some(number + 1));
    }
    assert_eq!(guarded.turns(), 6, "a turn was not seen");
    batons.iter().for_each(|baton| baton.end());
    workers.into_iter().for_each(|worker| worker.join().unwrap());
}

#[test]
fn one_of_the_loop_and_two_workers_runs_at_a_time() {
    explore("the loop and two workers", Some(3), || two_workers(Baton::new));
}

#[test]
fn a_worker_ends_wherever_it_is() {
    explore("an end", None, || {
        let (baton, guarded) = (Arc::new(Baton::new()), Guarded::new());
        let worker = worker(&baton, &guarded);
        // It waits already, or does not yet.
        baton.end();
        assert_eq!(baton.lend(1), None);
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
            theirs.end();
            message
        });
        assert_eq!(baton.lend(1), None);
        assert_eq!(worker.join().unwrap(), Some(1));
        assert_eq!(baton.lend(2), None);
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
        assert_eq!(baton.lend(1), Some(2));
        guarded.turn();
        assert_eq!(baton.lend(3), Some(4));
        baton.end();
        worker.join().unwrap();
        assert_eq!(guarded.turns(), 3);
    });
}

/// What a wrong baton does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    /// It rings before the message is there, and the worker looks before it locks.
    RingBeforePush,
    /// It does not wait until the baton is back.
    DoubleGrant,
    /// Its end does not ring: a worker that waits sleeps on.
    SkipsParked,
    /// Who gives the baton back clears the place, also where it says that all is over.
    ClearsTheEnd,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Loop,
    Lent(u32),
    Worker,
    Back(u32),
    Over,
}

struct WrongBaton {
    mistake: Mistake,
    place: Mutex<Place>,
    lent: Condvar,
    back: Condvar,
}

impl WrongBaton {
    fn new(mistake: Mistake) -> WrongBaton {
        let place = Mutex::new(Place::Loop);
        WrongBaton { mistake, place, lent: Condvar::new(), back: Condvar::new() }
    }
}

impl Hands for WrongBaton {
    fn lend(&self, message: u32) -> Option<u32> {
        if self.mistake == Mistake::RingBeforePush {
            self.lent.notify_one();
        }
        let mut place = self.place.lock().unwrap();
        *place = Place::Lent(message);
        if self.mistake == Mistake::DoubleGrant {
            self.lent.notify_one();
            return Some(message + 1);
        }
        if self.mistake != Mistake::RingBeforePush {
            self.lent.notify_one();
        }
        loop {
            match *place {
                Place::Back(message) => {
                    *place = Place::Loop;
                    return Some(message);
                }
                Place::Over => return None,
                _ => place = self.back.wait(place).unwrap(),
            }
        }
    }

    fn take(&self) -> Option<u32> {
        let mut place = self.place.lock().unwrap();
        loop {
            match *place {
                Place::Lent(message) => {
                    *place = Place::Worker;
                    return Some(message);
                }
                Place::Over => return None,
                _ => place = self.lent.wait(place).unwrap(),
            }
        }
    }

    fn give(&self, message: u32) {
        let mut place = self.place.lock().unwrap();
        if *place != Place::Over || self.mistake == Mistake::ClearsTheEnd {
            *place = Place::Back(message);
        }
        self.back.notify_one();
    }

    fn end(&self) {
        *self.place.lock().unwrap() = Place::Over;
        if self.mistake != Mistake::SkipsParked {
            self.lent.notify_one();
        }
        self.back.notify_one();
    }
}

fn wrong(mistake: Mistake) {
    explore("a wrong baton", Some(3), move || two_workers(|| WrongBaton::new(mistake)));
}

#[test]
fn a_baton_that_rings_too_early_is_caught() {
    let test = "baton_model::a_baton_that_rings_too_early_is_caught";
    is_caught(test, "deadlock; threads", || wrong(Mistake::RingBeforePush));
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
        explore("a wrong baton", Some(3), || {
            let baton = Arc::new(WrongBaton::new(Mistake::ClearsTheEnd));
            let worker = worker(&baton, &Guarded::new());
            let ends = baton.clone();
            let end = thread::spawn(move || ends.end());
            let _ = baton.lend(1);
            end.join().unwrap();
            worker.join().unwrap();
        });
    });
}
