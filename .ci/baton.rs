//! The real baton around a number that nothing else guards, for ThreadSanitizer: it must see no
//! race in this program. With an argument the worker writes once more when it has given the baton
//! back; that it must see, or it would see nothing.

#[path = "../src/pool/baton.rs"]
mod baton;
#[path = "../src/pool/primitives.rs"]
mod primitives;

use std::{cell::UnsafeCell, env, sync::Arc, thread};

use baton::Baton;

const TURNS: u64 = 1_000;

/// What only the thread with the baton may touch.
struct Guarded(UnsafeCell<u64>);

// SAFETY: none without the baton. That it is enough is what is asked here.
unsafe impl Sync for Guarded {}

impl Guarded {
    fn turn(&self) {
        // SAFETY: as above.
        unsafe { *self.0.get() += 1 }
    }
}

fn main() {
    let is_wrong = env::args().len() > 1;
    let shared = Arc::new((Baton::<u64, u64>::new(), Guarded(UnsafeCell::new(0))));
    let theirs = shared.clone();
    let worker = thread::spawn(move || {
        let (baton, guarded) = &*theirs;
        while let Some(turn) = baton.take() {
            guarded.turn();
            baton.give(turn);
            if is_wrong {
                guarded.turn();
            }
        }
        baton.over();
    });
    let (baton, guarded) = &*shared;
    for turn in 0..TURNS {
        guarded.turn();
        assert_eq!(baton.lend(worker.thread(), turn), Some(turn));
    }
    baton.end(worker.thread());
    worker.join().expect("it does not panic");
}
