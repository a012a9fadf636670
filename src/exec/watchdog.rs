//! A hang inside one poll: nothing on the loop's thread can report it, so another thread looks on.
//! It reads a counter and names, and touches nothing of the run.

use std::{
    cell::RefCell,
    panic::Location,
    process,
    rc::{Rc, Weak},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use crate::kernel::{Handle, TaskId};

/// How often it looks within its limit.
const LOOKS: u32 = 4;

/// Somebody beside the loop runs.
const BESIDE: u64 = u64::MAX;

/// What the loop tells it.
#[derive(Default)]
struct Shared {
    /// Odd while a handle runs. Rises by one when a handle begins, and when it ends.
    beat: AtomicU64,
    /// The task's place in `names`, from 1; 0 is a callback, and [`BESIDE`] no handle.
    runs: AtomicU64,
    /// Who has a turn beside the loop, or had the last.
    beside: Mutex<Option<Arc<str>>>,
    seed: AtomicU64,
    /// Which schedule of the seed it is, from 1; 0 is none.
    schedule: AtomicU64,
    names: Mutex<Vec<Option<Name>>>,
    /// The loop is gone.
    ended: AtomicBool,
}

#[derive(Clone)]
struct Name {
    name: Option<Arc<str>>,
    spawned_at: &'static Location<'static>,
}

/// Ends the process when a handle does not come back.
pub(crate) struct Watchdog {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

thread_local! {
    /// The last one of this thread: a check runs some schedules a second time, by another loop, and
    /// a thread for each would cost more than the run.
    static LAST: RefCell<Weak<Watchdog>> = RefCell::default();
}

impl Watchdog {
    /// A new one, or the last one of this thread, if that will do and its loop is still there.
    pub(crate) fn of(limit: Duration, shares: bool) -> Rc<Watchdog> {
        LAST.with_borrow_mut(|last| {
            let known = last.upgrade().filter(|_| shares);
            let watchdog = known.unwrap_or_else(|| Rc::new(Watchdog::new(limit)));
            *last = Rc::downgrade(&watchdog);
            watchdog
        })
    }

    fn new(limit: Duration) -> Watchdog {
        let shared = Arc::new(Shared::default());
        let watched = shared.clone();
        let thread = thread::Builder::new().name("seedloop watchdog".into());
        // Without a thread nobody looks on: that is no reason to fail.
        let thread = thread.spawn(move || watch(&watched, limit)).ok();
        Watchdog { shared, thread }
    }

    /// The runs of this seed come.
    pub(crate) fn begin_run(&self, seed: u64, run: u64) {
        self.shared.seed.store(seed, Ordering::Relaxed);
        self.shared.schedule.store(run + 1, Ordering::Relaxed);
    }

    pub(crate) fn spawned(
        &self,
        task: TaskId,
        name: Option<Arc<str>>,
        spawned_at: &'static Location<'static>,
    ) {
        let mut names = self.shared.names.lock().expect("nobody panics with it");
        if names.len() <= task.index() {
            names.resize(task.index() + 1, None);
        }
        names[task.index()] = Some(Name { name, spawned_at });
    }

    pub(crate) fn begin(&self, handle: Handle) {
        let runs = match handle {
            Handle::Step(task) => task.index() as u64 + 1,
            Handle::Call(_) => 0,
        };
        self.shared.runs.store(runs, Ordering::Relaxed);
        self.shared.beat.fetch_add(1, Ordering::Release);
    }

    /// A worker beside the loop has a turn.
    pub(crate) fn begin_turn(&self, label: &Arc<str>) {
        let mut beside = self.shared.beside.lock().expect("nobody panics with it");
        *beside = Some(label.clone());
        drop(beside);
        self.shared.runs.store(BESIDE, Ordering::Relaxed);
        self.shared.beat.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn end(&self) {
        self.shared.beat.fetch_add(1, Ordering::Release);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It has nothing left to do but to return.
            let _ = thread.join();
        }
    }
}

/// Looks at the counter until the loop is gone.
fn watch(shared: &Shared, limit: Duration) {
    let mut seen = (0, Instant::now());
    while !shared.ended.load(Ordering::Acquire) {
        thread::park_timeout(limit / LOOKS);
        let beat = shared.beat.load(Ordering::Acquire);
        if beat != seen.0 {
            seen = (beat, Instant::now());
        } else if beat % 2 == 1 && seen.1.elapsed() >= limit {
            eprintln!("{}", shared.describe(seen.1.elapsed()));
            // The test's exit code for a failure. The hung thread cannot be ended alone.
            process::exit(101);
        }
    }
}

impl Shared {
    fn describe(&self, since: Duration) -> String {
        let again = self.again();
        if self.runs.load(Ordering::Relaxed) == BESIDE {
            let beside = self.beside.lock().expect("nobody panics with it");
            let who = beside.as_deref().unwrap_or("somebody");
            return format!(
                "seedloop: hang inside one turn of a job: {who} has not come back for \
                 {since:.1?} of real time{again}\n  usual suspects: a job that blocks by what is \
                 not in `seedloop::thread` (a lock of std, a channel, `std::thread::sleep`), a \
                 loop without end (`watchdog` sets the limit)"
            );
        }
        let names = self.names.lock().expect("nobody panics with it");
        let place = (self.runs.load(Ordering::Relaxed) as usize).checked_sub(1);
        let who = match place.map(|place| names.get(place).cloned().flatten()) {
            None => "a callback".into(),
            Some(None) => "a task".into(),
            Some(Some(Name { name, spawned_at })) => {
                format!(
                    "task {} (spawned at {spawned_at})",
                    name.as_deref().unwrap_or("without a name")
                )
            }
        };
        format!(
            "seedloop: hang inside one poll: {who} has not come back for {since:.1?} of real time\
             {again}\n  usual suspects: a loop that never awaits, a blocking call, `block_on` of \
             another executor, a lock of std held across an await (`watchdog` sets the limit)"
        )
    }

    /// How to come there again.
    fn again(&self) -> String {
        let (seed, schedule) =
            (self.seed.load(Ordering::Relaxed), self.schedule.load(Ordering::Relaxed));
        match schedule {
            0 => String::new(),
            _ => format!(
                "\n  in schedule {schedule} of seed {seed}: \
                 SEEDLOOP_SEED={seed} SEEDLOOP_SCHEDULES={schedule} runs up to it"
            ),
        }
    }
}
