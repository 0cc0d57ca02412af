//! Characters that people do not see, and that change what they do see: nothing from a mail may drive a terminal, reorder a
//! line, or hide in a word.

/// Controls of both sets (C0 and C1), marks that turn the direction of writing, and marks without a width.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Soft hyphen, Arabic letter mark, Mongolian vowel separator.
            '\u{ad}' | '\u{61c}' | '\u{180e}'
            // Hangul fillers are letters that show nothing.
            | '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}'
            // Zero-width spaces and joiners, direction marks, separators of lines and paragraphs, embeddings and overrides.
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            // Word joiner, invisible operators, isolates, retired controls, byte order mark, annotations, tags.
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// On one line: what ends a line or moves on it is a blank, what cannot be seen is gone.
pub fn on_one_line(text: &str) -> String {
    let shown = |c: char| match c {
        '\u{2028}' | '\u{2029}' => Some(' '),
        c if c.is_control() => Some(' '),
        c => (!is_hidden(c)).then_some(c),
    };
    text.chars().filter_map(shown).collect()
}

/// Words of a server as they may stand in a log: printable, short, and without anything that could be an address.
pub fn without_addresses(text: &str) -> String {
    let word = |word: &str| {
        let is_address = word.contains('@') || word.to_ascii_lowercase().contains("%40");
        if is_address { "…".to_owned() } else { word.chars().filter(|c| !c.is_control()).collect() }
    };
    let words: Vec<String> = text.split_whitespace().map(word).collect();
    words.join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_is_left() {
        let check = |text: &str, shown: &str| assert_eq!(on_one_line(text), shown, "{text:?}");
        check("Grüße, 世界 👋\u{fe0f}", "Grüße, 世界 👋\u{fe0f}");
        check("a\u{1b}[31mb\r\nc\td\u{7f}", "a [31mb  c d ");
        check("a\u{9b}31mb\u{85}c", "a 31mb c");
        check("Rechnung\u{202e}fdp.exe", "Rechnungfdp.exe");
        check("\u{2066}x\u{2069}\u{200e}y\u{61c}", "xy");
        check("pay\u{200b}pal\u{feff}\u{2060}\u{ad}", "paypal");
        check("a\u{2028}b\u{2029}c", "a b c");
        check("\u{e0041}\u{3164}", "");
    }
}
