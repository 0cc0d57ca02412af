//! Asks the DNS. Answers are kept as long as their TTL says; what was asked for one mail has one budget of time, which is the
//! caller's to keep. RFC 1034 §3.7.

use crate::config::Dns;
use mail_auth::MessageAuthenticator;
use mail_auth::hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use mail_auth::hickory_resolver::system_conf::read_system_conf;
use std::net::SocketAddr;
use std::time::Duration;

/// Answers that are kept at once.
const KEPT_ANSWERS: u64 = 16 * 1024;

/// The resolver of a configuration. An error says what to mend; nothing is asked yet.
pub fn resolver(dns: &Dns) -> anyhow::Result<MessageAuthenticator> {
    let (config, mut options) = if dns.resolvers.is_empty() {
        read_system_conf().map_err(|error| anyhow::anyhow!("/etc/resolv.conf: {error}; or set dns.resolvers"))?
    } else {
        (ResolverConfig::from_name_servers(dns.resolvers.iter().copied().map(server).collect()), ResolverOpts::default())
    };
    // One try must not use up the budget: a lost packet is asked for again.
    options.timeout = (dns.budget / 4).clamp(Duration::from_millis(250), Duration::from_secs(3));
    options.attempts = 2;
    options.cache_size = KEPT_ANSWERS;
    // Keys and policies come from the DNS, and from no file of this machine.
    options.use_hosts_file = ResolveHosts::Never;
    Ok(MessageAuthenticator::new(config, options)?)
}

/// RFC 7766 §5: what does not fit into a packet is asked for by TCP.
fn server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    NameServerConfig::new(address.ip(), true, connections.into())
}
