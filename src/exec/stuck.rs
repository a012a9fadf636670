//! Why a run cannot go on, in words: who is stuck, where it was spawned, what it waits for, and
//! the cycle, if there is one.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use super::{
    beside::BesideId,
    core::Core,
    error::Error,
    names::Kept,
    record::{Divergence, Thing},
    waker::TaskWaker,
};
use crate::kernel::{FutureId, OnCancel, TaskId};

/// Who may wait for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Waiting {
    Task(TaskId),
    /// A job, by its worker.
    Job(BesideId),
}

/// How many tasks a text names.
const TASKS_SHOWN: usize = 20;

/// Why the loop was left before its time.
#[derive(Clone, Debug)]
pub(crate) enum Stuck {
    Deadlock(Arc<Deadlock>),
    Livelock(Arc<Endless>),
    StepCap(Arc<Endless>),
    Interrupted,
    /// Nothing new can come of it.
    Abandoned,
    Diverged(Arc<Divergence>),
}

impl Stuck {
    pub(crate) fn into_error(self) -> Error {
        match self {
            Stuck::Deadlock(deadlock) => Error::Deadlock(deadlock),
            Stuck::Livelock(endless) => Error::Livelock(endless),
            Stuck::StepCap(endless) => Error::StepCap(endless),
            Stuck::Interrupted | Stuck::Abandoned => Error::Interrupted,
            Stuck::Diverged(divergence) => Error::Diverged(divergence),
        }
    }
}

/// A run that has gone on for as long as it may.
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, yield_now};
/// let mut runner = Runner::new(Config::default().instant_steps_max(50));
/// let ran = runner.run(async { while yield_now().await.is_ok() {} });
/// let Err(Error::Livelock(endless)) = ran else { panic!("it has no end") };
/// assert_eq!((endless.most, &*endless.ready[0]), (50, "main"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endless {
    /// How much it was allowed,
    pub most: u64,
    /// and of what.
    pub unit: &'static str,
    /// Who is ready to go on, first to last.
    pub ready: Vec<Arc<str>>,
    /// What allows more.
    pub raised_by: &'static str,
}

impl fmt::Display for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Endless { most, unit, ready, raised_by } = self;
        let shown = ready[..ready.len().min(TASKS_SHOWN)].join(", ");
        let more = if ready.len() > TASKS_SHOWN { " ..." } else { "" };
        let shown = if shown.is_empty() { "nobody" } else { &shown };
        write!(f, "{most} {unit}; ready: {shown}{more} (a run that needs more: `{raised_by}`)")
    }
}

/// Nothing is ready, no timer is armed, and these tasks are not done.
///
/// # Examples
/// ```
/// use seedloop::{Error, Event, run};
/// let stuck = run(async { Event::new().wait().await });
/// let Err(Error::Deadlock(deadlock)) = stuck else { panic!("nobody sets the event") };
/// assert_eq!(&*deadlock.tasks[0].name, "main");
/// assert_eq!(deadlock.tasks[0].waits_for, ["Event::wait c1"]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deadlock {
    /// The stuck tasks, in order of creation; and the workers whose jobs are.
    pub tasks: Vec<StuckTask>,
    /// Tasks and workers each of which waits for the next, and the last for the first; empty if
    /// there is no such cycle that the loop can see.
    pub cycle: Vec<Arc<str>>,
    /// The task that went on when it was polled once more: what it waited for is there, and
    /// nobody woke it. See [`Config::probe`](crate::Config::probe).
    pub lost_wakeup: Option<Arc<str>>,
}

/// A task, or a job by its worker's name, that waits for what never comes.
///
/// # Examples
/// ```
/// use seedloop::{Error, Event, StuckTask, run, spawn_named};
/// let stuck = run(async { spawn_named("reader", async { Event::new().wait().await }).await });
/// let Err(Error::Deadlock(deadlock)) = stuck else { panic!("nobody sets the event") };
/// let [main, reader]: &[StuckTask] = &deadlock.tasks[..] else { panic!("two tasks") };
/// assert_eq!(main.waits_for, ["task reader"]);
/// assert!(reader.spawned_at.contains(".rs:"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StuckTask {
    /// Its name, or its path.
    pub name: Arc<str>,
    /// File and line of the spawn.
    pub spawned_at: String,
    /// What it waits for.
    pub waits_for: Vec<String>,
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "deadlock: nothing is ready, no timer is armed")?;
        for task in self.tasks.iter().take(TASKS_SHOWN) {
            let waits = task.waits_for.join(" and ");
            write!(f, "\n  {} (spawned at {}) waits for {waits}", task.name, task.spawned_at)?;
        }
        if let Some(more) = self.tasks.len().checked_sub(TASKS_SHOWN + 1) {
            write!(f, "\n  and {} more", more + 1)?;
        }
        if let Some(first) = self.cycle.first() {
            let shown = &self.cycle[..self.cycle.len().min(TASKS_SHOWN)];
            let cut = if shown.len() < self.cycle.len() { " -> ..." } else { "" };
            write!(f, "\n  cycle: {}{cut} -> {first}", shown.join(" -> "))?;
        }
        if let Some(task) = &self.lost_wakeup {
            write!(f, "\n  {task} goes on when it is polled once more: a wake-up was lost")?;
        }
        Ok(())
    }
}

impl Core {
    /// Describes the live tasks, none of which can step.
    pub(crate) fn deadlock(&self) -> Deadlock {
        let mut edges: BTreeMap<Waiting, Vec<Waiting>> = BTreeMap::new();
        let (mut waiting, mut stuck) = (Vec::new(), Vec::new());
        for task in self.live_tasks() {
            let blockers = self.kernel.awaits(task).flat_map(|future| self.blockers(future));
            edges.insert(Waiting::Task(task), blockers.collect());
            waiting.push(Waiting::Task(task));
            stuck.push(self.stuck_task(task));
        }
        for (job, name, spawned_at, awaited) in self.waiting_beside() {
            let holder = awaited.holder();
            edges.insert(Waiting::Job(job), holder.into_iter().collect());
            waiting.push(Waiting::Job(job));
            let held = holder.map(|holder| format!(", held up by {}", self.name_of(holder)));
            let held = held.unwrap_or_default();
            let waits_for = vec![format!("{}{held}", awaited.label())];
            stuck.push(StuckTask { name, spawned_at: spawned_at.to_string(), waits_for });
        }
        let cycle = cycle(&waiting, &edges);
        Deadlock {
            tasks: stuck,
            cycle: cycle.into_iter().map(|waiting| self.name_of(waiting)).collect(),
            lost_wakeup: None,
        }
    }

    fn name_of(&self, waiting: Waiting) -> Arc<str> {
        let name = match waiting {
            Waiting::Task(task) => self.label_of(Thing::Task(task)),
            Waiting::Job(job) => self.label_beside(job),
        };
        name.unwrap_or_default()
    }

    fn stuck_task(&self, task: TaskId) -> StuckTask {
        let info = self.tasks.get(task.index()).expect("a live task is known");
        let mut waits_for: Vec<String> =
            self.kernel.awaits(task).map(|future| self.describe(future)).collect();
        if waits_for.is_empty() {
            let Kept { poll, at_ns, .. } = info.kept;
            let at = Duration::from_nanos(at_ns);
            let cloned = format!("last cloned in its poll {poll}, at {at:?}");
            waits_for.push(match info.waker.as_ref().map_or(0, TaskWaker::clones) {
                0 if poll == 0 => "a foreign future, and nobody kept its waker".into(),
                0 => format!("a foreign future, and nobody has kept its waker ({cloned})"),
                1 => format!(
                    "a foreign future, and whoever keeps its waker ({cloned}) does not wake it"
                ),
                kept => format!("a foreign future, and of {kept} wakers ({cloned}) none wakes it"),
            });
        }
        StuckTask { name: info.label(), spawned_at: info.spawned_at.to_string(), waits_for }
    }

    fn describe(&self, future: FutureId) -> String {
        let label = self.label_of(Thing::Future(future)).unwrap_or_else(|| "a future".into());
        match self.kernel.on_cancel(future) {
            _ if self.kernel.is_done(future) => format!("{label}, which is done, but not polled"),
            Some(OnCancel::Task(_)) => format!("task {label}"),
            _ => match self.blockers(future)[..] {
                [] => label.to_string(),
                ref holders => {
                    let names: Vec<_> = holders.iter().map(|&who| self.name_of(who)).collect();
                    format!("{label}, held up by {}", names.join(", "))
                }
            },
        }
    }

    /// Who is to complete a future, as far as is known.
    fn blockers(&self, future: FutureId) -> Vec<Waiting> {
        match self.kernel.on_cancel(future) {
            Some(&OnCancel::Task(task)) => vec![Waiting::Task(task)],
            Some(OnCancel::Children(children)) => {
                let open = children.iter().filter(|&&child| !self.kernel.is_done(child));
                open.flat_map(|&child| self.blockers(child)).collect()
            }
            _ => {
                let info = self.futures.get(future.index());
                let holder = info.and_then(|info| info.holder.as_ref()?.get());
                let is_live = |holder: &Waiting| match *holder {
                    Waiting::Task(task) => !self.kernel.has_ended(task),
                    Waiting::Job(_) => true,
                };
                holder.filter(is_live).into_iter().collect()
            }
        }
    }
}

/// The first cycle that a walk from the first meets.
fn cycle(all: &[Waiting], edges: &BTreeMap<Waiting, Vec<Waiting>>) -> Vec<Waiting> {
    let mut left_behind: BTreeSet<Waiting> = BTreeSet::new();
    for &start in all {
        let mut path = vec![start];
        let mut next = vec![0];
        while let Some(&waiting) = path.last() {
            let at = next.last_mut().expect("as long as the path");
            let target = edges.get(&waiting).and_then(|targets| targets.get(*at)).copied();
            *at += 1;
            match target {
                Some(target) if left_behind.contains(&target) => {}
                Some(target) => match path.iter().position(|&waiting| waiting == target) {
                    Some(from) => return path.split_off(from),
                    None => {
                        path.push(target);
                        next.push(0);
                    }
                },
                None => {
                    left_behind.insert(waiting);
                    path.pop();
                    next.pop();
                }
            }
        }
    }
    Vec::new()
}
