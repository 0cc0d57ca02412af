//! The date of a forward; see `reading::dates`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let message = rohrpost_fuzz::reading::dates(data);
    let date = message.original.and_then(|original| original.date);
    // Behind a day, a month, a year, a time and a zone that is far to the west.
    if cfg!(feature = "plant") && date.is_some_and(|date| date.contains("T00:") && date.ends_with("-05:30")) {
        panic!("the planted panic");
    }
});
