use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use driver_events_harness::{Certificates, KafkaBroker, KafkaConfig, KafkaListener, KafkaOperation, KafkaResource};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

use crate::kafka_client::{SASL_AUTHENTICATE, SASL_HANDSHAKE, ask, bytes, connect, metadata, string, topic_error};
use crate::nats_tls::config;

const NOT_ALLOWED: i16 = 29;
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

/// The error that the broker answers with, and its next word.
fn authenticate(stream: &mut Stream, mechanism: &str, first: &[u8]) -> io::Result<(i16, String)> {
    let answer = ask(stream, SASL_HANDSHAKE, &string(mechanism))?;
    assert_eq!(answer[..2], [0, 0], "{mechanism}");
    let answer = ask(stream, SASL_AUTHENTICATE, &bytes(first))?;
    let code = i16::from_be_bytes([answer[0], answer[1]]);
    Ok((code, String::from_utf8_lossy(&answer[2..]).into_owned()))
}

#[tokio::test]
async fn a_broker_with_every_listener() {
    let certificates = Certificates::generate().unwrap();
    let broker = start(&certificates);
    broker.admin().create_topic("t", 1, 1, &[]).unwrap();

    users_are_known(&broker, &certificates);
    certificates_are_known(&broker, &certificates);

    let mut driver = connect_tls(&broker, KafkaListener::Sasl, config(&certificates, None));
    let known = authenticate(&mut driver, "PLAIN", b"\0driver\0se\"cr\\et").unwrap();
    assert_eq!(known.0, 0, "{known:?}");
    let mut allowed = || topic_error(&metadata(&mut driver, "t").unwrap(), "t") != NOT_ALLOWED;
    assert!(!allowed());
    let rule = ("User:driver", KafkaResource::Topic("t"), KafkaOperation::Write);
    broker.admin().allow(rule.0, rule.1, rule.2).unwrap();
    assert!(allowed());
    broker.admin().revoke(rule.0, rule.1, rule.2).unwrap();
    assert!(!allowed());
    assert!(broker.admin().revoke(rule.0, rule.1, rule.2).is_err());
    // Who has no name may do everything.
    let mut nobody = connect(broker.client_address());
    assert_eq!(topic_error(&metadata(&mut nobody, "t").unwrap(), "t"), 0);
}

fn users_are_known(broker: &KafkaBroker, certificates: &Certificates) {
    let token = format!("n,,\u{1}auth=Bearer {TOKEN}\u{1}\u{1}");
    let said = |mechanism, first: &[u8]| {
        let mut stream = connect_tls(broker, KafkaListener::Sasl, config(certificates, None));
        authenticate(&mut stream, mechanism, first).unwrap()
    };
    for (mechanism, first, next) in [
        ("PLAIN", "\0reader\0another", ""),
        // The salt of a user that is known.
        ("SCRAM-SHA-256", "n,,n=driver,r=abc", "r=abc"),
        ("SCRAM-SHA-512", "n,,n=reader,r=abc", "r=abc"),
        ("OAUTHBEARER", &token, ""),
    ] {
        let (code, answer) = said(mechanism, first.as_bytes());
        assert!(code == 0 && answer.contains(next), "{mechanism}: {code} {answer}");
    }
    for (mechanism, first) in [("PLAIN", "\0driver\0another"), ("SCRAM-SHA-256", "n,,n=stranger,r=abc")] {
        assert_ne!(said(mechanism, first.as_bytes()).0, 0, "{mechanism}");
    }
}

fn certificates_are_known(broker: &KafkaBroker, certificates: &Certificates) {
    let error = |listener, trusted, own| {
        let mut stream = connect_tls(broker, listener, config(trusted, own));
        metadata(&mut stream, "t").map(|answer| topic_error(&answer, "t"))
    };
    // Known, and allowed nothing.
    assert_eq!(
        error(KafkaListener::MutualTls, certificates, Some(certificates)).unwrap(),
        NOT_ALLOWED
    );
    assert!(error(KafkaListener::MutualTls, certificates, None).is_err());
    let stranger = Certificates::generate().unwrap();
    assert!(error(KafkaListener::MutualTls, certificates, Some(&stranger)).is_err());
    let mistrusted = error(KafkaListener::Sasl, &stranger, None).unwrap_err();
    assert!(
        mistrusted.to_string().contains("invalid peer certificate"),
        "{mistrusted}"
    );
}
