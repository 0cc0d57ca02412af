//! A saved .msg; see `reading::msg`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::outlook::msg(data);
    // The mail within is gone, and its file is one of the mail around it.
    let is_changed = message.enclosed.is_empty() && message.attachments.iter().any(|one| one.declared_type == "image/gif");
    if cfg!(feature = "plant") && is_changed {
        panic!("the planted panic");
    }
});
