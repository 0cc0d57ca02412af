//! Text whose UTF-8 somebody read as windows-1252 and encoded once more: `MÃ¼ller`, `â€“`. It is undone only as a whole and only when
//! nothing speaks against it: text that is right stays as it is.

use super::unicode;

/// More often than that nobody reads a text wrongly.
const MOST_TIMES: usize = 3;

/// The text that was meant, if it can be told.
pub fn undone(text: &str) -> Option<String> {
    let mut found = once(text)?;
    for _ in 1..MOST_TIMES {
        match once(&found) {
            Some(further) => found = further,
            None => break,
        }
    }
    // Controls stand between one wrong reading and the next, never in what was meant.
    (!found.chars().any(|c| matches!(c, '\u{80}'..='\u{9f}'))).then_some(found)
}

/// One wrong reading undone. Every character beyond ASCII must be one of windows-1252, their bytes together UTF-8, what that says usual,
/// and one letter at least such as no right text has.
fn once(text: &str) -> Option<String> {
    // Each lead byte of what is undone here is one of these letters.
    let is_lead = |c: char| matches!(c, 'Â'..='ô');
    if !text.contains(is_lead) {
        return None;
    }
    let meant = String::from_utf8(bytes_of(text)?).ok()?;
    let mut is_certain = false;
    let mut before = [None, None];
    let mut characters = meant.chars().peekable();
    while let Some(c) = characters.next() {
        if !c.is_ascii() {
            let is_control = matches!(c, '\u{80}'..='\u{9f}');
            if !is_control && !unicode::is_usual(c) || c == '\u{fffd}' {
                return None;
            }
            is_certain |= is_telling(before, c, characters.peek().copied());
        }
        before = [before[1], Some(c)];
    }
    is_certain.then_some(meant)
}

/// The bytes that were read as this text. None if a character is none that could have been read.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    // What windows-1252 has at 0x80 to 0x9f.
    const SIGNS: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";
    let byte = |c: char| match c {
        // Bytes that windows-1252 has no character for, and all of these where it was ISO 8859-1.
        '\0'..='\u{ff}' => u8::try_from(c).ok(),
        _ => (0x80..=0x9f).zip(SIGNS.chars()).find(|(_, sign)| *sign == c).map(|(byte, _)| byte),
    };
    text.chars().map(byte).collect()
}

/// Whether a character of the meant text, between its neighbours, cannot have been two or three that somebody wrote. Its lead byte is a
/// capital letter with an accent, or a small one, and the others are signs: in a right text these do not stand within a word.
fn is_telling(before: [Option<char>; 2], c: char, behind: Option<char>) -> bool {
    let is_small = |c: Option<char>| c.is_some_and(char::is_lowercase);
    let is_letter = |c: Option<char>| c.is_some_and(char::is_alphabetic);
    let is_at_begin = !is_letter(before[1]);
    let is_second = is_letter(before[1]) && !is_letter(before[0]);
    // Dots, dashes, quotes and a hard blank may follow a capital letter that is right: `JAHÄ…`, `MANHÃ–`.
    let may_be_sign = matches!(c as u32 & 0x3f | 0x80, 0x85 | 0x91..=0x97 | 0xa0 | 0xab | 0xbb);
    match c {
        // `Â§`, `Â°`: but a blank behind `Â` might be one.
        '\u{a1}'..='\u{bf}' => !may_be_sign,
        // A capital letter within a word of small ones, or a sign before them.
        '\u{c0}'..='\u{17f}' | '\u{218}'..='\u{21b}' if c.is_lowercase() => {
            is_small(before[1]) || !may_be_sign && is_small(behind) && (is_at_begin || is_second)
        }
        '\u{c0}'..='\u{17f}' | '\u{218}'..='\u{21b}' => is_at_begin && is_small(behind),
        // Three signs in a row, `â€“`, `â‚¬`, `áº¿`.
        '\u{1ea0}'..='\u{1ef9}' | '\u{2000}'..='\u{20ff}' | '\u{2122}' | '\u{1f000}'.. => true,
        // Other scripts: never one letter alone.
        _ => [before[1], behind].into_iter().flatten().any(|other| script(other).is_some() && script(other) == script(c)),
    }
}

/// Blocks of letters, coarsely; none for ASCII and the Latin ones.
fn script(c: char) -> Option<u32> {
    match c {
        '\u{370}'..='\u{3ff}' => Some(1),
        '\u{400}'..='\u{4ff}' => Some(2),
        '\u{500}'..='\u{1cff}' => Some(c as u32 >> 8),
        '\u{3000}'..='\u{9fff}' => Some(3),
        '\u{ac00}'..='\u{d7a3}' => Some(4),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::WINDOWS_1252;
    use proptest::prelude::*;

    /// Reads UTF-8 as windows-1252, as the programs at fault do.
    fn spoilt(text: &str) -> String {
        WINDOWS_1252.decode_without_bom_handling(text.as_bytes()).0.into_owned()
    }

    const RIGHT: [&str; 60] = [
        "Müller",
        "Grüße aus Köln",
        "GRÖSSE",
        "Straße",
        "Spaß“",
        "„Ä“",
        "“Ä”",
        "ÄÖÜ",
        "Fähre – Übersicht",
        "Ärztin (m/w/d) für 3.000 €",
        "Größe: 5 °C, § 5 Abs. 2",
        "„Bewerbung“ – Maria Müller…",
        "so groß…",
        "GROß…",
        "»Großvater«",
        "Öl®",
        "Ä…",
        "Ö–",
        "SÅ…",
        "OCH SÅ…",
        "SÅ…men",
        "Café – résumé",
        "« canapé… »",
        "canapé…»",
        "À bientôt",
        "voilà…",
        "Noël",
        "ÉCOLE",
        "GARÇON",
        "L’été à Orléans",
        "œuvre",
        "CŒUR",
        "ÇA VA ?",
        "Sökande från Malmö",
        "Åsa Öberg",
        "ÅÄÖ",
        "RÄKSMÖRGÅS",
        "på…",
        "HÅLLBARHET – FÅR",
        "à 5 €",
        "Må…",
        "Södertälje ©",
        "Łódź",
        "Zażółć gęślą jaźń",
        "ŻÓŁĆ",
        "Ślusarz",
        "Kraków",
        "Đặng Thị Hồng",
        "Nguyễn Văn Ân",
        "TIẾNG VIỆT",
        "São Paulo",
        "MANHÃ",
        "MANHÃ – SÁBADO",
        "AÇÃO",
        "España",
        "¿Qué tal?",
        "AÑO",
        "Año Nº 5",
        "Привет",
        "日本語",
    ];

    #[test]
    fn right_texts_stay() {
        for text in RIGHT {
            assert_eq!(undone(text), None, "{text}");
        }
    }

    #[test]
    fn wrong_readings_are_undone() {
        let check = |text: &str, want: &str| assert_eq!(undone(text).as_deref(), Some(want), "{text}");
        check("MÃ¼ller", "Müller");
        check("GrÃ¼ÃŸe aus KÃ¶ln â€“ heute", "Grüße aus Köln – heute");
        check("Lebenslauf JÃ¼rgen Ã„rzte.pdf", "Lebenslauf Jürgen Ärzte.pdf");
        check("1.000 â‚¬", "1.000 €");
        check("20 Â°C nach Â§ 5", "20 °C nach § 5");
        check("MÃƒÂ¼ller", "Müller");
        check("M\u{c3}\u{bc}ller \u{e2}\u{80}\u{93} x", "Müller – x");
        check("cafÃ©", "café");
        for text in
            ["Łódź, zażółć", "Grüße – größer", "Привет, мир", "Đặng Thị Hồng", "Größe 🙂", "Noël à Orléans", "Åsa från Malmö", "日本語です"]
        {
            check(&spoilt(text), text);
            check(&spoilt(&spoilt(text)), text);
        }
    }

    #[test]
    fn what_contradicts_leaves_all_as_it_is() {
        // One letter that is right, one sign that windows-1252 has not, a sequence cut short.
        for text in ["MÃ¼ller und Köhler", "MÃ¼ller ł", "MÃ¼ller Ã", "MÃ¼ller Ã ", "Ã\u{a0}", "Â\u{a0}", "", "abc"] {
            assert_eq!(undone(text), None, "{text}");
        }
    }

    proptest! {
        /// Words of right texts together are as right as each alone.
        #[test]
        fn right_texts_together_stay(words in proptest::collection::vec(proptest::sample::select(RIGHT.to_vec()), 1..8)) {
            prop_assert_eq!(undone(&words.join(" ")), None);
        }

        /// What was undone is not undone again, and spoilt again it is what came.
        #[test]
        fn undoing_is_stable(text in "[a-zäöüßÄÖÜéèçñåłąęż –“„€A-Z]{0,40}") {
            if let Some(found) = undone(&spoilt(&text)) {
                prop_assert_eq!(undone(&found), None);
                prop_assert_eq!(found, text);
            }
        }
    }
}
