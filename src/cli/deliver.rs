//! `deliver`: one mail on standard input, for Postfix's pipe(8), .forward and procmail. Its exit codes are those of sysexits.h: 0 only
//! when the mail is durable, 75 where a bounce would lose it. What is printed may stand in a mail host's log and in a bounce: it holds
//! no address and no piece of the mail, and begins with a status code of RFC 3463, which Postfix reads.

use super::logging;
use crate::config::{self, Config};
use crate::intake::accept::Acceptor;
use crate::intake::pipe::{self, Call, Kept, NotDelivered, Recipients};
use crate::model::arrival::Door;
use crate::model::legible;
use crate::model::stop::Refusal;
use crate::scan::Scanner;
use crate::store::doors::DoorNews;
use crate::store::{Missing, Store};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{Receiver, channel};

/// Pieces in which standard input is read, and how many of them may wait.
const PIECE: usize = 64 * 1024;
const PIECES: usize = 4;
/// How long the store may take to close behind the mail.
const CLOSING: Duration = Duration::from_secs(10);

#[derive(clap::Args)]
pub struct Args {
    /// Who the mail is for; without it, ORIGINAL_RECIPIENT or RECIPIENT of the environment
    #[arg(long, value_name = "ADDRESS")]
    to: Vec<String>,
    /// The envelope's sender, empty or MAILER-DAEMON for none; without it, SENDER of the environment, Return-Path, or the From line
    #[arg(long, value_name = "ADDRESS", allow_hyphen_values = true)]
    from: Option<String>,
    /// The name of the host whose Authentication-Results are believed; without it, deliver.authserv_id
    #[arg(long, value_name = "NAME")]
    authserv_id: Option<String>,
    /// Further recipients
    #[arg(value_name = "ADDRESS")]
    more: Vec<String>,
}

/// Runs to the end, whatever happens; a panic is trouble of ours.
pub fn run(config: Option<PathBuf>, args: Args) -> ExitCode {
    // Without a subscriber it says nothing: a panic's words may be the mail's.
    logging::quiet_panics();
    let ended = catch_unwind(AssertUnwindSafe(|| runs(config, args)));
    let ended = ended.unwrap_or_else(|_| Err(anyhow!("something went wrong inside of rohrpost").into()));
    // Whoever does not listen still gets the code.
    let _ = match &ended {
        Ok(kept) => {
            let ids: Vec<String> = kept.iter().map(|one| one.id.to_string()).collect();
            writeln!(io::stdout(), "kept as {}", ids.join(", "))
        }
        Err(error) => writeln!(io::stderr(), "{}", told(error)),
    };
    ExitCode::from(code(&ended))
}

/// EX_OK, EX_DATAERR, EX_NOUSER and EX_TEMPFAIL of sysexits.h: Postfix keeps a mail at 75 and sends a bounce at any other but 0.
fn code(ended: &Result<Vec<Kept>, NotDelivered>) -> u8 {
    match ended {
        Ok(_) => 0,
        Err(NotDelivered::TooBig(_) | NotDelivered::Refused(_)) => 65,
        Err(NotDelivered::NoSuchRecipient) => 67,
        Err(NotDelivered::NotNow(_)) => TRY_AGAIN,
    }
}

/// EX_TEMPFAIL.
const TRY_AGAIN: u8 = 75;

/// One line that begins with a status code: RFC 3463 §3.
fn told(error: &NotDelivered) -> String {
    let status = match error {
        NotDelivered::NoSuchRecipient => "5.1.1",
        NotDelivered::TooBig(_) => "5.3.4",
        NotDelivered::Refused(Refusal::Loop) => "5.4.6",
        NotDelivered::Refused(Refusal::NotAuthenticated | Refusal::NotAUser) => "5.7.1",
        NotDelivered::NotNow(_) => "4.3.0",
    };
    // Of ours, a cause may tell what it was about.
    format!("{status} {}", legible::without_addresses(&error.to_string()))
}

/// What wrong usage is told by: a bounce would lose the mail.
pub fn wrong_usage(error: &clap::Error) -> ExitCode {
    // What was given may be an address: the kind alone is said.
    let _ = writeln!(io::stderr(), "4.3.5 wrong usage of rohrpost deliver: {}; see rohrpost deliver --help", error.kind());
    ExitCode::from(TRY_AGAIN)
}

fn runs(path: Option<PathBuf>, args: Args) -> Result<Vec<Kept>, NotDelivered> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("the runtime")?;
    let ended = runtime.block_on(async {
        let mut stops = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()]
            .into_iter()
            .map(signal)
            .collect::<io::Result<Vec<_>>>()
            .context("signals")?;
        let stopped = futures_util::future::select_all(stops.iter_mut().map(|one| Box::pin(one.recv())));
        tokio::select! {
            ended = one_mail(path, args) => ended,
            _ = stopped => Err(anyhow!("stopped by a signal").into()),
        }
    });
    // Whatever waits on a thread keeps nothing of the mail: it is kept or not.
    runtime.shutdown_background();
    ended
}

async fn one_mail(path: Option<PathBuf>, args: Args) -> Result<Vec<Kept>, NotDelivered> {
    let parent = rustix::process::getppid();
    let config = config::load(&path.unwrap_or_else(|| config::DEFAULT_PATH.into())).map_err(|faults| anyhow!("{faults}"))?;
    let call = call(&config, args, |name| std::env::var(name).ok());
    let store = Store::open(&config.place, Missing::IsAnError).await;
    let store = store.map_err(|error| if is_denied(&error) { error.context(OTHER_USER) } else { error })?;
    let acceptor = Acceptor::of(&config, &store, config.scan.as_ref().map(Scanner::new));
    let mut input = standard_input();
    // A giver that was killed looks like the end of the mail.
    let is_whole = || rustix::process::getppid() == parent;
    let ended = pipe::deliver(&store, &acceptor, &call, &mut input, is_whole).await;
    let _ = tokio::time::timeout(CLOSING, say(&store, &ended)).await;
    let _ = tokio::time::timeout(CLOSING, store.close()).await;
    ended
}

/// What `doors list` knows of the pipe: each call says how it ended. A mail that was refused says nothing of the door.
async fn say(store: &Store, ended: &Result<Vec<Kept>, NotDelivered>) {
    let now = Some(Timestamp::now());
    let news = match ended {
        Ok(kept) => {
            let mail_at = now.filter(|_| kept.iter().any(|one| one.is_news));
            DoorNews { state: "listening", contact_at: now, mail_at, ..DoorNews::default() }
        }
        Err(NotDelivered::NotNow(error)) => {
            let error = Some(legible::without_addresses(&format!("{error:#}")));
            // The queue in front tries again, and nobody but it knows when: a state would stand until then.
            DoorNews { state: "listening", contact_at: now, error, ..DoorNews::default() }
        }
        Err(_) => return,
    };
    // The mail is kept or not, whatever becomes of this.
    let _ = store.door_says(Door::Pipe.as_str(), Door::Pipe.as_str(), news).await;
}

const OTHER_USER: &str = "this user may not open the database, and the service's user may; it must run as that one";

fn is_denied(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::PermissionDenied))
}

/// Arguments over environment over configuration. Postfix's local(8) sets these variables.
fn call(config: &Config, args: Args, environment: impl Fn(&str) -> Option<String>) -> Call {
    let said: Vec<String> = args.to.into_iter().chain(args.more).collect();
    let to = match said.is_empty() {
        false => Recipients::Said(said),
        true => Recipients::Guessed(["ORIGINAL_RECIPIENT", "RECIPIENT"].into_iter().filter_map(&environment).collect()),
    };
    Call {
        to,
        from: args.from.or_else(|| environment("SENDER")),
        authserv_id: args.authserv_id.or_else(|| config.deliver.authserv_id.clone()),
        message_bytes: config.smtp.limits.message_bytes,
        patience: config.smtp.limits.data_timeout,
    }
}

/// Read on a thread of its own, which nobody waits for: reading cannot be broken off.
fn standard_input() -> Receiver<io::Result<Vec<u8>>> {
    let (pieces, input) = channel(PIECES);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut buffer = vec![0; PIECE];
        loop {
            let piece = match stdin.read(&mut buffer) {
                Ok(0) => return,
                Ok(count) => Ok(buffer[..count].to_vec()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => Err(error),
            };
            let ends = piece.is_err();
            if pieces.blocking_send(piece).is_err() || ends {
                return;
            }
        }
    });
    input
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn called(line: &[&str], environment: &[(&str, &str)]) -> Call {
        let config = config::read("[deliver]\nauthserv_id = \"mx.acme.example\"\n", Vec::new()).unwrap();
        let args = Line::try_parse_from([&["x"], line].concat()).unwrap().args;
        call(&config, args, |name| environment.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn who_says_what() {
        let local = [("ORIGINAL_RECIPIENT", "i+1@a.example"), ("RECIPIENT", "hr@a.example"), ("SENDER", "p@a.example")];
        let said = |list: &[&str]| Recipients::Said(list.iter().map(|one| (*one).to_owned()).collect());
        let call = called(&[], &local);
        assert_eq!(call.to, Recipients::Guessed(vec!["i+1@a.example".into(), "hr@a.example".into()]));
        assert_eq!((call.from.as_deref(), call.authserv_id.as_deref()), (Some("p@a.example"), Some("mx.acme.example")));
        let call = called(&["--from", "", "--authserv-id", "other", "--to", "a@b.example", "c@d.example"], &local);
        assert_eq!(
            (call.to, call.from.as_deref(), call.authserv_id.as_deref()),
            (said(&["a@b.example", "c@d.example"]), Some(""), Some("other"))
        );
        let call = called(&["--to=a@b.example", "--to=c@d.example", "--", "-x@y.example"], &[]);
        assert_eq!((call.to, call.from), (said(&["a@b.example", "c@d.example", "-x@y.example"]), None));
    }

    /// What Postfix does with each is tried with a real one, in `tests/system/pipe.rs`.
    #[test]
    fn codes_and_words() {
        let check = |error: NotDelivered, want: u8, words: &str| {
            assert_eq!(told(&error), words);
            assert_eq!(code(&Err(error)), want, "{words}");
        };
        assert_eq!(code(&Ok(Vec::new())), 0);
        check(NotDelivered::NoSuchRecipient, 67, "5.1.1 no mail is taken for this recipient here");
        check(NotDelivered::TooBig(7), 65, "5.3.4 the mail is larger than 7 bytes");
        check(NotDelivered::Refused(Refusal::Loop), 65, "5.4.6 this mail has passed too many servers; it seems to run in a loop");
        check(NotDelivered::NotNow(anyhow!("a\nb")), 75, "4.3.0 a b");
        // Acceptance: G12. Whatever it is wrapped in.
        let chain = anyhow!("no row for <petra@acme.example>").context("import+x%40acme.example: looking up");
        check(NotDelivered::NotNow(chain), 75, "4.3.0 … looking up: no row for …");
    }
}
