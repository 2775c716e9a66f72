use std::io;

use tokio::sync::watch;

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no such signal on this system"))]
    Terminate,
}

impl Signal {
    /// What a shell says of a process that the signal ended: 128 and its number.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Tells whether a signal asked the process to end. The first asks, so that what was begun can be finished; the second
/// ends the process at once.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<Option<Signal>>);

impl Stop {
    /// Listens from now on, in a task of the current runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut signals = Signals::listen()?;
        let (sender, receiver) = watch::channel(None);
        tokio::spawn(async move {
            let first = signals.next().await;
            sender.send_replace(Some(first));
            let second = signals.next().await;
            std::process::exit(second.exit_code().into());
        });
        Ok(Self(receiver))
    }

    /// The signal, if one came.
    pub(crate) fn signal(&self) -> Option<Signal> {
        *self.0.borrow()
    }

    /// Waits for the signal. Cancel safe.
    pub(crate) async fn requested(&self) -> Signal {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await.map(|signal| *signal) {
            Ok(Some(signal)) => signal,
            // The task that listens lives as long as the runtime: nothing will ever come.
            _ => std::future::pending().await,
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => Signal::Interrupt,
            // It cannot be listened to: the system's own handling stands.
            Err(_) => std::future::pending().await,
        }
    }
}
