//! Connections: credentials, TLS, reconnects, and their logs without secrets.

use std::fs;
use std::time::{Duration, Instant};

use driver_events_core::conformance::samples;
use driver_events_core::{DriverEventSink, SinkError, SinkErrorKind};
use driver_events_harness::{
    CapturedTracing, Certificates, NatsConfig, NatsServer, NatsUser, error_report, wait_until,
};
use driver_events_nats::{JetStreamEventSink, NatsEventSink, NatsOptions, SetupError, SetupErrorKind};
use nkeys::KeyPair;
use tracing::Level;

use crate::support::{TIMEOUT, options, server};

fn with_password(password: &str) -> NatsConfig {
    NatsConfig::new().user(NatsUser::with_password("ada", password))
}

async fn expect_flow(options: NatsOptions) {
    let shown = format!("{options:?}");
    let sink = NatsEventSink::builder().options(options).build().await.expect(&shown);
    sink.publish(samples::numbered(samples::goal(1), 1)).await.unwrap();
    sink.close().await.unwrap();
}

async fn expect_refusal(options: NatsOptions, kind: SetupErrorKind) -> SetupError {
    let shown = format!("{options:?}");
    let error = options.connect().await.expect_err(&shown);
    assert_eq!(error.kind(), kind, "{shown}: {error:?}");
    error
}

#[tokio::test]
async fn timeouts_out_of_range_are_refused() {
    let server = server();
    for time in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
        expect_refusal(options(&server).connect_timeout(time), SetupErrorKind::Invalid).await;
        expect_refusal(options(&server).ping_interval(time), SetupErrorKind::Invalid).await;
        let builder = || {
            JetStreamEventSink::builder("DRIVER")
                .options(options(&server))
                .check_later()
        };
        let errors = [
            builder().retry_timeout(time).build().await.unwrap_err(),
            builder().ack_timeout(time).build().await.unwrap_err(),
            NatsEventSink::builder()
                .options(options(&server))
                .flush_timeout(time)
                .build()
                .await
                .unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), SetupErrorKind::Invalid, "{error}");
            assert!(error.to_string().contains("use 1 millisecond to 365 days"), "{error}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_credentials_connects_and_wrong_ones_fail() {
    let server = NatsServer::start(with_password("s3cret")).unwrap();
    expect_flow(options(&server).user_and_password("ada", "s3cret")).await;
    let address = server.client_address();
    expect_flow(NatsOptions::new(format!("nats://ada:s3cret@{address}"))).await;
    for wrong in [
        options(&server),
        options(&server).user_and_password("ada", "wr0ng"),
        NatsOptions::new(format!("ada:wr0ng@{address}")),
    ] {
        let error = expect_refusal(wrong, SetupErrorKind::Unauthorized).await;
        assert!(!error_report(&error).contains("wr0ng"), "{}", error_report(&error));
    }

    let server = NatsServer::start(NatsConfig::new().token("t0ken")).unwrap();
    expect_flow(options(&server).token("t0ken")).await;
    expect_flow(NatsOptions::new(format!("nats://t0ken@{}", server.client_address()))).await;
    let error = expect_refusal(options(&server).token("wr0ng"), SetupErrorKind::Unauthorized).await;
    assert!(!error_report(&error).contains("wr0ng"), "{}", error_report(&error));

    let pair = KeyPair::new_user();
    let user = NatsUser::with_nkey(&pair.public_key());
    let server = NatsServer::start(NatsConfig::new().user(user)).unwrap();
    expect_flow(options(&server).nkey_seed(pair.seed().unwrap())).await;
    let other = KeyPair::new_user().seed().unwrap();
    let error = expect_refusal(options(&server).nkey_seed(&other), SetupErrorKind::Unauthorized).await;
    assert!(!error_report(&error).contains(&other), "{}", error_report(&error));
    let error = expect_refusal(options(&server).nkey_seed("SUwr0ng"), SetupErrorKind::Invalid).await;
    assert!(!error_report(&error).contains("wr0ng"), "{}", error_report(&error));
}

/// After the first connection the client retries for ever, and reports rejected credentials to its event callback only.
#[tokio::test]
async fn credentials_revoked_and_restored_are_reported() {
    let mut server = NatsServer::start(with_password("s3cret")).unwrap();
    let options = options(&server)
        .user_and_password("ada", "s3cret")
        .reconnect_delay(Duration::from_millis(10), Duration::from_millis(50));
    let sink = NatsEventSink::builder().options(options).build().await.unwrap();
    let connection = sink.connection().unwrap();
    let publish = async || sink.publish(samples::numbered(samples::goal(1), 1)).await;
    let is_unauthorized = |result: Result<(), SinkError>| {
        result
            .is_err_and(|error| error.kind() == SinkErrorKind::Unauthorized && !error_report(&error).contains("s3cret"))
    };
    publish().await.unwrap();
    sink.flush().await.unwrap();

    server.reload(with_password("an0ther")).unwrap();
    wait_until("send is rejected", TIMEOUT, async || is_unauthorized(publish().await)).await;
    assert!(!connection.is_connected());
    let last_error = connection.last_error().unwrap().to_lowercase();
    assert!(last_error.contains("authorization violation"), "{last_error}");
    assert!(is_unauthorized(publish().await), "and stays so");
    let start = Instant::now();
    // Events sent before the rejection may be unflushed.
    let _ = sink.flush().await;
    assert!(start.elapsed() < Duration::from_secs(5));

    server.reload(with_password("s3cret")).unwrap();
    wait_until("send succeeds again", TIMEOUT, async || publish().await.is_ok()).await;
    assert!(connection.reconnects() >= 1);
    let _ = sink.flush().await;
    publish().await.unwrap();
    sink.close().await.unwrap();
}

#[tokio::test]
async fn first_calls_report_wrong_credentials_in_background() {
    let server = NatsServer::start(with_password("s3cret")).unwrap();
    let options = options(&server)
        .user_and_password("ada", "wr0ng")
        .connect_in_background();
    let sink = NatsEventSink::builder().options(options).build().await.unwrap();
    // Not rejected yet.
    sink.publish(samples::numbered(samples::goal(1), 1)).await.unwrap();
    wait_until("send is rejected", TIMEOUT, async || {
        let error = sink.publish(samples::numbered(samples::goal(1), 1)).await.err();
        error.is_some_and(|error| error.kind() == SinkErrorKind::Unauthorized)
    })
    .await;
    let error = sink.flush().await.unwrap_err();
    assert_eq!(error.kind(), SinkErrorKind::Unauthorized, "{error}");
}

#[tokio::test]
async fn both_sides_check_certificates() {
    let certificates = Certificates::generate().unwrap();
    let server = NatsServer::start(NatsConfig::new().tls(&certificates)).unwrap();
    let trusting = |server: &NatsServer| options(server).root_certificates(certificates.authority());
    expect_flow(trusting(&server)).await;
    let plain = format!("nats://{}", server.client_address());
    expect_flow(NatsOptions::new(plain).root_certificates(certificates.authority())).await;
    // Neither a trusted authority of the system nor another one has signed the certificate of the server.
    expect_refusal(options(&server), SetupErrorKind::Tls).await;
    let other = Certificates::generate().unwrap();
    expect_refusal(
        options(&server).root_certificates(other.authority()),
        SetupErrorKind::Tls,
    )
    .await;

    let server = NatsServer::start(NatsConfig::new().tls_with_client_certificates(&certificates)).unwrap();
    expect_flow(trusting(&server).client_certificate(certificates.client(), certificates.client_key())).await;
    let without = trusting(&server).connect().await.unwrap_err();
    assert!(
        matches!(without.kind(), SetupErrorKind::Tls | SetupErrorKind::Unreachable),
        "{without:?}"
    );
}

#[tokio::test]
async fn invalid_files_fail_at_once() {
    let certificates = Certificates::generate().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let none = folder.path().join("none.pem");
    let server = server();
    for wrong in [
        options(&server).root_certificates(&none),
        options(&server).root_certificates(&empty),
        options(&server).client_certificate(&none, certificates.client_key()),
        options(&server).client_certificate(certificates.client(), &empty),
        options(&server).client_certificate(certificates.client(), certificates.server_key()),
    ] {
        expect_refusal(wrong, SetupErrorKind::Invalid).await;
    }
}

#[tokio::test]
async fn tls_is_used_where_it_is_required() {
    let server = server();
    let error = options(&server)
        .require_tls()
        .connect_timeout(Duration::from_millis(500))
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error.kind(), SetupErrorKind::Tls | SetupErrorKind::Unreachable),
        "{error:?}"
    );
}

#[tokio::test]
async fn one_reachable_server_is_enough() {
    let mut dead = server();
    let alive = server();
    dead.kill().unwrap();
    expect_flow(options(&dead).server(alive.client_url())).await;
    let start = Instant::now();
    expect_refusal(options(&dead).server(dead.client_url()), SetupErrorKind::Unreachable).await;
    assert!(start.elapsed() < Duration::from_secs(5));
}

/// A server that accepts the connection and sends nothing.
#[tokio::test]
async fn silent_server_fails_within_the_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = NatsOptions::new(silent.local_addr().unwrap().to_string());
    let start = Instant::now();
    expect_refusal(
        options.connect_timeout(Duration::from_millis(200)),
        SetupErrorKind::Unreachable,
    )
    .await;
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn exhausted_reconnects_close_the_connection() {
    let mut server = server();
    let options = options(&server)
        .max_attempts(2)
        .reconnect_delay(Duration::from_millis(1), Duration::from_millis(1));
    let sink = NatsEventSink::builder().options(options).build().await.unwrap();
    server.kill().unwrap();
    wait_until("the sink reports the closed connection", TIMEOUT, async || {
        let error = sink.publish(samples::numbered(samples::goal(1), 1)).await.err();
        error.is_some_and(|error| error.kind() == SinkErrorKind::Closed)
    })
    .await;
    assert!(!sink.connection().unwrap().is_connected());
    assert!(sink.connection().unwrap().last_error().is_some());
    let start = Instant::now();
    assert!(sink.close().await.is_err(), "queued events may be lost");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn connection_events_are_logged_with_their_cause() {
    let targets = &["driver_events_nats", "async_nats::connector"];
    // The events of this test's connection only: its name contains "traced-".
    let tracing_log = CapturedTracing::of_all_threads(targets, "traced-").unwrap();
    let mut server = NatsServer::start(with_password("traced-s3cret")).unwrap();
    let url = format!("nats://ada:traced-s3cret@{}", server.client_address());
    let options = NatsOptions::new(url)
        .name("traced-17")
        .reconnect_delay(Duration::from_millis(1), Duration::from_millis(5));
    let connection = options.connect().await.unwrap();
    let logged = |level, part: &str| tracing_log.contains(level, "driver_events_nats", part);
    server.kill().unwrap();
    wait_until("the loss is logged", TIMEOUT, async || {
        logged(Level::WARN, "connection lost")
    })
    .await;
    wait_until("the cause of the failed attempts is logged", TIMEOUT, async || {
        logged(Level::WARN, "Connection refused")
    })
    .await;
    assert!(connection.last_error().unwrap().contains("Connection refused"));
    // A listener in place of the server counts further attempts, and closes each.
    let listener = tokio::net::TcpListener::bind(server.client_address()).await.unwrap();
    for _ in 0..10 {
        listener.accept().await.unwrap();
    }
    drop(listener);
    server.restart().unwrap();
    wait_until("the client reconnects", TIMEOUT, async || connection.reconnects() == 1).await;
    wait_until("the number of failed attempts is logged", TIMEOUT, async || {
        logged(Level::INFO, "failed_attempts=")
    })
    .await;
    let text = tracing_log.text();
    let attempts = text.split("failed_attempts=").nth(1).unwrap();
    let attempts: usize = attempts.split(' ').next().unwrap().trim().parse().unwrap();
    let failures = text.matches("cannot connect, retrying").count();
    assert!(
        attempts >= 10 && failures <= 5,
        "{failures} of {attempts} failures are logged: {text}"
    );

    let connz = server.monitoring("/connz").unwrap();
    assert_eq!(connz["connections"][0]["name"], "traced-17");
    connection.close(TIMEOUT).await.unwrap();
    connection.close(TIMEOUT).await.unwrap();
    wait_until("the close is logged", TIMEOUT, async || {
        logged(Level::INFO, "connection closed")
    })
    .await;
    assert!(!tracing_log.text().contains("traced-s3cret"), "{}", tracing_log.text());
    assert!(!format!("{connection:?}").contains("traced-s3cret"));
}
