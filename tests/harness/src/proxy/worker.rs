use std::future;
use std::io;
use std::net::{SocketAddr, TcpListener as BlockingListener};
use std::sync::Arc;
use std::sync::mpsc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection::{self, ResetOnDrop};
use super::counts::Counters;
use super::faults::Faults;
use crate::servers::ports::Port;

pub(super) enum Command {
    ChangeFaults(Box<dyn FnOnce(&mut Faults) + Send>),
    Cut,
    Refuse(bool),
    SetTarget(SocketAddr),
}

/// Accepts and forwards connections. Commands run on the same thread, so that no byte passes during a command.
pub(super) struct Worker {
    port: Port,
    target: SocketAddr,
    counters: Arc<Counters>,
    faults: watch::Sender<Faults>,
    connections: JoinSet<()>,
    /// `None` while connections are refused.
    listener: Option<Listener>,
}

/// One listening socket, registered with the runtime, and a duplicate for direct accepts.
struct Listener {
    registered: TcpListener,
    direct: BlockingListener,
}

impl Worker {
    /// Listens on `port`. Must be called within a runtime context.
    pub(super) fn new(port: Port, target: SocketAddr, counters: Arc<Counters>) -> io::Result<Self> {
        Ok(Self {
            listener: Some(Listener::bind(port.address())?),
            port,
            target,
            counters,
            faults: watch::Sender::default(),
            connections: JoinSet::new(),
        })
    }

    /// Runs until the sender of commands is dropped.
    pub(super) async fn run(mut self, mut commands: UnboundedReceiver<(Command, mpsc::Sender<usize>)>) {
        loop {
            tokio::select! {
                command = commands.recv() => {
                    let Some((command, done)) = command else { return };
                    let result = self.execute(command).await;
                    let _ = done.send(result);
                }
                client = accept(self.listener.as_ref()) => self.forward(client),
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    async fn execute(&mut self, command: Command) -> usize {
        match command {
            Command::ChangeFaults(change) => self.faults.send_modify(change),
            Command::Cut => return self.cut().await,
            Command::Refuse(true) => self.listener = None,
            Command::Refuse(false) if self.listener.is_some() => {}
            Command::Refuse(false) => match Listener::bind(self.port.address()) {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => panic!("the proxy cannot listen on {} again: {error}", self.port.address()),
            },
            Command::SetTarget(target) => self.target = target,
        }
        0
    }

    async fn cut(&mut self) -> usize {
        // Connections that clients see as established may not have been reported to the runtime yet.
        while let Some(client) = self.listener.as_ref().and_then(Listener::accept_now) {
            self.forward(client);
        }
        while self.connections.try_join_next().is_some() {}
        let count = self.connections.len();
        self.connections.shutdown().await;
        count
    }

    fn forward(&mut self, client: TcpStream) {
        let client = ResetOnDrop::new(client);
        let faults = self.faults.subscribe();
        self.connections
            .spawn(connection::run(client, self.target, faults, Arc::clone(&self.counters)));
    }
}

impl Listener {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let direct = BlockingListener::bind(address)?;
        direct.set_nonblocking(true)?;
        Ok(Self {
            registered: TcpListener::from_std(direct.try_clone()?)?,
            direct,
        })
    }

    /// Returns an established connection from the backlog, if there is one.
    fn accept_now(&self) -> Option<TcpStream> {
        let (client, _) = self.direct.accept().ok()?;
        client.set_nonblocking(true).ok()?;
        TcpStream::from_std(client).ok()
    }
}

/// Accepts the next connection. Pending forever without a listener.
async fn accept(listener: Option<&Listener>) -> TcpStream {
    match listener {
        Some(listener) => loop {
            // Fails if the client has already disconnected.
            if let Ok((client, _)) = listener.registered.accept().await {
                return client;
            }
        },
        None => future::pending().await,
    }
}
