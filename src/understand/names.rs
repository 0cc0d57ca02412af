//! File names made harmless: what is shown and stored can be written to any disk and any page.

use super::parameters;
use unicode_normalization::UnicodeNormalization;

/// Longest name, in bytes: what common file systems take.
const LONGEST: usize = 255;

/// NFC, without path parts, control, bidi and invisible characters, at most 255 bytes with its extension kept.
/// None if nothing is left.
pub fn harmless(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim().is_empty())?;
    // Composed last: what was taken off may have stood between a letter and its accent.
    let mut clean: String = last.chars().filter(|&c| !is_dangerous(c)).nfc().take(2 * LONGEST).collect();
    clean = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    let clean = clean.trim_matches(|c: char| c == '.' || c.is_whitespace());
    let leading_dot = last.trim_start().starts_with('.') && !clean.is_empty();
    let clean = if leading_dot { format!("_{clean}") } else { clean.to_owned() };
    // What was taken off may have stood within an escape, or within a wrong reading.
    let (read, _) = parameters::named(&clean);
    if read.len() < clean.len() { harmless(&read) } else { (!clean.is_empty()).then(|| shortened(&clean)) }
}

/// Controls, and what changes or hides text without being seen: Unicode's Bidi_Control and Default_Ignorable_Code_Point, and the
/// format characters (general category Cf) beside them. Joiners are among them: no name needs them to be found again.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Cuts the stem, never the extension.
fn shortened(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name, String::new()),
    };
    let mut end = LONGEST - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", stem[..end].trim_end_matches(|c: char| c == '.' || c.is_whitespace()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acceptance: S1.E11.
    #[test]
    fn names() {
        let check = |name: &str, want: Option<&str>| assert_eq!(harmless(name).as_deref(), want, "{name:?}");
        check("Anschreiben.pdf", Some("Anschreiben.pdf"));
        check("C:\\Users\\maria\\cv.pdf", Some("cv.pdf"));
        check("../../etc/passwd", Some("passwd"));
        check("..", None);
        check("a\u{0}b\r\n.pdf", Some("ab.pdf"));
        check("cv\u{202e}fdp.exe", Some("cvfdp.exe"));
        // Every Bidi_Control there is, and some that only hide.
        for hidden in "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}".chars() {
            check(&format!("cv{hidden}.pdf"), Some("cv.pdf"));
        }
        for hidden in "\u{ad}\u{34f}\u{115f}\u{180e}\u{200b}\u{2028}\u{2060}\u{2800}\u{3164}\u{fe0f}\u{feff}\u{e0041}".chars() {
            check(&format!("cv{hidden}.pdf"), Some("cv.pdf"));
        }
        check("Mu\u{308}ller.pdf", Some("Müller.pdf"));
        check("  zwei   Worte .pdf ", Some("zwei Worte .pdf"));
        check(".htaccess", Some("_htaccess"));
        check("", None);
        check("folder/", Some("folder"));
        let long = harmless(&format!("{}.pdf", "ü".repeat(255))).unwrap();
        assert!(long.len() <= 255 && long.ends_with(".pdf"), "{}", long.len());
    }
}
