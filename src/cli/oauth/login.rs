//! `oauth login`: by device code, by a browser on this machine, or by a browser elsewhere whose address is brought back.

use super::super::{Done, Failure, On, actor, show};
use super::provider;
use crate::config::oauth::{Grant, Oauth, Provider};
use crate::daemon::sign_ins::{asks, fetch_seals};
use crate::model::alarm::AlarmKind;
use crate::oauth::ask::{Asks, Granted};
use crate::oauth::listen::Listens;
use crate::oauth::refused::Refused;
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    /// The mailbox's name in the configuration
    mailbox: String,
    /// Sign in with a browser on this machine
    #[arg(long, conflicts_with = "paste")]
    browser: bool,
    /// Sign in with a browser elsewhere, and paste the address that it is sent to
    #[arg(long)]
    paste: bool,
    /// The port on this machine that the browser is sent back to; a free one if it is left out
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
}

/// Whoever has gone away from the browser has to begin again.
const PATIENCE: Duration = Duration::from_secs(900);
/// Where nobody listens, any port does; this one is easy to register.
const PASTE_PORT: u16 = 8765;

pub async fn run(on: &On, args: Args) -> Done {
    let (config, store) = on.store().await?;
    let oauth = provider(&config, &args.mailbox)?;
    let seals = fetch_seals(&config)?;
    let asks = asks(&oauth)?;
    let granted = match tokio::time::timeout(PATIENCE, signed_in(&asks, &args)).await {
        Ok(granted) => granted?.map_err(|refused| not_signed_in(&args.mailbox, &refused))?,
        Err(_) => return Err(Failure::Failed(anyhow!("nobody signed in within a quarter of an hour; begin again"))),
    };
    if oauth.grant == Grant::User && granted.refresh.is_none() {
        return Err(Failure::Failed(anyhow!(
            "the provider gave no token that renews, so that this would last {} minutes; nothing was kept. Often the scope offline_access \
             is missing, or consent to it",
            granted.life.as_secs() / 60
        )));
    }
    let until = Timestamp::now() + granted.life;
    store.signed_in(crate::oauth::login(&seals, &oauth, &args.mailbox, &granted, actor())?).await?;
    store.clear(AlarmKind::SignInLost, &args.mailbox, Timestamp::now()).await?;
    store.close().await;
    show::out(format!("mailbox {} is signed in; its first token is good until {}", args.mailbox, show::utc(until)))
}

async fn signed_in(asks: &Asks, args: &Args) -> anyhow::Result<Result<Granted, Refused>> {
    let oauth = &asks.config;
    if oauth.grant == Grant::ClientCredentials {
        return asks.as_client().await;
    }
    match (args.paste, args.browser || oauth.device_url.is_none()) {
        (true, _) => by_pasting(asks, args.port.unwrap_or(PASTE_PORT)).await,
        (false, true) => by_browser(asks, args.port.unwrap_or(0)).await,
        (false, false) => by_device(asks).await,
    }
}

/// RFC 8628 §3.3.
async fn by_device(asks: &Asks) -> anyhow::Result<Result<Granted, Refused>> {
    let device = match asks.device().await? {
        Ok(device) => device,
        Err(refused) => return Ok(Err(refused)),
    };
    say(&format!("Open   {}\nenter  {}", show::clean(device.verification_uri().as_str()), show::clean(device.user_code().secret())))?;
    if let Some(complete) = device.verification_uri_complete() {
        say(&format!("or open {}", show::clean(complete.secret())))?;
    }
    say(&format!("The code is good for {} minutes. Waiting.", device.expires_in().as_secs().div_ceil(60)))?;
    asks.of_device(&device).await
}

/// RFC 8252 §7.3.
async fn by_browser(asks: &Asks, port: u16) -> anyhow::Result<Result<Granted, Refused>> {
    let listens = Listens::on(port).await?;
    let browser = asks.browser(&redirect(&asks.config, listens.port))?;
    say(&format!("Open in a browser on this machine:\n{}\nWaiting.", browser.url))?;
    let code = listens.code(&browser).await?;
    drop(listens);
    asks.of_browser(browser, code).await
}

async fn by_pasting(asks: &Asks, port: u16) -> anyhow::Result<Result<Granted, Refused>> {
    let browser = asks.browser(&redirect(&asks.config, port))?;
    say(&format!(
        "Open in a browser:\n{}\nAt the end it is sent to {} and finds nothing there. Paste the whole address that it shows then:",
        browser.url, browser.redirect
    ))?;
    let line = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let code = browser.code(&line.await?.context("standard input")?)?;
    asks.of_browser(browser, code).await
}

/// Microsoft lets nobody register 127.0.0.1, and takes any port of localhost; others do as RFC 8252 §7.3 says.
fn redirect(oauth: &Oauth, port: u16) -> String {
    match oauth.provider {
        Provider::Microsoft => format!("http://localhost:{port}"),
        Provider::Google | Provider::Custom => format!("http://127.0.0.1:{port}/"),
    }
}

/// Said at once: somebody waits for it, perhaps through a pipe.
fn say(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    show::out(text)?;
    std::io::stdout().flush().context("standard output")
}

fn not_signed_in(mailbox: &str, refused: &Refused) -> Failure {
    Failure::Failed(anyhow!("mailbox {mailbox} is not signed in: {refused}"))
}
