//! What the fuzzer kept of the reader's inputs, once more in the ordinary tests: no coverage is counted, but nothing may break.

mod reading;

use rohrpost::model::message::Message;
use std::path::Path;

fn replay(target: &str, check: fn(&[u8]) -> Message) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for file in std::fs::read_dir(&folder).expect("the corpus is checked in") {
        check(&std::fs::read(file.expect("a folder that is read").path()).expect("a file that can be read"));
        count += 1;
    }
    assert!((1..=60).contains(&count), "{count} files in {}", folder.display());
}

#[test]
fn forwards() {
    replay("forward", reading::forward);
}

#[test]
fn html() {
    replay("html", reading::html);
}

#[test]
fn dates() {
    replay("dates", reading::dates);
}

#[test]
fn tnef() {
    replay("tnef", reading::tnef);
}

#[test]
fn msg() {
    replay("msg", reading::msg);
}
