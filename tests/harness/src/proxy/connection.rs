use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Direction;
use super::counts::Counters;
use super::faults::Faults;
use super::pump::Pump;

/// Forwards a client connection to the target until both sides are closed. If it fails, or its task is dropped, both sides
/// are reset.
pub(super) async fn run(
    mut client: ResetOnDrop,
    target: SocketAddr,
    faults: watch::Receiver<Faults>,
    counters: Arc<Counters>,
) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let mut server = ResetOnDrop::new(server);
    let _open = counters.count_open();
    if forward(&mut client.stream, &mut server.stream, &faults, &counters)
        .await
        .is_ok()
    {
        client.is_closed = true;
        server.is_closed = true;
    }
}

async fn forward(
    client: &mut TcpStream,
    server: &mut TcpStream,
    faults: &watch::Receiver<Faults>,
    counters: &Counters,
) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let to_server = Pump::new(Direction::ToServer, faults.clone(), counters).run(from_client, to_server);
    let to_client = Pump::new(Direction::ToClient, faults.clone(), counters).run(from_server, to_client);
    tokio::try_join!(to_server, to_client)?;
    Ok(())
}

/// One side of a proxied connection. Reset on drop, unless it was closed.
pub(super) struct ResetOnDrop {
    stream: TcpStream,
    is_closed: bool,
}

impl ResetOnDrop {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            is_closed: false,
        }
    }
}

impl Drop for ResetOnDrop {
    fn drop(&mut self) {
        if !self.is_closed {
            // Fails if the socket is already disconnected.
            let _ = self.stream.set_zero_linger();
        }
    }
}
