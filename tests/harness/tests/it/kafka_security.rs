use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use driver_events_harness::{Certificates, KafkaBroker, KafkaConfig, KafkaListener, KafkaOperation, KafkaResource};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::kafka_client::{SASL_AUTHENTICATE, SASL_HANDSHAKE, bytes, connect, metadata, send, string, topic_error};
use crate::nats_tls::config;

const TOPIC_AUTHORIZATION_FAILED: i16 = 29;
/// `{"alg":"none"}` and `{"sub":"driver","iat":1000000000,"exp":4000000000}`, unsigned.
const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJkcml2ZXIiLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6NDAwMDAwMDAwMH0.";

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn start(certificates: &Certificates) -> KafkaBroker {
    let config = KafkaConfig::new()
        .sasl(certificates)
        .user("driver", "se\"cr\\et")
        .user("reader", "another")
        .mutual_tls(certificates)
        .acls();
    KafkaBroker::start(config).unwrap()
}

fn connect_tls(broker: &KafkaBroker, listener: KafkaListener, config: ClientConfig) -> Stream {
    let address = broker.bootstrap_servers(listener).unwrap().parse().unwrap();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    StreamOwned::new(connection, connect(address))
}

/// Authenticates, and returns the error code and the server's message.
fn authenticate(stream: &mut Stream, mechanism: &str, first: &[u8]) -> io::Result<(i16, String)> {
    let response = send(stream, SASL_HANDSHAKE, &string(mechanism))?;
    assert_eq!(response[..2], [0, 0], "{mechanism}");
    let response = send(stream, SASL_AUTHENTICATE, &bytes(first))?;
    let code = i16::from_be_bytes([response[0], response[1]]);
    Ok((code, String::from_utf8_lossy(&response[2..]).into_owned()))
}

#[tokio::test]
async fn every_listener_authenticates_its_clients() {
    let certificates = Certificates::generate().unwrap();
    let broker = start(&certificates);
    broker.admin().create_topic("t", 1, 1, &[]).unwrap();

    users_are_authenticated(&broker, &certificates);
    certificates_are_authenticated(&broker, &certificates);

    let mut driver = connect_tls(&broker, KafkaListener::Sasl, config(&certificates, None));
    let accepted = authenticate(&mut driver, "PLAIN", b"\0driver\0se\"cr\\et").unwrap();
    assert_eq!(accepted.0, 0, "{accepted:?}");
    let mut is_allowed = || topic_error(&metadata(&mut driver, "t").unwrap(), "t") != TOPIC_AUTHORIZATION_FAILED;
    assert!(!is_allowed());
    let acl = ("User:driver", KafkaResource::Topic("t"), KafkaOperation::Write);
    broker.admin().allow(acl.0, acl.1, acl.2).unwrap();
    assert!(is_allowed());
    broker.admin().revoke(acl.0, acl.1, acl.2).unwrap();
    assert!(!is_allowed());
    assert!(broker.admin().revoke(acl.0, acl.1, acl.2).is_err());
    // Anonymous clients are super users.
    let mut anonymous = connect(broker.client_address());
    assert_eq!(topic_error(&metadata(&mut anonymous, "t").unwrap(), "t"), 0);
}

fn users_are_authenticated(broker: &KafkaBroker, certificates: &Certificates) {
    let token = format!("n,,\u{1}auth=Bearer {TOKEN}\u{1}\u{1}");
    let first_step = |mechanism, first: &[u8]| {
        let mut stream = connect_tls(broker, KafkaListener::Sasl, config(certificates, None));
        authenticate(&mut stream, mechanism, first).unwrap()
    };
    for (mechanism, first, next) in [
        ("PLAIN", "\0reader\0another", ""),
        // The reply to a known user contains the salt.
        ("SCRAM-SHA-256", "n,,n=driver,r=abc", "r=abc"),
        ("SCRAM-SHA-512", "n,,n=reader,r=abc", "r=abc"),
        ("OAUTHBEARER", &token, ""),
    ] {
        let (code, message) = first_step(mechanism, first.as_bytes());
        assert!(code == 0 && message.contains(next), "{mechanism}: {code} {message}");
    }
    for (mechanism, first) in [("PLAIN", "\0driver\0another"), ("SCRAM-SHA-256", "n,,n=stranger,r=abc")] {
        assert_ne!(first_step(mechanism, first.as_bytes()).0, 0, "{mechanism}");
    }
}

fn certificates_are_authenticated(broker: &KafkaBroker, certificates: &Certificates) {
    let error = |listener, trusted, own| {
        let mut stream = connect_tls(broker, listener, config(trusted, own));
        metadata(&mut stream, "t").map(|response| topic_error(&response, "t"))
    };
    // Authenticated, and no ACL allows anything.
    assert_eq!(
        error(KafkaListener::MutualTls, certificates, Some(certificates)).unwrap(),
        TOPIC_AUTHORIZATION_FAILED
    );
    assert!(error(KafkaListener::MutualTls, certificates, None).is_err());
    let stranger = Certificates::generate().unwrap();
    assert!(error(KafkaListener::MutualTls, certificates, Some(&stranger)).is_err());
    let untrusted = error(KafkaListener::Sasl, &stranger, None).unwrap_err();
    assert!(
        untrusted.to_string().contains("invalid peer certificate"),
        "{untrusted}"
    );
}
