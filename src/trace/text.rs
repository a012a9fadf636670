//! The text of a trace: a line per event, as snapshots show it.

use std::{fmt, time::Duration};

use super::{Event, Kind, Trace};

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.events().iter().map(|event| event.actor.chars().count()).max();
        let width = width.unwrap_or(0);
        let mut first = true;
        for event in self.events() {
            if !std::mem::take(&mut first) {
                writeln!(f)?;
            }
            let time = Duration::from_nanos(event.time_ns);
            write!(f, "{:>7} {:<width$} {}", format!("{time:?}"), event.actor, Phrase(event))?;
        }
        Ok(())
    }
}

impl Event {
    /// What the actor did, in words.
    pub(crate) fn phrase(&self) -> String {
        Phrase(self).to_string()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.actor, Phrase(self))
    }
}

/// What the actor did, in words.
struct Phrase<'a>(&'a Event);

impl fmt::Display for Phrase<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = self.0;
        let object = event.object.as_deref().unwrap_or("");
        let duration = Duration::from_nanos(event.value);
        match event.kind {
            Kind::Step => write!(f, "steps"),
            Kind::Call => write!(f, "runs"),
            Kind::Skip => write!(f, "was cancelled: nothing runs"),
            Kind::Late => write!(f, "has ended: a late wake-up"),
            Kind::Advance => write!(f, "advances"),
            Kind::Slip => write!(f, "slips"),
            Kind::Spawn => write!(f, "spawns {object}"),
            Kind::Yield => write!(f, "yields"),
            Kind::Await => write!(f, "waits for {object}"),
            Kind::Resolve => write!(f, "resolves {object}"),
            Kind::Fail => write!(f, "fails {object}"),
            Kind::Cancel if event.value == 0 => write!(f, "cancels {object}: refused"),
            Kind::Cancel => write!(f, "cancels {object}"),
            Kind::Uncancel => write!(f, "uncancels {object}: {} left", event.value),
            Kind::Abort => write!(f, "aborts {object}"),
            Kind::Arm => write!(f, "arms {object} for {duration:?}"),
            Kind::Disarm => write!(f, "cancels {object}"),
            Kind::Schedule => write!(f, "schedules {object}"),
            Kind::OnDone => write!(f, "adds a callback to {object}"),
            Kind::Finished => write!(f, "finished"),
            Kind::Failed => write!(f, "failed"),
            Kind::Cancelled => write!(f, "was cancelled"),
            Kind::Panicked => write!(f, "panicked"),
            Kind::Wake => write!(f, "wakes {object}"),
            Kind::Turn => write!(f, "runs"),
            Kind::Sleep => write!(f, "sleeps for {duration:?}"),
            Kind::Park if object.is_empty() => write!(f, "has nothing to do"),
            Kind::Park | Kind::Does => write!(f, "{object}"),
            Kind::WakeAgain => write!(f, "wakes {object}, which is ready already"),
            Kind::Doom if event.value == 2 => write!(f, "injects an abort of {object}"),
            Kind::Doom => write!(f, "injects a cancel of {object}"),
            Kind::SpuriousPoll => write!(f, "injects a spurious poll of {object}"),
            Kind::Choose => write!(f, "chooses {}", event.value),
            Kind::Log => write!(f, "logs {object}"),
            Kind::Busy => write!(f, "is busy for {duration:?}"),
            Kind::Stop => write!(f, "stops the loop"),
            Kind::Drop => write!(f, "drops {object}"),
            Kind::Stale => write!(f, "wakes {object} by an old waker: ignored"),
            Kind::Foreign => write!(f, "waits for something foreign"),
            Kind::Probe => write!(f, "has {object} polled once more"),
            Kind::Told => write!(f, "is told of a cancellation"),
        }
    }
}
