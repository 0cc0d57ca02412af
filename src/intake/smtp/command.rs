//! Reads one command line with smtp-proto's parser, and closes its traps (docs/decisions.md).

use smtp_proto::{AUTH_LOGIN, AUTH_PLAIN, Error, MAIL_SMTPUTF8, Request};

/// A command, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    Helo {
        host: String,
    },
    Ehlo {
        host: String,
    },
    /// RFC 2033 §4.1.
    Lhlo {
        host: String,
    },
    Mail {
        from: Option<String>,
        size: u64,
        /// RFC 6531 §3.4: the peer says that addresses and header fields may hold more than ASCII.
        utf8: bool,
    },
    Rcpt {
        to: String,
    },
    Data,
    Rset,
    Noop,
    Vrfy,
    Help,
    Quit,
    StartTls,
    /// With the initial response, if the peer sent one with the command.
    Auth {
        mechanism: Mechanism,
        response: Option<String>,
    },
    AuthOther,
    Bad(Bad),
}

/// How a password is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Name and password are asked for one after the other; no RFC has it, and many a device speaks nothing else.
    Login,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    Unknown,
    /// RFC 5321 §4.2.4: known, but not offered.
    NotImplemented,
    /// BDAT: what follows would be data, and must not be taken for commands.
    Chunk,
    Syntax,
    Parameter,
    SenderAddress,
    RecipientAddress,
    /// A browser, or somebody who borrows one.
    Http,
}

/// Reads a line without its line end.
pub fn parse(line: &[u8]) -> Command {
    if ["GET ", "POST ", "PUT ", "HEAD ", "CONNECT ", "OPTIONS "].iter().any(|word| line.starts_with(word.as_bytes())) {
        return Command::Bad(Bad::Http);
    }
    if line.contains(&0) || line.contains(&b'\r') {
        return Command::Bad(Bad::Syntax);
    }
    let mut whole = line.to_vec();
    whole.extend_from_slice(b"\r\n");
    match Request::parse(&mut whole.iter()) {
        Ok(request) => command(request.into_owned(), line),
        Err(error) => Command::Bad(bad(&error, line)),
    }
}

fn command(request: Request<String>, line: &[u8]) -> Command {
    match request {
        Request::Helo { host } => Command::Helo { host },
        Request::Ehlo { host } => Command::Ehlo { host },
        Request::Lhlo { host } => Command::Lhlo { host },
        Request::Mail { from } => {
            let (size, utf8) = (from.size as u64, from.flags & MAIL_SMTPUTF8 != 0);
            match address(&from.address, line) {
                Some(Path::Null) => Command::Mail { from: None, size, utf8 },
                Some(Path::Address(address)) => Command::Mail { from: Some(address), size, utf8 },
                Some(Path::Postmaster) | None => Command::Bad(Bad::SenderAddress),
            }
        }
        Request::Rcpt { to } => match address(&to.address, line) {
            Some(Path::Address(to)) => Command::Rcpt { to },
            Some(Path::Postmaster) => Command::Rcpt { to: "postmaster".into() },
            Some(Path::Null) | None => Command::Bad(Bad::RecipientAddress),
        },
        Request::Data => Command::Data,
        Request::Rset => Command::Rset,
        Request::Noop { .. } => Command::Noop,
        Request::Vrfy { .. } => Command::Vrfy,
        Request::Help { .. } => Command::Help,
        Request::Quit => Command::Quit,
        Request::StartTls => Command::StartTls,
        Request::Auth { mechanism, initial_response } => {
            let response = Some(initial_response).filter(|response| !response.is_empty());
            match mechanism {
                AUTH_PLAIN => Command::Auth { mechanism: Mechanism::Plain, response },
                AUTH_LOGIN => Command::Auth { mechanism: Mechanism::Login, response },
                _ => Command::AuthOther,
            }
        }
        Request::Bdat { .. } => Command::Bad(Bad::Chunk),
        Request::Expn { .. } | Request::Etrn { .. } | Request::Atrn { .. } | Request::Burl { .. } => Command::Bad(Bad::NotImplemented),
    }
}

enum Path {
    Null,
    /// RFC 5321 §4.1.1.3: the one address without a domain.
    Postmaster,
    Address(String),
}

/// The parser gives the empty address for `<>` and for `<postmaster>`: the line tells them apart. It puts a mark in the place of bytes
/// that are no UTF-8, which would be another address: RFC 6531 §3.3 knows UTF-8 alone.
fn address(parsed: &str, line: &[u8]) -> Option<Path> {
    if parsed.is_empty() {
        let line = line.to_ascii_lowercase();
        let has = |text: &[u8]| memchr::memmem::find(&line, text).is_some();
        return match (has(b"<>"), has(b"<postmaster>")) {
            (true, _) => Some(Path::Null),
            (false, true) => Some(Path::Postmaster),
            (false, false) => None,
        };
    }
    let is_clean = !parsed.chars().any(char::is_control) && (parsed.is_ascii() || std::str::from_utf8(line).is_ok());
    is_clean.then(|| Path::Address(parsed.to_owned()))
}

fn bad(error: &Error, line: &[u8]) -> Bad {
    match error {
        Error::UnknownCommand | Error::InvalidResponse { .. } => Bad::Unknown,
        Error::InvalidSenderAddress => Bad::SenderAddress,
        Error::InvalidRecipientAddress => Bad::RecipientAddress,
        Error::UnsupportedParameter { .. } => Bad::Parameter,
        _ if line.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"BDAT")) => Bad::Chunk,
        _ => Bad::Syntax,
    }
}
