#[cfg(feature = "spool")]
use std::path::PathBuf;
use std::time::Duration;

use driver_events_core::{OnFull, Redaction};

use crate::options::Options;

const DEFAULT_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Settings of the sink of a driver loop, from the event to the brokers: for loops in production, which never wait for a
/// broker.
///
/// An event passes, from the top down:
///
/// 1. numbers for each goal and the name of the source ([`Stamped`](crate::Stamped)),
/// 2. [`redact`](Self::redact): what must not leave the process,
/// 3. spans, counters and times ([`Observed`](crate::Observed)),
/// 4. [`spool`](Self::spool), a file on disk from which every target gets every event, or [`buffer`](Self::buffer), memory
///    before each target,
/// 5. the targets, by their URLs ([`to`](Self::to)).
///
/// # Configuration
/// `Pipeline` is [`Deserialize`](serde::Deserialize), as a section of a configuration file in any format. The keys are the names of the methods in
/// kebab case:
///
/// | key | value | default |
/// |---|---|---|
/// | `source` | name of the publisher, a URI reference | required |
/// | `redact` | `none` or `metadata-only` | `none` |
/// | `spool` | path of the file, with feature `spool` | none |
/// | `durability` | `process` or `power` | `process` |
/// | `retention` | number of delivered events to keep in the file, or a duration such as `7d` | none |
/// | `max-bytes` | size from which the spool refuses events, in bytes | 1 GiB |
/// | `buffer` | `wait`, `drop-newest` or `drop-oldest`, in place of `spool` | none |
/// | `to` | URLs of the targets, as in a [`SinkUrl`](crate::SinkUrl) | required |
/// | `close-timeout` | duration such as `10s` | 10 s |
/// | `options` | [`Options`] of the targets | those of `Options` |
///
/// # Examples
/// ```
/// use driver_events::Pipeline;
///
/// let pipeline: Pipeline = toml::from_str(r#"
///     source = "urn:example:driver"
///     redact = "metadata-only"
///     buffer = "drop-oldest"
///     to = ["jetstream://127.0.0.1:4222/DRIVER"]
///     close-timeout = "5s"
///     [options]
///     nats-creds = "/run/secrets/driver.creds"
/// "#).unwrap();
/// # let _ = pipeline;
/// ```
#[derive(Clone, Debug)]
#[must_use = "call `open`"]
pub struct Pipeline {
    pub(super) source: String,
    pub(super) redaction: Redaction,
    pub(super) queue: Option<Queue>,
    #[cfg(feature = "spool")]
    pub(super) durability: crate::spool::Durability,
    #[cfg(feature = "spool")]
    pub(super) retention: crate::spool::Retention,
    pub(super) max_bytes: Option<u64>,
    pub(super) targets: Vec<String>,
    pub(super) close_timeout: Duration,
    pub(super) options: Options,
}

/// Where events wait for the brokers.
#[derive(Clone, Debug)]
pub(super) enum Queue {
    #[cfg(feature = "spool")]
    Spool(PathBuf),
    Buffer(OnFull),
}

impl Pipeline {
    /// Starts with the name of the publisher: a URI reference such as `urn:example:driver`.
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            redaction: Redaction::none(),
            queue: None,
            #[cfg(feature = "spool")]
            durability: crate::spool::Durability::default(),
            #[cfg(feature = "spool")]
            retention: crate::spool::Retention::default(),
            max_bytes: None,
            targets: Vec::new(),
            close_timeout: DEFAULT_CLOSE_TIMEOUT,
            options: Options::default(),
        }
    }

    /// Sets the fields that are hidden before anything else sees an event. Default: none.
    pub fn redact(mut self, redaction: Redaction) -> Self {
        self.redaction = redaction;
        self
    }

    /// Keeps events in a file on disk until every target has them: they survive the end of the process and any outage. A
    /// second process cannot open the file.
    #[cfg(feature = "spool")]
    pub fn spool(mut self, path: impl Into<PathBuf>) -> Self {
        self.queue = Some(Queue::Spool(path.into()));
        self
    }

    /// Sets what an event in the spool survives. Default: the end of the process.
    #[cfg(feature = "spool")]
    pub fn durability(mut self, durability: crate::spool::Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Sets which delivered events stay in the spool. Default: none.
    #[cfg(feature = "spool")]
    pub fn retention(mut self, retention: crate::spool::Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets the size in bytes from which events are refused by the spool, or handled by `OnFull` in each buffer. Default: 1 GiB
    /// in the spool, 16 MiB in a buffer.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = Some(bytes);
        self
    }

    /// Keeps events in memory before each target, in place of a spool: they are lost with the process, and some when a buffer is
    /// full.
    pub fn buffer(mut self, on_full: OnFull) -> Self {
        self.queue = Some(Queue::Buffer(on_full));
        self
    }

    /// Adds a target by its URL. The spool knows a target by this text without its user and password: it must stay the same
    /// across starts.
    pub fn to(mut self, url: impl Into<String>) -> Self {
        self.targets.push(url.into());
        self
    }

    /// Sets how long `flush` and `close` wait for the targets. Default: 10 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }

    /// Sets the options of the targets. Default: `Options::default()`.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }
}
