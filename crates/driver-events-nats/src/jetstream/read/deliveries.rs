use std::sync::Arc;

use async_nats::Message;
use driver_events_core::{Delivery, EventFilter, Malformed, Position};
use driver_events_types::Limits;

use super::ack_subject::AckSubject;
use super::consumer::Unreadable;
use super::dead_letters::{DeadLetter, DeadLetterQueue};
use super::settle::{self, AckTarget, JetStreamSettle};
use crate::connection::NatsConnection;
use crate::wire::{Subjects, headers};

/// Maximum length of a subject in an error text, in characters.
const MAX_SUBJECT_CHARS: usize = 200;

/// Makes deliveries of messages.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) connection: NatsConnection,
    pub(super) stream: Arc<str>,
    pub(super) subjects: Subjects,
    pub(super) filter: EventFilter,
    pub(super) limits: Limits,
    /// Whether the consumer is durable, so that each delivery must be settled.
    pub(super) is_durable: bool,
    pub(super) dead_letters: Option<DeadLetterQueue>,
    /// Number of messages without a valid ack subject.
    pub(super) foreign_messages: u64,
}

impl Deliveries {
    /// Returns the delivery of a message, or `None` if the filter does not select it, or the server has written it.
    pub(super) async fn of_message(&self, message: Message, ack: AckSubject) -> Option<Delivery> {
        let subject = self.subjects.strip(&message.subject);
        let content = headers::read(subject, message.headers.as_ref(), &message.payload, self.limits);
        let is_servers = headers::is_of_the_server(message.headers.as_ref(), content.is_ok());
        if is_servers || content.as_ref().is_ok_and(|envelope| !self.filter.selects(envelope)) {
            if self.is_durable {
                // If the ack is lost, the event is redelivered and skipped again.
                let _ = Box::pin(settle::ack(&self.connection, ack.subject)).await;
            }
            return None;
        }
        let position = Position::Stream {
            stream: Arc::clone(&self.stream),
            sequence: ack.stream_sequence,
        };
        let delivery = Delivery::new(content, position);
        let letter = DeadLetter::of_message(message, Arc::clone(&self.stream), Some(ack.stream_sequence));
        Some(self.with_settle(delivery, AckTarget::Subject(ack.subject), letter))
    }

    /// Returns the malformed delivery of a message that the client cannot read.
    pub(super) fn of_unreadable(&self, unreadable: Unreadable) -> Delivery {
        let Unreadable { message, reason, ack } = unreadable;
        let position = Position::Stream {
            stream: Arc::clone(&self.stream),
            sequence: message.sequence,
        };
        let reason = format!("{reason} (subject `{}`)", shorten(&message.subject));
        let malformed = Malformed::new(message.payload.clone(), reason, 0);
        let delivery = Delivery::new(Err(malformed), position);
        let letter = DeadLetter::of_unreadable(message, Arc::clone(&self.stream));
        self.with_settle(delivery, ack.map_or(AckTarget::Nothing, AckTarget::Unreadable), letter)
    }

    /// Returns a malformed delivery for a message without a valid ack subject. Its reply subject is never published to: any
    /// client can choose it.
    pub(super) fn of_foreign(&mut self, message: Message) -> Delivery {
        self.foreign_messages += 1;
        let subject = shorten(&message.subject);
        let reason = match &message.reply {
            Some(reply) => format!("message on `{subject}` has an invalid ack subject `{}`", shorten(reply)),
            None => format!("message on `{subject}` has no ack subject"),
        };
        let position = Position::Subject {
            subject: message.subject.as_str().into(),
            number: self.foreign_messages,
        };
        let malformed = Malformed::new(message.payload.clone(), reason, 0);
        let letter = DeadLetter::of_message(message, Arc::clone(&self.stream), None);
        self.with_settle(Delivery::new(Err(malformed), position), AckTarget::Nothing, letter)
    }

    fn with_settle(&self, delivery: Delivery, ack: AckTarget, letter: DeadLetter) -> Delivery {
        if !self.is_durable {
            return delivery;
        }
        let dead_letters = self.dead_letters.clone();
        delivery.with_settle(JetStreamSettle {
            connection: self.connection.clone(),
            ack,
            dead_letter: dead_letters.map(|queue| (queue, letter)),
        })
    }
}

fn shorten(subject: &str) -> String {
    let chars = subject.chars().take(MAX_SUBJECT_CHARS);
    chars.flat_map(char::escape_debug).collect()
}
