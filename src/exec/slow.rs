//! Debug mode: which handle takes long, in virtual time and in real time. Real time goes to the
//! exception handler alone, never into the trace.

use std::{sync::Arc, time};

use super::{core::Core, record::Thing, report::ExceptionContext};
use crate::kernel::Handle;

/// asyncio's `slow_callback_duration`, in ns.
const SLOW_NS: u64 = 100_000_000;

/// A handle that is about to run.
pub(super) struct SlowWatch {
    handle: Handle,
    name: Option<Arc<str>>,
    virtual_ns: u64,
    real: time::Instant,
}

impl SlowWatch {
    pub(super) fn new(core: &Core, handle: Handle) -> SlowWatch {
        let name = match handle {
            Handle::Step(task) => core.label_of(Thing::Task(task)),
            Handle::Call(call) => core.label_of(Thing::Call(call)),
        };
        let virtual_ns = core.kernel.now();
        SlowWatch { handle, name, virtual_ns, real: time::Instant::now() }
    }

    /// What is said of it, now that it has run: how many ms of which time.
    pub(super) fn slow(self, virtual_now: u64) -> Vec<ExceptionContext> {
        let real_ns = u64::try_from(self.real.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let took =
            [("slow_callback", virtual_now - self.virtual_ns), ("slow in real time", real_ns)];
        let kind = match self.handle {
            Handle::Step(_) => "task ",
            Handle::Call(_) => "",
        };
        let name = self.name.map(|name| Arc::from(format!("{kind}{name}")));
        let slow = took.into_iter().filter(|(_, ns)| *ns >= SLOW_NS);
        let told = slow.map(|(what, ns)| {
            ExceptionContext::new(what).error((ns / 1_000_000).to_string()).named(name.clone())
        });
        told.collect()
    }
}
