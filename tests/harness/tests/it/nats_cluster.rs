use std::time::Duration;

use driver_events_harness::{NatsCluster, NatsConfig, wait_until};
use serde_json::json;

use crate::nats_client::NatsClient;

const TIMEOUT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn cluster_survives_the_loss_of_its_leader() {
    let mut cluster = NatsCluster::start(3, NatsConfig::new()).unwrap();
    let names: Vec<_> = cluster
        .servers()
        .iter()
        .map(|server| server.name().to_owned())
        .collect();
    assert_eq!(names, ["node-1", "node-2", "node-3"]);
    assert_eq!(cluster.client_url().split(',').count(), 3);
    assert!(cluster.server("node-4").is_err());

    let mut client = NatsClient::anonymous(cluster.servers()[0].client_address());
    // The servers do not advertise each other.
    assert_eq!(client.info.get("connect_urls"), None);
    let stream = json!({ "name": "S", "subjects": ["s"], "num_replicas": 3 });
    let created = client.request("$JS.API.STREAM.CREATE.S", &stream);
    let leader = created["cluster"]["leader"].as_str().unwrap().to_owned();
    assert_eq!(client.request("s", &json!("one"))["seq"], 1);

    cluster.server(&leader).unwrap().kill().unwrap();
    cluster.wait_until_ready().unwrap();
    let other = names.iter().find(|name| **name != leader).unwrap();
    let mut client = NatsClient::anonymous(cluster.server(other).unwrap().client_address());
    assert_eq!(client.request("$JS.API.INFO", &json!({}))["streams"], 1);

    cluster.server(&leader).unwrap().restart().unwrap();
    cluster.wait_until_ready().unwrap();
    let restarted = cluster.server(&leader).unwrap();
    // It loads its streams after it is healthy.
    let is_loaded = async || restarted.monitoring("/jsz").unwrap()["messages"] == 1;
    wait_until("the restarted server has the message", TIMEOUT, is_loaded).await;
}
