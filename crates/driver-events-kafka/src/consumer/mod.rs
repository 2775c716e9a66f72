//! The source.

mod source;
mod source_builder;
mod start_from;
mod start_reading;

mod added_partitions;
mod missed_records;
mod offset_resets;

mod batch_searches;
mod stalled_partitions;
mod unreadable_batches;

mod dead_letter_record;
mod dead_letters;
mod end;
mod redelivery;
mod settle;

mod callbacks;
mod consumer_handle;
mod errors;
mod offset_tracker;

pub use source::KafkaEventSource;
pub use source_builder::KafkaEventSourceBuilder;
pub use start_from::StartFrom;
