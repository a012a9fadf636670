//! A trace as JSON lines, for other tools. One object per event, always the same keys.

use serde_json::json;

use super::{Event, Trace};

impl Trace {
    /// One JSON object per line and event: `step`, `iteration`, `time_ns`, `actor`, `kind`,
    /// `object`, `value`. Needs the feature `json`.
    ///
    /// # Examples
    /// ```
    /// let trace = seedloop::trace_of(async { seedloop::log("hello") });
    /// assert!(trace.to_json_lines().contains(r#""kind":"Log","object":"hello""#));
    /// ```
    pub fn to_json_lines(&self) -> String {
        self.events().iter().map(|event| format!("{}\n", to_json(event))).collect()
    }
}

fn to_json(event: &Event) -> serde_json::Value {
    json!({
        "step": event.step,
        "iteration": event.iteration,
        "time_ns": event.time_ns,
        "actor": *event.actor,
        "kind": format!("{:?}", event.kind),
        "object": event.object.as_deref(),
        "value": event.value,
    })
}
