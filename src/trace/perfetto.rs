//! A trace for Perfetto (ui.perfetto.dev) and chrome://tracing: the Trace Event Format.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Event, Kind, Trace};

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
        let mut waits: BTreeMap<&str, &Event> = BTreeMap::new();
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
                shown.push(slice(wait, wait.time_ns, event.time_ns, track));
            }
            match event.kind {
                Kind::Await | Kind::Foreign => {
                    waits.insert(&event.actor, event);
                }
                Kind::Busy => {
                    let start = event.time_ns - event.value;
                    shown.push(slice(event, start, event.time_ns, track));
                }
                _ => shown.push(instant(event, track)),
            }
        }
        let end = self.events().last().map_or(0, |event| event.time_ns);
        for (actor, wait) in &waits {
            shown.push(slice(wait, wait.time_ns, end, tracks[actor]));
        }
        json!({"displayTimeUnit": "ns", "traceEvents": shown}).to_string()
    }
}

/// Times are in microseconds there.
fn micros(ns: u64) -> f64 {
    ns as f64 / 1_000.0
}

fn slice(event: &Event, start_ns: u64, end_ns: u64, track: usize) -> Value {
    json!({
        "ph": "X", "pid": 1, "tid": track, "name": event.phrase(),
        "ts": micros(start_ns), "dur": micros(end_ns - start_ns),
        "args": {"step": event.step, "iteration": event.iteration},
    })
}

fn instant(event: &Event, track: usize) -> Value {
    json!({
        "ph": "i", "s": "t", "pid": 1, "tid": track, "name": event.phrase(),
        "ts": micros(event.time_ns),
        "args": {"step": event.step, "iteration": event.iteration},
    })
}
