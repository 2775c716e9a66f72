//! Who the command is to a server of NATS, and whom it trusts.

use std::fs;
use std::process::{Output, Stdio};

use driver_events_harness::{Certificates, NatsConfig, NatsServer, NatsUser, wait_until};
use nkeys::KeyPair;
use tempfile::tempdir;

use crate::support::{PATIENCE, Running, command, escalate, run};

/// Publishes nothing, which needs a connection all the same.
fn connect(url: &str, options: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command(["publish", "--to", url].iter().chain(options))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

fn assert_connects(url: &str, options: &[&str], environment: &[(&str, &str)]) {
    let (code, stderr) = connect(url, options, environment);
    assert_eq!(code, Some(0), "{url} {options:?} {environment:?}: {stderr}");
}

fn assert_refused(url: &str, options: &[&str], environment: &[(&str, &str)], reason: &str) {
    let (code, stderr) = connect(url, options, environment);
    assert_eq!(code, Some(1), "{url} {options:?} {environment:?}: {stderr}");
    assert!(stderr.contains(reason), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
}

const REFUSED: &str = "refuses the credentials";

#[test]
fn a_user_and_a_password_are_in_the_url_or_in_the_environment() {
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
fn a_token_is_in_the_url_or_in_the_environment() {
    let server = NatsServer::start(NatsConfig::new().token("s3cret")).unwrap();
    let url = format!("nats://{}", server.client_address());
    assert_connects(&url, &[], &[("NATS_TOKEN", "s3cret")]);
    assert_connects(&url.replace("//", "//s3cret@"), &[], &[]);
    assert_refused(&url, &[], &[("NATS_TOKEN", "s3cret-wrong")], REFUSED);
}

#[test]
fn an_nkey_is_in_a_file_or_its_seed_in_the_environment() {
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
    let (code, stderr) = connect(&url, &["--nats-nkey", path], &[]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("has no line with the NKey seed of a user, SU…"),
        "{stderr}"
    );
    assert!(!stderr.contains("s3cret"), "{stderr}");
}

#[test]
fn a_credentials_file_that_is_none_is_told() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("driver.creds");
    fs::write(&path, "s3cret").unwrap();
    let path = path.to_str().unwrap();
    let as_variable = [("NATS_CREDS", path)];
    let as_option = ["--nats-creds", path];
    for (options, environment) in [(&as_option[..], &[][..]), (&[], &as_variable)] {
        let (code, stderr) = connect("nats://127.0.0.1:1", options, environment);
        assert_eq!(code, Some(2), "{stderr}");
        assert!(stderr.contains("driver.creds is no credentials file"), "{stderr}");
        assert!(!stderr.contains("s3cret"), "{stderr}");
    }
}

#[test]
fn certificates_are_in_files() {
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
    assert_refused(&url, &options[2..], &[], "no TLS connection to NATS could be made");
    assert_refused(&url, &options[..2], &[], "");
}

/// What is set wrongly for NATS is in nobody else's way.
#[test]
fn the_environment_counts_only_where_there_is_something_to_connect_to() {
    let environment = [
        ("NATS_CERT", "alone"),
        ("NATS_CREDS", ""),
        ("NATS_USER", "ada"),
        ("NATS_TOKEN", "s3cret"),
    ];
    assert_connects("stdout:", &[], &environment);
    let (code, stderr) = connect("nats://127.0.0.1:1", &[], &environment);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains("NATS_USER and NATS_TOKEN both say who you are"),
        "{stderr}"
    );
}

#[test]
fn who_is_refused_is_told_in_time() {
    let user = NatsUser::with_password("ada", "s3cret");
    let server = NatsServer::start(NatsConfig::new().jetstream().user(user)).unwrap();
    let wrong = |scheme: &str, path: &str| format!("{scheme}://ada:s3cret-wrong@{}{path}", server.client_address());
    for arguments in [
        ["publish", "--to", &wrong("nats", "")],
        ["publish", "--to", &wrong("jetstream", "/DRIVER")],
        ["tail", "--from", &wrong("nats", "")],
        ["tail", "--from", &wrong("jetstream", "/DRIVER")],
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, 1, "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(REFUSED), "{}", ended.stderr);
        assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    }
}

/// Trying again would be of no use, and endless silence worse.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_turn_bad_end_the_command() {
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
        wait_until("they are connected", PATIENCE, async || {
            server.monitoring("/connz").unwrap()["num_connections"] == connections
        })
        .await;
        let mut server = server;
        server.reload(config("s3cret-2")).unwrap();
        publish.write(&(escalate("late") + "\n"));
        for ended in [Some(publish), tail].into_iter().flatten().map(Running::wait) {
            assert_eq!(ended.code, 1, "{}", ended.stderr);
            assert!(
                ended.stderr.contains(REFUSED) || ended.stderr.contains("refuses this reader"),
                "{}",
                ended.stderr
            );
            assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
        }
    }
}

#[test]
fn a_stream_that_is_missing_is_told() {
    let server = NatsServer::start(NatsConfig::new().jetstream()).unwrap();
    let url = format!("jetstream://{}/DRIVER", server.client_address());
    assert_refused(
        &url,
        &[],
        &[],
        "the stream \"DRIVER\" does not exist: correct its name, or make it with --create-stream",
    );
    let ended = run(["tail", "--from", &url]);
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("the stream \"DRIVER\" does not exist"),
        "{}",
        ended.stderr
    );
    assert_connects(&url, &["--create-stream"], &[]);
}
