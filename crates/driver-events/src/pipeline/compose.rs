use std::sync::Arc;

use driver_events_core::{
    Backoff, Buffered, DriverEventSink, DriverEventSinkExt, FanOut, Observed, OnFull, Redact, SetupError, Stamped,
};

use super::builder::{Pipeline, Queue};
use super::opened::OpenedPipeline;
use crate::open_error::OpenError;
use crate::sink_url::SinkUrl;
#[cfg(feature = "spool")]
use crate::transport::remote::Target;
#[cfg(feature = "spool")]
use crate::transport::spool::{self, SpoolSettings};

/// Name of the pipeline in errors.
const NAME: &str = "pipeline";

impl Pipeline {
    /// Opens the spool, if there is one, and starts the delivery on the current tokio runtime.
    ///
    /// The targets of a spool are connected in the background, with backoff until it succeeds: a driver starts while every
    /// broker is down. The targets of buffers are opened here, NATS and Kafka without waiting for a server unless the options
    /// create a stream or topic.
    ///
    /// # Errors
    /// - [`Invalid`](crate::SetupErrorKind::Invalid): the source, a URL, an option or the spool's path is invalid, there is no
    ///   target, or neither `spool` nor `buffer` is set.
    /// - [`Unreachable`](crate::SetupErrorKind::Unreachable): another process has the spool open.
    /// - [`Incompatible`](crate::SetupErrorKind::Incompatible): the spool's file is of a newer version, or of another program.
    /// - Without a spool, those of [`SinkUrl::open`].
    ///
    /// # Cancel safety
    /// Cancel safe: a dropped call closes what it has opened.
    pub async fn open(self) -> Result<OpenedPipeline, OpenError> {
        let invalid = |message: &str| OpenError::new(NAME, SetupError::invalid(message));
        let parse = |url: &String| SinkUrl::parse(url).map_err(|error| OpenError::invalid_url(url, error));
        let urls: Vec<_> = self.targets.iter().map(parse).collect::<Result<_, _>>()?;
        if urls.is_empty() {
            return Err(invalid("no target: call `to`"));
        }
        match &self.queue {
            None => Err(invalid(
                "a broker that is down would stop the loop: set `spool` or `buffer`",
            )),
            Some(Queue::Buffer(on_full)) => {
                let sink = self.buffered(urls, *on_full).await?;
                Ok(OpenedPipeline {
                    sink: self.decorate(sink)?,
                    #[cfg(feature = "spool")]
                    spool: None,
                })
            }
            #[cfg(feature = "spool")]
            Some(Queue::Spool(path)) => {
                let settings = SpoolSettings {
                    path: path.clone(),
                    durability: self.durability,
                    retention: self.retention,
                    max_bytes: self.max_bytes,
                    close_timeout: Some(self.close_timeout),
                    is_observed: true,
                };
                let target = |url: SinkUrl| url.into_target();
                let targets: Result<Vec<Target>, _> = urls.into_iter().map(target).collect();
                let targets = targets.map_err(|error| invalid(&error.to_string()))?;
                let opened = spool::open(&settings, &targets, &self.options).await;
                let name = format!("spool:{}", path.display());
                let spool = opened.map_err(|error| OpenError::new(name, error))?;
                Ok(OpenedPipeline {
                    sink: self.decorate(Arc::clone(&spool) as _)?,
                    spool: Some(spool),
                })
            }
        }
    }

    /// Opens a sink for each URL, each behind a buffer of its own.
    async fn buffered(&self, urls: Vec<SinkUrl>, on_full: OnFull) -> Result<Arc<dyn DriverEventSink>, OpenError> {
        let mut options = self.options.clone();
        options.check_later |= !options.create_stream && !options.create_topic;
        let mut sinks: Vec<Arc<dyn DriverEventSink>> = Vec::new();
        for url in urls {
            let sink = Observed::new(url.open(&options).await?.sink).retried(Backoff::default());
            let mut builder = Buffered::builder(sink, on_full).close_timeout(self.close_timeout);
            if let Some(max_bytes) = self.max_bytes {
                builder = builder.max_bytes(usize::try_from(max_bytes).unwrap_or(usize::MAX));
            }
            let buffered = builder.build().map_err(|error| OpenError::new(NAME, error))?;
            sinks.push(Arc::new(buffered));
        }
        let single = if sinks.len() == 1 { sinks.pop() } else { None };
        Ok(single.unwrap_or_else(|| Arc::new(FanOut::new(sinks))))
    }

    /// Adds what an event passes before it is queued.
    fn decorate(self, queue: Arc<dyn DriverEventSink>) -> Result<Arc<dyn DriverEventSink>, OpenError> {
        let redacted = Redact::new(Observed::new(queue), self.redaction);
        let stamped = Stamped::new(redacted, self.source);
        let invalid =
            |error: driver_events_core::InvalidAttribute| OpenError::new(NAME, SetupError::invalid(error.to_string()));
        Ok(Arc::new(stamped.map_err(invalid)?))
    }
}
