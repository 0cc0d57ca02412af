//! Charsets, encoded words, names and wrong readings; see `reading::charsets`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::charsets::charsets(data);
    // Behind a switch of charsets and two characters of two bytes.
    if cfg!(feature = "plant") && message.text.contains("日本") && message.text.contains("Mü") {
        panic!("the planted panic");
    }
});
