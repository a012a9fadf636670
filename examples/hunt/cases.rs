//! The bugs: in which version of which crate, fixed in which, and what shows them.

use std::fmt;

use crate::dimension::Dimension;

/// A bug of a published crate.
#[derive(Debug)]
pub(crate) struct Case {
    /// Its folder.
    pub(crate) name: &'static str,
    /// The crate.
    pub(crate) of: &'static str,
    /// The last version with it, or the last that was tried; "with" where no version is without
    /// it, and the fixed variant is a program that goes round it.
    pub(crate) broken: &'static str,
    /// The first version without it.
    pub(crate) fixed: &'static str,
    /// What the schedule needs to be free in.
    pub(crate) dimension: Dimension,
}

const fn case(
    name: &'static str,
    of: &'static str,
    broken: &'static str,
    fixed: &'static str,
    dimension: Dimension,
) -> Case {
    Case { name, of, broken, fixed, dimension }
}

pub(crate) const CASES: [Case; 21] = [
    case("tk02_mutex_cancel", "tokio", "0.2.3", "0.2.4", Dimension::Cancellation),
    case("tk03_rwlock_downgrade", "tokio", "0.3.1", "0.3.2", Dimension::Order),
    case("tk_notify_drop", "tokio", "1.4.0", "1.5.0", Dimension::Cancellation),
    case("tk_bcast_resub", "tokio", "1.20.6", "1.21.0", Dimension::Order),
    case("tk_mpsc_owned_release", "tokio", "1.52.2", "1.52.3", Dimension::Order),
    case("tk_cancel_token", "tokio-util", "0.7.0", "0.7.1", Dimension::FreshWakers),
    case("tu_delayqueue_remove", "tokio-util", "0.7.11", "0.7.12", Dimension::Order),
    case("os_waker", "oneshot", "0.1.2", "0.1.3", Dimension::FreshWakers),
    case("futurelock", "RFD 609", "with", "without", Dimension::Slips),
    case("ab_inactive", "async-broadcast", "0.3.2", "0.3.3", Dimension::Order),
    case("ac_cpu", "async-channel", "1.4.1", "1.4.2", Dimension::Order),
    case("bb8_broken", "bb8", "0.8.3", "0.8.4", Dimension::Order),
    case("es_clear", "embassy-sync", "0.6.2", "0.7.0", Dimension::Order),
    case("es_signal_reset", "embassy-sync", "0.7.2", "0.8.0", Dimension::Order),
    case("fc_raceok", "futures-concurrency", "7.6.2", "7.6.3", Dimension::Order),
    case("fu_flatten", "futures-util", "0.3.27", "0.3.28", Dimension::Order),
    case("fu_shared", "futures-util", "0.3.4", "0.3.5", Dimension::Order),
    case("kanal_cancel", "kanal 0.1.1", "with", "without", Dimension::Cancellation),
    case("moka_cancel", "moka", "0.6.2", "0.6.3", Dimension::Cancellation),
    case("redis_cancel", "redis 0.24.0", "with", "without", Dimension::Cancellation),
    case("tower_call_all", "tower", "0.4.12", "0.4.13", Dimension::Order),
];

impl Case {
    /// The cases of these names, or all.
    pub(crate) fn select(names: &[String]) -> Result<Vec<&'static Case>, String> {
        if names.is_empty() {
            return Ok(CASES.iter().collect());
        }
        let find = |name: &String| {
            let found = CASES.iter().find(|case| case.name == name);
            found.ok_or_else(|| {
                let known = CASES.map(|case| case.name).join(", ");
                format!("there is no case {name:?}; the cases are {known}")
            })
        };
        names.iter().map(find).collect()
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Case { name, of, broken, fixed, dimension } = self;
        let bug = format!("{of} {broken} -> {fixed}");
        write!(f, "{name:<22} {bug:<37} {dimension:<12}")
    }
}
