use tokio::runtime::{Builder, Runtime};

use crate::Failure;

pub(crate) fn one_thread() -> Result<Runtime, Failure> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}

pub(crate) fn many_threads() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
