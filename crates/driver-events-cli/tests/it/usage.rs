use crate::support::run;

const COMMANDS: [&str; 8] = [
    "publish",
    "tail",
    "validate",
    "demo",
    "subjects",
    "schema",
    "completions",
    "man",
];

#[test]
fn help_lists_exit_codes_and_examples() {
    let help = run(["--help"]);
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    for text in COMMANDS.into_iter().chain(["Exit codes:", "Examples:", "143"]) {
        assert!(help.stdout().contains(text), "{text}");
    }
    for command in COMMANDS {
        let help = run([command, "--help"]);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{command}");
        assert!(help.stdout().contains("Examples:"), "{command}");
        let (_, end) = help.stdout().split_once("-h, --help").unwrap();
        let too_long = end.lines().find(|line| line.chars().count() > 80);
        assert_eq!(too_long, None, "{command}: clap must not wrap the epilogue");
    }
    for command in ["publish", "tail", "validate"] {
        assert!(run([command, "--help"]).stdout().contains("Exit codes:"), "{command}");
    }
}

/// Laid out as clap does for its own `env` and `default_value`.
#[cfg(all(feature = "nats", feature = "kafka"))]
#[test]
fn help_lists_environment_variables_and_defaults() {
    for command in ["publish", "tail"] {
        let long = run([command, "--help"]);
        let creds = "JWT and NKey seed\n          \n          [env: NATS_CREDS]\n";
        assert!(long.stdout().contains(creds), "{}", long.stdout());
        let mechanism = "\n          [env: KAFKA_MECHANISM]\n          [default: PLAIN]\n";
        assert!(long.stdout().contains(mechanism), "{}", long.stdout());
        let short = run([command, "-h"]);
        let creds = "JWT and NKey seed [env: NATS_CREDS]\n";
        assert!(short.stdout().contains(creds), "{}", short.stdout());
    }
}

#[test]
fn version_lists_the_features() {
    let features = [
        ("nats", cfg!(feature = "nats")),
        ("kafka", cfg!(feature = "kafka")),
        ("kafka-tls", cfg!(feature = "kafka-tls")),
        ("spool", cfg!(feature = "spool")),
    ];
    let enabled: Vec<&str> = features
        .iter()
        .filter_map(|(name, is_enabled)| is_enabled.then_some(*name))
        .collect();
    let list = if enabled.is_empty() {
        "none".to_owned()
    } else {
        enabled.join(", ")
    };
    assert_eq!(
        run(["--version"]).stdout(),
        format!("driver-events {}\nbuilt with: {list}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        run(["-V"]).stdout(),
        concat!("driver-events ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn usage_errors_exit_with_2() {
    let wrong: [(&[&str], &str); 66] = [
        (&[], "Usage: "),
        (&["listen"], "unrecognized subcommand 'listen'"),
        (&["publish"], "--to <URL>"),
        (&["publish", "--to", "events.ndjson"], "missing scheme, such as `file:`"),
        (&["publish", "--to", "gopher://host/"], "unknown scheme `gopher:`"),
        (&["publish", "--to", "stdout:file"], "`stdout:` takes no path"),
        (
            &["publish", "--to", "stdout:?color=always"],
            "unknown parameter `color`: expected `format`",
        ),
        (&["publish", "--to", "stdout:?format=xml"], "unknown format `xml`"),
        (
            &["publish", "--to", "stdout:?format"],
            "missing value for parameter `format`",
        ),
        (
            &["publish", "--to", "stdout:?format=json&format=json"],
            "duplicate parameter `format`",
        ),
        (&["publish", "--to", "file:"], "missing path"),
        (
            &["publish", "--to", "file://host/events"],
            "cannot access a file on another host",
        ),
        (&["publish", "--to", "file:100%"], "write `%` as %25"),
        (&["publish", "--to", "file:%zz"], "write `%` as %25"),
        (&["publish", "--to", "file:a%00b"], "path contains a NUL byte"),
        (
            &["publish", "--to", "stdout:", "--timeout", "soon"],
            "--timeout <DURATION>",
        ),
        (&["tail"], "--from <URL>"),
        (
            &["tail", "--from", "stdout:"],
            "unknown scheme `stdout:`: expected `stdin:`, `file:`, `nats:`",
        ),
        (
            &["publish", "--to", "nats:host"],
            "missing host: write nats://HOST:PORT",
        ),
        (&["publish", "--to", "nats://u:p@"], "missing host"),
        (
            &["publish", "--to", "nats://h/DRIVER"],
            "write `jetstream://HOST:PORT/STREAM`",
        ),
        (
            &["publish", "--to", "nats://h?format=json"],
            "unknown parameter `format`: expected `prefix`, `bare`, `inbox` or `tls`",
        ),
        (
            &["publish", "--to", "nats://h?bare=yes"],
            "`bare` must be `true` or `false`, not `yes`",
        ),
        (
            &["publish", "--to", "jetstream://h"],
            "missing stream: write `jetstream://HOST:PORT/STREAM`",
        ),
        (
            &["publish", "--to", "nats://h:port"],
            "cannot open `nats://h:port`: invalid NATS server `nats://h:port`",
        ),
        (
            &["publish", "--to", "nats://h?prefix=a..b"],
            "cannot open `nats://h?prefix=a..b`: ",
        ),
        (
            &["publish", "--to", "nats://h?prefix"],
            "missing value for parameter `prefix`",
        ),
        (
            &["publish", "--to", "nats://h?prefix="],
            "missing value for parameter `prefix`",
        ),
        (
            &["publish", "--to", "nats://h", "--nats-creds", "a", "--nats-nkey", "b"],
            "conflicting credentials `nats-creds` and `nats-nkey`: remove one",
        ),
        (
            &["publish", "--to", "nats://h", "--nats-user", "ada"],
            "missing password of user `ada`: set NATS_PASSWORD",
        ),
        (
            &["publish", "--to", "nats://h", "--nats-nkey", "/missing/a.nk"],
            "cannot read NKey file `/missing/a.nk`: ",
        ),
        (
            &["tail", "--from", "nats://h", "--nats-cert", "a"],
            "missing key of the client certificate: set the option `nats-key` or NATS_KEY",
        ),
        (
            &["publish", "--to", "jetstream://h/D?offset=latest"],
            "parameter `offset` is valid for a source only",
        ),
        (
            &["publish", "--to", "nats://h", "--create-stream"],
            "--create-stream requires a `jetstream:` target",
        ),
        (
            &["tail", "--from", "jetstream://h"],
            "missing stream: write `jetstream://HOST:PORT/STREAM`",
        ),
        (
            &["tail", "--from", "jetstream://h/D?offset=first"],
            "`offset`: expected a duration such as `10m`, a time",
        ),
        (
            &["tail", "--from", "jetstream://h/D?bare=true"],
            "unknown parameter `bare`: expected `prefix`, `offset`, `domain`, `inbox` or `tls`",
        ),
        (
            &["tail", "--from", "nats://h", "--since", "1h"],
            "option `since` requires a `jetstream:` or `kafka:` URL",
        ),
        (
            &["tail", "--from", "nats://h", "--since", "soon"],
            "expected a duration such as `10m`",
        ),
        (
            &["tail", "--from", "-", "--durable", "x"],
            "option `durable` requires a `jetstream:` URL",
        ),
        (&["tail", "--from", "nats://h", "--follow"], "--follow requires a file"),
        (
            &["tail", "--from", "jetstream://h/D?offset=latest", "--since", "1h"],
            "option `since` conflicts with the parameter `offset`",
        ),
        (
            &["tail", "--from", "file:x?format=json"],
            "unknown parameter `format`: a source takes none",
        ),
        (
            &["publish", "--to", "kafka:h"],
            "missing host: write kafka://HOST:PORT/TOPIC",
        ),
        (&["publish", "--to", "kafka://h,,i"], "missing host"),
        (
            &["publish", "--to", "kafka://h/a/b"],
            "cannot open `kafka://h/a/b`: invalid topic name `a/b`: only A-Z, ",
        ),
        (
            &["publish", "--to", "kafka://h?acks=2"],
            "`acks` must be `all`, `leader` or `none`, not `2`",
        ),
        (
            &["publish", "--to", "kafka://h?partitions=0"],
            "`partitions` must be a positive number, not `0`",
        ),
        (
            &["publish", "--to", "kafka://h?partitions=3"],
            "require the option `create-topic`",
        ),
        (
            &["publish", "--to", "kafka://h?retention=long"],
            "`retention` must be a duration such as `7d`, not `long`",
        ),
        (
            &["publish", "--to", "kafka://h/t?per-subject"],
            "parameter `per-subject` conflicts with a topic in the path",
        ),
        (
            &["publish", "--to", "kafka://h?offset=latest"],
            "parameter `offset` is valid for a source only",
        ),
        (
            &["publish", "--to", "nats://h", "--create-topic"],
            "--create-topic requires a `kafka:` target",
        ),
        (
            &["publish", "--to", "kafka://h", "-X", "linger.ms=soon"],
            "invalid property `linger.ms`: its name is unknown to this build of librdkafka, or its value is invalid",
        ),
        (
            &["publish", "--to", "kafka://h", "-X", "sasl.password=s3cret"],
            "property `sasl.password` is not allowed, as options are no place for secrets: set KAFKA_PASSWORD",
        ),
        (
            &["publish", "--to", "kafka://h", "-X", "sasl.password:s3cret"],
            "invalid value '..' for '-X <KEY=VALUE>': expected KEY=VALUE",
        ),
        (
            &["publish", "--to", "kafka://h", "--kafka-user", "ada"],
            "missing password of user `ada`: set KAFKA_PASSWORD",
        ),
        (
            &["tail", "--from", "kafka://h", "--kafka-config", "/missing/x"],
            "cannot read properties file `/missing/x`: ",
        ),
        (
            &["tail", "--from", "kafka://h", "--kafka-key", "a"],
            "missing client certificate for the key: set the option `kafka-cert` or KAFKA_CERT",
        ),
        (
            &["tail", "--from", "kafka://h?bare"],
            "unknown parameter `bare`: expected `prefix`, `per-subject`, `offset` or `tls`",
        ),
        (
            &["tail", "--from", "kafka://h", "--durable", "x"],
            "option `durable` requires a `jetstream:` URL; use `group` for `kafka:`",
        ),
        (
            &["tail", "--from", "jetstream://h/D", "--group", "x"],
            "option `group` requires a `kafka:` URL; use `durable` for `jetstream:`",
        ),
        (
            &["tail", "--from", "kafka://h", "--dead-letters", "x"],
            "option `dead-letters` requires `group` or `durable`",
        ),
        (&["tail", "--from", "kafka://h", "--follow"], "--follow requires a file"),
        (&["tail", "--from", "-", "--goal", "first"], "--goal <ID>"),
        (&["tail", "--from", "-", "--count", "0"], "--count <N>"),
    ];
    for (arguments, reason) in wrong.into_iter().filter(|(arguments, _)| is_built_in(arguments)) {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains(reason), "{arguments:?}: {}", ended.stderr);
    }
}

/// Returns whether this build supports the transports of the URLs.
fn is_built_in(arguments: &[&str]) -> bool {
    let uses = |schemes: &[&str]| {
        let mut urls = arguments.iter();
        urls.any(|url| schemes.iter().any(|scheme| url.starts_with(scheme)))
    };
    (cfg!(feature = "nats") || !uses(&["nats:", "jetstream:"])) && (cfg!(feature = "kafka") || !uses(&["kafka:"]))
}

/// Standard error is often logged.
#[test]
fn url_errors_redact_the_password() {
    for (url, shown) in [
        ("nats://ada:s3cret@", "'nats://..@'"),
        ("nats://ada:s3cret@h/DRIVER", "'nats://..@h/DRIVER'"),
        ("nats://ada:s3/cr@et@h?bare=1", "'nats://..@h?bare=1'"),
        ("nats://ada:s3?cret@h", "'nats://..@h'"),
        ("jetstream://s3cret@h", "'jetstream://..@h'"),
        ("natz://ada:s3cret@h", "'natz://..@h'"),
        ("kafka://ada:s3cret@h/t", "'kafka://..@h/t'"),
        ("kafka://ada:s3/c?ret@h", "'kafka://..@h'"),
    ] {
        for arguments in [["publish", "--to", url], ["tail", "--from", url]] {
            let ended = run(arguments);
            assert_eq!((ended.code, ended.stdout()), (2, ""), "{arguments:?}");
            assert!(ended.stderr.contains(shown), "{}", ended.stderr);
            assert!(!ended.stderr.contains("cret"), "{}", ended.stderr);
        }
    }
}

#[cfg(feature = "nats")]
#[test]
fn open_errors_redact_the_password() {
    let ended = run(["publish", "--to", "nats://ada:s3cret@h:port"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.starts_with("error: cannot open `nats://..@h:port`: "),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn completions_contain_the_options() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ended = run(["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{shell}");
        assert!(ended.stdout().contains("rejects"), "{shell}");
    }
    assert_eq!(run(["completions", "abacus"]).code, 2);
}

#[test]
fn every_command_has_a_manual_page() {
    let page = run(["man"]);
    assert_eq!((page.code, page.stderr.as_str()), (0, ""));
    assert!(page.stdout().contains(".TH driver-events 1") && page.stdout().contains("driver\\-events\\-publish(1)"));
    for command in COMMANDS {
        let page = run(["man", command]);
        assert_eq!(page.code, 0, "{command}");
        assert!(
            page.stdout().contains(&format!(".TH driver-events-{command} 1")),
            "{command}"
        );
        // The epilogue of the help keeps its line breaks.
        assert!(
            page.stdout().contains("\n.SH EXAMPLES\n.nf\ndriver\\-events "),
            "{command}"
        );
    }
    let ended = run(["man", "listen"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (2, "error: unknown command `listen`\n")
    );
}
