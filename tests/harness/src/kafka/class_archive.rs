//! A fast start through class data sharing of the JVM.

use anyhow::Result;

use super::config::KafkaConfig;
use super::java;
use super::program::KafkaBroker;
use crate::provision::install_once;

/// Archives the classes of a broker, so that later starts take two thirds of the time. Returns at once if the archive
/// exists. A JVM ignores the archive of another version or installation.
///
/// # Errors
/// Returns an error if a broker does not start or stop.
pub fn archive_classes() -> Result<()> {
    install_once(&java::class_archive(), |folder| {
        let archive = folder.join("classes.jsa");
        let option = format!("-XX:ArchiveClassesAtExit={}", archive.display());
        KafkaBroker::start(KafkaConfig::default().java_option(&option))?.stop()?;
        Ok(archive)
    })
}
