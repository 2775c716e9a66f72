use std::io::ErrorKind;
use std::time::{Duration, Instant};

use driver_events_harness::{Direction, Proxy, wait_for, wait_until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Observation time for absence: long compared with delays on one machine.
const SILENCE: Duration = Duration::from_millis(150);

/// An echo server, which closes after the client has closed.
struct Echo {
    address: std::net::SocketAddr,
}

impl Echo {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                    let _ = to.shutdown().await;
                });
            }
        });
        Self { address }
    }
}

async fn start() -> (Proxy, TcpStream) {
    let echo = Echo::start().await;
    let proxy = Proxy::start(echo.address).unwrap();
    let client = TcpStream::connect(proxy.address()).await.unwrap();
    (proxy, client)
}

/// The echo equals the input.
async fn exchange(client: &mut TcpStream, text: &[u8]) {
    let (mut from, mut to) = client.split();
    let mut back = vec![0; text.len()];
    // Concurrently: a long text does not fit into the socket buffers.
    let both = async { tokio::try_join!(to.write_all(text), from.read_exact(&mut back)) };
    timeout(TIMEOUT, both).await.unwrap().unwrap();
    assert!(back == text);
}

async fn receive(client: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    timeout(TIMEOUT, client.read_exact(&mut bytes)).await.unwrap().unwrap();
    bytes
}

async fn is_silent(client: &mut TcpStream) -> bool {
    timeout(SILENCE, client.read_u8()).await.is_err()
}

/// Returns the error that ends the connection.
async fn read_error(client: &mut TcpStream) -> ErrorKind {
    let read = timeout(TIMEOUT, client.read_u8())
        .await
        .expect("the connection stays open");
    read.unwrap_err().kind()
}

#[tokio::test]
async fn bytes_are_forwarded_and_counted_both_ways() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"hello").await;
    exchange(&mut client, &vec![7; 3_000_000]).await;

    let counts = proxy.counts();
    assert_eq!((counts.connections, counts.open_connections), (1, 1));
    assert_eq!(counts.bytes_to_server, 3_000_005);
    assert_eq!(counts.bytes_to_client, 3_000_005);
    assert_eq!(counts.bytes_dropped, 0);
}

#[tokio::test]
async fn half_close_is_forwarded_and_the_other_half_stays() {
    let (proxy, mut client) = start().await;
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"last words");
    wait_until("the connection is closed", TIMEOUT, async || {
        proxy.counts().open_connections == 0
    })
    .await;
}

#[tokio::test]
async fn cut_resets_connections_and_accepts_new_ones() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"hello").await;
    // The second may not have been accepted yet.
    let mut second = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(proxy.cut(), 2);
    assert_eq!(proxy.counts().open_connections, 0);
    assert_eq!(read_error(&mut client).await, ErrorKind::ConnectionReset);
    assert_eq!(read_error(&mut second).await, ErrorKind::ConnectionReset);
    assert_eq!(proxy.cut(), 0);

    let mut third = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut third, b"again").await;
}

#[tokio::test]
async fn stall_holds_bytes_until_resume() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"hello").await;
    proxy.stall();
    let before = proxy.counts();
    client.write_all(b"patience").await.unwrap();
    client.shutdown().await.unwrap();
    assert!(is_silent(&mut client).await);
    assert_eq!(proxy.counts(), before);
    proxy.resume();
    let mut back = Vec::new();
    client.read_to_end(&mut back).await.unwrap();
    assert_eq!(back, b"patience");
}

#[tokio::test]
async fn stall_blocks_the_sender() {
    let (proxy, mut client) = start().await;
    proxy.stall();
    let flood = vec![1; 64 * 1024 * 1024];
    assert!(timeout(SILENCE, client.write_all(&flood)).await.is_err());
    // A cut still resets it.
    proxy.cut();
    let written = timeout(TIMEOUT, client.write_all(&flood)).await.unwrap();
    assert!(written.is_err());
}

#[tokio::test]
async fn half_open_drops_one_direction() {
    for (swallowed, back) in [(Direction::ToServer, None), (Direction::ToClient, Some(6))] {
        let (proxy, mut client) = start().await;
        exchange(&mut client, b"hello").await;
        proxy.half_open(swallowed);
        client.write_all(b"nobody").await.unwrap();
        wait_until("they are gone", TIMEOUT, async || proxy.counts().bytes_dropped == 6).await;
        assert!(is_silent(&mut client).await);
        let counts = proxy.counts();
        assert_eq!(counts.open_connections, 1);
        assert_eq!(counts.bytes_to_server - 5, back.unwrap_or(0));
        assert_eq!(counts.bytes_to_client, 5);

        // A connection that lost bytes is reset.
        proxy.heal();
        assert_eq!(read_error(&mut client).await, ErrorKind::ConnectionReset);
        let mut next = TcpStream::connect(proxy.address()).await.unwrap();
        exchange(&mut next, b"well").await;
    }
}

#[tokio::test]
async fn half_open_hides_the_close_of_the_server() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    proxy.half_open(Direction::ToClient);
    drop(server);
    assert!(is_silent(&mut client).await);
    proxy.heal();
    assert_eq!(read_error(&mut client).await, ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn half_open_without_lost_bytes_keeps_the_connection() {
    let (proxy, mut client) = start().await;
    proxy.half_open(Direction::ToServer);
    proxy.heal();
    exchange(&mut client, b"nothing happened").await;
}

#[tokio::test]
async fn delay_applies_per_direction_and_keeps_the_order() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"warm").await;
    proxy.delay(Duration::from_millis(50));
    let start = Instant::now();
    client.write_all(b"one ").await.unwrap();
    client.write_all(b"two").await.unwrap();
    assert_eq!(receive(&mut client, 7).await, b"one two");
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(100), "{took:?}");

    proxy.delay(Duration::from_secs(3600));
    client.write_all(b"late").await.unwrap();
    assert!(is_silent(&mut client).await);
    // Delayed bytes are forwarded at once when the delay ends.
    proxy.delay(Duration::ZERO);
    assert_eq!(receive(&mut client, 4).await, b"late");
}

#[tokio::test]
async fn throttle_limits_the_rate() {
    let (proxy, mut client) = start().await;
    proxy.throttle(100_000);
    let start = Instant::now();
    exchange(&mut client, &[3; 50_000]).await;
    let took = start.elapsed();
    // Half a second, less the burst allowance.
    assert!(took >= Duration::from_millis(400), "{took:?}");

    // At this rate it would take 50 seconds.
    proxy.heal();
    exchange(&mut client, &vec![4; 5_000_000]).await;
}

#[tokio::test]
async fn refuse_rejects_new_and_keeps_open_connections() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"hello").await;
    proxy.refuse(true);
    let refused = TcpStream::connect(proxy.address()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    exchange(&mut client, b"still here").await;
    proxy.cut();
    proxy.refuse(false);
    proxy.refuse(false);
    let mut next = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut next, b"welcome").await;
}

#[tokio::test]
async fn set_target_applies_to_new_connections() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"hello").await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    proxy.set_target(other.local_addr().unwrap());
    exchange(&mut client, b"the old one").await;
    let mut next = TcpStream::connect(proxy.address()).await.unwrap();
    let (mut server, _) = timeout(TIMEOUT, other.accept()).await.unwrap().unwrap();
    server.write_all(b"the new one").await.unwrap();
    assert_eq!(receive(&mut next, 11).await, b"the new one");
}

#[tokio::test]
async fn clients_are_reset_while_the_target_is_down() {
    // Bound but not listening: reserves the port.
    let vacant = TcpSocket::new_v4().unwrap();
    vacant.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let proxy = Proxy::start(vacant.local_addr().unwrap()).unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(read_error(&mut client).await, ErrorKind::ConnectionReset);
    assert_eq!(proxy.counts().connections, 0);
    let echo = Echo::start().await;
    proxy.set_target(echo.address);
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    exchange(&mut client, b"hello").await;
}

#[tokio::test]
async fn server_reset_is_forwarded_to_the_client() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = TcpStream::connect(proxy.address()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    assert_eq!(read_error(&mut client).await, ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn dropped_proxy_resets_connections_and_frees_its_port() {
    let (proxy, mut client) = start().await;
    exchange(&mut client, b"hello").await;
    let address = proxy.address();
    drop(proxy);
    assert_eq!(read_error(&mut client).await, ErrorKind::ConnectionReset);
    wait_for("the port is free", TIMEOUT, async || {
        TcpListener::bind(address).await.ok()
    })
    .await;
}

#[tokio::test]
async fn proxy_accepts_calls_from_many_threads() {
    let (proxy, mut client) = start().await;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    proxy.stall();
                    proxy.resume();
                }
            });
        }
    });
    exchange(&mut client, b"hello").await;
}
