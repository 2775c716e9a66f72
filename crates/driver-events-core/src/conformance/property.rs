use std::fmt;

use crate::catch_panic::{catch_panic, panic_message};

/// Checks properties, functions of the fixture, one after another.
macro_rules! check_all {
    ($fixture:expr, $($property:ident,)*) => {
        $($crate::conformance::property::check(stringify!($property), &$fixture.capabilities(), $property($fixture)).await;)*
    };
}

pub(super) use check_all;

/// Checks one property. A violation is a panic: adds the name of the property and the declared capabilities to its message.
pub(super) async fn check(name: &str, capabilities: &impl fmt::Debug, property: impl Future<Output = ()>) {
    if let Err(panic) = catch_panic(property).await {
        let message = panic_message(&*panic);
        panic!("property `{name}` is violated: {message}\ndeclared: {capabilities:?}");
    }
}
