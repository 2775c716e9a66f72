//! Durable consumers that others have created: settings that do not fit.

use async_nats::jetstream::{self, consumer::PriorityPolicy, consumer::pull};
use driver_events_nats::{JetStreamEventSource, SetupErrorKind};

use crate::jetstream_support::{STREAM, server_with_stream};
use crate::support::options;

fn consumer(name: &str) -> pull::Config {
    pull::Config {
        durable_name: Some(name.into()),
        filter_subject: "agent.driver.>".into(),
        ..Default::default()
    }
}

#[tokio::test]
async fn consumer_that_loses_or_withholds_events_is_refused() {
    let (server, client) = server_with_stream().await;
    let stream = jetstream::new(client).get_stream(STREAM).await.unwrap();
    let gives_up = pull::Config {
        max_deliver: 3,
        ..consumer("max_deliver")
    };
    let grouped = pull::Config {
        priority_policy: PriorityPolicy::Overflow,
        priority_groups: vec!["g".into()],
        ..consumer("priority_groups")
    };
    for config in [gives_up, grouped] {
        let setting = config.durable_name.clone().unwrap();
        stream.create_consumer(config).await.unwrap();
        let source = JetStreamEventSource::builder(STREAM).options(options(&server));
        let error = source.durable(&setting).build().await.unwrap_err();
        assert_eq!(error.kind(), SetupErrorKind::Incompatible, "{error}");
        assert!(error.to_string().contains(&format!("`{setting}`")), "{error}");
    }
    // Unlimited deliveries fit.
    stream.create_consumer(consumer("fits")).await.unwrap();
    let source = JetStreamEventSource::builder(STREAM).options(options(&server));
    source.durable("fits").build().await.unwrap();
}
