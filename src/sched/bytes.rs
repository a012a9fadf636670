//! A schedule from bytes, as fuzzers give them: each choice takes one, or two if its menu is large.

use super::{Guarantee, Menu, RunPlan, RunReport, Scheduler};

/// Takes each choice from the next byte, modulo the menu (from the next two if it has more than 256
/// options); when there are no more, asyncio's. So all bytes are a legal run of every program, and
/// zeros, or none, are asyncio's order.
///
/// # Examples
/// ```
/// use seedloop::{Check, choose, sched::Bytes};
/// let fuzzed = |bytes: &[u8]| {
///     let scheduler = Box::new(Bytes::new(bytes));
///     Check::new().try_scheduler(scheduler, || async { assert!(choose(6) != 3) })
/// };
/// assert!(fuzzed(&[]).is_ok() && fuzzed(&[2]).is_ok());
/// assert!(fuzzed(&[9]).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct Bytes {
    bytes: Vec<u8>,
    next: usize,
}

impl Bytes {
    /// Takes its choices from these.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Bytes {
        Bytes { bytes: bytes.into(), next: 0 }
    }

    fn byte(&mut self) -> u32 {
        let byte = self.bytes.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        byte.into()
    }
}

impl Scheduler for Bytes {
    fn choose(&mut self, menu: &Menu<'_>) -> u32 {
        let mut drawn = self.byte();
        if menu.len() > 256 {
            drawn = drawn << 8 | self.byte();
        }
        drawn % menu.len()
    }

    fn next_run(&mut self, last: Option<&RunReport>) -> Option<RunPlan> {
        last.is_none().then_some(RunPlan { run: 0 })
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::One
    }
}
