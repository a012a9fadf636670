//! asyncio's order: always option 0.

use super::{Guarantee, Menu, RunPlan, RunReport, Scheduler};

/// Runs what CPython's asyncio would run.
///
/// # Examples
/// ```
/// use seedloop::{Config, Error, Runner, gather, log, sched::Fifo};
/// let mut runner = Runner::with_scheduler(Config::default().record(true), Box::new(Fifo));
/// runner.run(async { gather((async { log("a") }, async { log("b") })).await })?;
/// let report = runner.finish();
/// assert!(report.trace.logs().map(|(_, text)| text).eq(["a", "b"]));
/// assert!(report.choices > 0 && report.picks.is_empty());
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Fifo;

impl Scheduler for Fifo {
    fn choose(&mut self, _menu: &Menu<'_>) -> u32 {
        0
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        last.is_none().then_some(RunPlan { run: 0 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
