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

/// Gives its pieces one after another, and says "not yet" before each.
struct Pieces {
    pieces: VecDeque<io::Result<Vec<u8>>>,
    is_ready: bool,
}

impl Pieces {
    fn of(text: &[u8], length: usize) -> Self {
        Self {
            pieces: text.chunks(length).map(|piece| Ok(piece.to_vec())).collect(),
            is_ready: false,
        }
    }
}

impl AsyncBufRead for Pieces {
    fn poll_fill_buf(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.get_mut();
        if !std::mem::replace(&mut this.is_ready, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(Err(_)) = this.pieces.front() {
            return Poll::Ready(Err(this.pieces.pop_front().unwrap().unwrap_err()));
        }
        Poll::Ready(Ok(this.pieces.front().map_or(&[][..], |piece| piece.as_ref().unwrap())))
    }

    fn consume(self: Pin<&mut Self>, amount: usize) {
        let this = self.get_mut();
        if let Some(Ok(piece)) = this.pieces.front_mut() {
            piece.drain(..amount);
            if piece.is_empty() {
                this.pieces.pop_front();
                this.is_ready = false;
            }
        }
    }
}

impl AsyncRead for Pieces {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        unreachable!("the source reads through the buffer")
    }
}

/// What a test looks at of a delivery: where it begins, and either its kind or its bytes and what is wrong.
#[derive(Debug, PartialEq)]
enum Seen {
    Event {
        line: u64,
        offset: u64,
        json: String,
    },
    Malformed {
        line: u64,
        offset: u64,
        raw: Vec<u8>,
        is_continuation: bool,
    },
}

fn seen(delivery: &Delivery) -> Seen {
    let Position::Line { line, offset, .. } = *delivery.position() else {
        panic!("a line")
    };
    match delivery.envelope() {
        Ok(envelope) => Seen::Event {
            line,
            offset,
            json: json(envelope),
        },
        Err(malformed) => Seen::Malformed {
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

async fn read_all(mut source: impl DriverEventSource) -> Vec<Seen> {
    let mut all = Vec::new();
    while let Some(delivery) = source.next().await {
        all.push(seen(&delivery.unwrap()));
    }
    assert!(source.next().await.is_none());
    all
}

#[tokio::test]
async fn reads_lines_of_either_ending() {
    let event = json(&samples::foreign(samples::goal(1)));
    let text = format!("{event}\n\n{event}\r\n \t\r\n{event}");
    let length = event.len() as u64;
    let expected: Vec<_> = [(1, 0), (3, length + 2), (5, 2 * length + 8)]
        .into_iter()
        .map(|(line, offset)| Seen::Event {
            line,
            offset,
            json: event.clone(),
        })
        .collect();
    for piece in [1, 2, 7, 4_096] {
        assert_eq!(
            read_all(NdjsonSource::new("-", Pieces::of(text.as_bytes(), piece))).await,
            expected
        );
    }
    assert_eq!(read_all(NdjsonSource::new("-", &b""[..])).await, []);
}

#[tokio::test]
async fn bare_and_structured_lines_mix() {
    let sent = Envelope::new(samples::numbered(samples::goal(1), 1));
    let mut text = json(&sent).into_bytes();
    text.push(b'\n');
    driver_events_core::cloudevents::write_structured(&sent, &mut text).unwrap();
    // Others may write the version elsewhere.
    let foreign = r#"{"id":"7","source":"s","type":"t","specversion":"1.0","data":{"kind":"host_restarted"}}"#;
    text.extend_from_slice(format!("\n{foreign}\n").as_bytes());
    let mut source = NdjsonSource::new("-", &text[..]);
    let bare = source.next().await.unwrap().unwrap();
    assert_ne!(bare.envelope().unwrap().id(), sent.id());
    let structured = source.next().await.unwrap().unwrap();
    assert_eq!(structured.envelope().unwrap().id(), sent.id());
    assert_eq!(structured.envelope().unwrap().time(), sent.time());
    assert_eq!(
        source.next().await.unwrap().unwrap().envelope().unwrap().id().as_str(),
        "7"
    );
}

/// Unknown fields are ignored wherever they stand, whatever their names.
#[tokio::test]
async fn a_bare_event_may_have_a_field_of_a_cloudevent() {
    let line = concat!(
        r#"{"specversion":"1.0","kind":"escalate","goal_id":"00000000-0000-0000-0000-000000000001","#,
        r#""reason":"x"}"#
    );
    let mut source = NdjsonSource::new("-", line.as_bytes());
    let delivery = source.next().await.unwrap().unwrap();
    assert_eq!(json(delivery.envelope().unwrap()), line);
}

#[tokio::test]
async fn a_bad_line_is_named_and_the_rest_goes_on() {
    let good = json(&samples::foreign(samples::goal(1)));
    let mut text = format!("{good}\n").into_bytes();
    text.extend_from_slice(b"{\"kind\":\"escalate\",\"goal_id\":\"x\",\"reason\":\"y\"}\r\n");
    text.extend_from_slice(b"{\"kind\":\"esca\xfflate\"}\n");
    text.extend_from_slice(br#"{"specversion":"1.0","id":"1","source":"s","type":"t","data":{"kind":"progress"}}"#);
    text.extend_from_slice(format!("\n{good}").as_bytes());
    let mut source = NdjsonSource::new("events.ndjson", &text[..]);
    let mut told = Vec::new();
    let mut raw = Vec::new();
    while let Some(delivery) = source.next().await {
        let delivery = delivery.unwrap();
        match delivery.envelope() {
            Ok(_) => told.push(delivery.position().to_string()),
            Err(malformed) => {
                told.push(format!("{}:{}: {malformed}", delivery.position(), malformed.column()));
                raw.extend_from_slice(malformed.raw());
            }
        }
        delivery.ack().await.unwrap();
    }
    assert_eq!(told.len(), 5, "{told:?}");
    assert_eq!(told[0], "events.ndjson:1");
    assert!(
        told[1].starts_with("events.ndjson:2:30: escalate.goal_id: "),
        "{}",
        told[1]
    );
    assert!(
        told[2].starts_with("events.ndjson:3:14: text is not UTF-8"),
        "{}",
        told[2]
    );
    assert!(told[3].starts_with("events.ndjson:4:62: progress."), "{}", told[3]);
    assert_eq!(told[4], "events.ndjson:5");
    let bad = good.len() + 1..text.len() - good.len();
    assert_eq!(
        raw, &text[bad],
        "what is malformed is kept byte for byte, endings included"
    );
}

#[tokio::test]
async fn a_line_that_is_too_long_comes_in_parts() {
    let limits = Limits::default().with_max_bytes(1_000);
    let part = 1_000 + 64 * 1024;
    let good = json(&samples::foreign(samples::goal(1)));
    let long = "x".repeat(3 * part + 5);
    let text = format!("{good}\n{long}\n{good}\n{long}");
    let all = read_all(NdjsonSource::new("-", Pieces::of(text.as_bytes(), 10_000)).with_limits(limits)).await;
    let begins: Vec<bool> = all
        .iter()
        .map(|seen| {
            !matches!(
                seen,
                Seen::Malformed {
                    is_continuation: true,
                    ..
                }
            )
        })
        .collect();
    assert_eq!(
        begins,
        [true, true, false, false, false, true, true, false, false, false]
    );
    for seen in &all {
        let Seen::Malformed { line, offset, raw, .. } = seen else {
            continue;
        };
        assert!(matches!(line, 2 | 4) && raw.len() <= part);
        let start = usize::try_from(*offset).unwrap();
        assert_eq!(&text.as_bytes()[start..start + raw.len()], raw);
    }
    let bytes: usize = all
        .iter()
        .map(|seen| match seen {
            Seen::Malformed { raw, .. } => raw.len(),
            Seen::Event { json, .. } => json.len() + 1,
        })
        .sum();
    assert_eq!(bytes, text.len(), "every byte is delivered once");
}

#[tokio::test]
async fn an_event_that_is_too_large_is_malformed_whole() {
    let limits = Limits::default().with_max_bytes(1_000);
    let line = format!("{}\n", json(&samples::sized(samples::goal(1), 1_001)));
    let mut source = NdjsonSource::new("-", line.as_bytes()).with_limits(limits);
    let delivery = source.next().await.unwrap().unwrap();
    let malformed = delivery.envelope().unwrap_err();
    assert_eq!(malformed.raw(), line.as_bytes());
    assert!(malformed.reason().contains("limit of 1000"), "{malformed}");
}

#[tokio::test]
async fn goes_on_after_a_read_that_failed() {
    let event = json(&samples::foreign(samples::goal(1)));
    let (start, end) = event.split_at(10);
    let pieces = [Ok(start.into()), Err(io::Error::other("flaky")), Ok(end.into())].into();
    let mut source = NdjsonSource::new("-", Pieces { pieces, is_ready: true });
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(
        (error.kind(), error.is_retryable()),
        (SourceErrorKind::Disconnected, true)
    );
    assert_eq!(error.to_string(), "cannot read -:1");
    assert_eq!(
        seen(&source.next().await.unwrap().unwrap()),
        Seen::Event {
            line: 1,
            offset: 0,
            json: event
        }
    );
}

#[tokio::test]
async fn the_end_is_the_end() {
    let event = json(&samples::foreign(samples::goal(1)));
    let mut reader = Pieces::of(event.as_bytes(), 4_096);
    // An end of the text, as on a terminal, and something behind it.
    reader.pieces.push_back(Ok(Vec::new()));
    reader.pieces.push_back(Ok(b"more\n".to_vec()));
    let mut source = NdjsonSource::new("-", reader);
    assert!(source.next().await.unwrap().unwrap().envelope().is_ok());
    assert!(source.next().await.is_none());
    assert!(source.next().await.is_none());
}

/// Lines as they come: sound, blank, malformed; and no newline at the end, perhaps.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just(json(&samples::foreign(samples::goal(1))).into_bytes()),
        Just(br#"{"kind":"new"}"#.to_vec()),
        Just(b"\r".to_vec()),
        Just(b"  ".to_vec()),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    prop::collection::vec(line, 0..8).prop_map(|lines| lines.join(&b'\n'))
}

/// The lines by the book: split at every newline, blank ones left out.
fn lines(text: &[u8]) -> Vec<Seen> {
    let mut offset = 0;
    let mut all = Vec::new();
    for (raw, line) in text.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        let content = raw.strip_suffix(b"\r\n").or(raw.strip_suffix(b"\n")).unwrap_or(raw);
        match Envelope::from_json(content.to_vec()) {
            _ if raw.iter().all(u8::is_ascii_whitespace) => {}
            Ok(envelope) => all.push(Seen::Event {
                line,
                offset,
                json: json(&envelope),
            }),
            Err(_) => all.push(Seen::Malformed {
                line,
                offset,
                raw: raw.to_vec(),
                is_continuation: false,
            }),
        }
        offset += raw.len() as u64;
    }
    all
}

proptest! {
    /// The future is dropped each time that it waits.
    #[test]
    fn loses_nothing_when_cancelled(text in any_text(), piece in 1_usize..40) {
        let mut source = NdjsonSource::new("-", Pieces::of(&text, piece));
        let mut all = Vec::new();
        let polling = async {
            loop {
                let polled = poll_fn(|context| Poll::Ready(pin!(source.next()).as_mut().poll(context))).await;
                match polled {
                    Poll::Ready(Some(delivery)) => all.push(seen(&delivery.unwrap())),
                    Poll::Ready(None) => break,
                    Poll::Pending => {}
                }
            }
        };
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(polling);
        prop_assert_eq!(all, lines(&text));
    }
}
