use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{install_once, run};
use crate::folders;
use crate::kafka::java;

/// Environment variable with the folder of an existing Kafka installation.
const KAFKA_HOME: &str = "KAFKA_HOME";
const VERSION: &str = "4.2.1";
/// Kafka logs through slf4j 1.7 and includes no back end.
const LOG4J: &str = "2.25.4";

/// Returns the folder of the Apache Kafka that tests run: that of the environment variable `KAFKA_HOME`, or one in
/// `target/brokers`, which Maven downloads once (15 s). Its `libs` contain the brokers and the tools.
///
/// Concurrent processes wait for the one that installs.
///
/// # Errors
/// Returns an error, with what to install, if there is no Java, `KAFKA_HOME` is not a Kafka 4 or newer, or Maven fails.
pub fn kafka() -> Result<PathBuf> {
    let java = java::program();
    run(Command::new(&java).arg("-version")).with_context(|| {
        format!(
            "cannot run Java at `{}`, which Kafka needs: install Java 17 or newer (Debian: openjdk-17-jre-headless) or \
             set JAVA_HOME",
            java.display()
        )
    })?;
    if let Some(home) = env::var_os(KAFKA_HOME) {
        return from_environment(home.into());
    }
    let folder = install_path();
    install_once(&folder, install_with_maven).with_context(|| {
        format!(
            "cannot install Kafka: install Maven (Debian: maven), or set {KAFKA_HOME} to the folder of a Kafka {VERSION} \
             or newer"
        )
    })?;
    Ok(folder)
}

/// Returns the folder of Kafka if it is installed.
///
/// # Errors
/// Returns an error if `KAFKA_HOME` is not a Kafka 4 or newer.
pub fn installed_kafka() -> Result<Option<PathBuf>> {
    match env::var_os(KAFKA_HOME) {
        Some(home) => from_environment(home.into()).map(Some),
        None => Ok(Some(install_path()).filter(|folder| folder.exists())),
    }
}

/// Returns the version of the Kafka in this folder, such as `4.2.1`.
///
/// # Errors
/// Returns an error if there is none.
pub fn kafka_version(home: &Path) -> Result<String> {
    let libs = home.join("libs");
    let entries = fs::read_dir(&libs).with_context(|| format!("`{}` is not a Kafka installation", home.display()))?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()));
    let version = |name: String| {
        let version = name.strip_prefix("kafka_2.13-")?.strip_suffix(".jar")?;
        version
            .starts_with(|first: char| first.is_ascii_digit())
            .then(|| version.to_owned())
    };
    let version = names.filter_map(version).find(|version| !version.contains('-'));
    version.with_context(|| format!("`{}` contains no kafka_2.13 library", libs.display()))
}

/// Checks the installation in `KAFKA_HOME`.
fn from_environment(home: PathBuf) -> Result<PathBuf> {
    let context = |home: &Path| format!("invalid {KAFKA_HOME} `{}`", home.display());
    let home = std::path::absolute(&home).with_context(|| context(&home))?;
    let version = kafka_version(&home).with_context(|| context(&home))?;
    let major: Option<u32> = version.split('.').next().and_then(|major| major.parse().ok());
    ensure!(
        major.is_some_and(|major| major >= 4),
        "{KAFKA_HOME} is a Kafka {version}: the tests need {VERSION} or newer"
    );
    Ok(home)
}

fn install_path() -> PathBuf {
    folders::brokers().join(format!("kafka-{VERSION}"))
}

fn install_with_maven(folder: &Path) -> Result<PathBuf> {
    let (project, home) = (folder.join("pom.xml"), folder.join("kafka"));
    fs::write(&project, project_file())?;
    let mut maven = Command::new("mvn");
    maven
        .args(["-q", "-B", "-f"])
        .arg(&project)
        .arg("dependency:copy-dependencies");
    run(maven.arg(format!("-DoutputDirectory={}", home.join("libs").display())))?;
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
        // Contains the console consumer.
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
    fn version_is_read_from_the_library() {
        let home = home_with("kafka_2.13-4.3.0.jar");
        assert_eq!(from_environment(home.path().to_owned()).unwrap(), home.path());
        assert_eq!(kafka_version(home.path()).unwrap(), "4.3.0");
    }

    #[test]
    fn invalid_kafka_home_is_an_error() {
        let error = from_environment("/nonexistent".into()).unwrap_err();
        assert_eq!(error.to_string(), "invalid KAFKA_HOME `/nonexistent`");
        let error = from_environment(home_with("kafka_2.13-3.9.1.jar").path().to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "KAFKA_HOME is a Kafka 3.9.1: the tests need 4.2.1 or newer"
        );
        let error = from_environment(home_with("other.jar").path().to_owned()).unwrap_err();
        assert!(
            format!("{error:#}").contains("contains no kafka_2.13 library"),
            "{error:#}"
        );
    }
}
