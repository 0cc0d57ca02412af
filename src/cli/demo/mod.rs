//! `demo`: a small organisation in a fresh folder, mails through the real SMTP door, and what became of them.
//! The daemon is the one that `serve` runs; only its certificate, passwords and ports are made up.

pub mod catcher;
pub mod client;
mod names;

use super::{Done, Failure, dead_letter, history, logging, outbox, show};
use crate::config::{self, Config};
use crate::daemon::Daemon;
use crate::intake::login;
use crate::model::id::{ArrivalId, TenantId};
use crate::model::import::ImportFile;
use crate::model::outbound::MessageState;
use crate::model::verdict::Disposition;
use crate::store::history::TakenBack;
use crate::store::listing::{Filter, Listed};
use crate::store::{Missing, Store};
use anyhow::{Context, bail};
use catcher::Catcher;
use client::{Answer, As, Client};
use names::Names;
use secrecy::SecretString;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[derive(clap::Args)]
pub struct Args {
    /// End when everything is shown; exit code 1 if anything differs from what is expected, or a mail of yours was refused
    #[arg(long)]
    once: bool,
    /// Send the mails of this folder instead of our own, as Petra Huber
    #[arg(long, value_name = "DIR")]
    mail: Option<PathBuf>,
}

const ORGANISATION: &str = include_str!("../../../fixtures/demo/organisation.json");
const TENANT: &str = "acme";
const IMPORT: &str = "import@acme.example";
const PETRA: &str = "petra@acme.example";
const MAX: &str = "max@acme.example";
/// Known to everybody: the demo listens on this machine alone.
const PASSWORD: &str = "pneumatic-post";
/// How long a mail, or the outbox, may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn run(args: Args) -> Done {
    let demo = Demo::start().await?;
    let outcome = match &args.mail {
        Some(folder) => demo.own_mails(folder).await,
        None => demo.fixtures().await,
    };
    let ended = match outcome {
        Ok(outcome) => demo.show(&args, &outcome).await,
        Err(error) => Err(Failure::Failed(error)),
    };
    demo.daemon.stop().await;
    ended
}

/// What came of all mails.
#[derive(Default)]
struct Outcome {
    /// Numbers of the applications that mails were filed to.
    filed_to: BTreeSet<String>,
    /// What is not as it should be.
    differences: Vec<String>,
}

impl Outcome {
    fn note(&mut self, ended: &Ended) {
        if let Ended::As(mail) = ended
            && mail.disposition == Some(Disposition::Filed)
        {
            self.filed_to.extend(mail.reference.clone());
        }
    }

    fn differs(&mut self, what: &str, ended: &Ended) {
        self.differences.push(format!("{what}: this was not expected: {}", ended.words()));
    }
}

struct Demo {
    folder: tempfile::TempDir,
    config: Config,
    daemon: Daemon,
    catcher: Catcher,
    client: Client,
    /// The number that was issued for the application without one.
    issued: String,
    _names: Names,
}

/// A mail of the demo and what must become of it.
struct Scene {
    what: &'static str,
    sender: As<'static>,
    mail: &'static str,
    expected: Expected,
}

#[derive(Clone, Copy)]
enum Expected {
    Ends(Disposition, Option<&'static str>),
    Refused(&'static str),
}

const SCENES: [Scene; 6] = [
    Scene {
        what: "Petra forwards Maria's answer with cover letter and CV",
        sender: As::User(PETRA),
        mail: include_str!("../../../fixtures/demo/1-forward.eml"),
        expected: Expected::Ends(Disposition::Filed, None),
    },
    Scene {
        what: "Petra mistypes the number",
        sender: As::User(PETRA),
        mail: include_str!("../../../fixtures/demo/2-unknown-number.eml"),
        expected: Expected::Ends(Disposition::Held, Some("unknown_number")),
    },
    Scene {
        what: "a stranger says to be Petra",
        sender: As::Stranger,
        mail: include_str!("../../../fixtures/demo/3-stranger.eml"),
        expected: Expected::Refused("550"),
    },
    Scene {
        what: "Max forwards umlauts, a logo and a reference, number behind WG:",
        sender: As::User(MAX),
        mail: include_str!("../../../fixtures/demo/4-umlauts-and-logo.eml"),
        expected: Expected::Ends(Disposition::Filed, None),
    },
    Scene {
        what: "Petra takes another candidate's number",
        sender: As::User(PETRA),
        mail: include_str!("../../../fixtures/demo/5-wrong-person.eml"),
        expected: Expected::Ends(Disposition::Held, Some("number_and_sender_disagree")),
    },
    Scene {
        what: "Petra sends the first mail once more",
        sender: As::User(PETRA),
        mail: include_str!("../../../fixtures/demo/1-forward.eml"),
        expected: Expected::Ends(Disposition::Duplicate, None),
    },
];

const OUT_OF_OFFICE: &str = include_str!("../../../fixtures/demo/6-out-of-office.eml");

/// Who must have got mail from us, and how often: notices of two filed mails, receipts for two held ones, and once an hour the
/// tenant's own address hears that mail is held.
const CAUGHT: [(&str, usize); 3] = [(PETRA, 4), (MAX, 2), ("hr@acme.example", 1)];

impl Demo {
    async fn start() -> anyhow::Result<Demo> {
        let folder = tempfile::Builder::new().prefix("rohrpost-demo-").tempdir().context("a fresh folder")?;
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).context("a certificate")?;
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).with_context(|| path.display().to_string())
        };
        write("certificate.pem", &certificate.cert.pem())?;
        write("key.pem", &certificate.signing_key.serialize_pem())?;
        let catcher = Catcher::start()?;
        let names = Names::start().await.context("a DNS of its own")?;
        let text = configuration(folder.path(), catcher.address.port(), names.address);
        write("rohrpost.toml", &text)?;
        let config = config::read(&text, Vec::new())?;
        logging::start(&config.log);
        let issued = load(&config).await?;
        let daemon = Daemon::start(config.clone()).await?;
        let door = *daemon.addresses().first().context("no address to listen on")?;
        let client = Client { door, certificate: certificate.cert.pem(), password: PASSWORD.into() };
        Ok(Demo { folder, config, daemon, catcher, client, issued, _names: names })
    }

    fn store(&self) -> &Store {
        self.daemon.store()
    }

    /// Sends our own mails.
    async fn fixtures(&self) -> anyhow::Result<Outcome> {
        heading("Mails through the SMTP door")?;
        let mut outcome = Outcome::default();
        for scene in &SCENES {
            let mail = scene.mail.replace("@NUMBER@", &self.issued);
            let sender = match scene.sender {
                As::User(user) => user,
                As::Stranger => "somebody@elsewhere.example",
            };
            let answer = self.client.send(scene.sender, Some(sender), IMPORT, mail.as_bytes()).await?;
            let ended = self.ended(answer).await?;
            line(&ended, scene.what)?;
            outcome.note(&ended);
            if !ended.is(scene.expected) {
                outcome.differs(scene.what, &ended);
            }
        }
        let away = self.out_of_office().await?;
        line(&away, "Max's mailbox answers our notice: out of office")?;
        if !away.is(Expected::Ends(Disposition::Ignored, Some("auto_reply"))) {
            outcome.differs("out of office", &away);
        }
        outcome.differences.extend(self.outbox_differs().await?);
        Ok(outcome)
    }

    /// Answers the first notice to Max, as his mailbox would: from nobody, to the notice's envelope sender. RFC 3834 §4.
    async fn out_of_office(&self) -> anyhow::Result<Ended> {
        let to_max = || self.catcher.caught().into_iter().find(|caught| caught.to.iter().any(|to| to.contains(MAX)));
        let notice = patiently(async || Ok(to_max())).await?.context("no notice has reached Max")?;
        let bounces = notice.from.trim_matches(['<', '>']).to_owned();
        let answer = self.client.send(As::Stranger, None, &bounces, OUT_OF_OFFICE.as_bytes()).await?;
        self.ended(answer).await
    }

    /// Sends the user's mails. Any end is right; a refusal and no end are not.
    async fn own_mails(&self, folder: &Path) -> anyhow::Result<Outcome> {
        let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
        let files: BTreeSet<PathBuf> =
            entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).filter(|path| path.is_file()).collect();
        if files.is_empty() {
            bail!("{}: there are no files in it", folder.display());
        }
        heading("Your mails through the SMTP door")?;
        let mut outcome = Outcome::default();
        for path in files {
            let mail = std::fs::read(&path).with_context(|| path.display().to_string())?;
            let answer = self.client.send(As::User(PETRA), Some(PETRA), IMPORT, &mail).await?;
            let ended = self.ended(answer).await?;
            let name = show::clean(&path.file_name().unwrap_or_default().to_string_lossy());
            line(&ended, &name)?;
            outcome.note(&ended);
            match ended {
                Ended::As(_) => (),
                Ended::Refused(text) => outcome.differences.push(format!("{name}: refused: {}", show::clean(&text))),
                Ended::Never => outcome.differences.push(format!("{name}: no end in time")),
            }
        }
        if patiently(async || Ok(self.nothing_waits().await?.then_some(()))).await?.is_none() {
            outcome.differences.push("messages still wait in the outbox".into());
        }
        Ok(outcome)
    }

    /// Waits for the end of a mail's way.
    async fn ended(&self, answer: Answer) -> anyhow::Result<Ended> {
        let id = match answer {
            Answer::Refused(text) => return Ok(Ended::Refused(text)),
            Answer::Kept(id) => id,
        };
        let found = patiently(async || Ok(self.arrival(id).await?.filter(|mail| mail.disposition.is_some()))).await?;
        Ok(found.map_or(Ended::Never, |mail| Ended::As(Box::new(mail))))
    }

    async fn arrival(&self, id: ArrivalId) -> anyhow::Result<Option<Listed>> {
        self.store().arrival(&TenantId::new(TENANT), id).await
    }

    /// Every message of the outbox has been sent, caught once, and to the right people.
    async fn outbox_differs(&self) -> anyhow::Result<Vec<String>> {
        patiently(async || Ok(self.nothing_waits().await?.then_some(()))).await?;
        let caught = self.catcher.caught();
        let mut differences = Vec::new();
        for (user, expected) in CAUGHT {
            let got = caught.iter().filter(|caught| caught.to.iter().any(|to| to.contains(user))).count();
            if got != expected {
                differences.push(format!("{user} got {got} messages instead of {expected}"));
            }
        }
        let expected: usize = CAUGHT.iter().map(|(_, count)| count).sum();
        let sent = self.store().messages(&TenantId::new(TENANT), true).await?;
        let unsent = sent.iter().filter(|message| message.state != MessageState::Sent).count();
        if unsent > 0 || sent.len() != expected || caught.len() != expected {
            differences.push(format!(
                "{} messages in the outbox, {unsent} of them not sent, {} caught, instead of {expected}",
                sent.len(),
                caught.len()
            ));
        }
        Ok(differences)
    }

    async fn nothing_waits(&self) -> anyhow::Result<bool> {
        let messages = self.store().messages(&TenantId::new(TENANT), true).await?;
        Ok(messages.iter().all(|message| message.state == MessageState::Sent))
    }

    /// What the store returns, as the commands print it; then waits, unless it is to end.
    async fn show(&self, args: &Args, outcome: &Outcome) -> Done {
        let tenant = TenantId::new(TENANT);
        for number in &outcome.filed_to {
            heading(&format!("rohrpost history {number}"))?;
            if let Some(application) = self.store().application(&tenant, number).await? {
                history::list(&application, &self.store().history(&tenant, &application, TakenBack::Hidden).await?, false)?;
            }
        }
        heading("rohrpost dead-letter list")?;
        let filter = Filter { disposition: Some(Disposition::Held), open_only: true, most: None };
        let held = self.store().arrivals(&tenant, filter).await?;
        dead_letter::list(self.store(), &self.config, &held, false).await?;
        heading("rohrpost outbox list --all")?;
        outbox::list(&self.store().messages(&tenant, true).await?, false)?;
        show::out("")?;
        let differences = outcome.differences.join("\n");
        match (args.mail.is_some(), args.once) {
            (false, _) if !differences.is_empty() => {
                Err(Failure::Failed(anyhow::anyhow!("the demo did not end as expected:\n{differences}")))
            }
            (true, true) if !differences.is_empty() => {
                Err(Failure::Failed(anyhow::anyhow!("not every mail was taken and has an end:\n{differences}")))
            }
            (false, true) => show::out("Everything went as expected."),
            (true, true) => show::out("Every mail was taken and has an end."),
            // A mail that is refused is no reason to end before others are tried.
            (_, false) => {
                if !differences.is_empty() {
                    show::out(differences)?;
                }
                self.wait().await
            }
        }
    }

    async fn wait(&self) -> Done {
        let file = self.folder.path().join("rohrpost.toml");
        // Whoever came by `cargo run` has no `rohrpost` to call.
        let program = std::env::current_exe().context("the running program")?;
        show::out(format!(
            "It keeps running. Not for real mail: the certificate is self-signed, and everybody knows the password.\n\
             \n\
             Send your own:  {}, STARTTLS, user {PETRA}, password {PASSWORD},\n\
             \x20               to {IMPORT}, subject \"4711 WG: …\"\n\
             Look at it:     {} --config {} dead-letter list\n\
             End it:         Ctrl-C (the folder is removed)",
            self.client.door,
            program.display(),
            file.display(),
        ))?;
        tokio::signal::ctrl_c().await.context("waiting for Ctrl-C").map_err(Failure::Failed)
    }
}

/// How a mail's way ended.
enum Ended {
    As(Box<Listed>),
    Refused(String),
    Never,
}

impl Ended {
    fn is(&self, expected: Expected) -> bool {
        match (self, expected) {
            (Ended::As(mail), Expected::Ends(disposition, reason)) => {
                mail.disposition == Some(disposition) && mail.reason.as_deref() == reason
            }
            (Ended::Refused(text), Expected::Refused(code)) => text.starts_with(code),
            _ => false,
        }
    }

    fn words(&self) -> String {
        match self {
            Ended::As(mail) => {
                let disposition = mail.disposition.map_or("received", Disposition::as_str);
                mail.reason.as_ref().map_or(disposition.to_owned(), |reason| format!("{disposition} ({reason})"))
            }
            Ended::Refused(text) => format!("refused ({})", text.split(' ').next().unwrap_or_default()),
            Ended::Never => "no end in time".into(),
        }
    }
}

/// The machine: this folder, free ports, and the catcher as relay.
fn configuration(folder: &Path, relay_port: u16, names: SocketAddr) -> String {
    format!(
        "state_dir = {state:?}\nmin_free_bytes = 0\n\n[log]\nlevel = \"warn\"\n\n[smtp]\nlisten = [\"127.0.0.1:0\"]\nhostname = \"localhost\"\n\
         tls = {{ certificate = {certificate:?}, key = {key:?} }}\n\n[dns]\nresolvers = [\"{names}\"]\n\n[outgoing]\nhost = \"127.0.0.1\"\nport = {relay_port}\n",
        state = folder.join("state"),
        certificate = folder.join("certificate.pem"),
        key = folder.join("key.pem"),
    )
}

/// Loads the organisation and its passwords; returns the number that was issued.
async fn load(config: &Config) -> anyhow::Result<String> {
    let file: ImportFile = serde_json::from_str(ORGANISATION).context("fixtures/demo/organisation.json")?;
    let store = Store::open(&config.place, Missing::Create).await?;
    let existing = store.existing(&file).await?;
    if let Some(fault) = file.faults(&existing).first() {
        bail!("fixtures/demo/organisation.json: {fault}");
    }
    let done = store.import(file, &existing).await?;
    let hash = login::hash(&SecretString::from(PASSWORD))?;
    for user in [PETRA, MAX] {
        store.set_password_hash(None, user, hash.clone()).await?;
    }
    store.close().await;
    let (_, issued) = done.issued.into_iter().next().context("no number was issued")?;
    Ok(issued)
}

/// Asks again and again until there is something, or patience ends.
async fn patiently<T>(mut ask: impl AsyncFnMut() -> anyhow::Result<Option<T>>) -> anyhow::Result<Option<T>> {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = ask().await?;
        if found.is_some() || tokio::time::Instant::now() > deadline {
            return Ok(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn heading(text: &str) -> anyhow::Result<()> {
    Ok(show::out(format!("\n== {text}"))?)
}

fn line(ended: &Ended, what: &str) -> anyhow::Result<()> {
    Ok(show::out(format!("{:<36}{what}", ended.words()))?)
}
