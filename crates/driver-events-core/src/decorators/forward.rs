//! Methods of decorators that do the same in each.

/// Implements methods of [`DriverEventSink`](crate::DriverEventSink) by those of the field `inner`, and `publish` by the
/// decorator's own `send`. The signatures of the async methods are those that async-trait generates, so that the future of
/// the inner sink is returned as it is, without a second box.
macro_rules! forward_to_inner {
    ($($method:ident),* $(,)?) => {
        $(forward_to_inner!(@ $method);)*
    };
    (@ guarantee) => {
        fn guarantee(&self) -> $crate::Guarantee {
            self.inner.guarantee()
        }
    };
    (@ batch_order) => {
        fn batch_order(&self) -> $crate::BatchOrder {
            self.inner.batch_order()
        }
    };
    (@ name) => {
        fn name(&self) -> String {
            self.inner.name()
        }
    };
    (@ flush) => {
        fn flush<'a, 'b>(&'a self) -> futures_util::future::BoxFuture<'b, Result<(), $crate::SinkError>>
        where
            'a: 'b,
            Self: 'b,
        {
            self.inner.flush()
        }
    };
    (@ close) => {
        fn close<'a, 'b>(&'a self) -> futures_util::future::BoxFuture<'b, Result<(), $crate::SinkError>>
        where
            'a: 'b,
            Self: 'b,
        {
            self.inner.close()
        }
    };
    (@ publish) => {
        fn publish<'a, 'b>(
            &'a self,
            event: driver_events_types::DriverEvent,
        ) -> futures_util::future::BoxFuture<'b, Result<(), $crate::SinkError>>
        where
            'a: 'b,
            Self: 'b,
        {
            Box::pin(async move { self.send($crate::Envelope::new(event)).await.map(drop) })
        }
    };
}

/// Implements `get_ref` and `into_inner`.
macro_rules! inner_access {
    ($Decorator:ident) => {
        impl<S> $Decorator<S> {
            /// Returns the inner sink.
            #[must_use]
            pub fn get_ref(&self) -> &S {
                &self.inner
            }

            /// Unwraps the inner sink.
            #[must_use]
            pub fn into_inner(self) -> S {
                self.inner
            }
        }
    };
}

pub(super) use {forward_to_inner, inner_access};
