//! The program's clock: whole milliseconds, also before its start, on seedloop's, which begins
//! at 0. A program that arms timers before its start gets an origin above 0.

use seedloop::Instant;

#[derive(Clone, Copy)]
pub(crate) struct Clock {
    origin_ms: i64,
}

impl Clock {
    pub(crate) fn starting_at(origin_ms: i64) -> Clock {
        Clock { origin_ms }
    }

    /// The program's time of an instant.
    pub(crate) fn read(self, instant: Instant) -> i64 {
        instant.as_millis() as i64 - self.origin_ms
    }

    /// The instant of a time of the program; the earliest there is for those before.
    pub(crate) fn at(self, millis: i64) -> Instant {
        let millis = u64::try_from(self.origin_ms + millis).unwrap_or(0);
        Instant::from_nanos(millis * 1_000_000)
    }
}
