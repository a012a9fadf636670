//! JSON lines as Python's `json.dumps(..., separators=(",", ":"))` writes them: in ASCII.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Serializer, Value, ser::Formatter};

pub(crate) fn write_lines(mut out: impl Write, lines: &[Value]) -> io::Result<()> {
    for line in lines {
        line.serialize(&mut Serializer::with_formatter(&mut out, Ascii))?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

/// Compact, and everything beyond printable ASCII as `\uXXXX`.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for part in fragment.split_inclusive(|c: char| !matches!(c, ' '..='~')) {
            let last = part.chars().next_back().filter(|c| !matches!(c, ' '..='~'));
            let plain = &part[..part.len() - last.map_or(0, char::len_utf8)];
            writer.write_all(plain.as_bytes())?;
            for unit in last.iter().flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec()) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}
