//! The bugs: in which version of which crate, fixed in which, and what shows them.

use std::fmt;

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
    /// What the schedule must do before the bug shows. All cases are checked in one setting; this
    /// is for the reader.
    pub(crate) needs: &'static str,
}

const fn case(
    name: &'static str,
    of: &'static str,
    broken: &'static str,
    fixed: &'static str,
    needs: &'static str,
) -> Case {
    Case { name, of, broken, fixed, needs }
}

/// Another order of what is ready.
const ORDER: &str = "order";
/// A cancellation of the task that is offered for it.
const CANCELLATION: &str = "cancellation";
/// Another waker for every poll.
const FRESH_WAKERS: &str = "fresh wakers";
/// A clock that advances although something is ready.
const SLIP: &str = "slip";

pub(crate) const CASES: [Case; 22] = [
    case("tk02_mutex_cancel", "tokio", "0.2.3", "0.2.4", CANCELLATION),
    case("tk03_rwlock_downgrade", "tokio", "0.3.1", "0.3.2", ORDER),
    case("tk_notify_drop", "tokio", "1.4.0", "1.5.0", CANCELLATION),
    case("tk_bcast_resub", "tokio", "1.20.6", "1.21.0", ORDER),
    case("tk_mpsc_owned_release", "tokio", "1.52.2", "1.52.3", ORDER),
    case("tk_cancel_token", "tokio-util", "0.7.0", "0.7.1", FRESH_WAKERS),
    case("tu_delayqueue_remove", "tokio-util", "0.7.11", "0.7.12", ORDER),
    case("os_waker", "oneshot", "0.1.2", "0.1.3", FRESH_WAKERS),
    case("futurelock", "RFD 609", "with", "without", SLIP),
    case("ab_inactive", "async-broadcast", "0.3.2", "0.3.3", ORDER),
    case("ac_cpu", "async-channel", "1.4.1", "1.4.2", ORDER),
    case("al_acquire_arc", "async-lock", "2.7.0", "2.8.0", ORDER),
    case("bb8_broken", "bb8", "0.8.3", "0.8.4", ORDER),
    case("es_clear", "embassy-sync", "0.6.2", "0.7.0", ORDER),
    case("es_signal_reset", "embassy-sync", "0.7.2", "0.8.0", ORDER),
    case("fc_raceok", "futures-concurrency", "7.6.2", "7.6.3", ORDER),
    case("fu_flatten", "futures-util", "0.3.27", "0.3.28", ORDER),
    case("fu_shared", "futures-util", "0.3.4", "0.3.5", ORDER),
    case("kanal_cancel", "kanal 0.1.1", "with", "without", CANCELLATION),
    case("moka_cancel", "moka", "0.6.2", "0.6.3", CANCELLATION),
    case("redis_cancel", "redis 0.24.0", "with", "without", CANCELLATION),
    case("tower_call_all", "tower", "0.4.12", "0.4.13", ORDER),
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
        let Case { name, of, broken, fixed, needs } = self;
        let bug = format!("{of} {broken} -> {fixed}");
        write!(f, "{name:<22} {bug:<37} {needs:<12}")
    }
}
