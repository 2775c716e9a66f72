//! A broker that is killed, and links that are cut, under load: nothing that was acknowledged is lost, nothing is stored
//! twice, and the order of each goal holds.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;

use driver_events_core::DriverEventSink;
use driver_events_kafka::{KafkaEventSink, KafkaEventSource};
use tokio::task::block_in_place;

use crate::load::Load;
use crate::support::{
    config_of, each_once_in_order, ids_of, in_time, next, prefix, proxied_config_of, rough_broker, topic,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_killed_with_ten_thousand_events_under_way_loses_and_doubles_nothing() {
    let mut broker = rough_broker().await;
    let (config, name) = (config_of(&broker), prefix());
    topic(&config, &name, 3).await;
    let sink = KafkaEventSink::builder(config.clone()).topic(name.as_str()).build();
    let sink = Arc::new(sink.unwrap());
    let load = Load::on(&sink, 4, 2_500);
    for _ in 0..3 {
        load.go_on(100).await;
        block_in_place(|| {
            broker.kill().unwrap();
            broker.restart().unwrap();
        });
    }
    let sent = load.stop().await;
    assert_eq!(sink.state().rebuilds(), 0);
    in_time(sink.close()).await.unwrap();
    each_once_in_order(&config, &name, &sent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_are_cut_while_events_are_sent_and_read_lose_and_double_nothing() {
    let broker = rough_broker().await;
    let (direct, config, name) = (config_of(&broker), proxied_config_of(&broker), prefix());
    topic(&direct, &name, 2).await;
    let sink = KafkaEventSink::builder(config.clone()).topic(name.as_str()).build();
    let sink = Arc::new(sink.unwrap());
    let source = KafkaEventSource::builder(config).topic(name.as_str()).group(&*name);
    let mut source = in_time(source.build()).await.unwrap();
    let load = Load::on(&sink, 2, 50);
    let mut cutting = pin!(async {
        for _ in 0..10 {
            load.go_on(50).await;
            assert!(broker.proxy().unwrap().cut() > 0);
        }
        load.stop().await
    });
    let mut sent = None;
    let mut read = HashSet::new();
    while sent
        .as_ref()
        .is_none_or(|sent: &Vec<_>| read.len() < sent.iter().map(Vec::len).sum())
    {
        let delivery = tokio::select! {
            done = &mut cutting, if sent.is_none() => {
                sent = Some(done);
                continue;
            }
            delivery = next(&mut source) => delivery,
        };
        read.insert(delivery.envelope().unwrap().id().to_string());
        // One that comes too late comes again.
        let _ = delivery.ack().await;
    }
    in_time(source.close()).await.unwrap();
    assert_eq!(sink.state().rebuilds(), 0);
    let sent = sent.unwrap();
    assert!(sent.iter().flat_map(|sent| ids_of(sent)).all(|id| read.contains(&id)));
    each_once_in_order(&direct, &name, &sent).await;
}
