//! Names of files in a Maildir: when a mail was delivered, what a mail program says of it, and which name is free.

/// The unique part: what stays the same when a mail program moves a file from `new` to `cur` and marks it.
pub fn unique(name: &[u8]) -> &[u8] {
    let end = memchr::memchr(b':', name).unwrap_or(name.len());
    &name[..end]
}

/// Seconds since 1970 and microseconds, as delivery agents write them: `1700000000.M123456P7.host`. None if there is no such number.
pub fn delivered_at(name: &[u8]) -> Option<(u64, u64)> {
    let mut parts = unique(name).split(|&byte| byte == b'.');
    let seconds = number(parts.next()?)?;
    let middle = parts.next().unwrap_or_default();
    let micros = memchr::memchr(b'M', middle).map(|at| &middle[at + 1..]);
    let digits = micros.map(|rest| &rest[..rest.iter().take_while(|byte| byte.is_ascii_digit()).count()]);
    Some((seconds, digits.and_then(number).unwrap_or(0)))
}

fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    all.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()
}

/// Whether somebody threw it away in a mail program: the flag T behind `:2,`.
pub fn is_trashed(name: &[u8]) -> bool {
    name[unique(name).len()..].strip_prefix(b":2,").is_some_and(|flags| flags.contains(&b'T'))
}

/// The same name, but another one: flags stay at its end.
pub fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    let (unique, flags) = name.split_at(unique(name).len());
    [unique, format!(".{number}").as_bytes(), flags].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_it_came() {
        let check = |name: &str, want: Option<(u64, u64)>| assert_eq!(delivered_at(name.as_bytes()), want, "{name}");
        check("1700000000.V801I3c2M123456.mx.acme.example", Some((1_700_000_000, 123_456)));
        check("1700000000.M7P12Q3.host:2,S", Some((1_700_000_000, 7)));
        check("1700000000.12_3.host", Some((1_700_000_000, 0)));
        check("1700000000", Some((1_700_000_000, 0)));
        check("99999999999999999999999.x", None);
        check("a-mail.eml", None);
        check("", None);
        check(":2,S", None);
        check(".hidden", None);
    }

    #[test]
    fn flags_and_numbers() {
        let check = |name: &str, unique_part: &str, trashed: bool, third: &str| {
            assert_eq!(unique(name.as_bytes()), unique_part.as_bytes());
            assert_eq!((is_trashed(name.as_bytes()), numbered(name.as_bytes(), 3)), (trashed, third.as_bytes().to_vec()), "{name}");
        };
        check("1.x.host", "1.x.host", false, "1.x.host.3");
        check("1.T.host:2,ST", "1.T.host", true, "1.T.host.3:2,ST");
        check("1.x.host:2,S", "1.x.host", false, "1.x.host.3:2,S");
        check("1.x.host:1,T", "1.x.host", false, "1.x.host.3:1,T");
    }
}
