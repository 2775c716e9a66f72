//! NATS credentials, certificates and permissions.

use std::fs;
use std::time::{Duration, Instant};

use driver_events_harness::{Certificates, NatsConfig, NatsServer, NatsUser, wait_until};
use nkeys::KeyPair;
use tempfile::tempdir;

use crate::support::{Ended, Running, TEST_TIMEOUT, command, escalate, finish, run};

/// Connects and publishes nothing.
fn connect(url: &str, options: &[&str], environment: &[(&str, &str)]) -> Ended {
    let mut command = command(["publish", "--to", url].iter().chain(options));
    finish(command.envs(environment.iter().copied()))
}

fn assert_connects(url: &str, options: &[&str], environment: &[(&str, &str)]) {
    let ended = connect(url, options, environment);
    assert_eq!(ended.code, 0, "{url} {options:?} {environment:?}: {}", ended.stderr);
}

fn assert_refused(url: &str, options: &[&str], environment: &[(&str, &str)], reason: &str) {
    assert_fails(1, &connect(url, options, environment), reason);
}

/// Checks the exit code and the reason, which must not contain a secret.
fn assert_fails(code: i32, ended: &Ended, reason: &str) {
    assert_eq!(ended.code, code, "{}", ended.stderr);
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

const REFUSED: &str = "rejects the credentials";

/// Far below the retry timeout of 5 minutes, and above what a busy machine needs.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn password_comes_from_url_or_environment() {
    let user = NatsUser::with_password("ada", "s3cret:@/");
    let server = NatsServer::start(NatsConfig::new().user(user)).unwrap();
    let url = format!("nats://{}", server.client_address());
    let environment = [("NATS_USER", "ada"), ("NATS_PASSWORD", "s3cret:@/")];
    assert_connects(&url, &[], &environment);
    assert_connects(&url, &["--nats-user", "ada"], &environment[1..]);
    assert_connects(&url.replace("//", "//ada:s3cret%3A%40%2F@"), &[], &[]);

    assert_refused(&url, &[], &[], REFUSED);
    assert_refused(&url, &[], &[("NATS_TOKEN", "s3cret")], REFUSED);
    assert_refused(&url, &["--nats-user", "bob"], &environment, REFUSED);
    assert_refused(&url.replace("//", "//ada:s3cret-wrong@"), &[], &environment, REFUSED);
}

#[test]
fn token_comes_from_url_or_environment() {
    let server = NatsServer::start(NatsConfig::new().token("s3cret")).unwrap();
    let url = format!("nats://{}", server.client_address());
    assert_connects(&url, &[], &[("NATS_TOKEN", "s3cret")]);
    assert_connects(&url.replace("//", "//s3cret@"), &[], &[]);
    assert_refused(&url, &[], &[("NATS_TOKEN", "s3cret-wrong")], REFUSED);
}

#[test]
fn nkey_comes_from_file_or_environment() {
    let folder = tempdir().unwrap();
    let pair = KeyPair::new_user();
    let seed = pair.seed().unwrap();
    let path = folder.path().join("driver.nk");
    fs::write(&path, format!("# of the driver\n{seed}\n")).unwrap();
    let path = path.to_str().unwrap();
    let user = NatsUser::with_nkey(&pair.public_key());
    let server = NatsServer::start(NatsConfig::new().user(user)).unwrap();
    let url = format!("nats://{}", server.client_address());
    assert_connects(&url, &["--nats-nkey", path], &[]);
    assert_connects(&url, &[], &[("NATS_NKEY", path)]);
    assert_connects(&url, &[], &[("NATS_NKEY_SEED", &seed)]);
    assert_refused(&url, &[], &[], REFUSED);

    fs::write(path, "s3cret").unwrap();
    let ended = connect(&url, &["--nats-nkey", path], &[]);
    assert_fails(2, &ended, "no NKey seed of a user (SU…) in `");
}

#[test]
fn invalid_credentials_file_is_reported() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("driver.creds");
    fs::write(&path, "s3cret").unwrap();
    let path = path.to_str().unwrap();
    let as_variable = [("NATS_CREDS", path)];
    let as_option = ["--nats-creds", path];
    for (options, environment) in [(&as_option[..], &[][..]), (&[], &as_variable)] {
        let ended = connect("nats://127.0.0.1:1", options, environment);
        assert_fails(2, &ended, "invalid credentials file `");
    }
}

#[test]
fn certificates_come_from_files() {
    let certificates = Certificates::generate().unwrap();
    let config = NatsConfig::new().tls_with_client_certificates(&certificates);
    let server = NatsServer::start(config).unwrap();
    let address = server.client_address();
    let [ca, certificate, key] = [
        certificates.authority(),
        certificates.client(),
        certificates.client_key(),
    ]
    .map(|path| path.to_str().unwrap().to_owned());
    let options = ["--nats-ca", &ca, "--nats-cert", &certificate, "--nats-key", &key];
    let environment = [("NATS_CA", &*ca), ("NATS_CERT", &*certificate), ("NATS_KEY", &*key)];
    for url in [
        format!("tls://{address}"),
        format!("nats://{address}?tls"),
        format!("nats://{address}?tls=true"),
    ] {
        assert_connects(&url, &options, &[]);
        assert_connects(&url, &[], &environment);
    }
    let url = format!("tls://{address}");
    assert_refused(&url, &options[2..], &[], "TLS handshake with NATS failed");
    let ended = connect(&url, &options[..2], &[]);
    assert_fails(1, &ended, "error: cannot open `tls://");
    // The server's alert may be lost when it closes the connection.
    let reasons = ["CertificateRequired", "Connection reset"];
    assert!(
        reasons.iter().any(|reason| ended.stderr.contains(reason)),
        "{}",
        ended.stderr
    );
}

/// Invalid NATS variables do not affect other targets.
#[test]
fn environment_is_read_for_nats_urls_only() {
    let environment = [
        ("NATS_CERT", "alone"),
        ("NATS_CREDS", ""),
        ("NATS_USER", "ada"),
        ("NATS_TOKEN", "s3cret"),
    ];
    assert_connects("stdout:", &[], &environment);
    let ended = connect("nats://127.0.0.1:1", &[], &environment);
    assert_fails(2, &ended, "conflicting credentials NATS_USER and NATS_TOKEN");
}

#[test]
fn wrong_credentials_fail_promptly() {
    let user = NatsUser::with_password("ada", "s3cret");
    let server = NatsServer::start(NatsConfig::new().jetstream().user(user)).unwrap();
    let wrong = |scheme: &str, path: &str| format!("{scheme}://ada:s3cret-wrong@{}{path}", server.client_address());
    for arguments in [
        ["publish", "--to", &wrong("nats", "")],
        ["publish", "--to", &wrong("jetstream", "/DRIVER")],
        ["tail", "--from", &wrong("nats", "")],
        ["tail", "--from", &wrong("jetstream", "/DRIVER")],
    ] {
        let started = Instant::now();
        assert_fails(1, &run(arguments), REFUSED);
        assert!(started.elapsed() < REFUSAL_DEADLINE, "{arguments:?}");
    }
}

/// Retries cannot succeed, so the command must report the error and exit.
#[tokio::test(flavor = "multi_thread")]
async fn revoked_credentials_end_the_command() {
    let config = |password| {
        NatsConfig::new()
            .jetstream()
            .user(NatsUser::with_password("ada", password))
    };
    for path in ["", "/DRIVER"] {
        let server = NatsServer::start(config("s3cret-1")).unwrap();
        let scheme = if path.is_empty() { "nats" } else { "jetstream" };
        let url = format!("{scheme}://ada:s3cret-1@{}{path}", server.client_address());
        let mut arguments = vec!["publish", "--to", &url];
        arguments.extend((!path.is_empty()).then_some("--create-stream"));
        let mut publish = Running::start(arguments);
        let tail = path.is_empty().then(|| Running::start(["tail", "--from", &url]));
        let connections = 1 + u64::from(tail.is_some());
        wait_until("the commands are connected", TEST_TIMEOUT, async || {
            server.monitoring("/connz").unwrap()["num_connections"] == connections
        })
        .await;
        let mut server = server;
        server.reload(config("s3cret-2")).unwrap();
        publish.write(&(escalate("late") + "\n"));
        for ended in [Some(publish), tail].into_iter().flatten().map(Running::wait) {
            assert_eq!(ended.code, 1, "{}", ended.stderr);
            assert!(ended.stderr.contains(REFUSED), "{}", ended.stderr);
            assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        }
    }
}

#[test]
fn missing_stream_is_reported() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let url = format!("jetstream://{}/DRIVER", server.client_address());
    assert_refused(
        &url,
        &[],
        &[],
        "stream `DRIVER` does not exist: correct its name, or create it with the option `create-stream`",
    );
    let ended = run(["tail", "--from", &url]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("stream `DRIVER` does not exist"),
        "{}",
        ended.stderr
    );
    assert_connects(&url, &["--create-stream"], &[]);
}
