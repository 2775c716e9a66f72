use std::error::Error;
use std::io::{self, ErrorKind};

use driver_events_core::{DriverEventSink, Fate, SinkError, SinkErrorKind};
use driver_events_stdout::WriterEventSink;

use crate::support::{ScriptedWriter, Step, Written, event, line, lines, send_all};

fn source_kind(error: &SinkError) -> ErrorKind {
    error.source().unwrap().downcast_ref::<io::Error>().unwrap().kind()
}

/// Four events, of which the first and one of the others come out whole, and five bytes more.
async fn fail_in_the_middle(kind: ErrorKind) -> (WriterEventSink, Written) {
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
async fn a_full_disk_holds_what_is_not_written_and_goes_on_at_the_very_byte() {
    let (sink, written) = fail_in_the_middle(ErrorKind::StorageFull).await;

    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Full);
    assert_eq!(error.fate(), Fate::Unknown);
    assert!(error.is_retryable());
    assert_eq!(source_kind(&error), ErrorKind::StorageFull);
    assert_eq!(
        error.to_string(),
        "the writer failed, 2 accepted events are not written"
    );

    // Each call makes the thread try again.
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
async fn a_send_is_enough_to_recover() {
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

/// The writer recovers while the batch is being taken.
#[tokio::test]
async fn of_a_batch_nothing_overtakes_what_was_refused() {
    let (writer, written) = ScriptedWriter::new([Step::Fail(ErrorKind::StorageFull)]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    sink.flush().await.unwrap_err();

    let batch: Vec<_> = (1..500).map(event).collect();
    for result in sink.send_batch(batch.clone()).await {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Full, Fate::NotSent));
    }
    sink.flush().await.unwrap();
    for result in sink.send_batch(batch).await {
        result.unwrap();
    }
    sink.close().await.unwrap();
    assert_eq!(written.text(), lines(0..500));
}

#[tokio::test]
async fn other_errors_are_held_the_same_way() {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::new(writer);
    for (number, (step, kind)) in (0..).zip([
        (Step::Fail(ErrorKind::Other), ErrorKind::Other),
        (Step::Fail(ErrorKind::TimedOut), ErrorKind::TimedOut),
        // `Ok(0)`: the writer takes nothing, and will not take more.
        (Step::Take(0), ErrorKind::WriteZero),
    ]) {
        written.write_always(step);
        send_all(&sink, number..number + 1).await;
        let error = sink.flush().await.unwrap_err();
        assert_eq!(error.kind(), SinkErrorKind::Disconnected);
        assert_eq!(source_kind(&error), kind);
        assert_eq!(error.to_string(), "the writer failed, 1 accepted event is not written");
        written.write_always(None);
        sink.flush().await.unwrap();
    }
    assert_eq!(written.text(), lines(0..3));
}

#[tokio::test]
async fn a_flush_that_the_writer_refuses_is_tried_again_without_writing_twice() {
    let (writer, written) = ScriptedWriter::new([]);
    written.flush_always_fails(ErrorKind::StorageFull);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.to_string(), "the writer failed, 1 accepted event is not written");
    written.flush_always_fails(None);
    sink.flush().await.unwrap();
    let state = written.wait_until(|_| true);
    assert_eq!((state.writes, state.flushes), (1, 1));
    assert_eq!(state.text(), lines(0..1));
}

#[tokio::test]
async fn a_close_that_failed_can_be_called_again() {
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
async fn a_reader_that_is_gone_closes_the_sink() {
    let (sink, written) = fail_in_the_middle(ErrorKind::BrokenPipe).await;
    for error in [
        sink.flush().await.unwrap_err(),
        sink.close().await.unwrap_err(),
        sink.flush().await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SinkErrorKind::Closed);
        assert_eq!(source_kind(&error), ErrorKind::BrokenPipe);
        assert_eq!(
            error.to_string(),
            "the reader has gone away, 2 accepted events are lost"
        );
    }
    let error = sink.send(event(4)).await.unwrap_err();
    assert_eq!((error.kind(), error.fate()), (SinkErrorKind::Closed, Fate::NotSent));
    assert_eq!(source_kind(&error), ErrorKind::BrokenPipe);
    let state = written.wait_until(|state| state.is_dropped);
    assert_eq!(state.writes, 3, "nothing is written to a reader that is gone");
}

#[tokio::test]
async fn a_writer_that_panics_is_reported() {
    let (writer, written) = ScriptedWriter::new([Step::Panic]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    for error in [
        sink.flush().await.unwrap_err(),
        sink.close().await.unwrap_err(),
        sink.send(event(1)).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), SinkErrorKind::Fatal);
        assert_eq!(error.source().unwrap().to_string(), "the script says so");
    }
    assert!(written.wait_until(|_| true).is_dropped);
}

#[tokio::test]
async fn those_who_wait_for_room_are_told() {
    let (writer, written) = ScriptedWriter::new([Step::Gate]);
    written.write_always(Step::Fail(ErrorKind::StorageFull));
    let sink = WriterEventSink::builder().buffer_bytes(1).build(writer);
    send_all(&sink, 0..1).await;
    written.wait_until(|state| state.writes == 1);
    send_all(&sink, 1..2).await;

    let (sent, flushed, ()) = tokio::join!(sink.send(event(2)), sink.flush(), async { written.open_gate() });
    // The line found its place when the thread took the buffer, or it was refused when the write failed.
    assert_eq!(flushed.unwrap_err().kind(), SinkErrorKind::Full);
    let taken = match sent {
        Ok(_) => 3,
        Err(error) => {
            assert_eq!(error.kind(), SinkErrorKind::Full);
            2
        }
    };
    written.write_always(None);
    sink.close().await.unwrap();
    assert_eq!(written.text(), lines(0..taken));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_operating_systems_full_device_is_a_full_disk() {
    let sink = WriterEventSink::append_to("/dev/full").unwrap();
    send_all(&sink, 0..2).await;
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
        "the operating system's own code is kept"
    );
    assert_eq!(sink.close().await.unwrap_err().kind(), SinkErrorKind::Full);
}
