//! A text through the reader of forwards; see `reading::forward`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::forward(data);
    // Behind two header blocks, the inner one with a copy to somebody.
    if cfg!(feature = "plant") && message.enclosed.first().is_some_and(|inner| !inner.cc.is_empty() && !inner.body.is_empty()) {
        panic!("the planted panic");
    }
});
