//! What the peer may conclude from the replies alone. Written from RFC 5321, not from the session: the two must agree.

/// Checks the form of what the session said and parts it into replies, each of one or more lines.
/// `is_cut`: the peer did not hear everything.
pub fn replies(heard: &[u8], is_tls: bool, is_cut: bool) -> Vec<String> {
    let (mut replies, mut reply) = (Vec::new(), String::new());
    let mut rest = heard;
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        let (line, behind) = rest.split_at(end + 1);
        rest = behind;
        let text = std::str::from_utf8(line).ok().and_then(|line| line.strip_suffix("\r\n"));
        let text = text.unwrap_or_else(|| panic!("no CR LF, or no text: {}", line.escape_ascii()));
        let is_good = matches!(text.as_bytes(), [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ' | b'-', ..]);
        assert!(is_good && !text.chars().any(char::is_control), "no reply: {text:?}");
        assert!(reply.is_empty() || reply[..3] == text[..3], "another code within a reply: {text:?}");
        reply.push_str(text);
        if text.as_bytes()[3] == b' ' {
            replies.push(std::mem::take(&mut reply));
        }
        if !is_tls && text == "220 2.0.0 go ahead" {
            // RFC 3207 §4: from here on TLS records alone; a handshake or an alert comes first.
            assert!(matches!(rest.first(), None | Some(0x15 | 0x16)), "plain text where TLS begins: {}", rest.escape_ascii());
            return replies;
        }
    }
    assert!(is_cut || rest.is_empty() && reply.is_empty(), "an unfinished reply: {}", rest.escape_ascii());
    replies
}

/// Replies after which a session may say nothing more. 334 is one: it may close if what follows is no line at all.
fn may_be_last(reply: &str) -> bool {
    let last = [
        "220 2.0.0 go ahead",
        "221 ",
        "334 ",
        "421 ",
        "500 5.5.6 ",
        "501 5.5.1 nothing may follow STARTTLS",
        "502 5.5.1 CHUNKING",
        "552 5.3.4 ",
    ];
    last.iter().any(|begin| reply.starts_with(begin))
}

/// Every line has one reply, every mail has one more (RFC 2033 §4.2: one for each recipient that was accepted), and the mails that are kept are those that were said to be.
pub fn explain(sent: &[u8], replies: &[String], kept: &[Vec<u8>], is_lmtp: bool) {
    // What is said before an unfinished line is not always sent when the peer hangs up within that line.
    let is_whole = sent.ends_with(b"\n");
    let (mut index, mut rest, mut promised, mut recipients) = (1, sent, 0, 0);
    while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
        rest = &rest[end + 1..];
        let reply = replies.get(index).map(String::as_str);
        index += 1;
        match reply {
            Some(reply) if reply.starts_with("250 2.1.0 ") => recipients = 0,
            Some(reply) if reply.starts_with("250 2.1.5 ") => recipients += 1,
            _ => (),
        }
        if reply.is_some_and(|reply| reply.starts_with("354 ")) {
            let Some((mail, behind)) = mail(rest) else { break };
            rest = behind;
            if replies.get(index).is_some_and(|outcome| outcome.starts_with("250 2.0.0 kept as ")) {
                assert!(kept.get(promised) == Some(&mail), "another mail was kept than was sent");
                promised += 1;
            }
            let answers = if is_lmtp { recipients } else { 1 };
            let told = replies.get(index..).unwrap_or_default();
            let told = &told[..told.len().min(answers)];
            // A session that closes says why, once.
            let is_closing = |reply: &String| may_be_last(reply);
            assert!(told.iter().all(|reply| *reply == told[0] || is_closing(reply)), "recipients of one mail hear different things: {told:?}");
            index += answers;
        }
        if index > replies.len() {
            assert!(!is_whole || replies.last().is_some_and(|last| may_be_last(last)), "a line without a reply");
            break;
        }
    }
    // One more at most: 421, or the end of a line or mail that is far too long.
    let more = replies.get(index..).unwrap_or_default();
    assert!(more.len() <= 1 && more.iter().all(|reply| may_be_last(reply)), "replies to nothing: {more:?}");
    assert!(!is_whole || promised == kept.len(), "a mail was kept, and the peer does not know");
}

/// RFC 5321 §4.1.1.4 and §4.5.2: the mail up to CR LF . CR LF without the extra dots, and what comes behind it.
fn mail(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut mail = Vec::new();
    let mut rest = bytes;
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")? + 2;
        let (line, behind) = rest.split_at(end);
        if line == b".\r\n" {
            return Some((mail, behind));
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        rest = behind;
    }
}
