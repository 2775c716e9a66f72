use std::io::ErrorKind;

use driver_events_core::DriverEventSink;
use driver_events_stdout::WriterEventSink;

use crate::support::{ScriptedWriter, Step, lines, send_all};

#[tokio::test]
async fn short_writes_get_every_byte_once() {
    let (writer, written) = ScriptedWriter::new((0..2_000).map(|call| Step::Take(1 + call % 7)));
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..100).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..100));
}

#[tokio::test]
async fn would_block_is_retried_at_the_first_unwritten_byte() {
    let steps = [
        Step::Fail(ErrorKind::WouldBlock),
        Step::Fail(ErrorKind::WouldBlock),
        Step::Take(5),
        Step::Fail(ErrorKind::WouldBlock),
        Step::Take(1),
    ];
    let (writer, written) = ScriptedWriter::new(steps);
    let sink = WriterEventSink::new(writer.failing_flushes([ErrorKind::WouldBlock]));
    send_all(&sink, 0..3).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..3));
}

#[tokio::test]
async fn interrupted_calls_are_retried() {
    let steps = [
        Step::Fail(ErrorKind::Interrupted),
        Step::Take(5),
        Step::Fail(ErrorKind::Interrupted),
    ];
    let (writer, written) = ScriptedWriter::new(steps);
    let sink = WriterEventSink::new(writer.failing_flushes([ErrorKind::Interrupted]));
    send_all(&sink, 0..3).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..3));
}

#[tokio::test]
async fn single_event_is_written_without_flush() {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::new(writer);
    for number in 0..3 {
        send_all(&sink, number..number + 1).await;
        let state = written.wait_until(|state| state.flushes > number as usize);
        assert_eq!(state.text(), lines(0..number + 1));
    }
}

#[tokio::test]
async fn lines_are_batched_under_load() {
    let (writer, written) = ScriptedWriter::new([Step::Gate]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    send_all(&sink, 1..1_000).await;
    written.open_gate();
    sink.flush().await.unwrap();
    let state = written.wait_until(|_| true);
    assert_eq!(state.writes, 2);
    assert_eq!(state.text(), lines(0..1_000));
}
