use driver_events_harness::{NatsConfig, NatsServer};

#[test]
fn smoke() {
    let mut server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    println!("{} {:?} {}", server.client_url(), server.process_id(), server.log());
    server.kill().unwrap();
    server.restart().unwrap();
    server.reload(NatsConfig::new().jetstream().max_payload(1000)).unwrap();
    println!("{}", server.monitoring("/varz").unwrap()["max_payload"]);
    server.stop().unwrap();
    println!("{}", server.log());
}

#[test]
fn smoke_cluster() {
    let mut c = driver_events_harness::NatsCluster::start(3, NatsConfig::new()).unwrap();
    println!("{}", c.client_url());
    let t = std::time::Instant::now();
    c.server("node-1").unwrap().kill().unwrap();
    c.wait_until_ready().unwrap();
    println!("{:?}", t.elapsed());
    c.server("node-1").unwrap().restart().unwrap();
    c.wait_until_ready().unwrap();
    println!("{:?}", t.elapsed());
}
