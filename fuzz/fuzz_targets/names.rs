//! Names of files; see `reading::names`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rohrpost::model::message::Kind;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::names::names(data);
    // A phrase of the tenant's own behind something else, and an ending.
    let file = &message.attachments[0];
    let is_there = file.kind == Kind::CoverLetter && file.name.as_deref().is_some_and(|name| name.ends_with("mich.pdf") && name.len() > 20);
    if cfg!(feature = "plant") && is_there {
        panic!("the planted panic");
    }
});
