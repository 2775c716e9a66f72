use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use driver_events_core::{CloseGuard, SinkErrorKind};

#[tokio::test]
async fn drains_calls_in_flight_and_fails_new_ones() {
    let guard = CloseGuard::default();
    let call = guard.enter().unwrap();
    let other = guard.enter().unwrap();
    guard.close();
    assert_eq!(guard.enter().unwrap_err().kind(), SinkErrorKind::Closed);
    let mut drained = pin!(guard.drained());
    assert!(is_pending(drained.as_mut()).await);
    drop(call);
    assert!(is_pending(drained.as_mut()).await);
    drop(other);
    drained.await;
    guard.drained().await;
    assert_eq!(guard.enter().unwrap_err().kind(), SinkErrorKind::Closed);
    guard.drained().await;
}

#[tokio::test]
async fn drained_waits_for_close_of_an_idle_guard() {
    let guard = CloseGuard::default();
    drop(guard.enter().unwrap());
    let mut drained = pin!(guard.drained());
    assert!(is_pending(drained.as_mut()).await);
    guard.close();
    drained.await;
    guard.close();
    guard.drained().await;
}

async fn is_pending(mut future: Pin<&mut impl Future<Output = ()>>) -> bool {
    poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
}
