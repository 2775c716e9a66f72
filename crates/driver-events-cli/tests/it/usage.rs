use crate::support::run;

const COMMANDS: [&str; 6] = ["publish", "tail", "demo", "subjects", "completions", "man"];

#[test]
fn help_tells_of_exit_codes_and_gives_examples() {
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
        assert_eq!(too_long, None, "{command}: examples are not to be broken");
    }
    for command in ["publish", "tail"] {
        assert!(run([command, "--help"]).stdout().contains("Exit codes:"), "{command}");
    }
}

#[test]
fn the_version_is_the_crates_and_tells_what_it_was_built_with() {
    assert_eq!(
        run(["--version"]).stdout(),
        concat!(
            "driver-events ",
            env!("CARGO_PKG_VERSION"),
            "\nbuilt with: nats, kafka, kafka-tls\n"
        )
    );
    assert_eq!(
        run(["-V"]).stdout(),
        concat!("driver-events ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn wrong_usage_is_told_apart() {
    let wrong: [(&[&str], &str); 65] = [
        (&[], "Usage: "),
        (&["listen"], "unrecognized subcommand 'listen'"),
        (&["publish"], "--to <URL>"),
        (
            &["publish", "--to", "events.ndjson"],
            "it has no scheme, such as `file:`",
        ),
        (&["publish", "--to", "gopher://host/"], "there is no target `gopher:`"),
        (&["publish", "--to", "stdout:file"], "`stdout:` takes no path"),
        (
            &["publish", "--to", "stdout:?color=always"],
            "there is no parameter `color`",
        ),
        (&["publish", "--to", "stdout:?format=xml"], "unknown format `xml`"),
        (
            &["publish", "--to", "stdout:?format"],
            "the parameter `format` has no value",
        ),
        (
            &["publish", "--to", "stdout:?format=json&format=json"],
            "the parameter `format` stands twice",
        ),
        (&["publish", "--to", "file:"], "it has no path"),
        (
            &["publish", "--to", "file://host/events"],
            "a file on another host cannot be reached",
        ),
        (&["publish", "--to", "file:100%"], "`%` itself is written %25"),
        (&["publish", "--to", "file:%zz"], "`%` itself is written %25"),
        (&["publish", "--to", "file:a%00b"], "no path has a NUL in it"),
        (
            &["publish", "--to", "stdout:", "--timeout", "soon"],
            "--timeout <DURATION>",
        ),
        (&["tail"], "--from <URL>"),
        (
            &["tail", "--from", "stdout:"],
            "it is neither `-` nor a `file:`, `nats:`",
        ),
        (&["publish", "--to", "nats:host"], "it names no host: nats://HOST:PORT"),
        (&["publish", "--to", "nats://u:p@"], "it names no host"),
        (
            &["publish", "--to", "nats://h/DRIVER"],
            "write `jetstream://HOST:PORT/STREAM`",
        ),
        (
            &["publish", "--to", "nats://h?format=json"],
            "there is no parameter `format`",
        ),
        (&["publish", "--to", "nats://h?bare=yes"], "`bare` is `true` or `false`"),
        (&["publish", "--to", "jetstream://h"], "it names no stream"),
        (
            &["publish", "--to", "nats://h:port"],
            "cannot open nats://h:port: \"nats://h:port\" is no NATS server",
        ),
        (
            &["publish", "--to", "nats://h?prefix=a..b"],
            "cannot open nats://h?prefix=a..b: ",
        ),
        (&["publish", "--to", "nats://h?prefix"], "`prefix` has no value"),
        (&["publish", "--to", "nats://h?prefix="], "`prefix` has no value"),
        (
            &["publish", "--to", "nats://h", "--nats-creds", "a", "--nats-nkey", "b"],
            "--nats-creds and --nats-nkey both say who you are",
        ),
        (
            &["publish", "--to", "nats://h", "--nats-user", "ada"],
            "the user ada needs a password: set NATS_PASSWORD",
        ),
        (
            &["publish", "--to", "nats://h", "--nats-nkey", "/missing/a.nk"],
            "cannot read the NKey file /missing/a.nk: ",
        ),
        (
            &["tail", "--from", "nats://h", "--nats-cert", "a"],
            "a certificate needs its key: give --nats-key",
        ),
        (
            &["publish", "--to", "jetstream://h/D?offset=latest"],
            "`offset` is for reading",
        ),
        (
            &["publish", "--to", "nats://h", "--create-stream"],
            "--create-stream is for a `jetstream:` target",
        ),
        (&["tail", "--from", "jetstream://h"], "it names no stream"),
        (
            &["tail", "--from", "jetstream://h/D?offset=first"],
            "`offset` is `earliest`",
        ),
        (
            &["tail", "--from", "jetstream://h/D?bare=true"],
            "there is no parameter `bare`",
        ),
        (
            &["tail", "--from", "nats://h", "--since", "1h"],
            "--since is for a `jetstream:` or a `kafka:` source",
        ),
        (
            &["tail", "--from", "nats://h", "--since", "soon"],
            "it is neither a duration",
        ),
        (
            &["tail", "--from", "-", "--durable", "x"],
            "--durable is for a `jetstream:`",
        ),
        (&["tail", "--from", "nats://h", "--follow"], "--follow is for a file"),
        (
            &["tail", "--from", "jetstream://h/D?offset=latest", "--since", "1h"],
            "say both where to begin",
        ),
        (
            &["tail", "--from", "file:x?format=json"],
            "there is no parameter `format` here",
        ),
        (
            &["publish", "--to", "kafka:h"],
            "it names no host: kafka://HOST:PORT/TOPIC",
        ),
        (&["publish", "--to", "kafka://h,,i"], "it names no host"),
        (
            &["publish", "--to", "kafka://h/a/b"],
            "cannot open kafka://h/a/b: invalid topic name `a/b`: only A-Z, ",
        ),
        (
            &["publish", "--to", "kafka://h?acks=2"],
            "`acks` is `all`, `leader` or `none`",
        ),
        (
            &["publish", "--to", "kafka://h?partitions=0"],
            "`partitions` is a number from 1",
        ),
        (
            &["publish", "--to", "kafka://h?partitions=3"],
            "are for --create-topic, which is not given",
        ),
        (
            &["publish", "--to", "kafka://h?retention=long"],
            "`retention` is a duration such as `7d`",
        ),
        (
            &["publish", "--to", "kafka://h/t?per-subject"],
            "with `per-subject` it names no topic",
        ),
        (
            &["publish", "--to", "kafka://h?offset=latest"],
            "`offset` is for reading",
        ),
        (
            &["publish", "--to", "nats://h", "--create-topic"],
            "--create-topic is for a `kafka:` target",
        ),
        (
            &["publish", "--to", "kafka://h", "-X", "linger.ms=soon"],
            "invalid property `linger.ms`: its name is unknown to this build of librdkafka, or its value is invalid",
        ),
        (
            &["publish", "--to", "kafka://h", "-X", "sasl.password=s3cret"],
            "everybody can read the arguments of a command; set KAFKA_PASSWORD",
        ),
        (
            &["publish", "--to", "kafka://h", "--kafka-user", "ada"],
            "the user ada needs a password: set KAFKA_PASSWORD",
        ),
        (
            &["tail", "--from", "kafka://h", "--kafka-config", "/missing/x"],
            "cannot read the properties /missing/x: ",
        ),
        (
            &["tail", "--from", "kafka://h", "--kafka-key", "a"],
            "a key needs its certificate: give --kafka-cert",
        ),
        (
            &["tail", "--from", "kafka://h?bare"],
            "there is no parameter `bare`, but `prefix`, `per-subject`, `offset` and `tls`",
        ),
        (
            &["tail", "--from", "kafka://h", "--durable", "x"],
            "one of `kafka:` has a --group",
        ),
        (
            &["tail", "--from", "jetstream://h/D", "--group", "x"],
            "one of `jetstream:` has a --durable",
        ),
        (
            &["tail", "--from", "kafka://h", "--dead-letters", "x"],
            "--dead-letters is for a `kafka:` source with a --group",
        ),
        (&["tail", "--from", "kafka://h", "--follow"], "--follow is for a file"),
        (&["tail", "--from", "-", "--goal", "first"], "--goal <ID>"),
        (&["tail", "--from", "-", "--count", "0"], "--count <N>"),
    ];
    for (arguments, reason) in wrong {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stdout()), (2, ""), "{arguments:?}");
        assert!(ended.stderr.contains(reason), "{arguments:?}: {}", ended.stderr);
    }
}

/// What is wrong is told without it: standard error goes to logs.
#[test]
fn a_wrong_url_is_told_without_its_password() {
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
    let ended = run(["publish", "--to", "nats://ada:s3cret@h:port"]);
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.starts_with("error: cannot open nats://..@h:port: "),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn completions_know_the_options() {
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
        // The end of the help is laid out as it stands there.
        assert!(
            page.stdout().contains("\n.SH EXAMPLES\n.nf\ndriver\\-events "),
            "{command}"
        );
    }
    let ended = run(["man", "listen"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (2, "error: there is no command `listen`\n")
    );
}
