//! Access tokens, as doors see them. RFC 6750.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use secrecy::SecretString;

/// Where access tokens come from.
pub trait Tokens: Send + Sync {
    /// A token that should be good now. Asked before each login.
    fn token(&self) -> BoxFuture<'_, anyhow::Result<SecretString>>;
    /// The server took the last one.
    fn taken(&self) -> BoxFuture<'_, ()>;
    /// The server did not take the last one.
    fn refused(&self) -> BoxFuture<'_, ()>;
    /// Ends as soon as somebody has signed in anew: then there is a reason to try before one meant to.
    fn renewed(&self) -> BoxFuture<'_, ()>;
    /// Until when the one that there is opens the mailbox; none if nobody can say. It moves on whenever a new one is got.
    fn until(&self) -> BoxFuture<'_, Option<Timestamp>>;
}
