//! E-mail addresses as they are compared and shown.

use serde::{Deserialize, Serialize};

/// A person in a mail: either part may be missing (Outlook writes `Von: Maria Müller`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Mailbox {
    pub name: Option<String>,
    pub address: Option<String>,
}

impl Mailbox {
    pub fn new(name: Option<&str>, address: Option<&str>) -> Mailbox {
        let tidy = |text: Option<&str>| text.map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        Mailbox { name: tidy(name), address: tidy(address) }
    }

    /// The address in the form that is compared, if there is one.
    pub fn key(&self) -> Option<String> {
        self.address.as_deref().map(key)
    }

    /// What a person would call this sender: the name, else the address.
    pub fn label(&self) -> &str {
        self.name.as_deref().or(self.address.as_deref()).unwrap_or("")
    }

    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.address.is_none()
    }
}

/// The form in which addresses are compared: lower case throughout. RFC 5321 §2.4 lets local parts differ by case;
/// no mail host of this century does.
pub fn key(address: &str) -> String {
    address.trim().to_lowercase()
}

/// Local part and domain, parted at the last `@`: quoted local parts may hold one of their own.
pub fn split(address: &str) -> Option<(&str, &str)> {
    let (local, domain) = address.rsplit_once('@')?;
    (!local.is_empty() && !domain.is_empty()).then_some((local, domain))
}

/// Takes `import+tag@domain` apart into (`import@domain`, `tag`). RFC 5233 calls the tag the detail.
pub fn without_detail(address: &str) -> (String, Option<String>) {
    let address = key(address);
    let Some((local, domain)) = split(&address) else { return (address, None) };
    match local.split_once('+') {
        Some((user, detail)) if !user.is_empty() => (format!("{user}@{domain}"), Some(detail.to_owned())),
        _ => (address, None),
    }
}

/// The same address with its domain in the other of its two spellings (RFC 5890 §2.3.2.1): `xn--mller-kva.example` and `müller.example`
/// are one domain. None if there is no other.
pub fn in_other_spelling(address: &str) -> Option<String> {
    let (local, domain) = split(address)?;
    let other = if domain.is_ascii() {
        let (unicode, read) = idna::domain_to_unicode(domain);
        read.ok().map(|()| unicode)?
    } else {
        idna::domain_to_ascii(domain).ok()?
    };
    (other != domain.to_lowercase()).then(|| format!("{local}@{other}"))
}

/// Whether the text can be an address that we would send to: one `@`, a dotted domain or `localhost`, no blanks or controls.
pub fn is_plausible(address: &str) -> bool {
    let Some((local, domain)) = split(address) else { return false };
    let clean = |text: &str| text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"@".contains(c));
    clean(local) && clean(domain) && !domain.starts_with('.') && !domain.ends_with('.') && !domain.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_taken_off() {
        let check = |address: &str, user: &str, detail: Option<&str>| {
            assert_eq!(without_detail(address), (user.to_owned(), detail.map(str::to_owned)), "{address}");
        };
        check("Import@Acme.example", "import@acme.example", None);
        check("import+4711@acme.example", "import@acme.example", Some("4711"));
        check("import+a+b@acme.example", "import@acme.example", Some("a+b"));
        check("+x@acme.example", "+x@acme.example", None);
        check("postmaster", "postmaster", None);
    }

    #[test]
    fn domains_have_two_spellings() {
        let check = |address: &str, other: Option<&str>| assert_eq!(in_other_spelling(address).as_deref(), other, "{address}");
        check("bewerbungen@MÜLLER.example", Some("bewerbungen@xn--mller-kva.example"));
        check("jürgen+x@xn--mller-kva.example", Some("jürgen+x@müller.example"));
        for one in [
            "import@acme.example",
            "jürgen@acme.example",
            "import@Acme.example",
            "postmaster",
            "a@xn--\u{fffd}.example",
            "a@xn--99999999.example",
        ] {
            check(one, None);
        }
    }

    #[test]
    fn plausible_addresses() {
        for good in ["a@b.example", "a.b+c@localhost", "müller@firma.example"] {
            assert!(is_plausible(good), "{good}");
        }
        for bad in ["", "a", "a@", "@b", "a b@c.example", "a@b@c", "a@b..c", "<a@b.example>", "a@b.example\r\nX: y"] {
            assert!(!is_plausible(bad), "{bad:?}");
        }
    }
}
