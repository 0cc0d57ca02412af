//! HTML to text; see `reading::html`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::html(data);
    // Behind a list in a list in two quotes.
    if cfg!(feature = "plant") && message.text.contains("> >   1. ") {
        panic!("the planted panic");
    }
});
