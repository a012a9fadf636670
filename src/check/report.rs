//! What a check that passed has shown.

use std::fmt;

use super::{Unseen, explore::One};
use crate::{
    exec::RunReport,
    sched::{Certificate, Refusal},
    trace::{Digest, Settings},
};

/// What it means that a check has passed.
///
/// # Examples
/// ```
/// use seedloop::{Check, Level};
/// assert_eq!(Check::new().run(|| async {}).level, Level::Sampled);
/// assert_eq!(Check::new().exhaustive().run(|| async {}).level, Level::Interleavings);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Level {
    /// A sample of the orders is fine.
    Sampled,
    /// Every schedule within so many deviations from asyncio's order is fine.
    Within(u32),
    /// Every interleaving of the steps is fine. Nothing is assumed.
    Interleavings,
    /// Every behaviour is fine, if footprints are complete. That it is every one has been checked.
    Behaviours {
        /// What was checked of the evidence.
        certificate: Certificate,
        /// How often two steps that are taken for independent were swapped, and nothing changed.
        swaps: u64,
    },
    /// One order of each class that the search has found is fine; but its evidence is refused, even
    /// with the least reduction. A defect of the search, or footprints that are wrong.
    Uncertified(Refusal),
    /// The search was stopped by the number of schedules. What it ran is fine.
    Unfinished,
}

/// What was run, and found to be fine. Displays as one line that claims no more than that.
///
/// # Examples
/// ```
/// let report = seedloop::Check::new().schedules(10).run(|| async {});
/// assert_eq!(report.schedules, 10);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// The schedules that were run.
    pub schedules: u64,
    /// How many of them were different; counted up to 65,536.
    pub distinct: u64,
    /// What a sample says of what it has not seen.
    pub unseen: Unseen,
    /// How many pairs of racing steps were seen in both orders, and how many at all, in those
    /// schedules of a sample that say what steps touch.
    pub racing_pairs: (u64, u64),
    /// The handles that ran, in all schedules together.
    pub steps: u64,
    /// The choices that were asked, in all schedules together.
    pub choices: u64,
    /// What might be injected into each.
    pub settings: Settings,
    /// In how many of them each poll got another waker: in half of a sample, for what shows only
    /// with wakers that are kept.
    pub fresh_wakers: u64,
    /// Into how many of them a cancellation was.
    pub cancelled: u64,
    /// In how many of them the clock ran ahead.
    pub slipped: u64,
    /// In how many of them a task was polled although nothing woke it.
    pub spuriously_polled: u64,
    /// What it means.
    pub level: Level,
    /// The runs of a search that were given up: nothing new could come of them.
    pub abandoned: u64,
    /// One token was replayed.
    pub is_replay: bool,
    /// The first thing that the exception handler was told: an error that nobody retrieved.
    pub reported: Option<String>,
}

impl Report {
    pub(super) fn new(seed: u64, settings: Settings) -> Report {
        Report {
            seed,
            schedules: 0,
            distinct: 0,
            unseen: Unseen::default(),
            racing_pairs: (0, 0),
            steps: 0,
            choices: 0,
            settings,
            fresh_wakers: 0,
            cancelled: 0,
            slipped: 0,
            spuriously_polled: 0,
            level: Level::Sampled,
            abandoned: 0,
            is_replay: false,
            reported: None,
        }
    }

    /// Has everything been run that there is? See [`Level`] for what that means.
    ///
    /// # Examples
    /// ```
    /// use seedloop::Check;
    /// assert!(!Check::new().run(|| async {}).is_exhausted());
    /// assert!(Check::new().exhaustive().run(|| async {}).is_exhausted());
    /// ```
    pub fn is_exhausted(&self) -> bool {
        matches!(self.level, Level::Interleavings | Level::Behaviours { .. })
    }

    pub(super) fn count(&mut self, run: &Counted) {
        if self.reported.is_none() {
            self.reported.clone_from(&run.reported);
        }
        self.schedules += 1;
        self.steps += run.steps;
        self.choices += run.choices;
        self.fresh_wakers += u64::from(run.fresh_wakers);
        self.cancelled += u64::from(run.cancelled);
        self.slipped += u64::from(run.slipped);
        self.spuriously_polled += u64::from(run.spuriously_polled);
    }
}

/// What a report counts of a run.
pub(super) struct Counted {
    pub(super) digest: Digest,
    steps: u64,
    choices: u64,
    fresh_wakers: bool,
    cancelled: bool,
    slipped: bool,
    spuriously_polled: bool,
    /// The first thing that the exception handler was told.
    reported: Option<String>,
}

impl Counted {
    pub(super) fn of(one: &One) -> Counted {
        let RunReport { digest, steps, choices, fresh_wakers, .. } = one.report;
        Counted {
            digest,
            steps,
            choices,
            fresh_wakers,
            cancelled: one.report.cancellations > 0,
            slipped: one.report.slips > 0,
            spuriously_polled: one.report.spurious_polls > 0,
            reported: one.reports.first().cloned(),
        }
    }
}

impl Report {
    fn write_level(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { seed, schedules, distinct, abandoned, .. } = self;
        match &self.level {
            Level::Sampled => {
                write!(f, "sampled {schedules} schedules of seed {seed}, {distinct} different")?;
                write!(f, "{}", self.unseen)?;
                if let (both, all @ 1..) = self.racing_pairs {
                    write!(f, ", {both} of {all} racing pairs seen in both orders")?;
                }
                write!(f, ": none failed")
            }
            Level::Within(bound) => write!(
                f,
                "every schedule within {bound} deviations from asyncio's order, {schedules} of \
                 them: none failed"
            ),
            Level::Interleavings => write!(
                f,
                "exhausted: every interleaving of the steps, {schedules} of them: none failed"
            ),
            Level::Behaviours { certificate, swaps } => {
                let Certificate { reversals, alternatives, .. } = certificate;
                write!(
                    f,
                    "exhausted: every behaviour, {schedules} classes of orders ({abandoned} runs \
                     given up), footprints assumed complete, audited by {swaps} swaps; certificate \
                     OK ({reversals} reversals, {alternatives} alternatives): none failed"
                )
            }
            Level::Uncertified(refusal) => write!(
                f,
                "CERTIFICATE REFUSED ({refusal}): {schedules} classes of orders, and there are \
                 others; are all footprints complete? Of these none failed"
            ),
            Level::Unfinished => write!(
                f,
                "not exhausted: stopped after {schedules} schedules ({abandoned} runs given up); \
                 of these none failed"
            ),
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_replay {
            return write!(f, "replayed one schedule: it did not fail");
        }
        let Report { settings, fresh_wakers, cancelled, slipped, spuriously_polled, .. } = self;
        self.write_level(f)?;
        match fresh_wakers {
            0 => write!(f, " (no fresh wakers")?,
            all if *all == self.schedules => write!(f, " (fresh wakers")?,
            some => write!(f, " (fresh wakers in {some} of them")?,
        }
        match (settings.cancellations, cancelled) {
            (0, _) => {}
            (_, 0) => write!(f, ", no cancellation: offer tasks by `cancellable`")?,
            _ => write!(f, ", a cancellation in {cancelled} of them")?,
        }
        match (settings.slips, slipped) {
            (0, _) => {}
            (_, 0) => write!(f, ", no slip: no timer was armed while something was ready")?,
            _ => write!(f, ", a slip in {slipped} of them")?,
        }
        match (settings.spurious_polls, spuriously_polled) {
            (0, _) => {}
            (_, 0) => write!(f, ", no spurious poll: no task waited")?,
            _ => write!(f, ", a spurious poll in {spuriously_polled} of them")?,
        }
        write!(f, ")")?;
        match &self.reported {
            Some(report) => write!(f, "; reported: {report}"),
            None => Ok(()),
        }
    }
}
