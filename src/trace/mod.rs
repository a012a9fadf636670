//! What happened, as data: one stream of events, its running digest, its text, and the token that
//! replays it. Pure: no futures, no clocks; nothing here decides.
//!
//! # Examples
//! ```
//! use seedloop::trace::{Event, Kind};
//! let trace = seedloop::trace_of(async { seedloop::log("here") });
//! let logged: Vec<&Event> =
//!     trace.events().iter().filter(|event| event.kind == Kind::Log).collect();
//! assert_eq!((&*logged[0].actor, logged[0].object.as_deref()), ("main", Some("here")));
//! ```

use std::{ops::Range, time::Duration};

mod digest;
mod event;
mod hold;
#[cfg(feature = "json")]
mod json;
mod path;
#[cfg(feature = "json")]
mod perfetto;
mod plan;
mod snapshot;
mod text;
mod timeline;
mod token;

pub use digest::Digest;
pub(crate) use digest::{mix, mix_bytes};
pub use event::{Event, Kind};
pub(crate) use hold::CLOCK;
pub use hold::{Draw, Hold, StepName};
pub(crate) use path::{Mark, Parent, Path, ROOT};
pub use plan::{Pick, Plan};
pub use timeline::Timeline;
pub(crate) use token::{Checks, KINDS};
pub use token::{Limits, Settings, Token, TokenError};

/// The events of a run, in order. Displays as the text that snapshots show: a line per event.
///
/// # Examples
/// ```
/// use seedloop::{Config, Runner};
/// let mut runner = Runner::new(Config::default().record(true));
/// runner.run(async { seedloop::log("hello") })?;
/// let report = runner.finish();
/// assert!(report.trace.to_string().contains("logs hello"));
/// # Ok::<(), seedloop::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    events: Vec<Event>,
}

impl Trace {
    /// The events, in order.
    ///
    /// # Examples
    /// ```
    /// let trace = seedloop::trace_of(async {});
    /// let first = &trace.events()[0];
    /// assert_eq!((first.step, first.to_string()), (0, "outside spawns main".into()));
    /// ```
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What the program wrote with [`log`](crate::log), in order: the virtual time since the
    /// loop's start, and the text.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use seedloop::{Error, log, sleep, trace_of};
    /// let trace = trace_of(async {
    ///     log("to bed");
    ///     sleep(Duration::from_secs(8)).await?;
    ///     log("up");
    ///     Ok::<(), Error>(())
    /// });
    /// let [bed, up] = trace.logs().collect::<Vec<_>>()[..] else { panic!("two lines") };
    /// assert_eq!((bed.1, up), ("to bed", (Duration::from_secs(8), "up")));
    /// ```
    pub fn logs(&self) -> impl Iterator<Item = (Duration, &str)> {
        let logs = self.events.iter().filter(|event| event.kind == Kind::Log);
        logs.map(|event| {
            let text = event.object.as_deref().expect("a log has a text");
            (Duration::from_nanos(event.time_ns), text)
        })
    }

    /// Some of the events.
    ///
    /// # Panics
    /// If the range is not within them.
    ///
    /// # Examples
    /// ```
    /// let trace = seedloop::trace_of(async { seedloop::log("hello") });
    /// let events = trace.part(2..4);
    /// assert_eq!(events.to_string(), "    0ns main steps\n    0ns main logs hello");
    /// ```
    pub fn part(&self, range: Range<usize>) -> Trace {
        Trace { events: self.events[range].to_vec() }
    }

    pub(crate) fn push(&mut self, event: Event) {
        self.events.push(event);
    }

    /// The first event in which two traces differ: its index, and both sides.
    ///
    /// # Examples
    /// ```
    /// use seedloop::{log, trace_of};
    /// let (ours, theirs) = (trace_of(async { log("a") }), trace_of(async { log("b") }));
    /// let (_at, our, their) = ours.first_difference(&theirs).unwrap();
    /// assert_eq!(our.unwrap().to_string(), "main logs a");
    /// assert_eq!(their.unwrap().to_string(), "main logs b");
    /// assert_eq!(ours.first_difference(&ours), None);
    /// ```
    pub fn first_difference<'a>(
        &'a self,
        other: &'a Trace,
    ) -> Option<(usize, Option<&'a Event>, Option<&'a Event>)> {
        let longest = self.events.len().max(other.events.len());
        (0..longest).find_map(|at| {
            let (ours, theirs) = (self.events.get(at), other.events.get(at));
            (ours != theirs).then_some((at, ours, theirs))
        })
    }
}
