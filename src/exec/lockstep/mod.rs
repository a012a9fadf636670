//! What each run did to the kernel, for a checker outside: every operation with its answer, and
//! the whole state now and then. Low-level, and not covered by any promise of stability.
//!
//! An [`Observer`] is installed once per process. From then on it gets the [`Log`] of each finished
//! run, and a run that it refuses panics with what it says. `SEEDLOOP_LOCKSTEP` selects the runs:
//! `some`, which is the default, takes all but the later runs of a [`Check`](crate::Check) (beyond
//! the first five; its replays are taken too), `all` takes every run, and `off` none.
//!
//! # Examples
//! ```
//! use seedloop::lockstep;
//! lockstep::install(Box::new(|log| {
//!     let spawns = log.steps.iter().filter(|step| matches!(step.op, lockstep::Op::Spawn));
//!     if spawns.count() < 2 { Err("main and its task are spawned".into()) } else { Ok(()) }
//! })).unwrap();
//! seedloop::run(async { seedloop::spawn(seedloop::yield_now()).await }).unwrap();
//! ```

mod machine;
mod op;

use std::{env, sync::OnceLock};

pub(super) use machine::Machine;
pub use op::{Answer, Op, Step};

pub use crate::kernel::{CallPlace, CallView, FutureView, TaskView, View};

/// What a run did to the kernel.
///
/// # Examples
/// ```
/// use seedloop::lockstep::{self, Log, Op};
/// lockstep::install(Box::new(|Log { steps, views }| {
///     let iterations = steps.iter().filter(|step| step.op == Op::BeginIteration).count();
///     let (at, end) = views.last().expect("the end is seen");
///     match (iterations as u64 == end.iteration, *at == steps.len()) {
///         (true, true) => Ok(()),
///         _ => Err("the log is not the run's".into()),
///     }
/// })).unwrap();
/// seedloop::run(async {}).unwrap();
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// The operations in their order.
    pub steps: Vec<Step>,
    /// Whole states, each with the number of steps before it. The last one is the run's end.
    pub views: Vec<(usize, View)>,
}

/// Looks at a finished run; an error is why it is refused.
///
/// # Examples
/// ```
/// use seedloop::lockstep::{Log, Observer};
/// let observer: Observer = Box::new(|log| match log.steps.len() {
///     0 => Err("nothing was done".into()),
///     _ => Ok(()),
/// });
/// assert!(observer(Log::default()).is_err());
/// ```
pub type Observer = Box<dyn Fn(Log) -> Result<(), String> + Send + Sync>;

/// How many runs of a check are taken under `some`.
const FIRST_RUNS: u64 = 5;
const VARIABLE: &str = "SEEDLOOP_LOCKSTEP";

static INSTALLED: OnceLock<Installed> = OnceLock::new();

struct Installed {
    selection: Selection,
    observer: Observer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Selection {
    Off,
    Some,
    All,
}

impl Selection {
    fn of(text: Option<&str>) -> Result<Selection, String> {
        match text {
            None | Some("some") => Ok(Selection::Some),
            Some("all") => Ok(Selection::All),
            Some("off") => Ok(Selection::Off),
            Some(other) => Err(format!("{VARIABLE}={other} is none of: some, all, off")),
        }
    }

    /// Is run `run` of a check taken, or any other run?
    fn takes(self, run: Option<u64>) -> bool {
        match self {
            Selection::Off => false,
            Selection::Some => run.is_none_or(|run| run < FIRST_RUNS),
            Selection::All => true,
        }
    }
}

/// Has every run that starts from here on looked at by `observer`.
///
/// # Errors
/// If `SEEDLOOP_LOCKSTEP` makes no sense, or if there is an observer already.
///
/// # Examples
/// ```
/// use seedloop::lockstep;
/// assert!(lockstep::install(Box::new(|_log| Err("no run is good enough".into()))).is_ok());
/// assert!(lockstep::install(Box::new(|_log| Ok(()))).is_err()); // one per process
/// assert!(std::panic::catch_unwind(|| seedloop::run(async {})).is_err());
/// ```
pub fn install(observer: Observer) -> Result<(), String> {
    let variable = env::var_os(VARIABLE).map(|value| value.to_string_lossy().into_owned());
    let selection = Selection::of(variable.as_deref())?;
    INSTALLED
        .set(Installed { selection, observer })
        .map_err(|_| "a process has one lockstep observer".into())
}

/// Is run `run` of a check taken, or any other run?
fn is_taken(run: Option<u64>) -> bool {
    INSTALLED.get().is_some_and(|installed| installed.selection.takes(run))
}

/// Shows a finished run to the observer.
///
/// # Panics
/// If it refuses the run. A thread that panics already prints that instead.
fn show(log: Log) {
    let Some(installed) = INSTALLED.get() else { return };
    match (installed.observer)(log) {
        Ok(()) => {}
        Err(text) if std::thread::panicking() => eprintln!("lockstep: {text}"),
        Err(text) => panic!("lockstep: {text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_named_or_refused() {
        assert_eq!(Selection::of(None), Ok(Selection::Some));
        assert_eq!(Selection::of(Some("all")), Ok(Selection::All));
        let refused = Selection::of(Some("yes")).unwrap_err();
        assert_eq!(refused, "SEEDLOOP_LOCKSTEP=yes is none of: some, all, off");
    }

    #[test]
    fn some_takes_the_first_runs_of_a_check_and_every_other_run() {
        assert!(Selection::Some.takes(Some(4)) && !Selection::Some.takes(Some(5)));
        assert!(Selection::Some.takes(None) && Selection::All.takes(Some(5)));
        assert!(!Selection::Off.takes(None));
    }
}
