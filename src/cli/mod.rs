//! The commands. Each file is one of them; how a command ends decides the exit code: 0 done, 1 failed, 2 wrong usage or configuration.

mod alarms;
mod canary;
mod check;
mod dead_letter;
mod deliver;
pub mod demo;
mod document;
mod doors;
mod explain;
mod history;
mod import;
mod kind;
pub mod logging;
mod mail;
mod oauth;
mod outbox;
mod serve;
mod show;
mod target;
mod token;
mod user;
mod verify;

use crate::config::{self, Config};
use crate::model::id::TenantId;
use crate::model::organisation::Tenant;
use crate::store::{Missing, Store};
use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The pneumatic post of recruiting: carries candidates' e-mail into their applications' history.
#[derive(Parser)]
#[command(name = "rohrpost", version, about, max_term_width = 100)]
pub struct Cli {
    /// The configuration file
    #[arg(long, short, global = true, env = "ROHRPOST_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The tenant; needed only where there are several
    #[arg(long, global = true, value_name = "ID")]
    tenant: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the product at work in a fresh folder
    Demo(demo::Args),
    /// Work: take mail, file it, tell those responsible
    Serve,
    /// Take one mail from standard input, for a mail host's pipe
    Deliver(deliver::Args),
    /// Look for everything that is wrong with the configuration
    Check(check::Args),
    /// Print the example configuration with every key
    DefaultConfig,
    /// Say what a mail would be understood as
    Explain(explain::Args),
    /// Load or update an organisation from a JSON file
    Import(import::Args),
    /// Show an application's history
    History(history::Args),
    /// Fetch a filed document, correct its kind
    #[command(subcommand)]
    Document(document::Command),
    /// What words in file names tell: list, add, remove
    #[command(subcommand)]
    Kind(kind::Command),
    /// List mails, show one, send one through again
    #[command(subcommand)]
    Mail(mail::Command),
    /// What is held: list, show, retry, assign, discard
    #[command(subcommand)]
    DeadLetter(dead_letter::Command),
    /// Messages of ours: list, retry
    #[command(subcommand)]
    Outbox(outbox::Command),
    /// How the doors are: mailboxes, their last mail, their last error
    #[command(subcommand)]
    Doors(doors::Command),
    /// Sign mailboxes in by OAuth: login, list, logout, keys
    #[command(subcommand)]
    Oauth(oauth::Command),
    /// What is wrong although nobody complained: list, test the ways to tell
    #[command(subcommand)]
    Alarms(alarms::Command),
    /// Send a mail to ourselves through a door
    Canary(canary::Args),
    /// Addresses by which candidates may write to their applications: create, list, revoke
    #[command(subcommand)]
    Token(token::Command),
    /// Users' passwords
    #[command(subcommand)]
    User(user::Command),
    /// Prove that mails, rows, documents, folder and outbox agree
    Verify,
}

/// How a command that did not succeed ended.
#[derive(Debug)]
pub enum Failure {
    /// Exit code 2.
    Usage(String),
    /// Exit code 1.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Failed(error)
    }
}

impl From<Failure> for anyhow::Error {
    fn from(failure: Failure) -> anyhow::Error {
        match failure {
            Failure::Usage(text) => anyhow::anyhow!(text),
            Failure::Failed(error) => error,
        }
    }
}

type Done = Result<(), Failure>;

/// Runs what these arguments ask for.
pub fn start(arguments: Vec<OsString>) -> ExitCode {
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => run(cli),
        // A mail host takes clap's code for a reason to bounce.
        Err(error) if error.use_stderr() && arguments.iter().any(|argument| argument == "deliver") => deliver::wrong_usage(&error),
        Err(error) => error.exit(),
    }
}

/// Runs the command that was asked for.
pub fn run(cli: Cli) -> ExitCode {
    // The one provider of cryptography; a second call is harmless.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let cli = match cli {
        Cli { config, command: Command::Deliver(args), .. } => return deliver::run(config, args),
        other => other,
    };
    let (code, error) = match dispatch(cli) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Usage(error)) => (2, error),
        Err(Failure::Failed(error)) if is_broken_pipe(&error) => return ExitCode::SUCCESS,
        Err(Failure::Failed(error)) => (1, format!("{error:#}")),
    };
    eprintln!("rohrpost: {}", show::clean_lines(&error));
    ExitCode::from(code)
}

/// Whoever reads only the first lines of a listing has not met an error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe))
}

fn dispatch(cli: Cli) -> Done {
    let Cli { config, tenant, command } = cli;
    let on = On { config, tenant };
    match command {
        Command::Demo(args) => runtime()?.block_on(demo::run(args)),
        // It has codes of its own, and was run by them.
        Command::Deliver(_) => Err(Failure::Usage("deliver was not run".into())),
        Command::Serve => runtime()?.block_on(serve::run(on.config()?)),
        Command::Check(args) => runtime()?.block_on(check::run(&on, args)),
        Command::DefaultConfig => show::out(config::EXAMPLE),
        Command::Explain(args) => runtime()?.block_on(explain::run(&on, args)),
        Command::Import(args) => runtime()?.block_on(import::run(&on, args)),
        Command::History(args) => runtime()?.block_on(history::run(&on, args)),
        Command::Document(command) => runtime()?.block_on(document::run(&on, command)),
        Command::Kind(command) => runtime()?.block_on(kind::run(&on, command)),
        Command::Mail(command) => runtime()?.block_on(mail::run(&on, command)),
        Command::DeadLetter(command) => runtime()?.block_on(dead_letter::run(&on, command)),
        Command::Outbox(command) => runtime()?.block_on(outbox::run(&on, command)),
        Command::Doors(command) => runtime()?.block_on(doors::run(&on, command)),
        Command::Oauth(command) => runtime()?.block_on(oauth::run(&on, command)),
        Command::Alarms(command) => runtime()?.block_on(alarms::run(&on, command)),
        Command::Canary(args) => runtime()?.block_on(canary::run(&on, args)),
        Command::Token(command) => runtime()?.block_on(token::run(&on, command)),
        Command::User(command) => runtime()?.block_on(user::run(&on, command)),
        Command::Verify => runtime()?.block_on(verify::run(&on)),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the runtime")
}

/// What every command may be told beside its own arguments.
struct On {
    config: Option<PathBuf>,
    tenant: Option<String>,
}

impl On {
    fn config(&self) -> Result<Config, Failure> {
        let path = self.config.clone().unwrap_or_else(|| config::DEFAULT_PATH.into());
        config::load(&path).map_err(|faults| Failure::Usage(faults.to_string()))
    }

    /// The installation's store; there must be one.
    async fn store(&self) -> Result<(Config, Store), Failure> {
        let config = self.config()?;
        let store = Store::open(&config.place, Missing::IsAnError).await?;
        Ok((config, store))
    }

    /// The tenant that is meant.
    async fn tenant(&self, store: &Store) -> Result<Tenant, Failure> {
        let all = store.tenants().await?;
        let id = match (&self.tenant, all.as_slice()) {
            (Some(given), _) => TenantId::new(given.as_str()),
            (None, [only]) => only.clone(),
            (None, []) => return Err(Failure::Usage("there is no tenant yet; `rohrpost import FILE.json` makes one".into())),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(TenantId::as_str).collect();
                return Err(Failure::Usage(format!("there are several tenants: say which with --tenant ({})", names.join(", "))));
            }
        };
        let found = store.tenant(&id).await?;
        found.ok_or_else(|| Failure::Usage(format!("there is no tenant {id}")))
    }
}

/// Who gives a command, for the audit log: the person behind sudo, if there is one.
fn actor() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].iter().find_map(|key| std::env::var(key).ok().filter(|name| !name.is_empty()));
    let name = name.unwrap_or_else(|| format!("uid {}", rustix::process::geteuid().as_raw()));
    format!("cli:{}", name.chars().filter(|c| !c.is_control()).take(64).collect::<String>())
}

/// A reason that somebody can read later.
fn reason(text: &str) -> anyhow::Result<String> {
    let text = text.trim();
    if text.is_empty() {
        bail!("--why needs a reason that others can read later");
    }
    Ok(text.to_owned())
}
