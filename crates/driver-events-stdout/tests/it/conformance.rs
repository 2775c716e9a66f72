use std::fs;
use std::sync::Arc;

use async_trait::async_trait;
use driver_events_core::cloudevents::read_structured;
use driver_events_core::conformance::{self, Capabilities, Fixture};
use driver_events_core::{DriverEventSink, DriverEventSource, Envelope, Guarantee, NdjsonSource};
use driver_events_stdout::{Format, WriterEventSink};
use driver_events_types::Limits;
use tempfile::TempDir;

use crate::support::{ScriptedWriter, Written};

struct Json {
    buffer_bytes: usize,
}

#[async_trait]
impl Fixture for Json {
    type Store = Written;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, Written) {
        let (writer, written) = ScriptedWriter::new([]);
        let sink = WriterEventSink::builder().buffer_bytes(self.buffer_bytes).build(writer);
        (Arc::new(sink), written)
    }

    async fn stored(&self, written: &Written) -> Vec<Envelope> {
        bare_lines(&written.text())
    }

    fn capabilities(&self) -> Capabilities {
        bare()
    }
}

struct File;

#[async_trait]
impl Fixture for File {
    type Store = TempDir;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let sink = WriterEventSink::append_to(directory.path().join("events")).unwrap();
        (Arc::new(sink), directory)
    }

    async fn stored(&self, directory: &TempDir) -> Vec<Envelope> {
        let text = fs::read(directory.path().join("events")).unwrap();
        let mut source = NdjsonSource::new("events", text.as_slice());
        let mut events = Vec::new();
        while let Some(delivery) = source.next().await {
            events.push(delivery.unwrap().into_envelope().unwrap());
        }
        events
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Guarantee::Buffered)
    }
}

struct CloudEvents;

#[async_trait]
impl Fixture for CloudEvents {
    type Store = Written;

    async fn start(&self) -> (Arc<dyn DriverEventSink>, Written) {
        let (writer, written) = ScriptedWriter::new([]);
        let sink = WriterEventSink::builder().format(Format::CloudEvents).build(writer);
        (Arc::new(sink), written)
    }

    async fn stored(&self, written: &Written) -> Vec<Envelope> {
        let read = |line: &str| read_structured(&line.to_owned().into(), Limits::default()).unwrap();
        written.text().split_terminator('\n').map(read).collect()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::new(Guarantee::Buffered);
        capabilities.accepts_unknown_without_subject = false;
        capabilities
    }
}

fn bare() -> Capabilities {
    let mut capabilities = Capabilities::new(Guarantee::Buffered);
    capabilities.keeps_attributes = false;
    capabilities
}

fn bare_lines(text: &str) -> Vec<Envelope> {
    let read = |line: &str| Envelope::from_json(line.to_owned()).unwrap();
    text.split_terminator('\n').map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_conforms() {
    conformance::run(&Json {
        buffer_bytes: 1024 * 1024,
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn json_conforms_with_a_buffer_of_one_line() {
    conformance::run(&Json { buffer_bytes: 1 }).await;
}

#[tokio::test]
async fn cloudevents_conform() {
    conformance::run(&CloudEvents).await;
}

#[tokio::test]
async fn file_conforms() {
    conformance::run(&File).await;
}
