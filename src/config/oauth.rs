//! `[[oauth]]`: where mailboxes sign in by OAuth 2.0. What was said -> what is meant, with the addresses that Microsoft and Google publish.

use super::Secret;
use super::faults::Found;
use super::network::is_safe;
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// One provider, and us as its client.
#[derive(Clone, Debug)]
pub struct Oauth {
    /// Unique; mailboxes name it.
    pub name: String,
    pub provider: Provider,
    pub grant: Grant,
    pub client_id: String,
    /// None for a public client. RFC 6749 §2.1. Fetched anew for every question: files may be renewed.
    pub client_secret: Option<Secret>,
    pub scopes: Vec<String>,
    /// RFC 6749 §3.1; none if nobody signs in by a browser there.
    pub authorization_url: Option<String>,
    /// RFC 6749 §3.2.
    pub token_url: String,
    /// RFC 8628 §3.1; none where there is no such thing.
    pub device_url: Option<String>,
    /// A CA of one's own; none asks the platform's.
    pub ca: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Microsoft,
    Google,
    Custom,
}

impl Provider {
    pub fn as_str(self) -> &'static str {
        match self {
            Provider::Microsoft => "microsoft",
            Provider::Google => "google",
            Provider::Custom => "custom",
        }
    }
}

/// In whose name tokens are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// Of a person who signed in once.
    #[default]
    User,
    /// Of ourselves. RFC 6749 §4.4.
    ClientCredentials,
}

/// What was said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawOauth {
    name: String,
    provider: Provider,
    directory: Option<String>,
    client_id: String,
    client_secret: Option<Secret>,
    grant: Option<Grant>,
    scopes: Option<Vec<String>>,
    authorization_url: Option<String>,
    token_url: Option<String>,
    device_authorization_url: Option<String>,
    ca: Option<PathBuf>,
}

/// What a provider publishes of itself.
#[derive(Default)]
struct Known {
    authorization: Option<String>,
    token: Option<String>,
    device: Option<String>,
    scopes: Vec<&'static str>,
}

/// All providers; names are unique.
pub(super) fn meant(list: Vec<RawOauth>, found: &mut Found) -> Vec<Arc<Oauth>> {
    let mut all: Vec<Arc<Oauth>> = Vec::new();
    for (index, raw) in list.into_iter().enumerate() {
        let key = |name: &str| format!("oauth[{index}].{name}");
        found.add_if(all.iter().any(|other| other.name == raw.name), &key("name"), "another section has this name");
        all.extend(raw.meant(&key, found).map(Arc::new));
    }
    all
}

impl RawOauth {
    fn meant(self, key: &dyn Fn(&str) -> String, found: &mut Found) -> Option<Oauth> {
        let grant = self.grant.unwrap_or_default();
        let plain_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let named = (1..=40).contains(&self.name.len()) && self.name.chars().all(plain_name);
        found.add_if(!named, &key("name"), "1 to 40 of a-z, 0-9, - and _");
        found.add_if(self.client_id.trim().is_empty(), &key("client_id"), "as the provider gave it out");
        let directory = self.directory.as_deref();
        let is_directory = |id: &str| !id.is_empty() && id.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
        found.add_if(directory.is_some_and(|id| !is_directory(id)), &key("directory"), "the directory's (tenant's) id or domain");
        found.add_if(directory.is_some() && self.provider != Provider::Microsoft, &key("directory"), "only with provider = \"microsoft\"");
        let known = known(self.provider, directory, grant);
        let is_unnamed = self.provider == Provider::Microsoft && directory.is_none() && self.token_url.is_none();
        found.add_if(is_unnamed, &key("directory"), "the directory (tenant) at Microsoft: its id or its domain");
        let mut url = |name: &str, given: Option<String>, known: Option<String>| {
            let url = given.or(known)?;
            found.add_if(!is_safe(&url), &key(name), "an address that begins with https://; http:// only for a server on this machine");
            Some(url)
        };
        let authorization_url = url("authorization_url", self.authorization_url, known.authorization);
        let device_url = url("device_authorization_url", self.device_authorization_url, known.device);
        let token_url = url("token_url", self.token_url, known.token);
        found.add_if(token_url.is_none() && !is_unnamed, &key("token_url"), "where tokens are given out");
        let nobody_can = grant == Grant::User && authorization_url.is_none() && device_url.is_none();
        let how = "this or device_authorization_url is how a person signs in; without one, grant = \"client_credentials\"";
        found.add_if(nobody_can && !is_unnamed, &key("authorization_url"), how);
        let needs_secret = grant == Grant::ClientCredentials && self.client_secret.is_none();
        found.add_if(needs_secret, &key("client_secret"), "whoever asks in his own name proves who he is");
        let scopes = self.scopes.unwrap_or_else(|| known.scopes.iter().map(|scope| (*scope).to_owned()).collect());
        // RFC 6749 §3.3.
        let is_scope = |scope: &String| !scope.is_empty() && scope.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\');
        found.add_if(!scopes.iter().all(is_scope), &key("scopes"), "each is one word");
        Some(Oauth {
            name: self.name,
            provider: self.provider,
            grant,
            client_id: self.client_id,
            client_secret: self.client_secret,
            scopes,
            authorization_url,
            token_url: token_url?,
            device_url,
            ca: self.ca,
        })
    }
}

fn known(provider: Provider, directory: Option<&str>, grant: Grant) -> Known {
    match provider {
        Provider::Microsoft => {
            let of = |what: &str| directory.map(|id| format!("https://login.microsoftonline.com/{id}/oauth2/v2.0/{what}"));
            let scopes = match grant {
                Grant::User => vec!["https://outlook.office365.com/IMAP.AccessAsUser.All", "offline_access"],
                Grant::ClientCredentials => vec!["https://outlook.office365.com/.default"],
            };
            Known { authorization: of("authorize"), token: of("token"), device: of("devicecode"), scopes }
        }
        // Google gives the scope of mail to nobody who signs in by device code.
        Provider::Google => Known {
            authorization: Some("https://accounts.google.com/o/oauth2/v2/auth".into()),
            token: Some("https://oauth2.googleapis.com/token".into()),
            device: None,
            scopes: vec!["https://mail.google.com/"],
        },
        Provider::Custom => Known::default(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Faults, read};

    const M365: &str = "[[oauth]]\nname = \"m365\"\nprovider = \"microsoft\"\ndirectory = \"acme.example\"\nclient_id = \"c\"\n";
    const OWN: &str =
        "[[oauth]]\nname = \"own\"\nprovider = \"custom\"\nclient_id = \"c\"\ntoken_url = \"https://id.acme.example/token\"\n";

    fn config(text: &str) -> Result<Config, Vec<String>> {
        read(text, Vec::new()).map_err(|Faults(list)| list)
    }

    #[test]
    fn what_providers_publish() {
        let m365 = config(M365).unwrap().oauth.remove(0);
        assert_eq!(m365.token_url, "https://login.microsoftonline.com/acme.example/oauth2/v2.0/token");
        assert!(m365.device_url.is_some() && m365.authorization_url.is_some() && m365.client_secret.is_none());
        assert_eq!(m365.scopes, ["https://outlook.office365.com/IMAP.AccessAsUser.All", "offline_access"]);
        let app = format!("{M365}grant = \"client_credentials\"\nclient_secret = {{ file = \"/nowhere\" }}\n");
        assert_eq!(config(&app).unwrap().oauth[0].scopes, ["https://outlook.office365.com/.default"]);
        let google = config(&M365.replace("microsoft", "google").replace("directory = \"acme.example\"\n", "")).unwrap().oauth.remove(0);
        assert_eq!((google.device_url.as_ref(), google.scopes.clone()), (None, vec!["https://mail.google.com/".to_owned()]));
        let other = format!("{M365}token_url = \"https://login.partner.example/t\"\nscopes = [\"a\", \"b\"]\n");
        let other = config(&other).unwrap().oauth.remove(0);
        assert_eq!((other.token_url.as_str(), other.scopes.len()), ("https://login.partner.example/t", 2));
    }

    #[test]
    fn faults() {
        let check = |text: &str, part: &str| {
            let found = config(text).unwrap_err().join("\n");
            assert!(found.contains(part), "{text}: {found}");
        };
        check(&M365.replace("directory = \"acme.example\"\n", ""), "oauth[0].directory");
        check(&M365.replace("acme.example", "../x"), "oauth[0].directory");
        check(&format!("{M365}grant = \"client_credentials\"\n"), "oauth[0].client_secret");
        check(&format!("{M365}{M365}"), "oauth[1].name");
        check(&format!("{OWN}directory = \"x\"\n"), "oauth[0].directory");
        check(OWN, "oauth[0].authorization_url");
        check(&format!("{OWN}scopes = [\"a b\"]\n"), "oauth[0].scopes");
        check(&OWN.replace("token_url = \"https://id.acme.example/token\"\n", ""), "oauth[0].token_url");
        for url in
            ["http://id.acme.example/t", "ftp://localhost/t", "id.acme.example", "http://localhost.evil.example/", "https://u:p@a.example/"]
        {
            check(&OWN.replace("https://id.acme.example/token", url), "oauth[0].token_url");
        }
        let device = |url: &str| config(&format!("{OWN}device_authorization_url = {url:?}\n"));
        assert!(device("http://127.0.0.1:9/d").is_ok() && device("http://[::1]:9/d").is_ok() && device("http://localhost/d").is_ok());
        assert!(device("http://192.0.2.1/d").is_err() && device("https://id.acme.example/d#x").is_err());
    }

    /// Every key stands in the example, below `[[oauth]]`.
    #[test]
    fn the_example_has_every_key() {
        let source = include_str!("oauth.rs");
        let raw = &source[source.find("struct RawOauth {").unwrap()..source.find("struct Known").unwrap()];
        let section = crate::config::EXAMPLE.split("# [[oauth]]\n").nth(1).unwrap();
        let keys: Vec<&str> = raw.lines().filter_map(|line| line.trim().split_once(": ")).map(|(key, _)| key).collect();
        assert!(keys.len() > 10);
        for key in keys {
            assert!(section.contains(&format!("# {key} = ")), "{key} is missing in deploy/rohrpost.toml");
        }
    }
}
