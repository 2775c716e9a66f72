//! Events as lines for people: the time, the goal, the kind, and the facts of the event.
//!
//! ```text
//! 09:30:12.250  6a0c1a01  decision                    turn 0 · deny: Bash · Force pushes are not allowed. · {"command":"git push -f"}
//! 09:31:35.000  6a0c1a01  acceptance                  not met · cargo test: exit status 101, expected 0 · 5.312s
//! --:--:--.---  6a0c1a02  progress                    turn 1 · 1 turn, 2m 20s, 52800 tokens · Secciones 1–3 traducidas
//! ```
//!
//! The time is in UTC; dashes where the envelope has none. The goal is shown by the last eight digits of its id: ids that
//! are counted up, or begin with a time, differ at the end. Texts are shortened.
//!
//! A terminal never obeys what an event contains. Control characters, line and paragraph separators, characters that
//! turn the direction of text, and characters that are not seen are shown as `\n`, `\t`, `\x1b` or `\u{202e}`. A
//! backslash of the text itself is left as it is.

mod facts;
mod sgr;
mod text;

use std::io::Write;

use driver_events_core::Envelope;
use driver_events_types::{Decoded, EventKind};

use facts::Facts;
pub(crate) use text::must_be_escaped;
use text::write_text;

/// How wide the kind is: as the longest that is known.
const KIND_CHARS: usize = EventKind::ExtractMemoriesCompleted.as_str().len();

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    color: bool,
    max_text_chars: usize,
}

impl Style {
    /// With colours, for a terminal, or without; [`Color::is_on`](crate::Color::is_on) tells. Shows 100 characters of a
    /// text.
    #[must_use]
    pub const fn new(color: bool) -> Self {
        Self {
            color,
            max_text_chars: 100,
        }
    }

    /// Sets how many characters of each text of an event are shown. What is longer ends with `…`.
    #[must_use]
    pub const fn with_max_text_chars(mut self, max_text_chars: usize) -> Self {
        self.max_text_chars = max_text_chars;
        self
    }

    /// How many characters of each text of an event are shown.
    #[must_use]
    pub const fn max_text_chars(&self) -> usize {
        self.max_text_chars
    }

    fn paint(self, sgr: &str, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        if self.color {
            out.extend_from_slice(sgr.as_bytes());
        }
        write(out);
        if self.color {
            out.extend_from_slice(sgr::RESET.as_bytes());
        }
    }
}

/// Without colours.
impl Default for Style {
    fn default() -> Self {
        Self::new(false)
    }
}

/// Appends the envelope as one line, without a line ending. What was in `out` stays.
pub fn write_line(envelope: &Envelope, style: Style, out: &mut Vec<u8>) {
    style.paint(sgr::DIM, out, |out| {
        write_time(envelope, out);
        out.extend_from_slice(b"  ");
        write_goal(envelope, out);
    });
    out.extend_from_slice(b"  ");

    let mut width = 0;
    style.paint(sgr::of_kind(envelope.decoded().known_kind()), out, |out| {
        // A kind that is known is never cut.
        width = write_text(envelope.kind().chars(), style.max_text_chars.max(KIND_CHARS), out);
    });
    out.resize(out.len() + KIND_CHARS.saturating_sub(width) + 2, b' ');

    let mut facts = Facts::new(style, out);
    match (envelope.decoded(), envelope.json()) {
        // Free JSON inside of it may be too deep to be written at all.
        (_, Err(error)) => facts.labelled("cannot be written", &error.to_string()),
        (Decoded::Known(event), Ok(_)) => facts.event(event),
        (Decoded::Unknown { .. }, Ok(json)) => facts.json(json),
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
