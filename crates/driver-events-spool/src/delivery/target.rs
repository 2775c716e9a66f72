use std::error::Error;
use std::fmt;
use std::future::ready;
use std::sync::Arc;

use driver_events_core::{DriverEventSink, SetupError, SetupErrorKind, SinkError, SinkErrorKind};
use futures_util::future::BoxFuture;

type Opened = Result<Arc<dyn DriverEventSink>, Box<dyn Error + Send + Sync>>;

/// Opens a target.
pub(super) type Opening = BoxFuture<'static, Result<Arc<dyn DriverEventSink>, SinkError>>;

/// Where the events of a target go.
pub(crate) enum Target {
    Sink(Arc<dyn DriverEventSink>),
    /// Creates the sink, and a new one after it is finished.
    Factory(Arc<dyn Fn() -> BoxFuture<'static, Opened> + Send + Sync>),
}

impl Target {
    pub(crate) fn factory<O, S, E>(open: impl Fn() -> O + Send + Sync + 'static) -> Self
    where
        O: Future<Output = Result<S, E>> + Send + 'static,
        S: DriverEventSink,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::Factory(Arc::new(move || {
            let opening = open();
            Box::pin(async move {
                match opening.await {
                    Ok(sink) => Ok(Arc::new(sink) as Arc<dyn DriverEventSink>),
                    Err(error) => Err(error.into()),
                }
            })
        }))
    }

    /// Returns whether a finished sink can be replaced.
    pub(super) fn is_replaceable(&self) -> bool {
        matches!(self, Self::Factory(_))
    }

    /// Returns the sink, or a new one.
    ///
    /// # Errors
    /// The factory failed or panicked.
    pub(super) fn open(&self) -> Opening {
        let open = match self {
            Self::Sink(sink) => return Box::pin(ready(Ok(Arc::clone(sink)))),
            Self::Factory(open) => Arc::clone(open),
        };
        Box::pin(async move {
            // In a task of its own, which catches a panic.
            match tokio::spawn(async move { open().await }).await {
                Ok(opened) => opened.map_err(open_error),
                Err(panic) => Err(open_error(panic.into())),
            }
        })
    }
}

fn open_error(source: Box<dyn Error + Send + Sync>) -> SinkError {
    // Wrong credentials and options need an operator.
    let (kind, source) = match source.downcast::<SetupError>() {
        Ok(error) => {
            let kind = match error.kind() {
                SetupErrorKind::Unreachable | SetupErrorKind::NotFound => SinkErrorKind::Disconnected,
                SetupErrorKind::Unauthorized => SinkErrorKind::Unauthorized,
                _ => SinkErrorKind::Fatal,
            };
            (kind, error as Box<dyn Error + Send + Sync>)
        }
        Err(source) => (SinkErrorKind::Disconnected, source),
    };
    SinkError::new(kind, "cannot open the target").with_source(source)
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sink(sink) => sink.fmt(f),
            Self::Factory(_) => f.write_str("Factory"),
        }
    }
}
