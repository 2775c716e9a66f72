use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::pin::pin;

use driver_events_core::{DriverEventSink, Fate, SinkError, SinkErrorKind};
use driver_events_stdout::WriterEventSink;

use crate::support::{ScriptedWriter, Step, Written, event, line, lines, poll_once, send_all};

fn source_kind(error: &SinkError) -> ErrorKind {
    error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind()
}

/// Sends four events to a writer that fails after two lines and five bytes.
async fn fail_within_a_line(kind: ErrorKind) -> (WriterEventSink, Written) {
    let (writer, written) = ScriptedWriter::new([Step::Gate, Step::Take(line(1).len() + 5)]);
    written.write_always(Step::Fail(kind));
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    send_all(&sink, 1..4).await;
    written.open_gate();
    (sink, written)
}

#[tokio::test]
async fn full_disk_resumes_at_the_first_unwritten_byte() {
    let (sink, written) = fail_within_a_line(ErrorKind::StorageFull).await;

    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Full);
    assert_eq!(error.fate(), Fate::Unknown);
    assert!(error.is_retryable());
    assert_eq!(source_kind(&error), ErrorKind::StorageFull);
    assert_eq!(error.to_string(), "write failed, 2 accepted events not yet written");

    // Each call triggers a retry.
    let writes = written.wait_until(|_| true).writes;
    let error = sink.send(event(4)).await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    written.wait_until(|state| state.writes == writes + 1);
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Full);

    written.write_always(None);
    sink.flush().await.unwrap();
    sink.send(event(4)).await.unwrap();
    sink.close().await.unwrap();
    assert_eq!(written.text(), lines(0..5));
}

#[tokio::test]
async fn send_triggers_the_retry() {
    let (writer, written) = ScriptedWriter::new([]);
    written.write_always(Step::Fail(ErrorKind::QuotaExceeded));
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    assert_eq!(sink.flush().await.unwrap_err().kind(), SinkErrorKind::Full);

    written.write_always(None);
    sink.send(event(1)).await.unwrap_err();
    written.wait_until(|state| state.flushes == 1);
    sink.flush().await.unwrap();
    sink.send(event(1)).await.unwrap();
    sink.flush().await.unwrap();
    assert_eq!(written.text(), lines(0..2));
}

/// The writer recovers during `send_batch`.
#[tokio::test]
async fn goal_is_refused_after_its_first_refused_event() {
    let (writer, written) = ScriptedWriter::new([Step::GateThenFail(ErrorKind::StorageFull)]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    let mut flush = pin!(sink.flush());
    // A flush after the failure would retry, and succeed.
    assert!(poll_once(flush.as_mut()).await.is_pending());
    written.open_gate();
    flush.await.unwrap_err();

    let batch: Vec<_> = (1..500).map(event).collect();
    let mut messages = BTreeSet::new();
    for result in sink.send_batch(batch.clone()).await {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
        messages.insert(error.to_string());
    }
    let expected = [
        "not sent: an earlier event of the goal failed",
        "write failed, 1 accepted event not yet written",
    ];
    assert_eq!(messages, expected.map(String::from).into());
    sink.flush().await.unwrap();
    for result in sink.send_batch(batch).await {
        result.unwrap();
    }
    sink.close().await.unwrap();
    assert_eq!(written.text(), lines(0..500));
}

#[tokio::test]
async fn other_errors_are_retried_as_disconnected() {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::new(writer);
    for (number, (step, kind)) in (0..).zip([
        (Step::Fail(ErrorKind::Other), ErrorKind::Other),
        (Step::Fail(ErrorKind::TimedOut), ErrorKind::TimedOut),
        // `Ok(0)`: the writer accepts no more bytes.
        (Step::Take(0), ErrorKind::WriteZero),
    ]) {
        written.write_always(step);
        send_all(&sink, number..number + 1).await;
        let error = sink.flush().await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Disconnected);
        assert_eq!(source_kind(&error), kind);
        assert_eq!(error.to_string(), "write failed, 1 accepted event not yet written");
        written.write_always(None);
        sink.flush().await.unwrap();
    }
    assert_eq!(written.text(), lines(0..3));
}

#[tokio::test]
async fn failed_flush_is_retried_without_writing_twice() {
    let (writer, written) = ScriptedWriter::new([]);
    written.flush_always_fails(ErrorKind::StorageFull);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.to_string(), "write failed, 1 accepted event not yet written");
    written.flush_always_fails(None);
    sink.flush().await.unwrap();
    let state = written.wait_until(|_| true);
    assert_eq!((state.writes, state.flushes), (1, 1));
    assert_eq!(state.text(), lines(0..1));
}

#[tokio::test]
async fn failed_close_can_be_repeated() {
    let (writer, written) = ScriptedWriter::new([]);
    written.write_always(Step::Fail(ErrorKind::StorageFull));
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    assert_eq!(sink.close().await.unwrap_err().kind(), SinkErrorKind::Full);
    assert_eq!(sink.send(event(1)).await.unwrap_err().kind(), SinkErrorKind::Closed);
    written.write_always(None);
    sink.close().await.unwrap();
    let state = written.wait_until(|_| true);
    assert!(state.is_dropped);
    assert_eq!(state.text(), lines(0..1));
}

#[tokio::test]
async fn broken_pipe_closes_the_sink() {
    let (sink, written) = fail_within_a_line(ErrorKind::BrokenPipe).await;
    for error in [
        sink.flush().await.unwrap_err(),
        sink.close().await.unwrap_err(),
        sink.flush().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SinkErrorKind::Closed);
        assert_eq!(source_kind(&error), ErrorKind::BrokenPipe);
        assert_eq!(error.to_string(), "reader closed the pipe, 2 accepted events lost");
    }
    let error = sink.send(event(4)).await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Closed, Fate::NotSent));
    assert_eq!(source_kind(&error), ErrorKind::BrokenPipe);
    let state = written.wait_until(|state| state.is_dropped);
    assert_eq!(state.writes, 3, "no write after EPIPE");
}

#[tokio::test]
async fn panic_of_the_writer_is_fatal() {
    let (writer, written) = ScriptedWriter::new([Step::Panic]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    for error in [
        sink.flush().await.unwrap_err(),
        sink.close().await.unwrap_err(),
        sink.send(event(1)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SinkErrorKind::Fatal);
        assert_eq!(error.source().unwrap().to_string(), "scripted panic");
    }
    assert!(written.wait_until(|_| true).is_dropped);
}

#[tokio::test]
async fn failed_write_fails_pending_sends_and_flushes() {
    let (writer, written) = ScriptedWriter::new([Step::GateThenFail(ErrorKind::StorageFull)]);
    written.write_always(Step::Fail(ErrorKind::StorageFull));
    let sink = WriterEventSink::builder().buffer_bytes(1).build(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    // The thread has taken the first line, and the second fills the buffer.
    send_all(&sink, 1..2).await;

    let mut send = pin!(sink.send(event(2)));
    let mut flush = pin!(sink.flush());
    assert!(poll_once(send.as_mut()).await.is_pending());
    assert!(poll_once(flush.as_mut()).await.is_pending());
    written.open_gate();
    let error = flush.await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::Unknown));
    let error = send.await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    assert_eq!(error.to_string(), "write failed, 2 accepted events not yet written");

    written.write_always(None);
    sink.close().await.unwrap();
    assert_eq!(written.text(), lines(0..2));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn dev_full_is_a_full_disk() {
    let sink = WriterEventSink::append_to("/dev/full").unwrap();
    send_all(&sink, 0..1).await;
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Full);
    assert_eq!(source_kind(&error), ErrorKind::StorageFull);
    assert!(
        error
            .source()
            .unwrap()
            .downcast_ref::<io::Error>()
            .unwrap()
            .raw_os_error()
            .is_some(),
        "the OS error code is kept"
    );
    assert_eq!(sink.close().await.unwrap_err().kind(), SinkErrorKind::Full);
}
