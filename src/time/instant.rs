//! A point in virtual time.

use std::{
    fmt,
    ops::{Add, AddAssign, Sub},
    time::Duration,
};

use crate::exec::{Handle, job, try_with};

/// A point in virtual time: nanoseconds since the loop's start.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, now, run, sleep};
/// run(async {
///     let start = now();
///     sleep(Duration::from_secs(5)).await?;
///     assert_eq!(now() - start, Duration::from_secs(5));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Instant(u64);

/// As `loop.time()`: virtual time now; the loop's start outside a run.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use seedloop::{Error, now, run, sleep};
/// run(async {
///     let start = now();
///     sleep(Duration::from_secs(3)).await?;
///     assert_eq!(now() - start, Duration::from_secs(3));
///     Ok::<(), Error>(())
/// })?;
/// # Ok::<(), Error>(())
/// ```
pub fn now() -> Instant {
    let in_run = try_with(|shell| shell.core.borrow().kernel.now());
    Instant(in_run.or_else(|| Some(job()?.now())).unwrap_or(0))
}

impl Instant {
    /// The instant so many ns after the loop's start.
    ///
    /// # Examples
    /// ```
    /// use seedloop::Instant;
    /// assert_eq!(Instant::from_nanos(1_500).to_string(), "1.5µs");
    /// ```
    pub fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The instant so many ms after the loop's start.
    ///
    /// # Examples
    /// ```
    /// use seedloop::Instant;
    /// assert_eq!(Instant::from_millis(2), Instant::from_nanos(2_000_000));
    /// ```
    pub fn from_millis(millis: u64) -> Instant {
        Instant(millis.saturating_mul(1_000_000))
    }

    /// Nanoseconds since the loop's start.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::Instant;
    /// assert_eq!((Instant::default() + Duration::from_secs(1)).as_nanos(), 1_000_000_000);
    /// ```
    pub fn as_nanos(self) -> u64 {
        self.0
    }

    /// Whole milliseconds since the loop's start.
    ///
    /// # Examples
    /// ```
    /// assert_eq!(seedloop::Instant::from_nanos(1_999_999).as_millis(), 1);
    /// ```
    pub fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }
}

impl Handle {
    /// As `TimerHandle.when()`: the deadline, if it is a timer.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{Instant, call_at, call_soon, run};
    /// run(async {
    ///     let at = Instant::from_millis(5);
    ///     assert_eq!(call_at(at, || {}).when(), Some(at));
    ///     assert_eq!(call_soon(|| {}).when(), None);
    /// }).unwrap();
    /// ```
    pub fn when(&self) -> Option<Instant> {
        self.deadline_ns().map(Instant)
    }
}

/// Far futures saturate: 584 years after the start.
impl Add<Duration> for Instant {
    type Output = Instant;

    fn add(self, duration: Duration) -> Instant {
        Instant(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

/// The time from the other to this one; zero if the other is later.
impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}
