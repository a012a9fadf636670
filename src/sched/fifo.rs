//! asyncio's order: always option 0.

use super::{Guarantee, Menu, RunPlan, RunReport, Scheduler};

/// Runs what CPython's asyncio would run.
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
