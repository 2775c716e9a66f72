//! Kafka's programs, which run in a JVM.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// What Kafka's programs log, and where: to the standard error.
const LOGGING: &str = "\
rootLogger.level = ${sys:harness.log.level:-INFO}
rootLogger.appenderRef.stderr.ref = STDERR
appender.stderr.type = Console
appender.stderr.name = STDERR
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss.SSS} %p %m (%c{1})%n
# Hundreds of lines, each time.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = WARN
";

/// Quick to start, and small beside the tests.
const OPTIONS: [&str; 3] = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"];

/// The `java` that the environment variable `JAVA_HOME` names, else the one on the path.
pub(crate) fn program() -> OsString {
    match env::var_os("JAVA_HOME") {
        Some(home) => PathBuf::from(home).join("bin/java").into(),
        None => "java".into(),
    }
}

/// Where Kafka is, and the folder that its programs take their logging from.
#[derive(Clone, Debug)]
pub(super) struct Java {
    pub(super) kafka: PathBuf,
    pub(super) folder: PathBuf,
}

impl Java {
    pub(super) fn new(kafka: PathBuf, folder: &Path) -> Result<Self> {
        let java = Self {
            kafka,
            folder: folder.to_owned(),
        };
        fs::write(java.logging(), LOGGING).context("the logging's configuration cannot be written")?;
        Ok(java)
    }

    /// A command that runs the program of this class, with so much memory.
    pub(super) fn command(&self, class: &str, memory: &str, log_level: &str, options: &[String]) -> Command {
        let mut command = Command::new(program());
        let mut logging = OsString::from("-Dlog4j2.configurationFile=");
        logging.push(self.logging());
        command
            .current_dir(&self.folder)
            .arg(format!("-Xmx{memory}"))
            .args(OPTIONS)
            .args(options)
            .arg(logging)
            .arg(format!("-Dharness.log.level={log_level}"))
            .arg("-cp")
            .arg(self.kafka.join("libs/*"))
            .arg(class);
        command
    }

    fn logging(&self) -> PathBuf {
        self.folder.join("log4j2.properties")
    }
}
