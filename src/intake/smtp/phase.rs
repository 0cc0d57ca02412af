//! The order of commands. Pure: a state and a command in, a state and what to do out. The loop around it reads, asks and writes.

use super::command::{Bad, Command, Mechanism};
use super::reply::{self, Reply};
use crate::model::arrival::{Door, Purpose, Recipient};
use crate::model::facts::Login;
use std::borrow::Cow;

/// Which of the two languages is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Smtp,
    /// RFC 2033: greeted by LHLO, and each recipient hears an answer of its own behind the last dot. Whoever may connect is believed,
    /// so that nobody signs in.
    Lmtp,
}

impl Dialect {
    pub fn door(self) -> Door {
        match self {
            Dialect::Smtp => Door::Smtp,
            Dialect::Lmtp => Door::Lmtp,
        }
    }

    fn hello(self) -> &'static str {
        match self {
            Dialect::Smtp => "say EHLO first",
            Dialect::Lmtp => "say LHLO first",
        }
    }
}

/// What the order depends on beside the state.
#[derive(Clone, Debug)]
pub struct Rules {
    pub dialect: Dialect,
    pub hostname: String,
    pub message_bytes: u64,
    pub recipients: usize,
    pub errors: u32,
    /// Whether there is a certificate.
    pub has_tls: bool,
}

/// A session's memory.
#[derive(Clone, Debug)]
pub struct Session {
    pub phase: Phase,
    pub tls: bool,
    pub login: Option<Login>,
    /// Wrong and useless commands so far.
    errors: u32,
}

/// Where in the order of RFC 5321 §4.1.4 the session is. A state owns its data: leaving it forgets them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    Connected,
    Greeted { helo: String },
    Begun { helo: String, transaction: Transaction },
}

/// A mail that is being addressed. RFC 5321 §3.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// None is the null reverse-path.
    pub from: Option<String>,
    /// RFC 6531 §3.4: addresses may hold more than ASCII.
    pub utf8: bool,
    /// Forward-paths as given, and whom they stand for.
    pub to: Vec<(String, Recipient)>,
}

/// What the loop does next.
#[derive(Debug)]
pub enum Next {
    Say(Reply),
    /// Asks the directory whose address this is, then `recipient`.
    Resolve(String),
    /// Says 354 and reads the mail.
    Data,
    StartTls,
    /// Reads the response if there is none yet, checks it, then `signed_in`.
    SignIn {
        mechanism: Mechanism,
        response: Option<String>,
    },
}

/// A failed login weighs as much as so many errors.
const FAILED_LOGIN: u32 = 5;

impl Session {
    pub fn new(tls: bool) -> Session {
        Session { phase: Phase::Connected, tls, login: None, errors: 0 }
    }

    pub fn helo(&self) -> &str {
        match &self.phase {
            Phase::Connected => "",
            Phase::Greeted { helo } | Phase::Begun { helo, .. } => helo,
        }
    }

    /// Whether MAIL may come next.
    pub fn may_begin(&self) -> bool {
        matches!(self.phase, Phase::Greeted { .. })
    }

    /// One step.
    pub fn step(&mut self, rules: &Rules, command: Command) -> Next {
        let next = match command {
            Command::Helo { .. } | Command::Ehlo { .. } | Command::Lhlo { .. } => Next::Say(self.greet(rules, command)),
            Command::Mail { from, size, utf8 } => Next::Say(self.mail(rules, from, size, utf8)),
            Command::Rcpt { to } => self.rcpt(rules, to),
            Command::Data => self.data(rules.dialect),
            Command::Rset => {
                self.take_transaction();
                Next::Say(Reply::new(250, (0, 0), "ok"))
            }
            Command::Noop => Next::Say(Reply::new(250, (0, 0), "ok")),
            // RFC 5321 §3.5.3: who is here is nobody's business, so neither yes nor no.
            Command::Vrfy => Next::Say(Reply::new(252, (5, 0), "send a mail and see")),
            Command::Help => Next::Say(Reply::new(214, (0, 0), "this is Rohrpost; RFC 5321 and RFC 2033 are spoken here")),
            Command::Quit => Next::Say(Reply::new(221, (0, 0), "goodbye").and_close()),
            Command::Auth { .. } | Command::AuthOther | Command::StartTls if rules.dialect == Dialect::Lmtp => {
                Next::Say(refuse(Bad::NotImplemented))
            }
            Command::StartTls => self.start_tls(rules),
            Command::Auth { mechanism, response } => match self.may_sign_in() {
                Ok(()) => Next::SignIn { mechanism, response },
                Err(refused) => Next::Say(refused),
            },
            Command::AuthOther => Next::Say(Reply::new(504, (5, 4), "only AUTH PLAIN and AUTH LOGIN are offered, over TLS")),
            Command::Bad(bad) => Next::Say(refuse(bad)),
        };
        match next {
            Next::Say(reply) => Next::Say(self.counted(rules, reply, 1)),
            other => other,
        }
    }

    fn greet(&mut self, rules: &Rules, command: Command) -> Reply {
        let (helo, reply) = match (rules.dialect, command) {
            (Dialect::Smtp, Command::Ehlo { host }) | (Dialect::Lmtp, Command::Lhlo { host }) => (host, ehlo(rules, self.tls)),
            (Dialect::Smtp, Command::Helo { host }) => (host, Reply::plain(250, vec![rules.hostname.clone().into()])),
            // RFC 2033 §4.1: neither HELO nor EHLO is said there, so that nobody takes it for SMTP; nor LHLO here.
            (Dialect::Smtp, _) => return Reply::new(500, (5, 1), "this is SMTP; say EHLO"),
            (Dialect::Lmtp, _) => return Reply::new(500, (5, 1), "this is LMTP; say LHLO"),
        };
        // RFC 5321 §4.1.4: EHLO forgets what was begun.
        self.phase = Phase::Greeted { helo };
        reply
    }

    fn mail(&mut self, rules: &Rules, from: Option<String>, size: u64, utf8: bool) -> Reply {
        match &self.phase {
            Phase::Connected => Reply::new(503, (5, 1), rules.dialect.hello()),
            Phase::Begun { .. } => Reply::new(503, (5, 1), "a mail is begun already; RSET forgets it"),
            Phase::Greeted { .. } if !utf8 && from.as_deref().is_some_and(|from| !from.is_ascii()) => needs_utf8(),
            // RFC 1870 §6.1: a declared size that is too big is refused at once.
            Phase::Greeted { .. } if size > rules.message_bytes => reply::too_big(rules.message_bytes),
            Phase::Greeted { helo } => {
                self.phase = Phase::Begun { helo: helo.clone(), transaction: Transaction { from, utf8, to: Vec::new() } };
                Reply::new(250, (1, 0), "ok")
            }
        }
    }

    fn rcpt(&mut self, rules: &Rules, to: String) -> Next {
        match &self.phase {
            Phase::Begun { transaction, .. } if transaction.to.len() >= rules.recipients => {
                Next::Say(Reply::new(452, (5, 3), "too many recipients; send the rest in another transaction"))
            }
            Phase::Begun { transaction, .. } if !transaction.utf8 && !to.is_ascii() => Next::Say(needs_utf8()),
            Phase::Begun { .. } => Next::Resolve(to),
            Phase::Connected | Phase::Greeted { .. } => Next::Say(Reply::new(503, (5, 1), "say MAIL first")),
        }
    }

    /// The directory's answer to a recipient.
    pub fn recipient(&mut self, rules: &Rules, path: String, found: Option<Recipient>) -> Reply {
        let login = self.login.as_ref().map(|login| &login.tenant);
        let Phase::Begun { transaction: Transaction { to, .. }, .. } = &mut self.phase else {
            return Reply::new(503, (5, 1), "say MAIL first");
        };
        // G10: to somebody who signed in, another tenant's addresses do not exist.
        let found = found.filter(|found| login.is_none_or(|tenant| *tenant == found.tenant || found.purpose == Purpose::Postmaster));
        let Some(found) = found else {
            let reply = Reply::new(550, (1, 1), "no mail is taken for this address here");
            return self.counted(rules, reply, 1);
        };
        if to.first().is_some_and(|(_, first)| !first.may_share(&found)) {
            // So that the answer to the last dot is true for all its recipients.
            return Reply::new(452, (5, 3), "send this recipient in a transaction of its own");
        }
        to.push((path, found));
        Reply::new(250, (1, 5), "ok")
    }

    fn data(&mut self, dialect: Dialect) -> Next {
        match &self.phase {
            Phase::Begun { transaction, .. } if !transaction.to.is_empty() => Next::Data,
            // RFC 2033 §4.2.
            Phase::Begun { .. } if dialect == Dialect::Lmtp => Next::Say(Reply::new(503, (5, 1), "no recipient was accepted")),
            Phase::Begun { .. } => Next::Say(Reply::new(554, (5, 1), "no recipient was accepted")),
            Phase::Connected | Phase::Greeted { .. } => Next::Say(Reply::new(503, (5, 1), "say MAIL and RCPT first")),
        }
    }

    /// Takes the transaction out; the session is as if it had only greeted.
    pub fn take_transaction(&mut self) -> Option<Transaction> {
        match std::mem::replace(&mut self.phase, Phase::Connected) {
            Phase::Begun { helo, transaction } => {
                self.phase = Phase::Greeted { helo };
                Some(transaction)
            }
            other => {
                self.phase = other;
                None
            }
        }
    }

    fn start_tls(&mut self, rules: &Rules) -> Next {
        if self.tls {
            Next::Say(Reply::new(503, (5, 1), "this is TLS already"))
        } else if !rules.has_tls {
            Next::Say(Reply::new(502, (5, 1), "there is no certificate here"))
        } else {
            Next::StartTls
        }
    }

    /// RFC 4954 §4: over TLS only, once, and not within a transaction.
    fn may_sign_in(&self) -> Result<(), Reply> {
        match &self.phase {
            _ if !self.tls => Err(Reply::new(538, (7, 11), "only over TLS: passwords do not go in plain text")),
            _ if self.login.is_some() => Err(Reply::new(503, (5, 1), "somebody signed in already")),
            Phase::Greeted { .. } => Ok(()),
            Phase::Connected => Err(Reply::new(503, (5, 1), "say EHLO first")),
            Phase::Begun { .. } => Err(Reply::new(503, (5, 1), "not within a transaction")),
        }
    }

    /// The end of a login.
    pub fn signed_in(&mut self, rules: &Rules, login: Option<Login>) -> Reply {
        match login {
            Some(login) => {
                self.login = Some(login);
                Reply::new(235, (7, 0), "welcome")
            }
            None => self.counted(rules, Reply::new(535, (7, 8), "name or password is wrong"), FAILED_LOGIN),
        }
    }

    /// A login that was called off or cannot be read.
    pub fn not_signed_in(&mut self, rules: &Rules) -> Reply {
        self.counted(rules, Reply::new(501, (5, 2), "no login: cancelled, or not base64 of what was asked for"), 1)
    }

    /// A line that ended wrongly.
    pub fn bare_lf(&mut self, rules: &Rules) -> Reply {
        self.counted(rules, Reply::new(500, (5, 2), "a line ends with CR LF"), 1)
    }

    /// Too many errors end the session.
    fn counted(&mut self, rules: &Rules, reply: Reply, weight: u32) -> Reply {
        if reply.is_error() {
            self.errors += weight;
        }
        if self.errors > rules.errors && !reply.closes() { reply::too_many_errors() } else { reply }
    }
}

/// RFC 6531 §3.5.
fn needs_utf8() -> Reply {
    Reply::new(553, (6, 7), "an address that is not ASCII needs MAIL with SMTPUTF8")
}

/// RFC 5321 §4.1.1.1: what is offered. AUTH only where it may be used.
fn ehlo(rules: &Rules, tls: bool) -> Reply {
    let mut lines: Vec<Cow<'static, str>> =
        vec![rules.hostname.clone().into(), "PIPELINING".into(), format!("SIZE {}", rules.message_bytes).into()];
    lines.extend(["8BITMIME".into(), "ENHANCEDSTATUSCODES".into(), "SMTPUTF8".into()]);
    if rules.dialect == Dialect::Smtp {
        match (tls, rules.has_tls) {
            (true, _) => lines.push("AUTH PLAIN LOGIN".into()),
            (false, true) => lines.push("STARTTLS".into()),
            (false, false) => (),
        }
    }
    lines.push("HELP".into());
    Reply::plain(250, lines)
}

fn refuse(bad: Bad) -> Reply {
    match bad {
        Bad::Unknown => Reply::new(500, (5, 1), "no such command"),
        Bad::NotImplemented => Reply::new(502, (5, 1), "not offered here"),
        Bad::Chunk => Reply::new(502, (5, 1), "CHUNKING is not offered; use DATA").and_close(),
        Bad::Syntax => Reply::new(501, (5, 4), "this cannot be read"),
        Bad::Parameter => Reply::new(555, (5, 4), "a parameter is not known here"),
        Bad::SenderAddress => Reply::new(553, (1, 7), "this is no sender address"),
        Bad::RecipientAddress => Reply::new(553, (1, 3), "this is no recipient address"),
        Bad::Http => Reply::new(421, (7, 0), "this is SMTP").and_close(),
    }
}
