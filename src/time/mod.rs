//! Virtual time: instants, sleeps, timers, timeouts. It moves only when nothing is ready.

mod instant;
mod sleep;
mod timeout;

pub use instant::{Instant, now};
pub use sleep::{Sleep, call_at, call_later, sleep, sleep_until, yield_now};
pub use timeout::{Timeout, timeout, timeout_at};
