//! Mailboxes that are emptied over IMAP: what was said -> what is meant.

use super::faults::Found;
use super::oauth::Oauth;
use super::{Secret, alarms, doors};
use crate::model::address;
use serde::Deserialize;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// One mailbox, and what becomes of its mails.
#[derive(Clone, Debug)]
pub struct Imap {
    /// Unique; stands in logs, so it is no address.
    pub name: String,
    pub host: String,
    pub port: u16,
    pub tls: Tls,
    /// A CA of one's own; none asks the platform's.
    pub ca: Option<PathBuf>,
    pub user: String,
    pub mechanism: Mechanism,
    pub signs_in: SignsIn,
    pub folder: String,
    /// The import address whose mail lies here, in comparison form.
    pub import_address: String,
    pub first: First,
    pub after: After,
    /// Where mails go that are not taken; none in flag mode alone: then they are marked.
    pub refused_to: Option<String>,
    /// RFC 8601 §2.5: the name that the mailbox's own server writes into Authentication-Results.
    pub authserv_id: Option<String>,
    /// The mailbox is one of Exchange Online's, which says in its own way what it found out.
    pub exchange: Option<ExchangeOnline>,
    pub poll: Duration,
    pub message_bytes: u64,
    /// Hours without mail; none says what `[alarms]` says, 0 never.
    pub silent_after_hours: Option<u32>,
}

/// By what one signs in.
#[derive(Clone, Debug)]
pub enum SignsIn {
    /// Password or bearer token, as the mechanism says. Fetched anew for every login: files may be renewed.
    Secret(Secret),
    /// Tokens that are asked for at a provider.
    Oauth(Arc<Oauth>),
}

/// What is believed of a mailbox at Exchange Online.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeOnline {
    /// The organisation's own domains, in lower case: From of these is believed of mail that Exchange calls internal.
    pub own_domains: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    Implicit,
    /// STARTTLS, or nothing is said.
    Starttls,
    /// Plain text: only for a server on this machine.
    None,
}

/// How one signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mechanism {
    /// RFC 4616; the LOGIN command where the server does not offer it.
    Plain,
    /// The LOGIN command. RFC 3501 §6.2.3.
    Login,
    Xoauth2,
    /// RFC 7628.
    Oauthbearer,
}

impl Mechanism {
    pub fn takes_a_token(self) -> bool {
        matches!(self, Mechanism::Xoauth2 | Mechanism::Oauthbearer)
    }
}

/// What is done with mails that were there before the first contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum First {
    FromNowOn,
    Everything,
}

/// What is done with a mail that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum After {
    /// Into that folder; `/` parts its levels, whatever the server uses.
    Move(String),
    /// It stays, and bears this keyword.
    Flag(String),
    Delete,
}

/// What was said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawImap {
    name: String,
    host: String,
    port: Option<u16>,
    tls: Option<Tls>,
    ca: Option<PathBuf>,
    user: String,
    password: Option<Secret>,
    bearer: Option<Secret>,
    oauth: Option<String>,
    mechanism: Option<Mechanism>,
    folder: Option<String>,
    import_address: String,
    first: First,
    after: Option<RawAfter>,
    moved_to: Option<String>,
    flag: Option<String>,
    refused_to: Option<String>,
    authserv_id: Option<String>,
    results: Option<Results>,
    own_domains: Option<Vec<String>>,
    poll_seconds: Option<u64>,
    max_message_bytes: Option<u64>,
    silent_after_hours: Option<u64>,
}

/// How the mailbox's server writes down what it found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Results {
    /// As RFC 8601 has it, with `authserv_id`.
    Standard,
    ExchangeOnline,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawAfter {
    Move,
    Flag,
    Delete,
}

/// What mailboxes need of other sections.
#[derive(Clone, Copy)]
pub(super) struct Others<'a> {
    pub oauth: &'a [Arc<Oauth>],
    pub has_key: bool,
}

/// All mailboxes; names are unique.
pub(super) fn meant(list: Vec<RawImap>, message_bytes: u64, others: Others<'_>, found: &mut Found) -> Vec<Imap> {
    let mut all: Vec<Imap> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let key = |name: &str| format!("imap[{index}].{name}");
        let twice = all.iter().any(|other| other.name == raw.name);
        found.add_if(twice, &key("name"), "another mailbox has this name");
        found.add_if(doors::is_single(&raw.name), &key("name"), "this is another door's name");
        let meant = raw.meant(&key, message_bytes, others, found);
        let is_same = |other: &Imap, one: &Imap| {
            (&other.host, other.port, &other.user, &other.folder) == (&one.host, one.port, &one.user, &one.folder)
        };
        let emptied = meant.as_ref().is_some_and(|one| all.iter().any(|other| is_same(other, one)));
        found.add_if(
            emptied && !twice,
            &key("folder"),
            "another mailbox is this folder of this user: each mail would be taken by one of them",
        );
        all.extend(meant);
    }
    all
}

impl RawImap {
    fn meant(self, key: &dyn Fn(&str) -> String, message_bytes: u64, others: Others<'_>, found: &mut Found) -> Option<Imap> {
        let is_local = self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let tls = self.tls.unwrap_or(Tls::Implicit);
        let plain_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let named = (1..=40).contains(&self.name.len()) && self.name.chars().all(plain_name);
        found.add_if(!named, &key("name"), "1 to 40 of a-z, 0-9, - and _: it stands in logs");
        found.add_if(self.host.trim().is_empty(), &key("host"), "the server's name or address");
        found.add_if(self.port == Some(0), &key("port"), "between 1 and 65535");
        found.add_if(tls == Tls::None && !is_local, &key("tls"), "nothing goes in plain text over a network: implicit or starttls");
        found.add_if(self.user.trim().is_empty(), &key("user"), "who signs in");
        found.add_if(!address::is_plausible(&self.import_address), &key("import_address"), "this is no e-mail address");
        let poll = self.poll_seconds.unwrap_or(60);
        found.add_if(!(1..=1_500).contains(&poll), &key("poll_seconds"), "between 1 and 1500");
        let message_bytes = self.max_message_bytes.unwrap_or(message_bytes);
        found.add_if(!(64 * 1024..=512 << 20).contains(&message_bytes), &key("max_message_bytes"), "between 65536 and 536870912");
        let silent_after_hours = alarms::silent_after(self.silent_after_hours, &key("silent_after_hours"), found);
        let after = self.after(key, found);
        let (mechanism, signs_in) = self.signs_in(key, others, found)?;
        let exchange = self.exchange(key, found);
        let refused_to = match (&after, self.refused_to) {
            (After::Flag(_), given) => given,
            (_, given) => Some(given.unwrap_or_else(|| "Rohrpost/Refused".into())),
        };
        let folder = self.folder.unwrap_or_else(|| "INBOX".into());
        for (name, other) in [("moved_to", after.folder()), ("refused_to", refused_to.as_deref())] {
            found.add_if(other == Some(folder.as_str()), &key(name), "this is the folder itself: its mails would come again");
        }
        for (name, text) in [("folder", Some(folder.as_str())), ("moved_to", after.folder()), ("refused_to", refused_to.as_deref())] {
            found.add_if(text.is_some_and(|text| !is_folder(text)), &key(name), "a folder's name, its levels parted by /");
        }
        Some(Imap {
            name: self.name,
            port: self.port.unwrap_or(if tls == Tls::Implicit { 993 } else { 143 }),
            host: self.host,
            tls,
            ca: self.ca,
            user: self.user,
            mechanism,
            signs_in,
            folder,
            import_address: address::key(&self.import_address),
            first: self.first,
            after,
            refused_to,
            authserv_id: self.authserv_id,
            exchange,
            poll: Duration::from_secs(poll),
            message_bytes,
            silent_after_hours,
        })
    }

    fn after(&self, key: &dyn Fn(&str) -> String, found: &mut Found) -> After {
        let said = self.after.unwrap_or(RawAfter::Move);
        found.add_if(self.moved_to.is_some() && !matches!(said, RawAfter::Move), &key("moved_to"), "only with after = \"move\"");
        found.add_if(self.flag.is_some() && !matches!(said, RawAfter::Flag), &key("flag"), "only with after = \"flag\"");
        match said {
            RawAfter::Move => After::Move(self.moved_to.clone().unwrap_or_else(|| "Rohrpost/Accepted".into())),
            RawAfter::Delete => After::Delete,
            RawAfter::Flag => {
                let flag = self.flag.clone().unwrap_or_else(|| "$Rohrpost".into());
                // RFC 3501 §9: a keyword is an atom.
                let is_atom = !flag.is_empty() && flag.chars().all(|c| c.is_ascii_graphic() && !"(){%*\"\\]".contains(c));
                found.add_if(!is_atom, &key("flag"), "a keyword of letters, digits, $, - and _");
                After::Flag(flag)
            }
        }
    }

    fn signs_in(&self, key: &dyn Fn(&str) -> String, others: Others<'_>, found: &mut Found) -> Option<(Mechanism, SignsIn)> {
        let has_token = self.bearer.is_some() || self.oauth.is_some();
        let mechanism = self.mechanism.unwrap_or(if has_token { Mechanism::Xoauth2 } else { Mechanism::Plain });
        let takes_token = mechanism.takes_a_token();
        let is_mixed = if takes_token { self.password.is_some() } else { has_token };
        found.add_if(is_mixed, &key("mechanism"), "password goes with plain and login, bearer and oauth with xoauth2 and oauthbearer");
        if let (true, Some(name)) = (takes_token, &self.oauth) {
            found.add_if(self.bearer.is_some(), &key("bearer"), "with oauth, tokens come from there");
            found.add_if(!others.has_key, "seal.key", "tokens of mailboxes with oauth are kept sealed; `rohrpost oauth key` prints a key");
            let named = others.oauth.iter().find(|oauth| oauth.name == *name);
            found.add_if(named.is_none(), &key("oauth"), "no [[oauth]] has this name");
            return Some((mechanism, SignsIn::Oauth(named?.clone())));
        }
        let (name, wanted) = if takes_token { ("bearer", &self.bearer) } else { ("password", &self.password) };
        let Some(secret) = wanted else {
            found.add(&key(name), if takes_token { "this, or oauth, is how one signs in" } else { "this is how one signs in" });
            return None;
        };
        if let Err(error) = secret.get() {
            found.add(&key(name), &format!("{error:#}"));
        }
        Some((mechanism, SignsIn::Secret(secret.clone())))
    }

    fn exchange(&self, key: &dyn Fn(&str) -> String, found: &mut Found) -> Option<ExchangeOnline> {
        let is_exchange = self.results == Some(Results::ExchangeOnline);
        found.add_if(is_exchange && self.authserv_id.is_some(), &key("authserv_id"), "Exchange Online writes none: one or the other");
        found.add_if(!is_exchange && self.own_domains.is_some(), &key("own_domains"), "only with results = \"exchange_online\"");
        let own_domains: Vec<String> = self.own_domains.iter().flatten().map(|domain| domain.to_lowercase()).collect();
        let is_domain = |domain: &String| address::is_plausible(&format!("x@{domain}"));
        found.add_if(!own_domains.iter().all(is_domain), &key("own_domains"), "domains, as in \"acme.example\"");
        is_exchange.then_some(ExchangeOnline { own_domains })
    }
}

impl After {
    fn folder(&self) -> Option<&str> {
        match self {
            After::Move(folder) => Some(folder),
            After::Flag(_) | After::Delete => None,
        }
    }
}

fn is_folder(text: &str) -> bool {
    !text.is_empty()
        && text.split('/').all(|level| !level.trim().is_empty() && !level.chars().any(|c| c.is_control() || "%*\"\\".contains(c)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Faults, read};

    const LEAST: &str = "[[imap]]\nname = \"hr\"\nhost = \"imap.acme.example\"\nuser = \"u\"\npassword = { value = \"p\" }\nimport_address = \"Import@acme.example\"\nfirst = \"from_now_on\"\n";

    fn config(more: &str) -> Result<Config, Vec<String>> {
        read(&format!("{LEAST}{more}"), Vec::new()).map_err(|Faults(list)| list)
    }

    #[test]
    fn what_is_left_out() {
        let imap = config("").unwrap().imap.remove(0);
        assert_eq!((imap.port, imap.tls, imap.mechanism, imap.folder.as_str()), (993, Tls::Implicit, Mechanism::Plain, "INBOX"));
        assert_eq!((imap.import_address.as_str(), imap.message_bytes), ("import@acme.example", 50 << 20));
        assert_eq!((imap.after, imap.refused_to.as_deref()), (After::Move("Rohrpost/Accepted".into()), Some("Rohrpost/Refused")));
        let flags = config("after = \"flag\"\n").unwrap().imap.remove(0);
        assert_eq!((flags.after, flags.refused_to), (After::Flag("$Rohrpost".into()), None));
        let bearer = LEAST.replace("password", "bearer");
        assert_eq!(read(&bearer, Vec::new()).unwrap().imap[0].mechanism, Mechanism::Xoauth2);
    }

    #[test]
    fn faults() {
        let check = |more: &str, part: &str| {
            let found = config(more).unwrap_err().join("\n");
            assert!(found.contains(part), "{more}: {found}");
        };
        check("tls = \"none\"\n", "imap[0].tls");
        check("moved_to = \"INBOX\"\n", "imap[0].moved_to");
        check("moved_to = \"A//B\"\n", "imap[0].moved_to");
        check("after = \"delete\"\nmoved_to = \"X\"\n", "imap[0].moved_to");
        check("after = \"flag\"\nflag = \"a b\"\n", "imap[0].flag");
        check("bearer = { value = \"t\" }\n", "imap[0].");
        check("mechanism = \"oauthbearer\"\n", "imap[0].bearer");
        check("oauth = \"m365\"\n", "imap[0].mechanism");
        check("results = \"exchange_online\"\nauthserv_id = \"a.example\"\n", "imap[0].authserv_id");
        check("own_domains = [\"acme.example\"]\n", "imap[0].own_domains");
        check("results = \"exchange_online\"\nown_domains = [\"@acme.example\"]\n", "imap[0].own_domains");
        check("poll_seconds = 0\n", "imap[0].poll_seconds");
        check(LEAST, "imap[1].name");
        check(&LEAST.replace("\"hr\"", "\"other\""), "imap[1].folder");
        for gone in ["first = \"from_now_on\"\n", "import_address = \"Import@acme.example\"\n"] {
            let found = read(&LEAST.replace(gone, ""), Vec::new()).unwrap_err().to_string();
            assert!(found.contains(gone.split(' ').next().unwrap()), "{found}");
        }
        let unreadable = LEAST.replace("value = \"p\"", "file = \"/nowhere/secret\"");
        assert!(read(&unreadable, Vec::new()).unwrap_err().to_string().contains("imap[0].password: /nowhere/secret"));
        let named = LEAST.replace("\"hr\"", "\"hr@acme\"");
        assert!(read(&named, Vec::new()).unwrap_err().to_string().contains("imap[0].name"));
    }

    #[test]
    fn by_oauth() {
        const OAUTH: &str = "[[oauth]]\nname = \"m365\"\nprovider = \"microsoft\"\ndirectory = \"acme.example\"\nclient_id = \"c\"\n";
        const KEY: &str = "[seal]\nkey = { file = \"/fetched/where/needed\" }\n";
        let mailbox = LEAST.replace("password = { value = \"p\" }", "oauth = \"m365\"");
        let imap = read(&format!("{mailbox}{OAUTH}{KEY}"), Vec::new()).unwrap().imap.remove(0);
        assert!(matches!(imap.signs_in, SignsIn::Oauth(oauth) if oauth.name == "m365"));
        assert_eq!(imap.mechanism, Mechanism::Xoauth2);
        let check = |text: &str, part: &str| {
            let found = read(text, Vec::new()).unwrap_err().to_string();
            assert!(found.contains(part), "{text}: {found}");
        };
        check(&format!("{mailbox}{OAUTH}"), "seal.key");
        check(&format!("{mailbox}{KEY}"), "imap[0].oauth");
        check(&format!("{mailbox}mechanism = \"plain\"\n{OAUTH}{KEY}"), "imap[0].mechanism");
        check(&format!("{mailbox}bearer = {{ value = \"t\" }}\n{OAUTH}{KEY}"), "imap[0].bearer");
        check("[seal]\nold_keys = [{ value = \"x\" }]\n", "seal.key");
        let exchange = format!("{LEAST}results = \"exchange_online\"\nown_domains = [\"Acme.example\"]\n");
        let exchange = read(&exchange, Vec::new()).unwrap().imap.remove(0).exchange.unwrap();
        assert_eq!(exchange.own_domains, ["acme.example"]);
    }

    /// Every key stands in the example, below `[[imap]]`.
    #[test]
    fn the_example_has_every_key() {
        let source = include_str!("imap.rs");
        let raw = &source[source.find("struct RawImap {").unwrap()..source.find("enum RawAfter").unwrap()];
        let section = crate::config::EXAMPLE.split("[[imap]]").nth(1).unwrap();
        let keys: Vec<&str> = raw.lines().filter_map(|line| line.trim().split_once(": ")).map(|(key, _)| key).collect();
        assert!(keys.len() > 15);
        for key in keys {
            assert!(section.contains(&format!("# {key} = ")), "{key} is missing in deploy/rohrpost.toml");
        }
    }
}
