use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use driver_events_core::conformance::samples;
use driver_events_core::{Delivery, DriverEventSource, Envelope, NdjsonSource, Position, SourceErrorKind};
use driver_events_types::Limits;
use proptest::prelude::*;
use tokio::io::{AsyncBufRead, AsyncRead, ReadBuf};

/// Reader that returns its chunks one by one, each after one `Pending`.
pub(crate) struct ChunkReader {
    chunks: VecDeque<io::Result<Vec<u8>>>,
    is_ready: bool,
}

impl ChunkReader {
    pub(crate) fn new(text: &[u8], chunk_bytes: usize) -> Self {
        Self {
            chunks: text.chunks(chunk_bytes).map(|chunk| Ok(chunk.to_vec())).collect(),
            is_ready: false,
        }
    }
}

impl AsyncBufRead for ChunkReader {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_ready, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(Err(_)) = this.chunks.front() {
            return Poll::Ready(Err(this.chunks.pop_front().unwrap().unwrap_err()));
        }
        Poll::Ready(Ok(this.chunks.front().map_or(&[][..], |chunk| chunk.as_ref().unwrap())))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        if let Some(Ok(chunk)) = this.chunks.front_mut() {
            chunk.drain(..amount);
            if chunk.is_empty() {
                this.chunks.pop_front();
                this.is_ready = false;
            }
        }
    }
}

impl AsyncRead for ChunkReader {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        unreachable!("the source uses AsyncBufRead")
    }
}

/// Comparable summary of a delivery.
#[derive(Debug, PartialEq)]
enum Received {
    Event {
        line: u64,
        offset: u64,
        raw: Vec<u8>,
        json: String,
    },
    Malformed {
        line: u64,
        offset: u64,
        raw: Vec<u8>,
        is_continuation: bool,
    },
}

fn received(delivery: &Delivery) -> Received {
    let Position::Line { line, offset, .. } = *delivery.position() else {
        panic!("expected a line position")
    };
    match delivery.envelope() {
        Ok(envelope) => Received::Event {
            line,
            offset,
            raw: delivery.raw().unwrap().to_vec(),
            json: json(envelope),
        },
        Err(malformed) => Received::Malformed {
            line,
            offset,
            raw: malformed.raw().to_vec(),
            is_continuation: malformed.is_continuation(),
        },
    }
}

fn json(envelope: &Envelope) -> String {
    String::from_utf8(envelope.json().unwrap().to_vec()).unwrap()
}

async fn read_all(mut source: impl DriverEventSource) -> Vec<Received> {
    let mut all = Vec::new();
    while let Some(delivery) = source.next().await {
        all.push(received(&delivery.unwrap()));
    }
    assert!(source.next().await.is_none());
    all
}

#[tokio::test]
async fn reads_lines_with_either_ending() {
    let event = json(&samples::foreign(samples::goal(1)));
    let text = format!("{event}\n\n{event}\r\n \t\r\n{event}");
    let length = event.len() as u64;
    let expected: Vec<_> = [(1, 0, "\n"), (3, length + 2, "\r\n"), (5, 2 * length + 8, "")]
        .into_iter()
        .map(|(line, offset, ending)| Received::Event {
            line,
            offset,
            raw: format!("{event}{ending}").into_bytes(),
            json: event.clone(),
        })
        .collect();
    for chunk_bytes in [1, 2, 7, 4_096] {
        assert_eq!(
            read_all(NdjsonSource::new("-", ChunkReader::new(text.as_bytes(), chunk_bytes))).await,
            expected
        );
    }
    assert_eq!(read_all(NdjsonSource::new("-", &b""[..])).await, []);
}

#[tokio::test]
async fn reads_mixed_bare_and_structured_lines() {
    let sent = Envelope::new(samples::numbered(samples::goal(1), 1));
    let mut text = json(&sent).into_bytes();
    text.push(b'\n');
    driver_events_core::cloudevents::write_structured(&sent, &mut text).unwrap();
    // Other publishers may write `specversion` elsewhere.
    let foreign = r#"{"id":"7","source":"s","type":"t","specversion":"1.0","data":{"kind":"host_restarted"}}"#;
    text.extend_from_slice(format!("\n{foreign}\n").as_bytes());
    let mut source = NdjsonSource::new("-", &text[..]);
    let bare = source.next().await.unwrap().unwrap();
    assert_ne!(bare.envelope().unwrap().id(), sent.id());
    let structured = source.next().await.unwrap().unwrap();
    assert_eq!(structured.envelope().unwrap().id(), sent.id());
    let line = text.split_inclusive(|byte| *byte == b'\n').nth(1);
    assert_eq!(structured.raw().map(|raw| &raw[..]), line);
    assert_eq!(structured.envelope().unwrap().time(), sent.time());
    assert_eq!(
        source.next().await.unwrap().unwrap().envelope().unwrap().id().as_str(),
        "7"
    );
}

/// Unknown fields are ignored, whatever their names and positions.
#[tokio::test]
async fn bare_event_may_have_a_specversion_field() {
    let line = concat!(
        r#"{"specversion":"1.0","kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","#,
        r#""reason":"x"}"#
    );
    let mut source = NdjsonSource::new("-", line.as_bytes());
    let delivery = source.next().await.unwrap().unwrap();
    assert_eq!(json(delivery.envelope().unwrap()), line);
}

#[tokio::test]
async fn reports_malformed_lines_and_reads_on() {
    let valid = json(&samples::foreign(samples::goal(1)));
    let mut text = format!("{valid}\n").into_bytes();
    text.extend_from_slice(b"{\"kind\":\"escalate\",\"goal_id\":\"x\",\"reason\":\"y\"}\r\n");
    text.extend_from_slice(b"{\"kind\":\"esca\xfflate\"}\n");
    text.extend_from_slice(br#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"kind":"progress"}}"#);
    text.extend_from_slice(format!("\n{valid}").as_bytes());
    let mut source = NdjsonSource::new("events.ndjson", &text[..]);
    let mut reports = Vec::new();
    let mut raw = Vec::new();
    while let Some(delivery) = source.next().await {
        let delivery = delivery.unwrap();
        match delivery.envelope() {
            Ok(_) => reports.push(delivery.position().to_string()),
            Err(malformed) => {
                reports.push(format!("{}:{}: {malformed}", delivery.position(), malformed.column()));
                raw.extend_from_slice(malformed.raw());
            }
        }
        delivery.ack().await.unwrap();
    }
    assert_eq!(reports.len(), 5, "{reports:?}");
    assert_eq!(reports[0], "events.ndjson:1");
    assert!(
        reports[1].starts_with("events.ndjson:2:30: escalate.goal_id: "),
        "{}",
        reports[1]
    );
    assert!(
        reports[2].starts_with("events.ndjson:3:14: text is not UTF-8"),
        "{}",
        reports[2]
    );
    assert!(
        reports[3].starts_with("events.ndjson:4:62: progress."),
        "{}",
        reports[3]
    );
    assert_eq!(reports[4], "events.ndjson:5");
    let malformed = valid.len() + 1..text.len() - valid.len();
    assert_eq!(
        raw, &text[malformed],
        "malformed bytes are kept, including line endings"
    );
}

#[tokio::test]
async fn too_long_line_is_delivered_in_parts() {
    let limits = Limits::default().with_max_bytes(1_000);
    let part_bytes = 1_000 + 333 + 64 * 1024;
    let valid = json(&samples::foreign(samples::goal(1)));
    let long = "x".repeat(3 * part_bytes + 5);
    let text = format!("{valid}\n{long}\n{valid}\n{long}");
    let all = read_all(NdjsonSource::new("-", ChunkReader::new(text.as_bytes(), 10_000)).with_limits(limits)).await;
    let is_first_part: Vec<bool> = all
        .iter()
        .map(|received| {
            !matches!(
                received,
                Received::Malformed {
                    is_continuation: true,
                    ..
                }
            )
        })
        .collect();
    assert_eq!(
        is_first_part,
        [true, true, false, false, false, true, true, false, false, false]
    );
    for received in &all {
        let Received::Malformed { line, offset, raw, .. } = received else {
            continue;
        };
        assert!(matches!(line, 2 | 4) && raw.len() <= part_bytes);
        let start = usize::try_from(*offset).unwrap();
        assert_eq!(&text.as_bytes()[start..start + raw.len()], raw);
    }
    let bytes: usize = all
        .iter()
        .map(|received| match received {
            Received::Malformed { raw, .. } => raw.len(),
            Received::Event { json, .. } => json.len() + 1,
        })
        .sum();
    assert_eq!(bytes, text.len(), "every byte is delivered once");
}

/// Only the start of a line can have a mark.
#[tokio::test]
async fn continuation_keeps_the_bytes_of_a_mark() {
    let limits = Limits::default().with_max_bytes(1_000);
    let part_bytes = 1_000 + 333 + 64 * 1024;
    let text = format!("{}\u{feff}rest", "x".repeat(part_bytes));
    let all = read_all(NdjsonSource::new("-", text.as_bytes()).with_limits(limits)).await;
    let raws: Vec<_> = all
        .iter()
        .map(|received| match received {
            Received::Malformed { raw, .. } => &raw[..],
            Received::Event { .. } => panic!("not an event"),
        })
        .collect();
    assert_eq!(raws.concat(), text.as_bytes());
}

#[tokio::test]
async fn closed_source_has_ended() {
    let text = json(&samples::foreign(samples::goal(1))) + "\n";
    let mut source = NdjsonSource::new("events", text.as_bytes());
    assert_eq!(format!("{source:?}"), "NdjsonSource(\"events\")");
    source.close().await.unwrap();
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn too_large_event_is_one_malformed_delivery() {
    let limits = Limits::default().with_max_bytes(1_000);
    let line = format!("{}\n", json(&samples::sized(samples::goal(1), 1_001)));
    let mut source = NdjsonSource::new("-", line.as_bytes()).with_limits(limits);
    let delivery = source.next().await.unwrap().unwrap();
    let malformed = delivery.envelope().unwrap_err();
    assert_eq!(malformed.raw(), line.as_bytes());
    assert!(malformed.reason().contains("limit of 1000"), "{malformed}");
}

/// Windows editors write a byte order mark, and `cat` of such files leaves one in the middle. A file that was truncated
/// under its writer starts with a hole.
/// Base64 makes it longer by a third.
#[tokio::test]
async fn largest_event_is_read_from_base64() {
    let event = samples::sized(samples::goal(1), Limits::default().max_bytes());
    let data = data_encoding::BASE64.encode(event.json().unwrap());
    let line = format!(
        r#"{{"specversion":"1.0","id":"1","source":"urn:a","type":"{}","data_base64":"{data}"}}"#,
        event.subject().unwrap()
    );
    let mut source = NdjsonSource::new("test", line.as_bytes());
    let delivery = source.next().await.unwrap().unwrap();
    assert_eq!(delivery.envelope().unwrap().json(), event.json());
}

#[tokio::test]
async fn byte_order_marks_and_holes_are_skipped() {
    let event = json(&samples::foreign(samples::goal(1)));
    let mark = "\u{feff}";
    let hole = "\0".repeat(10_000);
    let expected = |line, offset: usize, ending: &str| Received::Event {
        line,
        offset: offset as u64,
        raw: format!("{event}{ending}").into_bytes(),
        json: event.clone(),
    };
    for (text, at) in [
        (format!("{mark}{event}\n"), vec![(1, 3, "\n")]),
        (format!("{mark}{event}"), vec![(1, 3, "")]),
        (format!("{mark}\n{mark}{event}\r\n{mark}"), vec![(2, 7, "\r\n")]),
        (
            format!("{mark}{event}\n{mark}{event}"),
            vec![(1, 3, "\n"), (2, event.len() + 7, "")],
        ),
        (format!("{hole}{event}\n{hole}"), vec![(1, 10_000, "\n")]),
        (format!("\0{mark}{event}\n"), vec![(1, 4, "\n")]),
        (mark.to_owned(), vec![]),
    ] {
        let at: Vec<_> = at
            .into_iter()
            .map(|(line, offset, ending)| expected(line, offset, ending))
            .collect();
        for chunk_bytes in [1, 2, 7, 4_096] {
            let source = NdjsonSource::new("-", ChunkReader::new(text.as_bytes(), chunk_bytes));
            assert_eq!(read_all(source).await, at, "{text:.40?}");
        }
    }
}

/// A hole of any size is no part of a line that is too long.
#[tokio::test]
async fn hole_is_not_buffered() {
    let event = json(&samples::foreign(samples::goal(1)));
    let text = format!("{}{event}\n", "\0".repeat(3_000_000));
    let all = read_all(NdjsonSource::new("-", text.as_bytes())).await;
    assert!(
        matches!(
            &all[..],
            [Received::Event {
                line: 1,
                offset: 3_000_000,
                ..
            }]
        ),
        "{all:?}"
    );
}

#[tokio::test]
async fn utf_16_is_named() {
    let event = json(&samples::foreign(samples::goal(1)));
    let little: Vec<u8> = format!("\u{feff}{event}\n")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let big: Vec<u8> = format!("\u{feff}{event}\n")
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    for text in [little, big] {
        let delivery = NdjsonSource::new("-", &text[..]).next().await.unwrap().unwrap();
        let malformed = delivery.envelope().unwrap_err();
        assert_eq!(
            (malformed.reason(), malformed.offset()),
            ("text is UTF-16: convert it to UTF-8", 0)
        );
    }
}

#[tokio::test]
async fn resumes_after_a_failed_read() {
    let event = json(&samples::foreign(samples::goal(1)));
    let (start, end) = event.split_at(10);
    let chunks = [Ok(start.into()), Err(io::Error::other("flaky")), Ok(end.into())].into();
    let mut source = NdjsonSource::new("-", ChunkReader { chunks, is_ready: true });
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (SourceErrorKind::Disconnected, true)
    );
    assert_eq!(error.to_string(), "cannot read -:1");
    assert_eq!(
        received(&source.next().await.unwrap().unwrap()),
        Received::Event {
            line: 1,
            offset: 0,
            raw: event.clone().into_bytes(),
            json: event
        }
    );
}

#[tokio::test]
async fn ends_after_two_failed_reads() {
    let flaky = || Err(io::Error::other("flaky"));
    let event = json(&samples::foreign(samples::goal(1))) + "\n";
    let chunks = [flaky(), Ok(event.into()), flaky(), flaky(), flaky()].into();
    let mut source = NdjsonSource::new("-", ChunkReader { chunks, is_ready: true });
    let mut kinds = Vec::new();
    while let Some(next) = source.next().await {
        kinds.push(
            next.map(|delivery| delivery.envelope().is_ok())
                .map_err(|error| error.kind()),
        );
    }
    let (retryable, fatal) = (SourceErrorKind::Disconnected, SourceErrorKind::Fatal);
    assert_eq!(kinds, [Err(retryable), Ok(true), Err(retryable), Err(fatal)]);
}

#[tokio::test]
async fn reads_nothing_after_the_end_of_input() {
    let event = json(&samples::foreign(samples::goal(1)));
    let mut reader = ChunkReader::new(event.as_bytes(), 4_096);
    // End of input followed by more bytes, as on a terminal.
    reader.chunks.push_back(Ok(Vec::new()));
    reader.chunks.push_back(Ok(b"more\n".to_vec()));
    let mut source = NdjsonSource::new("-", reader);
    assert!(source.next().await.unwrap().unwrap().envelope().is_ok());
    assert!(source.next().await.is_none());
    assert!(source.next().await.is_none());
}

/// Generates valid, blank and malformed lines. The last one may lack a newline.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(json(&samples::foreign(samples::goal(1))).into_bytes()),
        Just(br#"{"kind":"new"}"#.to_vec()),
        Just(b"\r".to_vec()),
        Just(b"  ".to_vec()),
        Just(br#"{"kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","reason":"\ud83d"}"#.to_vec()),
        Just(b"\xef\xbb\xbf{\"kind\":\"new\"}".to_vec()),
        Just(b"\0\0\0".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.join(&b'\n'))
}

/// Reference implementation: splits at every newline, skips blank lines, and NULs and a byte order mark before a line.
fn reference(text: &[u8]) -> Vec<Received> {
    let mut offset = 0;
    let mut all = Vec::new();
    for (raw, line) in text.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        let whole = raw.len() as u64;
        let hole = raw.iter().take_while(|byte| **byte == 0).count();
        let (_, raw) = raw.split_at(hole);
        let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
        let end = offset + whole;
        offset = end - raw.len() as u64;
        let content = raw.strip_suffix(b"\r\n").or(raw.strip_suffix(b"\n")).unwrap_or(raw);
        match Envelope::from_json(content.to_vec()) {
            _ if raw.iter().all(u8::is_ascii_whitespace) => {}
            Ok(envelope) => all.push(Received::Event {
                line,
                offset,
                raw: raw.to_vec(),
                json: json(&envelope),
            }),
            Err(_) => all.push(Received::Malformed {
                line,
                offset,
                raw: raw.to_vec(),
                is_continuation: false,
            }),
        }
        offset = end;
    }
    all
}

proptest! {
    /// Drops the future at every `Pending`.
    #[test]
    fn cancelled_reads_lose_nothing(text in any_text(), chunk_bytes in 1_usize..40) {
        let mut source = NdjsonSource::new("-", ChunkReader::new(&text, chunk_bytes));
        let mut all = Vec::new();
        let polling = async {
            loop {
                let polled = poll_fn(|context| Poll::Ready(pin!(source.next()).as_mut().poll(context))).await;
                match polled {
                    Poll::Ready(Some(delivery)) => all.push(received(&delivery.unwrap())),
                    Poll::Ready(None) => break,
                    Poll::Pending => {}
                }
            }
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(polling);
        prop_assert_eq!(all, reference(&text));
    }
}
