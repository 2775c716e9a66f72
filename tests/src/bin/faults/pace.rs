use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use driver_events_harness::Proxy;

use crate::account::Account;
use crate::random::Random;

/// Longer than anything takes that works.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(1);
/// By how many microseconds at most a fault comes after its message.
const LATER: u64 = 15_000;

/// Says when the next fault is due.
pub(crate) struct Pace {
    account: Arc<Account>,
    /// How many messages have left so far.
    left: Box<dyn Fn() -> u64 + Send + Sync>,
}

impl Pace {
    pub(crate) fn new(account: &Arc<Account>, left: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self {
            account: Arc::clone(account),
            left: Box::new(left),
        }
    }

    /// Waits until an event was acknowledged from now on, and then until a random number of messages below `messages`
    /// have left.
    pub(crate) async fn wait(&self, random: &mut Random, messages: u64) -> Result<()> {
        let acknowledged = self.account.acknowledged();
        until("an event is acknowledged", || {
            self.account.acknowledged() > acknowledged
        })
        .await?;
        let due = (self.left)() + random.below(messages);
        until("messages leave", || (self.left)() >= due).await?;
        // Messages leave together, and the calls then wait for answers: a fault should hit that, too.
        tokio::time::sleep(Duration::from_micros(random.below(LATER))).await;
        Ok(())
    }
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !is_so() {
        ensure!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

/// Cuts every link, once there is one: after another fault a client may not be back yet.
pub(crate) async fn cut(proxy: &Proxy) -> Result<()> {
    until("there is a link to cut", || proxy.cut() > 0).await
}
