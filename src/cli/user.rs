//! `user`: passwords for signing in at the SMTP door.

use super::{Done, On, show};
use crate::intake::login;
use anyhow::{Context, ensure};
use secrecy::{ExposeSecret, SecretString};
use std::io::IsTerminal;

#[derive(clap::Subcommand)]
pub enum Command {
    /// Set a user's password; it is asked for, or read as one line from standard input
    SetPassword {
        /// The address that the user signs in with
        email: String,
    },
}

/// Shorter ones are guessed.
const SHORTEST: usize = 10;

pub async fn run(on: &On, command: Command) -> Done {
    let Command::SetPassword { email } = command;
    let (_, store) = on.store().await?;
    // Nobody has another tenant's login name, so that one may be left out; one that is said must be right.
    let tenant = if on.tenant.is_some() { Some(on.tenant(&store).await?.id) } else { None };
    let password = ask()?;
    let hash = login::hash(&password)?;
    store.set_password_hash(tenant.as_ref(), &email, hash).await?;
    store.close().await;
    show::out(format!("{email} can sign in"))
}

fn ask() -> anyhow::Result<SecretString> {
    let password = if std::io::stdin().is_terminal() {
        let first = SecretString::from(rpassword::prompt_password("New password: ").context("the terminal")?);
        let again = SecretString::from(rpassword::prompt_password("Once more: ").context("the terminal")?);
        ensure!(first.expose_secret() == again.expose_secret(), "the two are not the same");
        first
    } else {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).context("standard input")?;
        SecretString::from(line.trim_end_matches(['\r', '\n']).to_owned())
    };
    ensure!(password.expose_secret().chars().count() >= SHORTEST, "a password has at least {SHORTEST} characters");
    Ok(password)
}
