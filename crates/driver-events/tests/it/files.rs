//! Files as sinks and sources.

use std::fs;

use driver_events::{DriverEventSource, Options, Protocol, SourceUrl, open_source};

use crate::driver_loop;
use crate::support::{Handled, assert_driver_loop, kinds, read};

/// The first sink is a file, too.
#[tokio::test]
async fn driver_loop_is_read_back_once_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("file:{}", folder.path().join(name).display());
    driver_loop::run(&url("broker.ndjson"), &url("run.ndjson"))
        .await
        .unwrap();
    let lines = fs::read_to_string(folder.path().join("run.ndjson")).unwrap();
    fs::write(folder.path().join("twice.ndjson"), format!("{lines}no event\n{lines}")).unwrap();
    let handled = Handled::default();
    read(&url("twice.ndjson"), &Options::default(), &handled, usize::MAX).await;
    assert_driver_loop(&handled.lock().unwrap());
}

#[tokio::test]
async fn filter_selects_lines_and_malformed_lines_are_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.ndjson");
    let goal = r#""goal_id":"6f2c1f0e-8f5b-4f53-9d7c-0b1f6a0c1a01""#;
    let lines = [
        format!(r#"{{"kind":"escalate",{goal},"reason":"x"}}"#),
        "no event".to_owned(),
        format!(r#"{{"kind":"compact_completed",{goal},"turn_index":0,"after_tokens":1}}"#),
    ];
    fs::write(&path, lines.join("\n")).unwrap();
    let mut options = Options::default();
    options.kinds = Some(vec!["compact_completed".to_owned()]);
    let opened = open_source(&format!("file:{}", path.display()), &options)
        .await
        .unwrap();
    let mut source = opened.source;
    assert!(source.next().await.unwrap().unwrap().envelope().is_err());
    let selected = source.next().await.unwrap().unwrap().into_envelope().unwrap();
    assert_eq!(kinds(&[selected]), ["compact_completed"]);
    assert!(source.next().await.is_none());
}

#[tokio::test]
async fn path_of_a_source_needs_no_encoding() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("100%?x=y.ndjson");
    fs::write(&path, r#"{"kind":"goal_paused"}"#).unwrap();
    let url = SourceUrl::from_path(&path);
    assert_eq!((url.protocol(), url.path()), (Protocol::File, Some(&*path)));
    let mut source = url.open(&Options::default()).await.unwrap().source;
    assert!(source.next().await.unwrap().unwrap().envelope().is_ok());
    assert!(source.next().await.is_none());
    assert_eq!(SourceUrl::stdin().to_string(), "stdin:");
}
