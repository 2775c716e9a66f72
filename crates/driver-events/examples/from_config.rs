//! Publishes to the sink that a configuration file chooses.
//!
//! ```sh
//! cargo run --package driver-events --features nats --example from_config -- crates/driver-events/examples/driver.toml
//! ```

use std::env;
use std::error::Error;
use std::fs;

use driver_events::{DriverEvent, DriverEventSink, GoalId, Options, open_sink};

/// Part of the runtime's own configuration. The file may have any format that serde reads.
#[derive(serde::Deserialize)]
struct Config {
    sink: String,
    #[serde(default)]
    options: Options,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: from_config FILE")?;
    run(&fs::read_to_string(path)?).await
}

/// Publishes one event.
pub async fn run(config: &str) -> Result<(), Box<dyn Error>> {
    let config: Config = toml::from_str(config)?;
    let sink = open_sink(&config.sink, &config.options).await?.sink;
    let reason = "needs a person".to_owned();
    sink.publish(DriverEvent::Escalate {
        goal_id: GoalId::new(),
        reason,
    })
    .await?;
    sink.close().await?;
    Ok(())
}
