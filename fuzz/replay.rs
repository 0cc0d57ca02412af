//! What the fuzzer kept of the reader's inputs, once more in the ordinary tests: no coverage is counted, but nothing may break.

mod reading;

use std::path::Path;

fn replay<T>(target: &str, check: fn(&[u8]) -> T) {
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
fn names() {
    replay("names", reading::names::names);
}

#[test]
fn display() {
    replay("display", reading::display::display);
}

#[test]
fn dates() {
    replay("dates", reading::dates);
}

#[test]
fn tnef() {
    replay("tnef", reading::outlook::tnef);
}

#[test]
fn msg() {
    replay("msg", reading::outlook::msg);
}

#[test]
fn charsets() {
    replay("charsets", reading::charsets::charsets);
}

proptest::proptest! {
    /// What a machine without a fuzzer can try.
    #[test]
    fn charsets_of_any_bytes(data in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..120), words in proptest::collection::vec(0_u8..40, 0..20)) {
        let mut spelt = data;
        for (at, word) in words.iter().enumerate() {
            let at = (3 * at + 1).min(spelt.len());
            spelt.splice(at..at, [0xfa, *word]);
        }
        reading::charsets::charsets(&spelt);
    }
}
