//! A trace as JSON lines, for other tools. One object per event, always the same keys.

use std::fmt::Write;

use super::Trace;

impl Trace {
    /// One JSON object per line and event: `step`, `iteration`, `time_ns`, `actor`, `kind`,
    /// `object`, `value`.
    pub fn to_json_lines(&self) -> String {
        let mut out = String::new();
        for event in self.events() {
            let object = event.object.as_deref().map_or("null".into(), quoted);
            writeln!(
                out,
                r#"{{"step":{},"iteration":{},"time_ns":{},"actor":{},"kind":"{:?}","object":{},"value":{}}}"#,
                event.step,
                event.iteration,
                event.time_ns,
                quoted(&event.actor),
                event.kind,
                object,
                event.value
            )
            .expect("writing to a string");
        }
        out
    }
}

/// RFC 8259 section 7: a string in quotes.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if (c as u32) < 0x20 => write!(out, "\\u{:04x}", c as u32).expect("to a string"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
