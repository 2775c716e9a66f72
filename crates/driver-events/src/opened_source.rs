use driver_events_core::DriverEventSource;

/// Source of a URL.
#[derive(Debug)]
#[non_exhaustive]
pub struct OpenedSource {
    /// The source. Call `close` when reading ends, or acks may be lost.
    pub source: Box<dyn DriverEventSource>,
    /// Findings about the stream that the reader should know: it has messages, but none on the subjects of events.
    pub warnings: Vec<String>,
}

impl OpenedSource {
    pub(crate) fn new(source: impl DriverEventSource + 'static) -> Self {
        Self {
            source: Box::new(source),
            warnings: Vec::new(),
        }
    }
}
