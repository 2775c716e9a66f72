use std::sync::Arc;

use driver_events_types::DriverEvent;
use futures_util::future::BoxFuture;

use super::DriverEventSink;
use super::batch_order::BatchOrder;
use super::receipt::{Guarantee, Receipt};
use super::sink_error::SinkError;
use crate::envelope::Envelope;

/// Implements the trait for a smart pointer to a sink.
macro_rules! forward_pointer {
    ($Pointer:ident) => {
        #[deny(clippy::missing_trait_methods)]
        impl<S: DriverEventSink + ?Sized> DriverEventSink for $Pointer<S> {
            forward_async!(send(envelope: Envelope) -> Result<Receipt, SinkError>);
            forward_async!(send_batch(envelopes: Vec<Envelope>) -> Vec<Result<Receipt, SinkError>>);
            forward_async!(flush() -> Result<(), SinkError>);
            forward_async!(close() -> Result<(), SinkError>);
            forward_async!(publish(event: DriverEvent) -> Result<(), SinkError>);

            fn guarantee(&self) -> Guarantee {
                (**self).guarantee()
            }

            fn batch_order(&self) -> BatchOrder {
                (**self).batch_order()
            }

            fn name(&self) -> String {
                (**self).name()
            }
        }
    };
}

/// Forwards a method that the trait declares as `async`. Its signature is the one that async-trait generates, so that the
/// future of the inner sink is returned as it is, without a second box.
macro_rules! forward_async {
    ($method:ident($($argument:ident: $Argument:ty)?) -> $Output:ty) => {
        fn $method<'a, 'b>(&'a self, $($argument: $Argument)?) -> BoxFuture<'b, $Output>
        where
            'a: 'b,
            Self: 'b,
        {
            (**self).$method($($argument)?)
        }
    };
}

forward_pointer!(Arc);
forward_pointer!(Box);
