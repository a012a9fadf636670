//! Programs whose numbers of interleavings and classes are known: from papers, from other tools'
//! tests, and from brute force.

use std::{rc::Rc, time::Duration};

use seedloop::{Error, Event, Lock, Queue, Tracked, choose};

use super::{
    Program, Read,
    primitives::{Chan, Either, Join, Mutex, sleep, spawn, spawn_joined, yield_now},
};

type Cell = Tracked<i64>;

fn program(setup: impl Fn() -> Read + 'static) -> Program {
    Rc::new(setup)
}

fn nothing() -> Read {
    Box::new(String::new)
}

fn reads(cell: &Cell) -> Read {
    let cell = cell.clone();
    Box::new(move || cell.get().to_string())
}

fn cells(count: usize) -> Rc<Vec<Cell>> {
    Rc::new((0..count).map(|_| Tracked::new(0)).collect())
}

/// `tasks` tasks of so many polls, which share nothing.
pub(super) fn independent(tasks: usize, polls: usize) -> Program {
    program(move || {
        for _ in 0..tasks {
            spawn(async move {
                for _ in 1..polls {
                    yield_now().await;
                }
            });
        }
        nothing()
    })
}

pub(super) fn writers(tasks: i64) -> Program {
    program(move || {
        let cell = Cell::new(0);
        for value in 1..=tasks {
            let cell = cell.clone();
            spawn(async move { cell.set(value) });
        }
        reads(&cell)
    })
}

pub(super) fn adders(tasks: i64) -> Program {
    program(move || {
        let cell = Cell::new(0);
        for _ in 0..tasks {
            let cell = cell.clone();
            spawn(async move { cell.add(1) });
        }
        reads(&cell)
    })
}

/// One task writes, the others read.
pub(super) fn readers(tasks: usize) -> Program {
    program(move || {
        let cell = Cell::new(0);
        let written = cell.clone();
        spawn(async move { written.set(42) });
        for _ in 0..tasks {
            let cell = cell.clone();
            spawn(async move { _ = cell.get() });
        }
        nothing()
    })
}

/// Each of n tasks sets its cell to one more than the one before; another looks for the last zero.
pub(super) fn lastzero(tasks: usize) -> Program {
    program(move || {
        let array = cells(tasks + 1);
        let seen = array.clone();
        spawn(async move {
            let mut at = tasks;
            while seen[at].get() != 0 {
                at -= 1;
                yield_now().await;
            }
        });
        for at in 1..=tasks {
            let array = array.clone();
            spawn(async move {
                let before = array[at - 1].get();
                yield_now().await;
                array[at].set(before + 1);
            });
        }
        nothing()
    })
}

/// Each task puts four words into a hash table of 128 places.
pub(super) fn indexer(tasks: usize) -> Program {
    program(move || {
        let table = cells(128);
        for task in 0..tasks {
            let table = table.clone();
            spawn(async move {
                for round in 1..=4 {
                    let word = round * 11 + task;
                    let mut at = (word * 7) % 128;
                    loop {
                        let is_free = table[at].get() == 0;
                        if is_free {
                            table[at].set(word as i64);
                        }
                        yield_now().await;
                        if is_free {
                            break;
                        }
                        at = (at + 1) % 128;
                    }
                }
            });
        }
        nothing()
    })
}

/// Each task takes a free block for its file.
pub(super) fn filesystem(tasks: usize) -> Program {
    program(move || {
        let (blocks, files) = (cells(26), cells(32));
        for task in 0..tasks {
            let (blocks, files) = (blocks.clone(), files.clone());
            spawn(async move {
                let file = task % 32;
                if files[file].get() != 0 {
                    return;
                }
                let mut at = (file * 2) % 26;
                while blocks[at].get() != 0 {
                    yield_now().await;
                    at = (at + 1) % 26;
                }
                blocks[at].set(1);
                files[file].set(at as i64 + 1);
            });
        }
        nothing()
    })
}

pub(super) fn lost_update(tasks: usize) -> Program {
    program(move || {
        let cell = Cell::new(0);
        for _ in 0..tasks {
            let cell = cell.clone();
            spawn(async move {
                let read = cell.get();
                yield_now().await;
                cell.set(read + 1);
            });
        }
        reads(&cell)
    })
}

/// Store buffering: each of two tasks writes its cell and reads the other's.
pub(super) fn store_buffering() -> Program {
    program(|| {
        let (x, y) = (Cell::new(0), Cell::new(0));
        for (mine, theirs) in [(x.clone(), y.clone()), (y, x)] {
            spawn(async move {
                mine.set(1);
                yield_now().await;
                theirs.get();
            });
        }
        nothing()
    })
}

/// The example of "Optimal dynamic partial order reduction" (POPL 2014): y guards z guards x.
pub(super) fn guards() -> Program {
    program(|| {
        let (x, y, z) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let (x1, y1) = (x.clone(), y.clone());
        spawn(async move { x1.set(1) });
        spawn(async move { y1.set(1) });
        let (y2, z2) = (y.clone(), z.clone());
        spawn(async move {
            let seen = y2.get();
            yield_now().await;
            if seen == 0 {
                z2.set(1);
            }
        });
        spawn(async move {
            let seen = z.get();
            yield_now().await;
            if seen == 1 {
                let seen = y.get();
                yield_now().await;
                if seen == 0 {
                    x.set(2);
                }
            }
        });
        nothing()
    })
}

/// n tasks send, one receives all.
pub(super) fn fan_in(tasks: i64) -> Program {
    program(move || {
        let (chan, cell) = (Chan::new(), Cell::new(0));
        for value in 1..=tasks {
            let chan = chan.clone();
            spawn(async move { chan.send(value) });
        }
        let received = cell.clone();
        spawn(async move {
            for _ in 0..tasks {
                let value = chan.recv().await;
                received.set(received.get() * 10 + value);
            }
        });
        reads(&cell)
    })
}

/// One sender, one receiver; by slots, or by one object for the queue.
pub(super) fn spsc(items: i64, coarse: bool) -> Program {
    program(move || {
        let chan = if coarse { Chan::coarse() } else { Chan::new() };
        let sender = chan.clone();
        spawn(async move {
            for item in 0..items {
                sender.send(item);
                if item + 1 < items {
                    yield_now().await;
                }
            }
        });
        spawn(async move {
            for _ in 0..items {
                chan.recv().await;
                yield_now().await;
            }
        });
        nothing()
    })
}

/// A lock, held for no await.
pub(super) fn mutex_short(tasks: usize) -> Program {
    program(move || {
        let mutex = Mutex::new();
        for _ in 0..tasks {
            let mutex = mutex.clone();
            spawn(async move { drop(mutex.lock().await) });
        }
        nothing()
    })
}

/// A lock, held across one yield.
pub(super) fn mutex_hold(tasks: i64) -> Program {
    program(move || {
        let (mutex, cell) = (Mutex::new(), Cell::new(0));
        for value in 0..tasks {
            let (mutex, cell) = (mutex.clone(), cell.clone());
            spawn(async move {
                let _guard = mutex.lock().await;
                yield_now().await;
                cell.set(cell.get() * 10 + value);
            });
        }
        reads(&cell)
    })
}

/// Dining philosophers, who yield between their forks.
pub(super) fn philosophers(count: usize) -> Program {
    program(move || {
        let forks: Rc<Vec<Mutex>> = Rc::new((0..count).map(|_| Mutex::new()).collect());
        for at in 0..count {
            let forks = forks.clone();
            spawn(async move {
                let _left = forks[at].lock().await;
                yield_now().await;
                let _right = forks[(at + 1) % count].lock().await;
            });
        }
        nothing()
    })
}

/// A task that spawns n others, of so many polls, and waits for each.
pub(super) fn gather(tasks: usize, polls: usize) -> Program {
    program(move || {
        spawn(async move {
            let body = move || async move {
                for _ in 1..polls {
                    yield_now().await;
                }
            };
            let joins: Vec<Join> = (0..tasks).map(|_| spawn_joined(body())).collect();
            for join in joins {
                join.wait().await;
            }
        });
        nothing()
    })
}

/// n jobs, whose results one task receives.
pub(super) fn pool_jobs(jobs: i64) -> Program {
    program(move || {
        spawn(async move {
            let chan = Chan::new();
            for job in 0..jobs {
                let chan = chan.clone();
                spawn(async move { chan.send(job) });
            }
            for _ in 0..jobs {
                chan.recv().await;
            }
        });
        nothing()
    })
}

/// n tasks that sleep for the same time, or each for longer than the one before.
pub(super) fn sleepers(tasks: u64, longer: u64) -> Program {
    program(move || {
        let cell = Cell::new(0);
        for task in 0..tasks {
            let cell = cell.clone();
            spawn(async move {
                sleep(5 + longer * task).await;
                if longer > 0 {
                    cell.set(task as i64);
                }
            });
        }
        reads(&cell)
    })
}

/// A message that comes in the very moment in which its receiver gives up.
pub(super) fn timeout_tie(random: bool) -> Program {
    program(move || {
        let (chan, cell) = (Chan::new(), Cell::new(0));
        let sender = chan.clone();
        spawn(async move {
            sleep(5).await;
            sender.send(1);
        });
        let outcome = cell.clone();
        spawn(async move {
            let either = Either { first: chan.recv(), second: sleep(5), random };
            outcome.set(if either.await.is_ok() { 1 } else { 2 });
        });
        reads(&cell)
    })
}

/// k times, one of two.
pub(super) fn select_random(rounds: usize) -> Program {
    program(move || {
        let cell = Cell::new(0);
        let bits = cell.clone();
        spawn(async move {
            for _ in 0..rounds {
                bits.set(bits.get() * 2 + i64::from(choose(2)));
                yield_now().await;
            }
        });
        reads(&cell)
    })
}

/// Steps of which nothing is known.
pub(super) fn opaque(tasks: usize, polls: usize) -> Program {
    program(move || {
        for _ in 0..tasks {
            spawn(async move {
                for poll in 1..=polls {
                    seedloop::all_tasks();
                    if poll < polls {
                        yield_now().await;
                    }
                }
            });
        }
        nothing()
    })
}

pub(super) fn ping_pong(rounds: i64) -> Program {
    program(move || {
        let (ping, pong) = (Chan::new(), Chan::new());
        let (hit, back) = (ping.clone(), pong.clone());
        spawn(async move {
            for round in 0..rounds {
                ping.send(round);
                pong.recv().await;
            }
        });
        spawn(async move {
            for _ in 0..rounds {
                back.send(hit.recv().await);
            }
        });
        nothing()
    })
}

/// Loses an outcome to a reduction that takes a step's accesses in one order for those in another.
pub(super) fn depends_on_reads() -> Program {
    program(|| {
        let (x, y, z) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let (x1, y1, z1) = (x.clone(), y.clone(), z.clone());
        spawn(async move {
            let seen = y1.get();
            if seen == 0 {
                x1.set(0);
                z1.set(seen);
            } else {
                yield_now().await;
            }
        });
        let y2 = y.clone();
        spawn(async move {
            y2.get();
            y2.get();
        });
        let x3 = x.clone();
        spawn(async move {
            yield_now().await;
            yield_now().await;
            x3.set(1);
        });
        let (y4, z4) = (y.clone(), z.clone());
        spawn(async move {
            y4.add(1);
            z4.set(0);
        });
        Box::new(move || format!("{},{},{}", x.get(), y.get(), z.get()))
    })
}

/// One sends, one has another send, and one cancels the first. As `depends_on_reads`: what the
/// first touches depends on whether it is cancelled before it starts.
pub(super) fn cancel_sender() -> Program {
    program(|| {
        let chan = Chan::new();
        let (first, second) = (chan.clone(), chan);
        let sender = seedloop::spawn(async move {
            first.send(1);
            Ok::<(), Error>(())
        });
        spawn(async move { spawn(async move { second.send(2) }) });
        spawn(async move { _ = sender.cancel() });
        nothing()
    })
}

/// As `spsc`, over the crate's own queue, which may have a bound.
pub(super) fn queue(items: i64, maxsize: usize) -> Program {
    program(move || {
        let (queue, cell) = (Queue::new(maxsize), Cell::new(0));
        let sender = queue.clone();
        spawn(async move {
            for item in 1..=items {
                let _: Result<(), Error> = sender.put(item).await;
                if item < items {
                    yield_now().await;
                }
            }
        });
        let received = cell.clone();
        spawn(async move {
            for _ in 0..items {
                let item = queue.get().await.unwrap_or(0);
                received.set(received.get() * 10 + item);
                yield_now().await;
            }
        });
        reads(&cell)
    })
}

/// As `fan_in`, over the crate's own queue.
pub(super) fn queue_fan_in(tasks: i64) -> Program {
    program(move || {
        let (queue, cell) = (Queue::new(0), Cell::new(0));
        for value in 1..=tasks {
            let queue = queue.clone();
            spawn(async move { drop(queue.put(value).await) });
        }
        let received = cell.clone();
        spawn(async move {
            for _ in 0..tasks {
                let value = queue.get().await.unwrap_or(0);
                received.set(received.get() * 10 + value);
            }
        });
        reads(&cell)
    })
}

/// As `mutex_hold`, with the crate's own lock.
pub(super) fn lock_hold(tasks: i64) -> Program {
    program(move || {
        let (lock, cell) = (Lock::new(), Cell::new(0));
        for value in 0..tasks {
            let (lock, cell) = (lock.clone(), cell.clone());
            spawn(async move {
                let Ok(_guard) = lock.acquire().await else { return };
                yield_now().await;
                cell.set(cell.get() * 10 + value);
            });
        }
        reads(&cell)
    })
}

/// As `philosophers`, with the crate's own locks.
pub(super) fn lock_philosophers(count: usize) -> Program {
    program(move || {
        let forks: Rc<Vec<Lock>> = Rc::new((0..count).map(|_| Lock::new()).collect());
        for at in 0..count {
            let forks = forks.clone();
            spawn(async move {
                let _left = forks[at].acquire().await;
                yield_now().await;
                let _right = forks[(at + 1) % count].acquire().await;
            });
        }
        nothing()
    })
}

/// asyncio's gather of n tasks of one poll.
pub(super) fn own_gather(tasks: usize) -> Program {
    program(move || {
        spawn(async move {
            let tasks: Vec<_> = (0..tasks).map(|_| seedloop::spawn(async {})).collect();
            drop(seedloop::gather(tasks).await);
        });
        nothing()
    })
}

/// n tasks in a task group, each with one yield.
pub(super) fn group(tasks: usize) -> Program {
    program(move || {
        spawn(async move {
            let body = async |group: seedloop::TaskGroup<Error>| {
                for _ in 0..tasks {
                    group.spawn(seedloop::yield_now())?;
                }
                Ok::<(), Error>(())
            };
            drop(seedloop::task_group(body).await);
        });
        nothing()
    })
}

/// n tasks that sleep for the same time, by the crate's own sleep.
pub(super) fn own_sleepers(tasks: u64) -> Program {
    program(move || {
        for _ in 0..tasks {
            spawn(async move { drop(seedloop::sleep(Duration::from_secs(5)).await) });
        }
        nothing()
    })
}

/// An item that comes in the very moment in which its receiver gives up, by the crate's timeout.
pub(super) fn own_timeout_tie() -> Program {
    program(move || {
        let (queue, cell) = (Queue::new(0), Cell::new(0));
        let sender = queue.clone();
        spawn(async move {
            let _: Result<(), Error> = seedloop::sleep(Duration::from_secs(5)).await;
            let _: Result<(), Error> = sender.put(1).await;
        });
        let outcome = cell.clone();
        spawn(async move {
            let got: Result<i64, Error> =
                seedloop::timeout(Duration::from_secs(5), queue.get()).await;
            outcome.set(if got.is_ok() { 1 } else { 2 });
        });
        reads(&cell)
    })
}

/// n tasks wait for an event, another sets it.
pub(super) fn event(tasks: usize) -> Program {
    program(move || {
        let event = Event::new();
        for _ in 0..tasks {
            let event = event.clone();
            spawn(async move { drop(event.wait().await) });
        }
        spawn(async move { event.set() });
        nothing()
    })
}

/// So many tasks of so many polls, each of which a check may cancel.
pub(super) fn cancellable(tasks: usize, polls: usize) -> Program {
    program(move || {
        for _ in 0..tasks {
            let body = async move {
                for _ in 1..polls {
                    seedloop::yield_now().await?;
                }
                Ok::<(), Error>(())
            };
            drop(seedloop::spawn(body).cancellable());
        }
        nothing()
    })
}

/// Two tasks use a lock; the first may be cancelled.
pub(super) fn cancel_lock_holder() -> Program {
    program(|| {
        let (lock, cell) = (Lock::new(), Cell::new(0));
        for value in 1..=2 {
            let (lock, cell) = (lock.clone(), cell.clone());
            let task = seedloop::spawn(async move {
                let _guard = lock.acquire().await?;
                seedloop::yield_now().await?;
                cell.set(cell.get() * 10 + value);
                Ok::<(), Error>(())
            });
            drop(if value == 1 { task.cancellable() } else { task });
        }
        reads(&cell)
    })
}
