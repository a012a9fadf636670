//! Random programs: what reduced searches find, and what the check of their evidence says, against
//! brute force.

use std::{
    cell::{Cell, RefCell},
    ops::Range,
    pin::Pin,
    rc::Rc,
    time::Duration,
};

use seedloop::{
    Config, Error, Event, Lock, LockGuard, Queue, Task, TaskRef, Tracked,
    sched::{Reduction, Search},
    timeout,
};

use super::{
    Program, Read, audit, explore,
    primitives::{Chan, Either, Guard, Mutex, sleep, spawn, yield_now},
};

/// What a random program does, over two registers of each task.
#[derive(Clone, Debug)]
enum Op {
    Yield,
    Read(usize, usize),
    Write(usize, i64),
    WriteRegister(usize, usize),
    Add(usize),
    If(usize, i64, Vec<Op>, Vec<Op>),
    Choose(usize),
    Spawn(Vec<Op>),
    /// Of the plain primitives.
    Send(usize, i64),
    Recv(usize, usize),
    RecvFor(usize, usize, u64),
    Lock(usize),
    Unlock,
    Sleep(u64),
    /// Of the crate's own.
    Cancel(usize),
    SpawnAndJoin(Vec<Op>),
    Acquire(usize),
    Release,
    Put(usize, i64),
    Get(usize, usize),
    GetFor(usize, usize, u64),
    SetEvent,
    WaitEvent,
    Nap(u64),
}

/// xorshift64 (Marsaglia, 2003): programs must stay the same whatever the crate does.
struct Dice(u64);

impl Dice {
    fn new(seed: u64) -> Dice {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        (0..8).for_each(|_| _ = dice.roll(2));
        dice
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn at(&mut self, sides: u64) -> usize {
        self.roll(sides) as usize
    }
}

/// What may occur in a program, beside cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Cells,
    Plain,
    Own,
}

fn ops(dice: &mut Dice, kind: Kind, tasks: u64, depth: u32) -> Vec<Op> {
    let length = 1 + dice.roll(if depth == 0 { 4 } else { 2 });
    (0..length).map(|_| op(dice, kind, tasks, depth)).collect()
}

fn op(dice: &mut Dice, kind: Kind, tasks: u64, depth: u32) -> Op {
    let sides = if kind == Kind::Cells { 12 } else { 24 };
    match dice.roll(sides) {
        0..=2 => Op::Read(dice.at(3), dice.at(2)),
        3 | 4 => Op::Write(dice.at(3), dice.roll(2) as i64),
        5 => Op::WriteRegister(dice.at(3), dice.at(2)),
        6 => Op::Add(dice.at(3)),
        7 | 8 => Op::Yield,
        9 | 10 if depth < 2 => {
            let otherwise = if dice.roll(2) == 0 { 0 } else { 1 };
            let then = ops(dice, kind, tasks, depth + 1);
            let other = (0..otherwise).flat_map(|_| ops(dice, kind, tasks, depth + 1)).collect();
            Op::If(dice.at(2), dice.roll(2) as i64, then, other)
        }
        11 if depth == 0 => Op::Choose(dice.at(2)),
        12 if depth < 2 => Op::Spawn(ops(dice, kind, tasks, depth + 1)),
        13.. if kind == Kind::Plain => match dice.roll(7) {
            0 | 1 => Op::Send(dice.at(2), dice.roll(2) as i64),
            2 => Op::Recv(dice.at(2), dice.at(2)),
            3 => Op::RecvFor(dice.at(2), dice.at(2), 1 + dice.roll(2)),
            4 => Op::Lock(dice.at(2)),
            5 => Op::Unlock,
            _ => Op::Sleep(1 + dice.roll(2)),
        },
        13.. if kind == Kind::Own => match dice.roll(11) {
            0 | 1 => Op::Cancel(dice.at(tasks)),
            2 if depth < 2 => Op::SpawnAndJoin(ops(dice, kind, tasks, depth + 1)),
            3 => Op::Acquire(dice.at(2)),
            4 => Op::Release,
            5 => Op::Put(dice.at(2), dice.roll(2) as i64),
            6 => Op::Get(dice.at(2), dice.at(2)),
            7 => Op::GetFor(dice.at(2), dice.at(2), dice.roll(3)),
            8 => Op::SetEvent,
            9 => Op::WaitEvent,
            _ => Op::Nap(dice.roll(3)),
        },
        _ => Op::Yield,
    }
}

/// What the tasks of a program share.
struct Shared {
    cells: Vec<Tracked<i64>>,
    chans: Vec<Chan>,
    mutexes: Vec<Mutex>,
    locks: Vec<Lock>,
    queues: Vec<Queue<i64>>,
    event: Event,
    /// The tasks that the program starts with; known before any of them runs.
    tasks: RefCell<Vec<TaskRef>>,
}

/// A task's own.
#[derive(Default)]
struct Own {
    registers: Cell<[i64; 2]>,
    guards: RefCell<Vec<Guard>>,
    locks: RefCell<Vec<LockGuard>>,
}

impl Own {
    fn set(&self, register: usize, value: i64) {
        let mut registers = self.registers.get();
        registers[register] = value;
        self.registers.set(registers);
    }
}

type Running = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// A task that does these things.
async fn body(shared: Rc<Shared>, ops: Vec<Op>) -> Result<(), Error> {
    run_ops(shared, Rc::new(Own::default()), Rc::new(ops)).await
}

fn run_ops(shared: Rc<Shared>, own: Rc<Own>, ops: Rc<Vec<Op>>) -> Running {
    Box::pin(async move {
        for op in ops.iter() {
            run_op(&shared, &own, op).await?;
        }
        Ok(())
    })
}

async fn run_op(shared: &Rc<Shared>, own: &Rc<Own>, op: &Op) -> Result<(), Error> {
    match *op {
        Op::Yield => yield_now().await,
        Op::Read(cell, register) => own.set(register, shared.cells[cell].get()),
        Op::Write(cell, value) => shared.cells[cell].set(value),
        Op::WriteRegister(cell, register) => {
            shared.cells[cell].set(own.registers.get()[register]);
        }
        Op::Add(cell) => shared.cells[cell].add(1),
        Op::If(register, value, ref then, ref otherwise) => {
            let ops = if own.registers.get()[register] == value { then } else { otherwise };
            run_ops(shared.clone(), own.clone(), Rc::new(ops.clone())).await?;
        }
        Op::Choose(register) => own.set(register, i64::from(seedloop::choose(2))),
        Op::Spawn(ref ops) => {
            let body = body(shared.clone(), ops.clone());
            spawn(async move { drop(body.await) });
        }
        Op::Send(..) | Op::Recv(..) | Op::RecvFor(..) | Op::Lock(_) | Op::Unlock | Op::Sleep(_) => {
            run_plain(shared, own, op).await;
        }
        _ => run_own(shared, own, op).await?,
    }
    Ok(())
}

async fn run_plain(shared: &Rc<Shared>, own: &Rc<Own>, op: &Op) {
    match *op {
        Op::Send(chan, value) => shared.chans[chan].send(value),
        Op::Recv(chan, register) => own.set(register, shared.chans[chan].recv().await),
        Op::RecvFor(chan, register, units) => {
            let (first, second) = (shared.chans[chan].recv(), sleep(units));
            let either = Either { first, second, random: false };
            own.set(register, either.await.unwrap_or(7));
        }
        Op::Lock(mutex) => {
            if own.guards.borrow().len() < 2 {
                let guard = shared.mutexes[mutex].lock().await;
                own.guards.borrow_mut().push(guard);
            }
        }
        Op::Unlock => {
            let guard = own.guards.borrow_mut().pop();
            drop(guard);
        }
        Op::Sleep(units) => sleep(units).await,
        _ => unreachable!("of another kind"),
    }
}

async fn run_own(shared: &Rc<Shared>, own: &Rc<Own>, op: &Op) -> Result<(), Error> {
    match *op {
        Op::Cancel(task) => {
            let task = shared.tasks.borrow()[task];
            task.cancel();
        }
        Op::SpawnAndJoin(ref ops) => {
            let task: Task<()> = seedloop::spawn(body(shared.clone(), ops.clone()));
            task.await?;
        }
        Op::Acquire(lock) => {
            if own.locks.borrow().len() < 2 {
                let guard = shared.locks[lock].acquire().await?;
                own.locks.borrow_mut().push(guard);
            }
        }
        Op::Release => {
            let guard = own.locks.borrow_mut().pop();
            drop(guard);
        }
        Op::Put(queue, value) => shared.queues[queue].put(value).await?,
        Op::Get(queue, register) => own.set(register, shared.queues[queue].get().await?),
        Op::GetFor(queue, register, units) => {
            let got = timeout(Duration::from_secs(units), shared.queues[queue].get()).await;
            own.set(register, got.unwrap_or(7));
        }
        Op::SetEvent => shared.event.set(),
        Op::WaitEvent => shared.event.wait().await?,
        Op::Nap(units) => seedloop::sleep(Duration::from_secs(units)).await?,
        _ => unreachable!("of another kind"),
    }
    Ok(())
}

fn program(tasks: Vec<Vec<Op>>) -> Program {
    Rc::new(move || {
        let shared = Rc::new(Shared {
            cells: (0..3).map(|_| Tracked::new(0)).collect(),
            chans: (0..2).map(|_| Chan::new()).collect(),
            mutexes: (0..2).map(|_| Mutex::new()).collect(),
            locks: (0..2).map(|_| Lock::new()).collect(),
            // One without a bound, and one that is soon full.
            queues: (0..2).map(Queue::new).collect(),
            event: Event::new(),
            tasks: RefCell::default(),
        });
        for (at, ops) in tasks.iter().enumerate() {
            let task = seedloop::spawn(body(shared.clone(), ops.clone())).cancellable();
            // Every second one says what holds for all.
            let task = if at % 2 == 0 { task.tracked() } else { task };
            shared.tasks.borrow_mut().push(task.id());
        }
        let read: Read = Box::new(move || {
            let cells: Vec<i64> = shared.cells.iter().map(Tracked::get).collect();
            format!("{cells:?}")
        });
        read
    })
}

/// What a batch of programs came to.
#[derive(Debug, Default)]
struct Tally {
    programs: u64,
    interleavings: u64,
    classes: u64,
    too_many: u64,
    /// Programs of which a search by races lost classes: by the whole run's form, by both, and as
    /// published.
    lost: [u64; 3],
}

/// More interleavings than this are not run: fewer by default, so that tests are quick.
const MOST: u64 = 2_000;
const MOST_BY_DEFAULT: u64 = 500;

fn fuzz(kind: Kind, config: Config) -> Tally {
    let mut tally = Tally::default();
    let asked = seeds();
    let most = if asked.is_some() { MOST } else { MOST_BY_DEFAULT };
    for seed in asked.unwrap_or(0..40) {
        let mut dice = Dice::new(seed);
        let count = 2 + dice.roll(3);
        let tasks: Vec<Vec<Op>> = (0..count).map(|_| ops(&mut dice, kind, count, 0)).collect();
        let config = config.clone().fresh_wakers(seed % 2 == 1);
        let program = program(tasks.clone());
        let Some(brute) = explore(Search::new(Reduction::None), &program, &config, most) else {
            tally.too_many += 1;
            continue;
        };
        if let Err(pair) = audit(&brute.evidence) {
            panic!("not independent: {kind:?} {seed}: {tasks:?}\n{pair}");
        }
        if let Err(refusal) = brute.check() {
            panic!("{refusal:?} of all runs: {kind:?} {seed}: {tasks:?}");
        }
        tally.programs += 1;
        tally.interleavings += brute.complete;
        tally.classes += brute.classes.len() as u64;
        let searches = [Reduction::Full, Reduction::Both, Reduction::Textbook, Reduction::Sleep];
        for (at, reduction) in searches.into_iter().enumerate() {
            // Most of these programs are smaller than a part of the tree: so cut them small.
            let search = Search::new(reduction).cut_after(1 + seed % 9);
            let found = explore(search, &program, &config, 50 * MOST).expect("fewer");
            let is_all = found.classes == brute.classes;
            let what = || format!("{kind:?} {seed} {reduction:?}: {tasks:?}");
            let once = found.complete == found.classes.len() as u64;
            assert!(once || brute.has_choices(), "one twice: {}", what());
            assert!(found.classes.is_subset(&brute.classes), "an unknown class: {}", what());
            let check = found.check();
            assert_eq!(check.is_ok(), is_all, "{check:?} is wrong: {}", what());
            assert!(!is_all || found.outcomes == brute.outcomes, "outcomes: {}", what());
            if let Some(lost) = tally.lost.get_mut(at) {
                *lost += u64::from(!is_all);
            } else {
                assert!(is_all, "sleep sets lose nothing: {}", what());
            }
        }
    }
    tally
}

/// How many programs of each kind: `SEEDLOOP_FUZZ=0..20000` for more.
fn seeds() -> Option<Range<u64>> {
    let text = std::env::var("SEEDLOOP_FUZZ").ok()?;
    let numbers = text.split_once("..").and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
    Some(numbers.unwrap_or_else(|| panic!("SEEDLOOP_FUZZ={text} is no range: write 0..20000")))
}

fn tracked() -> Config {
    Config::default().tracked(true)
}

#[test]
fn random_programs_over_cells() {
    println!("{:?}", fuzz(Kind::Cells, tracked()));
}

#[test]
fn random_programs_over_plain_primitives() {
    println!("{:?}", fuzz(Kind::Plain, tracked()));
}

#[test]
fn random_programs_over_the_crates_primitives() {
    println!("{:?}", fuzz(Kind::Own, tracked()));
}

#[test]
fn random_programs_with_cancellations() {
    println!("{:?}", fuzz(Kind::Own, tracked().cancellations(1)));
}

#[test]
fn random_programs_with_spurious_polls() {
    println!("{:?}", fuzz(Kind::Own, tracked().spurious_polls(1)));
}

/// Steps of the tasks that do not say that all they share is tracked depend on every other.
#[test]
fn random_programs_with_some_tracked_tasks() {
    println!("{:?}", fuzz(Kind::Own, Config::default()));
}
