//! Helpers shared by several tests.

use std::time::Duration;

use driver_events_core::{DriverEventSource, Envelope};
use driver_events_harness::{CapturedTracing, NatsConfig, NatsServer, wait_until};
use driver_events_nats::{NatsEventSource, NatsOptions};
use tracing::Level;

/// Longer than any successful operation takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// Awaits a call that must return within [`TIMEOUT`].
pub(crate) async fn in_time<T>(call: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(TIMEOUT, call).await;
    result.expect("a call did not return within the timeout")
}

/// The failures that a connection has logged. Its `last_error` is only the last one: another may follow before a test looks.
pub(crate) struct LoggedFailures(CapturedTracing);

impl LoggedFailures {
    /// Looks at the connections of this name from now on.
    pub(crate) fn of(name: &'static str) -> Self {
        Self(CapturedTracing::of_all_threads(&["driver_events_nats"], name).unwrap())
    }

    pub(crate) fn contain(&self, part: &str) -> bool {
        self.0.contains(Level::WARN, "driver_events_nats", part)
    }

    pub(crate) async fn wait_for(&self, part: &str) {
        wait_until(part, TIMEOUT, async || self.contain(part)).await;
    }
}

/// Marker event of an unknown kind: a reader that receives it has received all earlier events.
const LAST: &str = r#"{"kind":"last_of_the_test"}"#;

pub(crate) fn server() -> NatsServer {
    NatsServer::start(NatsConfig::new()).expect("cannot start nats-server")
}

pub(crate) fn options(server: &NatsServer) -> NatsOptions {
    NatsOptions::new(server.client_url())
}

pub(crate) async fn client(server: &NatsServer) -> async_nats::Client {
    async_nats::connect(server.client_url()).await.unwrap()
}

/// A reader that detects when it has received all events.
pub(crate) struct Reader {
    pub(crate) source: NatsEventSource,
    client: async_nats::Client,
    prefix: Option<String>,
}

impl Reader {
    pub(crate) async fn start(server: &NatsServer, prefix: Option<&str>) -> Self {
        Self::start_as(options(server), prefix).await
    }

    pub(crate) async fn start_as(options: NatsOptions, prefix: Option<&str>) -> Self {
        let connection = options.connect().await.unwrap();
        let client = connection.client().clone();
        let mut builder = NatsEventSource::builder().connection(connection);
        if let Some(prefix) = prefix {
            builder = builder.prefix(prefix);
        }
        Self {
            source: builder.build().await.unwrap(),
            client,
            prefix: prefix.map(String::from),
        }
    }

    /// Returns the unread events that the server has parsed before this call: the marker that it sends follows them.
    pub(crate) async fn read_all(&mut self) -> Vec<Envelope> {
        let prefix = self.prefix.as_ref().map(|prefix| format!("{prefix}."));
        let subject = format!("{}agent.driver.test", prefix.unwrap_or_default());
        self.client.publish(subject, LAST.into()).await.unwrap();
        let mut envelopes = Vec::new();
        loop {
            let delivery = tokio::time::timeout(TIMEOUT, self.source.next()).await;
            let delivery = delivery.expect("no delivery within the timeout").unwrap().unwrap();
            let envelope = delivery.envelope().unwrap();
            if envelope.kind() == "last_of_the_test" {
                return envelopes;
            }
            envelopes.push(envelope.clone());
        }
    }
}
