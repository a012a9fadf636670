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
    /// What was injected.
    pub settings: Settings,
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
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_replay {
            return write!(f, "replayed one schedule: it did not fail");
        }
        let Report { seed, schedules, distinct, settings, .. } = self;
        write!(
            f,
            "sampled {schedules} schedules of seed {seed}, {distinct} different: none failed"
        )?;
        write!(f, " (cancellations {}, slips {}", settings.cancellations, settings.slips)?;
        write!(f, ", fresh wakers {})", if settings.fresh_wakers { "on" } else { "off" })?;
        match &self.reported {
            Some(report) => write!(f, "; reported: {report}"),
            None => Ok(()),
        }
    }
}
