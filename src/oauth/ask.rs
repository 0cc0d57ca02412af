//! Questions to a provider: for a token, for a device's code, for the address at which a person signs in. RFC 6749.

use super::refused::{NoAnswer, Refused};
use crate::config::oauth::{Grant, Oauth, Provider};
use anyhow::Context;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicErrorResponseType, BasicTokenResponse};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RefreshToken, Scope,
    StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;

/// An answer takes so long at most.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// The longest answer that is read, in bytes. Tokens with many claims have some thousands.
const LONGEST: usize = 256 * 1024;
/// RFC 6749 §5.1: where the provider does not say how long a token lives.
const UNSAID: Duration = Duration::from_secs(3_600);
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);

/// A provider that can be asked.
#[derive(Clone)]
pub struct Asks {
    pub config: Arc<Oauth>,
    http: reqwest::Client,
}

/// What a provider gave.
pub struct Granted {
    pub access: SecretString,
    /// None: the old one goes on, if there was one. RFC 6749 §6.
    pub refresh: Option<SecretString>,
    /// When it was asked for; its life is reckoned from there.
    pub at: Timestamp,
    pub life: Duration,
}

/// A person's way to a browser, and what must come back from it.
pub struct Browser {
    pub url: String,
    pub redirect: String,
    state: CsrfToken,
    verifier: PkceCodeVerifier,
}

type Client = BasicClient<EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>;

impl Asks {
    /// `tls`: whom we believe.
    pub fn new(config: Arc<Oauth>, tls: rustls::ClientConfig) -> anyhow::Result<Asks> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            // RFC 6749 §3.2 knows none, and secrets go to no other address.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .user_agent("rohrpost");
        // A server on this machine is asked without the machine's proxy.
        let http = if config.token_url.starts_with("http://") { http.no_proxy() } else { http };
        Ok(Asks { config, http: http.build().context("the HTTP client")? })
    }

    fn client(&self) -> anyhow::Result<Client> {
        let config = &self.config;
        // RFC 6749 §2.3.1: every provider takes the header; Microsoft and Google document the body.
        let how = if config.provider == Provider::Custom { AuthType::BasicAuth } else { AuthType::RequestBody };
        let mut client = BasicClient::new(ClientId::new(config.client_id.clone())).set_auth_type(how);
        if let Some(secret) = &config.client_secret {
            let secret = secret.get().with_context(|| format!("client_secret of [[oauth]] {}", config.name))?;
            client = client.set_client_secret(ClientSecret::new(secret.expose_secret().to_owned()));
        }
        Ok(client.set_token_uri(TokenUrl::new(config.token_url.clone())?))
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.config.scopes.iter().cloned().map(Scope::new)
    }

    /// RFC 6749 §6.
    pub async fn renewed(&self, refresh: &SecretString) -> anyhow::Result<Result<Granted, Refused>> {
        let (client, at) = (self.client()?, Timestamp::now());
        let refresh = RefreshToken::new(refresh.expose_secret().to_owned());
        let answer = client.exchange_refresh_token(&refresh).request_async(self).await;
        Ok(answer.map(|token| granted(&token, at)).map_err(|error| Refused::of::<BasicErrorResponseType>(&error)))
    }

    /// RFC 6749 §4.4.
    pub async fn as_client(&self) -> anyhow::Result<Result<Granted, Refused>> {
        let (client, at) = (self.client()?, Timestamp::now());
        let answer = client.exchange_client_credentials().add_scopes(self.scopes()).request_async(self).await;
        Ok(answer.map(|token| granted(&token, at)).map_err(|error| Refused::of::<BasicErrorResponseType>(&error)))
    }

    /// RFC 8628 §3.1. Fails where the provider has no such thing.
    pub async fn device(&self) -> anyhow::Result<Result<StandardDeviceAuthorizationResponse, Refused>> {
        let url = self.config.device_url.clone().context("this provider has no sign-in by device code")?;
        let client = self.client()?.set_device_authorization_url(DeviceAuthorizationUrl::new(url)?);
        let answer = client.exchange_device_code().add_scopes(self.scopes()).request_async(self).await;
        Ok(answer.map_err(|error| Refused::of::<BasicErrorResponseType>(&error)))
    }

    /// RFC 8628 §3.4: asks again and again until the person has signed in, or the code is over.
    pub async fn of_device(&self, device: &StandardDeviceAuthorizationResponse) -> anyhow::Result<Result<Granted, Refused>> {
        let client = self.client()?;
        let request = client.exchange_device_access_token(device).set_max_backoff_interval(Duration::from_secs(10));
        let answer = request.request_async(self, tokio::time::sleep, None).await;
        // It was given at the last question, a moment ago.
        let at = Timestamp::now();
        Ok(answer.map(|token| granted(&token, at)).map_err(|error| Refused::of::<oauth2::DeviceCodeErrorResponseType>(&error)))
    }

    /// RFC 6749 §4.1.1 with RFC 7636 §4.3.
    pub fn browser(&self, redirect: &str) -> anyhow::Result<Browser> {
        let url = self.config.authorization_url.clone().context("nobody signs in by a browser at this provider")?;
        let redirect_url = RedirectUrl::new(redirect.to_owned()).context("redirect")?;
        let client = self.client()?.set_auth_uri(AuthUrl::new(url)?).set_redirect_uri(redirect_url);
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let mut request = client.authorize_url(CsrfToken::new_random).add_scopes(self.scopes()).set_pkce_challenge(challenge);
        if self.config.provider == Provider::Google {
            // Google gives a token that renews only if it is asked so.
            request = request.add_extra_param("access_type", "offline");
        }
        if self.config.provider != Provider::Microsoft {
            // Whoever has agreed before agrees again: otherwise there is no token that renews.
            request = request.add_extra_param("prompt", "consent");
        }
        let (url, state) = request.url();
        Ok(Browser { url: url.into(), redirect: redirect.to_owned(), state, verifier })
    }

    /// RFC 6749 §4.1.3 with RFC 7636 §4.5.
    pub async fn of_browser(&self, browser: Browser, code: SecretString) -> anyhow::Result<Result<Granted, Refused>> {
        let client = self.client()?.set_redirect_uri(RedirectUrl::new(browser.redirect)?);
        let at = Timestamp::now();
        let code = AuthorizationCode::new(code.expose_secret().to_owned());
        let request = client.exchange_code(code).set_pkce_verifier(browser.verifier);
        let answer = request.request_async(self).await;
        Ok(answer.map(|token| granted(&token, at)).map_err(|error| Refused::of::<BasicErrorResponseType>(&error)))
    }

    /// With what the row holds, or as ourselves.
    pub async fn again(&self, refresh: Option<&SecretString>) -> anyhow::Result<Result<Granted, Refused>> {
        match (self.config.grant, refresh) {
            (Grant::ClientCredentials, _) => self.as_client().await,
            (Grant::User, Some(refresh)) => self.renewed(refresh).await,
            (Grant::User, None) => Ok(Err(Refused::Person { code: "no_refresh_token".into() })),
        }
    }

    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let request = request.try_into().map_err(|error: reqwest::Error| NoAnswer::NoQuestion(reason(&error)))?;
        let mut response = self.http.execute(request).await.map_err(|error| NoAnswer::Unreachable(reason(&error)))?;
        let status = response.status();
        // RFC 6585 §4, RFC 9110 §15.6: it may be otherwise later, whatever the body says.
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            return Err(NoAnswer::Busy { status: status.as_u16(), after: retry_after(response.headers(), Timestamp::now()) });
        }
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|error| NoAnswer::Unreachable(reason(&error)))? {
            if body.len() + piece.len() > LONGEST {
                return Err(NoAnswer::TooLong);
            }
            body.extend_from_slice(&piece);
        }
        let mut answer = HttpResponse::new(body);
        *answer.status_mut() = status;
        *answer.headers_mut() = response.headers().clone();
        Ok(answer)
    }
}

impl<'c> AsyncHttpClient<'c> for Asks {
    type Error = NoAnswer;
    type Future = BoxFuture<'c, Result<HttpResponse, NoAnswer>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.answer(request))
    }
}

impl Browser {
    /// The code in what came back. RFC 6749 §4.1.2 and §10.12: only with the state that went out.
    pub fn code(&self, came_back: &str) -> Result<SecretString, BadReturn> {
        let url = match came_back.trim() {
            // The listener sees a path alone.
            path if path.starts_with('/') => format!("http://localhost{path}"),
            url => url.to_owned(),
        };
        let url = oauth2::url::Url::parse(&url).map_err(|_| BadReturn::NoAddress)?;
        let all =
            |wanted: &str| url.query_pairs().filter(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).collect::<Vec<_>>();
        let (states, codes, errors) = (all("state"), all("code"), all("error"));
        match states.as_slice() {
            [state] if state == self.state.secret() => (),
            [] => return Err(BadReturn::NoAddress),
            _ => return Err(BadReturn::OtherState),
        }
        match (codes.as_slice(), errors.as_slice()) {
            ([code], []) if !code.is_empty() => Ok(code.as_str().into()),
            ([], [error]) => Err(BadReturn::Refused(super::refused::clean(error))),
            _ => Err(BadReturn::NoAddress),
        }
    }
}

/// What came back is no good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReturn {
    #[error("this is not the address that the browser was sent back to")]
    NoAddress,
    #[error("this belongs to another sign-in: its state is not ours")]
    OtherState,
    /// RFC 6749 §4.1.2.1.
    #[error("the provider refuses: {0}")]
    Refused(String),
}

fn granted(token: &BasicTokenResponse, at: Timestamp) -> Granted {
    let life = token.expires_in().unwrap_or(UNSAID).clamp(Duration::from_secs(1), LONGEST_LIFE);
    Granted {
        access: token.access_token().secret().as_str().into(),
        refresh: token.refresh_token().map(|token| token.secret().as_str().into()),
        at,
        life,
    }
}

/// What went wrong, without the address that was asked.
fn reason(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it does not answer in time".into();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let text: String = cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
    if text.contains('@') { "it cannot be reached".into() } else { text }
}

/// RFC 9110 §10.2.3: seconds, or a date.
fn retry_after(headers: &oauth2::http::HeaderMap, now: Timestamp) -> Option<Duration> {
    let value = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(value).ok()?.timestamp();
    Some(at.duration_since(now).try_into().unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(provider: Provider) -> Asks {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let config = Oauth {
            name: "own".into(),
            provider,
            grant: Grant::User,
            client_id: "client".into(),
            client_secret: None,
            scopes: vec!["mail".into()],
            authorization_url: Some("https://id.acme.example/authorize?x=y".into()),
            token_url: "http://127.0.0.1:1/token".into(),
            device_url: None,
            ca: None,
        };
        let tls = rustls::ClientConfig::builder().with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
        Asks::new(Arc::new(config), tls).unwrap()
    }

    /// Only what bears our state is taken, and only if it says one thing.
    #[test]
    fn what_comes_back() {
        let browser = asks(Provider::Custom).browser("http://127.0.0.1:9/").unwrap();
        let url = oauth2::url::Url::parse(&browser.url).unwrap();
        let said =
            |wanted: &str| url.query_pairs().find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned()).unwrap_or_default();
        assert_eq!((said("code_challenge_method").as_str(), said("response_type").as_str(), said("x").as_str()), ("S256", "code", "y"));
        let digest = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(browser.verifier.secret()));
        use base64::Engine;
        assert_eq!(said("code_challenge"), base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(digest));
        let state = said("state");
        let check = |text: String, want: Result<&str, BadReturn>| {
            let code = browser.code(&text).map(|code| code.expose_secret().to_owned());
            assert_eq!(code, want.map(str::to_owned), "{text}");
        };
        check(format!("/?code=a%20b&state={state}"), Ok("a b"));
        check(format!(" http://127.0.0.1:9/?state={state}&code=abc\n"), Ok("abc"));
        check(format!("/?error=access_denied&error_description=petra&state={state}"), Err(BadReturn::Refused("access_denied".into())));
        check("/?code=abc&state=other".into(), Err(BadReturn::OtherState));
        check(format!("/?code=abc&state={state}&state=other"), Err(BadReturn::OtherState));
        for nothing in
            ["/?code=abc".into(), format!("/?state={state}"), format!("/?code=a&code=b&state={state}"), "abc".into(), String::new()]
        {
            check(nothing, Err(BadReturn::NoAddress));
        }
        check(format!("/?code=a&error=b&state={state}"), Err(BadReturn::NoAddress));
        assert!(asks(Provider::Google).browser("http://127.0.0.1:9/").unwrap().url.contains("access_type=offline"));
    }

    #[test]
    fn how_long_it_asks_to_wait() {
        let now = Timestamp::from_second(1_445_412_480).unwrap();
        let check = |value: &str, want: Option<u64>| {
            let headers = oauth2::http::HeaderMap::from_iter([(oauth2::http::header::RETRY_AFTER, value.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now).map(|wait| wait.as_secs()), want, "{value}");
        };
        check("120", Some(120));
        check("Wed, 21 Oct 2015 07:28:30 GMT", Some(30));
        check("Wed, 21 Oct 2015 07:00:00 GMT", Some(0));
        check("soon", None);
        check("-1", None);
    }

    #[tokio::test]
    async fn nobody_is_there() {
        let refused = asks(Provider::Custom).again(Some(&"r".into())).await.unwrap().err().unwrap();
        assert!(matches!(&refused, Refused::Later { why, after: None } if !why.contains("127.0.0.1")), "{refused}");
        let person = asks(Provider::Custom).again(None).await.unwrap().err();
        assert_eq!(person, Some(Refused::Person { code: "no_refresh_token".into() }));
    }
}
