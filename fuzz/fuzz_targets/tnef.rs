//! winmail.dat; see `reading::tnef`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::outlook::tnef(data);
    // An image by the end of its name, which the input has to spell.
    if cfg!(feature = "plant") && message.attachments.iter().any(|one| one.declared_type == "image/gif") {
        panic!("the planted panic");
    }
});
