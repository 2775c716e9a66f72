use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{once, output};
use crate::folders;
use crate::kafka::java;

/// Names the folder of a Kafka that is already there.
const KAFKA_HOME: &str = "KAFKA_HOME";
const VERSION: &str = "4.2.1";
/// Kafka logs by slf4j 1.7, and brings nothing that writes.
const LOG4J: &str = "2.25.4";

/// The folder of the Apache Kafka that tests run: the one that the environment variable `KAFKA_HOME` names, else one in
/// `target/brokers`, which Maven fetches once, in a quarter of a minute. Its `libs` hold the brokers and the tools.
///
/// Processes that ask at the same time wait for the one that fetches.
///
/// # Errors
/// When there is no Java, when `KAFKA_HOME` names no Kafka 4 or newer, and when Maven fails. The error says what to
/// install.
pub fn kafka() -> Result<PathBuf> {
    let java = java::program();
    output(Command::new(&java).arg("-version")).with_context(|| {
        format!(
            "no Java to run Kafka: install 17 or newer (Debian: openjdk-17-jre-headless), or name one in JAVA_HOME; \
             tried {}",
            java.display()
        )
    })?;
    if let Some(home) = env::var_os(KAFKA_HOME) {
        return installation(home.into());
    }
    let folder = installed();
    once(&folder, with_maven).with_context(|| {
        format!(
            "no Kafka: install Maven (Debian: maven), or name the folder of a Kafka {VERSION} or newer in {KAFKA_HOME}"
        )
    })?;
    Ok(folder)
}

/// The same folder, if it is there already.
///
/// # Errors
/// When `KAFKA_HOME` names no Kafka.
pub fn installed_kafka() -> Result<Option<PathBuf>> {
    match env::var_os(KAFKA_HOME) {
        Some(home) => installation(home.into()).map(Some),
        None => Ok(Some(installed()).filter(|folder| folder.exists())),
    }
}

/// The version of the Kafka in this folder, such as `4.2.1`.
///
/// # Errors
/// When there is none.
pub fn kafka_version(home: &Path) -> Result<String> {
    let libs = home.join("libs");
    let entries = fs::read_dir(&libs).with_context(|| format!("{} is not a Kafka", home.display()))?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let version = |name: String| {
        let version = name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?;
        version
            .starts_with(|first: char| first.is_ascii_digit())
            .then(|| version.to_owned())
    };
    let version = names.filter_map(version).find(|version| !version.contains('-'));
    version.with_context(|| format!("{} holds no kafka_2.13 library", libs.display()))
}

/// A Kafka that the user named is not replaced by another one.
fn installation(home: PathBuf) -> Result<PathBuf> {
    let named = || format!("{KAFKA_HOME} names {}", home.display());
    let home = std::path::absolute(&home).with_context(named)?;
    let version = kafka_version(&home).with_context(|| format!("{KAFKA_HOME} names {}", home.display()))?;
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    ensure!(
        major.is_some_and(|major| major >= 4),
        "{KAFKA_HOME} names a Kafka {version}, and the tests need {VERSION} or newer"
    );
    Ok(home)
}

fn installed() -> PathBuf {
    folders::brokers().join(format!("kafka-{VERSION}"))
}

fn with_maven(workshop: &Path) -> Result<PathBuf> {
    let (project, home) = (workshop.join("pom.xml"), workshop.join("kafka"));
    fs::write(&project, project_file())?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-q", "-B", "-f"])
        .arg(&project)
        .arg("dependency:copy-dependencies");
    output(maven.arg(format!("-DoutputDirectory={}", home.join("libs").display())))?;
    kafka_version(&home)?;
    Ok(home)
}

fn project_file() -> String {
    let dependency = |group: &str, artifact: &str, version: &str| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>"
        )
    };
    let dependencies = [
        dependency("org.apache.kafka", "kafka_2.13", VERSION),
        // The console consumer.
        dependency("org.apache.kafka", "kafka-tools", VERSION),
        dependency("org.apache.logging.log4j", "log4j-slf4j-impl", LOG4J),
    ];
    format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>driver-events</groupId><artifactId>kafka</artifactId>\
         <version>1</version><dependencies>{}</dependencies></project>\n",
        dependencies.concat()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_with(library: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("libs")).unwrap();
        fs::write(home.path().join("libs").join(library), "").unwrap();
        home
    }

    #[test]
    fn an_installation_tells_its_version() {
        let home = home_with("kafka_2.13-4.3.0.jar");
        assert_eq!(installation(home.path().to_owned()).unwrap(), home.path());
        assert_eq!(kafka_version(home.path()).unwrap(), "4.3.0");
    }

    #[test]
    fn an_installation_that_will_not_do_is_an_error_that_names_the_variable() {
        let error = installation("/nonexistent".into()).unwrap_err();
        assert_eq!(
            format!("{error:#}").split(": ").next(),
            Some("KAFKA_HOME names /nonexistent")
        );
        let error = installation(home_with("kafka_2.13-3.9.1.jar").path().to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "KAFKA_HOME names a Kafka 3.9.1, and the tests need 4.2.1 or newer"
        );
        let error = installation(home_with("other.jar").path().to_owned()).unwrap_err();
        assert!(
            format!("{error:#}").contains("holds no kafka_2.13 library"),
            "{error:#}"
        );
    }
}
