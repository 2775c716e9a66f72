use tokio::sync::mpsc;

/// An offset that the broker no longer has. librdkafka continues at the first record that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OffsetReset {
    pub(super) topic: String,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

/// Sends the resets that librdkafka logs. It reports them in no other way, unless it stops at them.
#[derive(Clone, Debug)]
pub(super) struct OffsetResets(pub(super) mpsc::UnboundedSender<OffsetReset>);

impl OffsetResets {
    pub(super) fn logged(&self, facility: &str, message: &str) {
        if facility == "OFFSET"
            && let Some(reset) = OffsetReset::parse(message)
        {
            // The receiver is gone after the source.
            let _ = self.0.send(reset);
        }
    }
}

impl OffsetReset {
    /// Parses a log message such as `[thrd:main]: topic [0]: offset reset (at offset 5 (leader epoch 0), broker 1) to …`.
    fn parse(message: &str) -> Option<Self> {
        let (partition, reset) = message.split_once("]: offset reset (at offset ")?;
        let (topic, partition) = partition.rsplit_once(" [")?;
        let (offset, _) = reset.split_once(' ')?;
        Some(Self {
            topic: topic.rsplit(' ').next()?.to_owned(),
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OffsetReset;

    #[test]
    fn logged_reset_is_parsed() {
        let reset = |message| OffsetReset::parse(message);
        let message = "[thrd:main]: a.b [3]: offset reset (at offset 5 (leader epoch 0), broker 1) to cached BEGINNING \
                       offset offset 20 (leader epoch -1): fetch failed due to requested offset not available on the \
                       broker: Broker: Offset out of range";
        let (topic, partition, offset) = ("a.b".to_owned(), 3, 5);
        let expected = OffsetReset {
            topic,
            partition,
            offset,
        };
        assert_eq!(reset(message), Some(expected));
        assert_eq!(
            reset("[thrd:main]: a.b [3]: offset reset (at offset BEGINNING (leader epoch"),
            None
        );
        assert_eq!(reset("other"), None);
    }
}
