use std::future;
use std::io;
use std::net::{SocketAddr, TcpListener as BlockingListener};
use std::sync::Arc;
use std::sync::mpsc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::counts::Counters;
use super::faults::Faults;
use super::link::{self, End};
use crate::ports::Port;

pub(super) enum Order {
    Change(Box<dyn FnOnce(&mut Faults) + Send>),
    Cut,
    Refuse(bool),
    Target(SocketAddr),
}

/// The proxy's own side. Links and orders share one thread, so that nothing passes while an order is carried out.
pub(super) struct Worker {
    port: Port,
    target: SocketAddr,
    counters: Arc<Counters>,
    faults: watch::Sender<Faults>,
    links: JoinSet<()>,
    /// Absent while connections are refused.
    listener: Option<Listener>,
}

/// One socket, known to the runtime and directly.
struct Listener {
    socket: TcpListener,
    direct: BlockingListener,
}

impl Worker {
    /// Listens on `port`. The runtime must have been entered.
    pub(super) fn new(port: Port, target: SocketAddr, counters: Arc<Counters>) -> io::Result<Self> {
        Ok(Self {
            listener: Some(Listener::bind(port.address())?),
            port,
            target,
            counters,
            faults: watch::Sender::default(),
            links: JoinSet::new(),
        })
    }

    /// Answers each order when it is carried out. Ends when nobody can give orders any more.
    pub(super) async fn run(mut self, mut orders: UnboundedReceiver<(Order, mpsc::Sender<usize>)>) {
        loop {
            tokio::select! {
                order = orders.recv() => {
                    let Some((order, done)) = order else { return };
                    let answer = self.carry_out(order).await;
                    // Who gave the order waits for its answer.
                    let _ = done.send(answer);
                }
                client = accept(self.listener.as_ref()) => self.open(client),
                Some(_) = self.links.join_next() => {}
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> usize {
        match order {
            Order::Change(change) => self.faults.send_modify(change),
            Order::Cut => return self.cut().await,
            Order::Refuse(true) => self.listener = None,
            Order::Refuse(false) if self.listener.is_some() => {}
            Order::Refuse(false) => match Listener::bind(self.port.address()) {
                Ok(listener) => self.listener = Some(listener),
                Err(error) => panic!("the proxy cannot listen on {} again: {error}", self.port.address()),
            },
            Order::Target(target) => self.target = target,
        }
        0
    }

    async fn cut(&mut self) -> usize {
        // A client may be connected as far as it can tell, and the runtime has not heard of it yet.
        while let Some(client) = self.listener.as_ref().and_then(Listener::waiting) {
            self.open(client);
        }
        while self.links.try_join_next().is_some() {}
        let links = self.links.len();
        self.links.shutdown().await;
        links
    }

    fn open(&mut self, client: TcpStream) {
        let client = End::new(client);
        let faults = self.faults.subscribe();
        self.links
            .spawn(link::run(client, self.target, faults, Arc::clone(&self.counters)));
    }
}

impl Listener {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let direct = BlockingListener::bind(address)?;
        direct.set_nonblocking(true)?;
        Ok(Self {
            socket: TcpListener::from_std(direct.try_clone()?)?,
            direct,
        })
    }

    /// A connection that the system has taken already.
    fn waiting(&self) -> Option<TcpStream> {
        let (client, _) = self.direct.accept().ok()?;
        client.set_nonblocking(true).ok()?;
        TcpStream::from_std(client).ok()
    }
}

/// The next connection; none ever while there is no listener.
async fn accept(listener: Option<&Listener>) -> TcpStream {
    match listener {
        Some(listener) => loop {
            // A client may be gone before it is taken.
            if let Ok((client, _)) = listener.socket.accept().await {
                return client;
            }
        },
        None => future::pending().await,
    }
}
