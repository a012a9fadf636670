//! How a run is set up.

use std::time::Duration;

use crate::trace::{Limits, Settings};

/// The set-up of a [`Runner`](crate::Runner). The default is asyncio: nothing is injected,
/// nothing is recorded but the digest.
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, yield_now};
/// let mut runner = Runner::new(Config::default().steps_max(100));
/// let result = runner.run(async { while yield_now().await.is_ok() {} });
/// assert!(matches!(result, Err(Error::StepCap(100))));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Config {
    pub(crate) settings: Settings,
    pub(crate) record: bool,
    pub(crate) other_threads: bool,
    pub(crate) watchdog: Option<Duration>,
}

impl Config {
    /// At most so many loop iterations; beyond it the run is a livelock. Default: no limit.
    pub fn iterations_max(mut self, iterations: u64) -> Config {
        self.limits().iterations = iterations;
        self
    }

    /// At most so many handles run (steps of tasks, callbacks, timers). Default: 10,000,000.
    pub fn steps_max(mut self, steps: u64) -> Config {
        self.limits().steps = steps;
        self
    }

    /// At most so many handles without the clock moving; beyond it the run is a zero-time
    /// livelock. Default: 100,000.
    pub fn instant_steps_max(mut self, steps: u64) -> Config {
        self.limits().instant_steps = steps;
        self
    }

    /// Every poll gets a waker of its own, and stale ones do nothing. Legal by the contract of
    /// `Future::poll`, and the only thing that finds a whole family of bugs. Default: off.
    pub fn fresh_wakers(mut self, on: bool) -> Config {
        self.settings.fresh_wakers = on;
        self
    }

    /// At most so many cancellations are injected, into tasks that the program offers
    /// ([`Task::cancellable`](crate::Task::cancellable)). Default: 0.
    pub fn cancellations(mut self, count: u32) -> Config {
        self.settings.cancellations = count;
        self
    }

    /// Cancellations may hit every task but main. Default: only those that are offered.
    pub fn cancel_any(mut self, on: bool) -> Config {
        self.settings.cancel_any = on;
        self
    }

    /// The clock may advance so often although something is ready: a timeout may fire although
    /// the reply is there. Default: 0.
    pub fn slips(mut self, count: u32) -> Config {
        self.settings.slips = count;
        self
    }

    /// In a deadlock, each task that waits for something foreign is polled once more. If one goes
    /// on, nobody had woken it for what it waited for: the report says so. Default: on.
    pub fn probe(mut self, on: bool) -> Config {
        self.settings.no_probe = !on;
        self
    }

    /// asyncio's debug mode: a handle that takes 100 ms or more is reported by its name to the
    /// exception handler, as `slow_callback` if it is virtual time, and as `slow in real time`.
    pub fn debug(mut self, on: bool) -> Config {
        self.settings.debug = on;
        self
    }

    /// A handle that runs for longer than this, in real time, ends the process with code 101, and a
    /// text on standard error that names the task: a hang inside one poll cannot be left in any
    /// other way. `None` for no limit. Default: none.
    pub fn watchdog(mut self, limit: Option<Duration>) -> Config {
        self.watchdog = limit;
        self
    }

    /// Record every event, for [`RunReport::trace`](crate::RunReport::trace). Default: off.
    pub fn record(mut self, on: bool) -> Config {
        self.record = on;
        self
    }

    /// Other threads hold wakers: with nothing ready and no timer, wait for them in real time
    /// instead of reporting a deadlock. Such a run is not deterministic. Default: off.
    pub fn other_threads(mut self, on: bool) -> Config {
        self.other_threads = on;
        self
    }

    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    pub(crate) fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    pub(crate) fn limits(&mut self) -> &mut Limits {
        &mut self.settings.limits
    }
}
