//! How fast mail comes out of a mailbox. By hand, the figures are in benches/README.md:
//! `cargo test --release --test system imap_load -- --ignored --nocapture --test-threads 1`

use crate::dovecot::*;
use crate::harness::*;
use crate::imap::{door, filed, mail, plain, with_mailboxes};
use std::time::{Duration, Instant};

fn database(acme: &Installation) -> (tokio::runtime::Runtime, sqlx::SqliteConnection) {
    use sqlx::Connection;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let path = acme.path("state/rohrpost.db");
    let connection = runtime.block_on(sqlx::SqliteConnection::connect(path.to_str().unwrap())).unwrap();
    (runtime, connection)
}

/// From the end of APPEND to the history entry, one mail at a time.
#[test]
#[ignore = "measures, by hand"]
fn latency() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    acme.leaves_outbox = true;
    let daemon = acme.serve();
    let mut client = dovecot.client();
    eventually("an open mailbox", || (door(&acme, "hr")["state"] == "listening").then_some(()));
    let (runtime, mut connection) = database(&acme);
    let mut times = Vec::new();
    for number in 1..=200 {
        client.append("INBOX", "()", &mail(number));
        let start = Instant::now();
        loop {
            let sql = "select count(*) from history_entry where arrival is not null";
            let entries: i64 = runtime.block_on(sqlx::query_scalar(sql).fetch_one(&mut connection)).unwrap();
            if entries >= number as i64 {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(start.elapsed());
        // The mailbox is waited for again before the next one.
        std::thread::sleep(Duration::from_millis(40 + (number as u64 * 37) % 200));
    }
    times.sort_unstable();
    println!("APPEND to filed, 200 mails: p50 {:?}, p99 {:?}, slowest {:?}", times[99], times[197], times[199]);
    daemon.stop();
}

/// Ten thousand mails that wait, then one of forty MiB: mails a second, and the most memory that the daemon ever had.
#[test]
#[ignore = "measures, by hand"]
fn ten_thousand() {
    let dovecot = Dovecot::start();
    let mut acme = with_mailboxes(&plain("hr", dovecot.port, ""));
    acme.leaves_outbox = true;
    let mut client = dovecot.client();
    for number in 0..10_000 {
        client.append("INBOX", "()", &mail(number));
    }
    let daemon = acme.serve();
    let start = Instant::now();
    let most = |what: &str| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().to_owned();
        println!("{what}: peak RSS {peak}");
    };
    let (runtime, mut connection) = database(&acme);
    let mut accepted = None;
    loop {
        let mut count = |sql: &'static str| -> i64 { runtime.block_on(sqlx::query_scalar(sql).fetch_one(&mut connection)).unwrap() };
        let arrivals = count("select count(*) from arrival");
        if arrivals == 10_000 && accepted.is_none() {
            accepted = Some(start.elapsed());
        }
        if accepted.is_some()
            && count("select count(*) from arrival where disposition is null") == 0
            && count("select count(*) from mailbox_mail") == 0
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let (accepted, all) = (accepted.unwrap(), start.elapsed());
    println!(
        "10,000 mails accepted in {accepted:?} ({:.0}/s), filed and moved in {all:?} ({:.0}/s)",
        1e4 / accepted.as_secs_f64(),
        1e4 / all.as_secs_f64()
    );
    most("behind them");
    client.append("INBOX", "()", &(mail(10_001) + &"Kanarie-Datei, vierzig MiB davon.\n".repeat(1_200_000)));
    filed(&acme, 10_001);
    most("behind one of 40 MiB");
    daemon.stop();
}
