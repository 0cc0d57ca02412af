//! Why a provider gave no token: either it passes by itself, or only a person can mend it.

use oauth2::basic::BasicErrorResponseType;
use oauth2::{ErrorResponseType, RequestTokenError, StandardErrorResponse};
use std::time::Duration;

/// What went wrong on the way to an answer that means something.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    #[error("{0}")]
    Unreachable(String),
    /// RFC 9110 §10.2.3: how long to stay away, if it was said.
    #[error("it answers {status}")]
    Busy { status: u16, after: Option<Duration> },
    #[error("its answer is too long")]
    TooLong,
    #[error("the question cannot be put: {0}")]
    NoQuestion(String),
}

/// Why there is no token. No text here holds a secret or an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the provider gives no answer: {why}")]
    Later { why: String, after: Option<Duration> },
    /// The error's code of RFC 6749 §5.2 and its extensions.
    #[error("the provider refuses: {code}")]
    Person { code: String },
}

type Failed<E> = RequestTokenError<NoAnswer, StandardErrorResponse<E>>;

impl Refused {
    /// RFC 6749 §5.2; what follows an error's code is free text, which may name people, and is left out.
    pub fn of<E: ErrorResponseType + AsCode + std::fmt::Display + 'static>(error: &Failed<E>) -> Refused {
        let later = |why: String, after| Refused::Later { why, after };
        match error {
            RequestTokenError::ServerResponse(response) => {
                let code = response.error().as_code();
                let described = response.error_description().and_then(|text| microsofts(text));
                match code.as_str() {
                    "temporarily_unavailable" | "server_error" | "slow_down" => later(code, None),
                    _ => Refused::Person { code: described.map_or(code.clone(), |number| format!("{code}, {number}")) },
                }
            }
            RequestTokenError::Request(NoAnswer::Busy { status, after }) => later(format!("it answers {status}"), *after),
            RequestTokenError::Request(error) => later(error.to_string(), None),
            // A page of a proxy, or of a server that is being repaired.
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => later("its answer cannot be read".into(), None),
        }
    }
}

/// An error's code as it may be shown.
pub trait AsCode {
    fn as_code(&self) -> String;
}

impl AsCode for BasicErrorResponseType {
    fn as_code(&self) -> String {
        clean(self.as_ref())
    }
}

impl AsCode for oauth2::DeviceCodeErrorResponseType {
    fn as_code(&self) -> String {
        match self {
            oauth2::DeviceCodeErrorResponseType::AuthorizationPending => "authorization_pending".into(),
            oauth2::DeviceCodeErrorResponseType::SlowDown => "slow_down".into(),
            oauth2::DeviceCodeErrorResponseType::AccessDenied => "access_denied".into(),
            oauth2::DeviceCodeErrorResponseType::ExpiredToken => "expired_token".into(),
            oauth2::DeviceCodeErrorResponseType::Basic(basic) => basic.as_code(),
        }
    }
}

/// Codes are words with underscores; whatever else somebody sends there is not shown.
pub fn clean(code: &str) -> String {
    let is_code = !code.is_empty() && code.len() <= 40 && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if is_code { code.to_owned() } else { "an error of unknown name".into() }
}

/// Microsoft's own number, which its documents explain: `AADSTS700082`.
fn microsofts(text: &str) -> Option<String> {
    let (_, behind) = text.split_once("AADSTS")?;
    let digits: String = behind.chars().take_while(char::is_ascii_digit).take(10).collect();
    (!digits.is_empty()).then(|| format!("AADSTS{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_can_mend_it() {
        let of = |body: &str| -> Refused {
            let response: StandardErrorResponse<BasicErrorResponseType> = serde_json::from_str(body).unwrap();
            Refused::of(&RequestTokenError::ServerResponse(response))
        };
        let person = |body: &str, code: &str| assert_eq!(of(body), Refused::Person { code: code.into() }, "{body}");
        person(r#"{"error": "invalid_grant"}"#, "invalid_grant");
        person(r#"{"error": "interaction_required"}"#, "interaction_required");
        person(
            r#"{"error": "invalid_grant", "error_description": "AADSTS700082: The refresh token of petra@acme.example has expired"}"#,
            "invalid_grant, AADSTS700082",
        );
        person(r#"{"error": "invalid_client", "error_description": "AADSTS of nobody"}"#, "invalid_client");
        person(r#"{"error": "for petra@acme.example"}"#, "an error of unknown name");
        for code in ["temporarily_unavailable", "server_error", "slow_down"] {
            assert_eq!(of(&format!("{{\"error\": {code:?}}}")), Refused::Later { why: code.into(), after: None });
        }
        let answer = |error: NoAnswer| Refused::of::<BasicErrorResponseType>(&RequestTokenError::Request(error));
        let after = Some(Duration::from_secs(7));
        assert_eq!(answer(NoAnswer::Busy { status: 429, after }), Refused::Later { why: "it answers 429".into(), after });
        assert_eq!(answer(NoAnswer::TooLong), Refused::Later { why: "its answer is too long".into(), after: None });
        let other = Refused::of::<BasicErrorResponseType>(&RequestTokenError::Other("x".into()));
        assert!(matches!(other, Refused::Later { .. }));
    }
}
