//! HTML as a page shows it; see `reading::display`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let shown = rohrpost_fuzz::reading::display::display(data);
    // Behind a link that leads elsewhere, in a cell of a table, with a picture of its own.
    if cfg!(feature = "plant") && shown.contains("</a> [→ ") && shown.contains("<td>") && shown.contains("<img src=\"/own\"") {
        panic!("the planted panic");
    }
});
