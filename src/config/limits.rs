//! What a session may cost: each number within what can be meant and reckoned with.

use super::faults::Found;
use super::smtp::{Brakes, Limits, RawSmtp};
use std::num::NonZeroU32;
use std::time::Duration;

const MOST_RECIPIENTS: u64 = 10_000;
const MOST_ERRORS: u64 = 10_000;
/// Open at once; each is a file of the process.
const MOST_CONNECTIONS: u64 = 100_000;
/// Of a brake: in its minute or hour.
const MOST_OFTEN: u64 = 1_000_000;
/// In seconds. RFC 5321 §4.5.3.2 asks for minutes.
const LONGEST_TIMEOUT: u64 = 3_600;
/// In seconds: the parts stop one after the other.
const LONGEST_STOP: u64 = 600;

pub(super) fn meant(raw: &RawSmtp, found: &mut Found) -> Limits {
    let wide = |value: Option<usize>| value.map(|value| u64::try_from(value).unwrap_or(u64::MAX));
    let narrow = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let message_bytes = found.within(raw.max_message_bytes, 50 << 20, 64 * 1024..=1 << 30, "smtp.max_message_bytes");
    let recipients = found.within(wide(raw.max_recipients), 100, 1..=MOST_RECIPIENTS, "smtp.max_recipients");
    let errors = found.within(raw.max_errors.map(u64::from), 20, 1..=MOST_ERRORS, "smtp.max_errors");
    let connections = found.within(wide(raw.max_connections), 500, 1..=MOST_CONNECTIONS, "smtp.max_connections");
    let of_one = found.within(wide(raw.max_connections_per_address), 50, 1..=MOST_CONNECTIONS, "smtp.max_connections_per_address");
    let mut seconds = |value, default, longest, key: &str| Duration::from_secs(found.within(value, default, 1..=longest, key));
    Limits {
        message_bytes,
        recipients: narrow(recipients),
        errors: u32::try_from(errors).unwrap_or(u32::MAX),
        connections: narrow(connections),
        connections_per_address: narrow(of_one),
        // RFC 5321 §4.5.3.2.7 and §4.5.3.2.5.
        command_timeout: seconds(raw.command_timeout_seconds, 300, LONGEST_TIMEOUT, "smtp.command_timeout_seconds"),
        data_timeout: seconds(raw.data_timeout_seconds, 180, LONGEST_TIMEOUT, "smtp.data_timeout_seconds"),
        stop_timeout: seconds(raw.stop_timeout_seconds, 30, LONGEST_STOP, "smtp.stop_timeout_seconds"),
        brakes: brakes(raw, found),
    }
}

fn brakes(raw: &RawSmtp, found: &mut Found) -> Brakes {
    let mut rate = |value: Option<u32>, default: u64, key: &str| {
        let rate = found.within(value.map(u64::from), default, 1..=MOST_OFTEN, key);
        u32::try_from(rate).ok().and_then(NonZeroU32::new).unwrap_or(NonZeroU32::MIN)
    };
    Brakes {
        connections_per_minute: rate(raw.max_connections_per_minute, 60, "smtp.max_connections_per_minute"),
        mails_per_hour: rate(raw.max_mails_per_hour, 600, "smtp.max_mails_per_hour"),
        failed_logins_per_hour: rate(raw.max_failed_logins_per_hour, 20, "smtp.max_failed_logins_per_hour"),
    }
}
