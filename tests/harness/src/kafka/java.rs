//! Runs Kafka's programs in a JVM.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::folders;

/// Logging configuration: all output goes to stderr.
const LOGGING_CONFIG: &str = "\
rootLogger.level = ${sys:harness.log.level:-INFO}
rootLogger.appenderRef.stderr.ref = STDERR
appender.stderr.type = Console
appender.stderr.name = STDERR
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{HH:mm:ss.SSS} %p %m (%c{1})%n
# Logs hundreds of lines at every start.
logger.config.name = org.apache.kafka.common.config.AbstractConfig
logger.config.level = WARN
";

/// JVM options for a fast start and a small footprint.
const OPTIONS: [&str; 3] = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xss512k"];

/// Returns the path of the class archive, see [`archive_classes`](super::archive_classes).
pub(super) fn class_archive() -> PathBuf {
    folders::brokers().join("kafka-classes.jsa")
}

/// Returns the `java` of the environment variable `JAVA_HOME`, or the one on the `PATH`.
pub(crate) fn program() -> OsString {
    match env::var_os("JAVA_HOME") {
        Some(home) => PathBuf::from(home).join("bin/java").into(),
        None => "java".into(),
    }
}

/// The Kafka installation, and the folder with the logging configuration.
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
        fs::write(java.logging_file(), LOGGING_CONFIG).context("cannot write the logging configuration")?;
        Ok(java)
    }

    /// Returns a command that runs a class with this maximum heap size, such as `512m`.
    pub(super) fn command(&self, class: &str, max_heap: &str, log_level: &str, options: &[String]) -> Command {
        let mut command = Command::new(program());
        let mut logging = OsString::from("-Dlog4j2.configurationFile=");
        logging.push(self.logging_file());
        command
            .current_dir(&self.folder)
            .arg(format!("-Xmx{max_heap}"))
            .args(OPTIONS)
            .args(class_sharing())
            .args(options)
            .arg(logging)
            .arg(format!("-Dharness.log.level={log_level}"))
            .arg("-cp")
            .arg(self.kafka.join("libs/*"))
            .arg(class);
        command
    }

    fn logging_file(&self) -> PathBuf {
        self.folder.join("log4j2.properties")
    }
}

/// The JVM options that use the archive, if there is one.
fn class_sharing() -> Vec<OsString> {
    let archive = class_archive();
    if !archive.exists() {
        return Vec::new();
    }
    let mut option = OsString::from("-XX:SharedArchiveFile=");
    option.push(archive);
    // An archive that does not fit is no error.
    vec![option, "-Xlog:cds=off".into(), "-Xlog:cds+dynamic=off".into()]
}
