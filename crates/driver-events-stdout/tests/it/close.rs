use std::io::{BufWriter, ErrorKind, Write};

use driver_events_core::{DriverEventSink, Guarantee, Receipt, SinkErrorKind};
use driver_events_stdout::{StdoutEventSink, WriterEventSink};

use crate::support::{ScriptedWriter, Step, event, lines, send_all};

#[tokio::test]
async fn close_writes_everything_and_drops_the_writer() {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..100).await;
    sink.close().await.unwrap();
    let state = written.wait_until(|_| true);
    assert_eq!(state.text(), lines(0..100));
    assert!(state.is_dropped);

    let error = sink.send(event(100)).await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Closed);
    assert_eq!(error.to_string(), "the sink is closed");
    sink.flush().await.unwrap();
    sink.close().await.unwrap();
}

#[tokio::test]
async fn close_of_unused_sink_drops_the_writer() {
    let (writer, written) = ScriptedWriter::new([]);
    let sink = WriterEventSink::new(writer);
    sink.close().await.unwrap();
    assert!(written.wait_until(|_| true).is_dropped);
    assert_eq!(sink.send(event(0)).await.unwrap_err().kind(), SinkErrorKind::Closed);
}

#[tokio::test]
async fn dropped_sink_writes_its_buffer() {
    let (writer, written) = ScriptedWriter::new([Step::Gate]);
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..100).await;
    drop(sink);
    written.open_gate();
    let state = written.wait_until(|state| state.is_dropped);
    assert_eq!(state.text(), lines(0..100));
}

#[tokio::test]
async fn dropped_sink_retries_a_failed_write_once() {
    let (writer, written) = ScriptedWriter::new([]);
    written.write_always(Step::Fail(ErrorKind::Other));
    let sink = WriterEventSink::new(writer);
    send_all(&sink, 0..1).await;
    sink.flush().await.unwrap_err();
    let before = written.wait_until(|_| true).writes;
    drop(sink);
    let state = written.wait_until(|state| state.is_dropped);
    assert_eq!(state.writes, before + 1);
    assert_eq!(state.text(), "");
}

#[tokio::test]
async fn flush_flushes_a_buffered_writer() {
    let (writer, written) = ScriptedWriter::new([]);
    let mut buffered = BufWriter::with_capacity(1 << 20, writer);
    buffered.write_all(b"first\n").unwrap();
    let sink = WriterEventSink::new(buffered);
    send_all(&sink, 0..3).await;
    sink.flush().await.unwrap();
    assert_eq!(written.text(), "first\n".to_owned() + &lines(0..3));
}

#[tokio::test]
async fn receipt_and_guarantee_are_buffered() {
    let (writer, _) = ScriptedWriter::new([]);
    let sink = WriterEventSink::new(writer);
    assert_eq!(sink.send(event(0)).await.unwrap(), Receipt::Buffered);
    assert_eq!(sink.guarantee(), Guarantee::Buffered);
    assert_eq!(StdoutEventSink::new().guarantee(), Guarantee::Buffered);
    assert_eq!(format!("{sink:?}"), "WriterEventSink { format: json, .. }");
    sink.close().await.unwrap();
}
