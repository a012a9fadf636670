//! A trace for Perfetto (ui.perfetto.dev) and chrome://tracing: the Trace Event Format.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Event, Kind, Trace};

/// What an open wait is shown as.
struct Wait<'a> {
    since: &'a Event,
    name: String,
}

impl Trace {
    /// One JSON object that [Perfetto](https://ui.perfetto.dev) opens: a track per task, its waits
    /// as slices in virtual time, and everything else as instants. Needs the feature `json`.
    ///
    /// # Examples
    /// ```
    /// let trace = seedloop::trace_of(async { seedloop::log("hello") });
    /// assert!(trace.to_perfetto_json().contains(r#""name":"logs hello""#));
    /// ```
    pub fn to_perfetto_json(&self) -> String {
        let mut tracks: BTreeMap<&str, usize> = BTreeMap::new();
        let mut shown = Vec::new();
        let mut waits: BTreeMap<&str, Wait<'_>> = BTreeMap::new();
        for event in self.events() {
            let next = tracks.len() + 1;
            let track = *tracks.entry(&event.actor).or_insert_with(|| {
                shown.push(json!({
                    "ph": "M", "pid": 1, "tid": next, "name": "thread_name",
                    "args": {"name": &*event.actor},
                }));
                next
            });
            if let Some(wait) = waits.remove(&*event.actor) {
                shown.push(slice(&wait, event.time_ns, track));
            }
            match event.kind {
                Kind::Await | Kind::Foreign => {
                    waits.insert(&event.actor, Wait { since: event, name: event.phrase() });
                }
                Kind::Busy => {
                    let wait = Wait { since: event, name: event.phrase() };
                    shown.push(slice(&wait, event.time_ns + event.value, track));
                }
                _ => shown.push(instant(event, track)),
            }
        }
        let end = self.events().last().map_or(0, |event| event.time_ns);
        for (actor, wait) in &waits {
            shown.push(slice(wait, end, tracks[actor]));
        }
        json!({"displayTimeUnit": "ns", "traceEvents": shown}).to_string()
    }
}

/// Times are in microseconds there.
fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

fn slice(wait: &Wait<'_>, end_ns: u64, track: usize) -> Value {
    let start = wait.since.time_ns;
    json!({
        "ph": "X", "pid": 1, "tid": track, "name": wait.name,
        "ts": micros(start), "dur": micros(end_ns.saturating_sub(start)),
        "args": {"step": wait.since.step, "iteration": wait.since.iteration},
    })
}

fn instant(event: &Event, track: usize) -> Value {
    json!({
        "ph": "i", "s": "t", "pid": 1, "tid": track, "name": event.phrase(),
        "ts": micros(event.time_ns),
        "args": {"step": event.step, "iteration": event.iteration},
    })
}
