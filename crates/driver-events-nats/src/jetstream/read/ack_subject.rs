//! The reply subject of a message that a consumer delivers. Acks are published to it.

use async_nats::Subject;

pub(super) const PREFIX: &str = "$JS.ACK.";

/// An ack subject, `$JS.ACK.STREAM.CONSUMER.DELIVERED.SEQUENCE.…`, and the sequences in it. Servers from 2.11 may insert
/// the domain and the account after `$JS.ACK`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AckSubject {
    pub(super) subject: Subject,
    pub(super) stream_sequence: u64,
    /// Counts the consumer's deliveries from 1; a gap means lost messages.
    pub(super) consumer_sequence: u64,
}

impl AckSubject {
    /// Returns `None` if `subject` is not an ack subject.
    pub(super) fn parse(subject: &Subject) -> Option<Self> {
        // Bytes: characters are searched more slowly, and each message has such a subject.
        let rest = subject.strip_prefix(PREFIX)?.as_bytes();
        let leading_tokens = match rest.iter().filter(|byte| **byte == b'.').count() {
            6 => 2,
            8.. => 4,
            _ => return None,
        };
        let mut tokens = rest.split(|byte| *byte == b'.').skip(leading_tokens);
        let mut number = || str::from_utf8(tokens.next()?).ok()?.parse::<u64>().ok();
        // The delivery count of this message is not used.
        number()?;
        Some(Self {
            stream_sequence: number()?,
            consumer_sequence: number()?,
            subject: subject.clone(),
        })
    }
}

impl AckSubject {
    /// Returns the ack subject of a message that a durable consumer has delivered and that did not arrive: the server looks
    /// pending messages up by their stream sequence. `consumer_sequence` is that of the last delivery.
    pub(super) fn of_pending(stream: &str, consumer: &str, stream_sequence: u64, consumer_sequence: u64) -> Subject {
        Subject::from(format!(
            "{PREFIX}{stream}.{consumer}.1.{stream_sequence}.{consumer_sequence}.0.0"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::AckSubject;

    #[test]
    fn ack_subjects_of_all_servers_are_parsed() {
        for subject in [
            "$JS.ACK.DRIVER.billing.2.45.47.1700000000000000000.3",
            "$JS.ACK.hub.AbCd.DRIVER.billing.2.45.47.1700000000000000000.3",
            "$JS.ACK.hub.AbCd.DRIVER.billing.2.45.47.1700000000000000000.3.xyz",
        ] {
            let expected = AckSubject {
                subject: subject.into(),
                stream_sequence: 45,
                consumer_sequence: 47,
            };
            assert_eq!(AckSubject::parse(&subject.into()), Some(expected));
        }
    }

    proptest::proptest! {
        #[test]
        fn any_subject_is_parsed(subject in "(\\$JS\\.ACK\\.)?[a-z0-9.*>$ \\PC]{0,60}") {
            if let Some(ack) = AckSubject::parse(&subject.as_str().into()) {
                assert!(subject.contains(&format!(".{}.", ack.stream_sequence)) || subject.contains('0'), "{subject}");
            }
        }
    }

    #[test]
    fn ack_subject_of_a_pending_message_is_parsed() {
        let subject = AckSubject::of_pending("DRIVER", "billing", 45, 47);
        let ack = AckSubject::parse(&subject).unwrap();
        assert_eq!((ack.stream_sequence, ack.consumer_sequence), (45, 47));
    }

    #[test]
    fn other_subjects_are_not_ack_subjects() {
        for subject in ["", "_INBOX.x", "$JS.ACK.a.b", "$JS.ACK.a.b.x.45.47.1.3"] {
            assert_eq!(AckSubject::parse(&subject.into()), None, "{subject}");
        }
    }
}
