use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::Direction;
use super::counts::Counters;
use super::faults::Faults;
use super::pump::Pump;

/// Leads a client to the target, until both sides are done. A link that ends in another way, or whose task is dropped,
/// is reset on both sides.
pub(super) async fn run(mut client: End, target: SocketAddr, faults: watch::Receiver<Faults>, counters: Arc<Counters>) {
    let Ok(server) = TcpStream::connect(target).await else {
        return;
    };
    let mut server = End::new(server);
    let _open = counters.open();
    if pass(&mut client.stream, &mut server.stream, &faults, &counters)
        .await
        .is_ok()
    {
        client.is_done = true;
        server.is_done = true;
    }
}

async fn pass(
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

/// One end of a link. It is reset when it is dropped before it is done.
pub(super) struct End {
    stream: TcpStream,
    is_done: bool,
}

impl End {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, is_done: false }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        if !self.is_done {
            // A socket that is gone already cannot be reset, and need not be.
            let _ = self.stream.set_zero_linger();
        }
    }
}
