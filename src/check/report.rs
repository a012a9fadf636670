//! What a check that passed has shown.

use std::fmt;

use crate::{exec::RunReport, trace::Settings};

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
    /// The handles that ran, in all schedules together.
    pub steps: u64,
    /// The choices that were asked, in all schedules together.
    pub choices: u64,
    /// What might be injected into each.
    pub settings: Settings,
    /// Into how many of them a cancellation was.
    pub cancelled: u64,
    /// In how many of them the clock ran ahead.
    pub slipped: u64,
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
            steps: 0,
            choices: 0,
            settings,
            cancelled: 0,
            slipped: 0,
            is_replay: false,
            reported: None,
        }
    }

    pub(super) fn count(&mut self, run: &RunReport, reports: &[String]) {
        if self.reported.is_none() {
            self.reported = reports.first().cloned();
        }
        self.schedules += 1;
        self.steps += run.steps;
        self.choices += run.choices;
        self.cancelled += u64::from(run.cancellations > 0);
        self.slipped += u64::from(run.slips > 0);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_replay {
            return write!(f, "replayed one schedule: it did not fail");
        }
        let Report { seed, schedules, distinct, settings, cancelled, slipped, .. } = self;
        write!(
            f,
            "sampled {schedules} schedules of seed {seed}, {distinct} different: none failed"
        )?;
        write!(f, " (fresh wakers {}", if settings.fresh_wakers { "on" } else { "off" })?;
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
        write!(f, ")")?;
        match &self.reported {
            Some(report) => write!(f, "; reported: {report}"),
            None => Ok(()),
        }
    }
}
