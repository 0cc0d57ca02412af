//! Files that stand in the text between `begin` and `end`, as programs sent them before MIME and some still do. POSIX uuencode.

use memchr::memmem;

/// A text without the files that stood in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    pub text: Vec<u8>,
    pub files: Vec<File>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// As it stands there.
    pub name: Vec<u8>,
    pub bytes: Vec<u8>,
}

/// More files in one text than anybody sends; further ones stay text.
const MOST_FILES: usize = 100;

/// Takes the files out of a text; none if there are none. What only looks like one stays where it is.
pub fn split(text: &[u8]) -> Option<Split> {
    let mut found = Split { text: Vec::new(), files: Vec::new() };
    let (mut copied, mut at) = (0, 0);
    while found.files.len() < MOST_FILES
        && let Some(begin) = next_begin(text, at)
    {
        match file(&text[begin..]) {
            Some((file, length)) => {
                found.text.extend_from_slice(&text[copied..begin]);
                found.files.push(file);
                copied = begin + length;
                at = copied;
            }
            None => at = begin + 1,
        }
    }
    if found.files.is_empty() {
        return None;
    }
    found.text.extend_from_slice(&text[copied..]);
    Some(found)
}

/// Where the next line that begins with `begin ` starts.
fn next_begin(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memmem::find(text.get(at..)?, b"begin ")?;
        if at == 0 || matches!(text[at - 1], b'\n' | b'\r') {
            return Some(at);
        }
        at += 1;
    }
}

/// The file at the start of `text`, and how many bytes it takes there. A file without its `end` was cut: what came is kept.
fn file(text: &[u8]) -> Option<(File, usize)> {
    let mut lines = text.split_inclusive(|&byte| byte == b'\n');
    let first = lines.next()?;
    let name = name(first.trim_ascii_end())?;
    let (mut length, mut bytes, mut taken, mut is_whole) = (first.len(), Vec::new(), 0, true);
    for line in lines {
        let bare = line.strip_suffix(b"\n").unwrap_or(line);
        let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
        if bare.trim_ascii_end() == b"end" {
            length += line.len();
            return (taken > 0 || bytes.is_empty()).then(|| (File { name: name.to_vec(), bytes }, length));
        }
        let Some(is_full) = decode_line(bare, &mut bytes) else {
            // Blank lines stand before `end` where a program turned the line of no bytes into nothing.
            if bare.trim_ascii().is_empty() {
                length += line.len();
                continue;
            }
            break;
        };
        is_whole &= is_full;
        taken += 1;
        length += line.len();
    }
    // Three full lines are no accident.
    (taken >= 3 && is_whole).then(|| (File { name: name.to_vec(), bytes }, length))
}

/// `begin 644 name`.
fn name(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"begin ")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let is_mode = (3..=4).contains(&digits) && rest[..digits].iter().all(|digit| matches!(digit, b'0'..=b'7'));
    let name = rest.get(digits..)?.strip_prefix(b" ")?.trim_ascii();
    (is_mode && !name.is_empty()).then_some(name)
}

/// One line: a character for the count of bytes, then four characters for each three. True: all of them are there; blanks at the end
/// may have been lost on the way. None: it is no such line.
fn decode_line(line: &[u8], out: &mut Vec<u8>) -> Option<bool> {
    let value = |byte: u8| (b' '..=b'`').contains(&byte).then(|| (byte - b' ') & 0x3f);
    let (&first, groups) = line.split_first()?;
    let count = usize::from(value(first)?);
    let needed = count.div_ceil(3) * 4;
    // A check character may stand behind.
    if groups.len() > needed + 2 || groups.iter().any(|&byte| value(byte).is_none()) {
        return None;
    }
    let start = out.len();
    let at = |index: usize| groups.get(index).copied().and_then(value).unwrap_or(0);
    for group in 0..needed / 4 {
        let (a, b, c, d) = (at(group * 4), at(group * 4 + 1), at(group * 4 + 2), at(group * 4 + 3));
        out.extend([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    out.truncate(start + count);
    // The last group may be cut to what it needs.
    Some(groups.len() + 3 > needed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> String {
        let letter = |bits: u8| if bits == 0 { '`' } else { (bits + 32) as char };
        let mut out = String::new();
        for line in bytes.chunks(45) {
            out.push(letter(line.len() as u8));
            for group in line.chunks(3) {
                let at = |index: usize| group.get(index).copied().unwrap_or(0);
                let (a, b, c) = (at(0), at(1), at(2));
                out.extend([a >> 2, (a << 4 | b >> 4) & 63, (b << 2 | c >> 6) & 63, c & 63].map(letter));
            }
            out.push('\n');
        }
        out + "`\nend\n"
    }

    fn check(text: &str, left: &str, files: &[(&str, &[u8])]) {
        let found = split(text.as_bytes()).map(|found| (String::from_utf8(found.text).unwrap(), found.files));
        let want: Vec<File> = files.iter().map(|(name, bytes)| File { name: name.as_bytes().to_vec(), bytes: bytes.to_vec() }).collect();
        assert_eq!(found, (!files.is_empty()).then(|| (left.to_owned(), want)), "{text}");
    }

    #[test]
    fn files_in_text() {
        let all: Vec<u8> = (0..=255).collect();
        check(&format!("Hallo\n\nbegin 644 Lebenslauf.pdf\n{}Gruß\n", encoded(&all)), "Hallo\n\nGruß\n", &[("Lebenslauf.pdf", &all)]);
        let two = format!("begin 600 a b.txt\n{}begin 0755 c\n{}", encoded(b"Hallo"), encoded(b""));
        check(&two, "", &[("a b.txt", b"Hallo"), ("c", b"")]);
        // CRLF; blanks instead of grave accents, those at the ends of lines lost.
        check(&format!("begin 644 a\n{}", encoded(&[0; 50])).replace('\n', "\r\n"), "", &[("a", &[0; 50])]);
        let lost: Vec<String> = encoded(&[0; 50]).replace('`', " ").lines().map(|line| line.trim_end().to_owned()).collect();
        check(&format!("begin 644 a\n{}\n", lost.join("\n")), "", &[("a", &[0; 50])]);
        // Cut on the way.
        check(&format!("begin 644 a\n{}", &encoded(&[7; 200])[..62 * 3]), "", &[("a", &[7; 135])]);
    }

    #[test]
    fn what_is_none() {
        check("begin 644 a\nThis is a sentence that only begins so.\nAnd goes on.\n", "", &[]);
        check("We begin 644 a\n#0V%T\n`\nend\n", "", &[]);
        check("begin 999 a\n#0V%T\n`\nend\n", "", &[]);
        check("begin 644 \n#0V%T\n`\nend\n", "", &[]);
        check("begin now\nend\n", "", &[]);
        check("", "", &[]);
    }
}
