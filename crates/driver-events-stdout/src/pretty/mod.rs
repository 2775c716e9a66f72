//! Human-readable lines: time, goal, kind and details of an event.
//!
//! ```text
//! 09:30:12.250  6a0c1a01  decision                    turn 0 · deny: Bash · Force pushes are not allowed. · {"command":"git push -f"}
//! 09:31:35.000  6a0c1a01  acceptance                  not met · cargo test: exit status 101, expected 0 · 5.312s
//! --:--:--.---  6a0c1a02  progress                    turn 1 · 1 turn, 2m 20s, 52800 tokens · Secciones 1–3 traducidas
//! ```
//!
//! The time is in UTC, or dashes if the envelope lacks it. The goal is the last eight digits of its id, since sequential
//! and time-ordered ids differ at the end. Texts are truncated.
//!
//! Text of an event cannot control the terminal: control characters, line and paragraph separators, bidirectional
//! controls and invisible characters are escaped as `\n`, `\t`, `\x1b` or `\u{202e}`. A backslash in the text is not
//! escaped.

mod details;
mod sgr;
mod style;

pub(crate) mod text;

use std::io::Write;

use driver_events_core::Envelope;
use driver_events_types::{Decoded, EventKind};

use self::details::DetailWriter;
use self::text::write_text;

pub use style::Style;

/// Width of the kind column in characters: the longest known kind.
const KIND_COLUMN_CHARS: usize = EventKind::ExtractMemoriesCompleted.as_str().len();

/// Appends the envelope to `out` as one line without a line ending.
pub fn write_line(envelope: &Envelope, style: Style, out: &mut Vec<u8>) {
    style.paint(sgr::DIM, out, |out| {
        write_time(envelope, out);
        out.extend_from_slice(b"  ");
        write_goal(envelope, out);
    });
    out.extend_from_slice(b"  ");

    let mut width = 0;
    style.paint(sgr::of_kind(envelope.decoded().known_kind()), out, |out| {
        // A known kind is never truncated.
        width = write_text(
            envelope.kind().chars(),
            style.max_text_chars().max(KIND_COLUMN_CHARS),
            out,
        );
    });
    out.resize(out.len() + KIND_COLUMN_CHARS.saturating_sub(width) + 2, b' ');

    let mut details = DetailWriter::new(style, out);
    match (envelope.decoded(), envelope.json()) {
        // Free JSON that is too deep must not be visited.
        (_, Err(error)) => details.labelled("cannot encode", &error.to_string()),
        (Decoded::Known(event), Ok(_)) => details.event(event),
        (Decoded::Unknown { .. }, Ok(json)) => details.json(json),
    }
}

fn write_time(envelope: &Envelope, out: &mut Vec<u8>) {
    // Writing to memory cannot fail.
    let _ = match envelope.time() {
        Some(time) => write!(out, "{}", time.format("%H:%M:%S%.3f")),
        None => write!(out, "--:--:--.---"),
    };
}

fn write_goal(envelope: &Envelope, out: &mut Vec<u8>) {
    let id = envelope.goal_id().map(|id| id.0.simple().to_string());
    let end = id.as_deref().and_then(|id| id.get(24..));
    out.extend_from_slice(end.unwrap_or("--------").as_bytes());
}
