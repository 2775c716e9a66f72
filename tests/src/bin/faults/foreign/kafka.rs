//! A topic, read with and without a group.

use anyhow::{Context, Result};
use driver_events_core::{DriverEventSource, Position};
use driver_events_kafka::KafkaEventSource;
use tokio::task::block_in_place;
use tokio::time::timeout;

use super::Size;
use super::hostile::Generator;
use super::kafka_records;
use super::ledger::Ledger;
use crate::fault_timer::STEP_TIMEOUT;
use crate::kafka::Servers;
use crate::memory;
use crate::random::Random;
use crate::row::Row;

const PARTITIONS: u32 = 3;
/// Records of one request.
const BATCH: usize = 200;

pub(super) async fn run(
    servers: &mut Servers,
    is_grouped: bool,
    random: &mut Random,
    size: Size,
    row: &mut Row,
) -> Result<()> {
    let broker = servers.take_broker()?;
    let topic = servers.topic();
    // Any timestamp is accepted.
    let settings = [("message.timestamp.after.max.ms", "9223372036854775807")];
    let mut ledger = Ledger::default();
    block_in_place(|| {
        let kafka = &broker.kafka;
        kafka.admin().create_topic(&topic, PARTITIONS as i32, 1, &settings)?;
        for partition in 0..PARTITIONS {
            // The events of a goal are in one partition.
            let mut generator = Generator::new(random, partition);
            let count = size.messages / PARTITIONS as usize;
            let records: Vec<_> = (0..count).map(|_| kafka_records::record(&mut generator)).collect();
            for (offset, (_, expected)) in (0..).zip(&records) {
                let topic = topic.as_str().into();
                ledger.publish(
                    Position::Partition {
                        topic,
                        partition: partition as i32,
                        offset,
                    },
                    *expected,
                );
            }
            let records: Vec<_> = records.into_iter().map(|(record, _)| record).collect();
            for batch in records.chunks(BATCH) {
                kafka.write_raw(&topic, partition as i32, batch)?;
            }
        }
        anyhow::Ok(())
    })?;
    let memory = memory::resident();
    let config = broker.direct()?;
    let mut builder = KafkaEventSource::builder(config).topic(topic.as_str());
    if is_grouped {
        builder = builder.group(topic.as_str());
    }
    let mut source = builder.build().await?;
    while !ledger.is_complete() {
        let next = timeout(STEP_TIMEOUT, source.next()).await.context("the source waits")?;
        match next.context("the source ended")? {
            Ok(delivery) => {
                ledger.deliver(&delivery);
                match delivery.envelope().err().map(ToString::to_string) {
                    Some(reason) => delivery.reject(&reason).await?,
                    None => delivery.ack().await?,
                }
            }
            Err(error) => {
                row.check(error.is_retryable(), || error.to_string());
                row.count_errors(&format!("{:?}", error.kind()), 1);
            }
        }
    }
    source.close().await?;
    ledger.add_to(row);
    row.check_memory(memory);
    servers.put_back_broker(broker);
    Ok(())
}
