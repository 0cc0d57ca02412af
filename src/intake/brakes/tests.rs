//! Buckets under a clock that is a value.

use super::*;
use governor::clock::FakeRelativeClock;

fn brakes(connections: u32, mails: u32, logins: u32) -> (Brakes<FakeRelativeClock>, FakeRelativeClock) {
    let number = |number: u32| NonZeroU32::new(number).unwrap();
    let limits = config::Brakes {
        connections_per_minute: number(connections),
        mails_per_hour: number(mails),
        failed_logins_per_hour: number(logins),
    };
    let clock = FakeRelativeClock::default();
    (Brakes::with_clock(limits, &clock), clock)
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn whose_an_address_is() {
    let check = |address: &str, own: &str, network: &str| {
        assert_eq!((address_of(ip(address)), network_of(ip(address))), (ip(own), ip(network)), "{address}");
    };
    check("192.0.2.77", "192.0.2.77", "192.0.2.0");
    check("::ffff:192.0.2.77", "192.0.2.77", "192.0.2.0");
    check("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::", "2001:db8:1::");
    check("255.255.255.255", "255.255.255.255", "255.255.255.0");
}

/// So many at once, then one for each share of the time, and all again after the whole of it.
#[test]
fn an_address_and_its_time() {
    let (brakes, clock) = brakes(3, 1, 1);
    let one = ip("192.0.2.1");
    let ask = |times: usize| (0..times).filter(|_| brakes.may_connect(one)).count();
    assert_eq!(ask(10), 3);
    clock.advance(Duration::from_secs(19));
    assert_eq!(ask(10), 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(10), 1);
    clock.advance(Duration::from_secs(60));
    assert_eq!(ask(10), 3);
    // Somebody else, and something else, is counted apart.
    assert!(brakes.may_connect(ip("198.51.100.1")) && brakes.may_send(one) && !brakes.may_send(one));
}

/// A whole network gets its multiple, and no more, whatever address is used.
#[test]
fn a_network() {
    let (brakes, clock) = brakes(2, 1, 1);
    let v4: Vec<IpAddr> = (1..=200).map(|host| ip(&format!("192.0.2.{host}"))).collect();
    assert_eq!(v4.iter().filter(|address| brakes.may_connect(**address)).count(), 16);
    assert!(brakes.may_connect(ip("192.0.3.1")));
    let v6: Vec<IpAddr> = (1..=200).map(|net| ip(&format!("2001:db8:1:{net:x}::1"))).collect();
    assert_eq!(v6.iter().filter(|address| brakes.may_connect(**address)).count(), 16);
    assert!(brakes.may_connect(ip("2001:db8:2::1")));
    // Hosts of one /64 are one.
    let one: Vec<IpAddr> = (1..=200).map(|host| ip(&format!("2001:db8:3::{host:x}"))).collect();
    assert_eq!(one.iter().filter(|address| brakes.may_connect(**address)).count(), 2);
    clock.advance(Duration::from_secs(60));
    assert_eq!(v4.iter().filter(|address| brakes.may_connect(**address)).count(), 16);
}

/// Tries are paid for before they are made: a hundred at once are no more than a hundred in a row. Right ones cost nothing.
#[test]
fn passwords() {
    let (brakes, clock) = brakes(1, 1, 5);
    let one = ip("192.0.2.1");
    for _ in 0..100 {
        assert!(brakes.may_try_password(one));
        brakes.no_failure(one);
    }
    assert_eq!((0..100).filter(|_| brakes.may_try_password(one)).count(), 5);
    assert!(brakes.may_try_password(ip("192.0.2.2")));
    clock.advance(Duration::from_secs(720));
    assert_eq!((0..100).filter(|_| brakes.may_try_password(one)).count(), 1);
    clock.advance(Duration::from_secs(3600));
    assert_eq!((0..100).filter(|_| brakes.may_try_password(one)).count(), 5);
}

/// Memory: who did nothing for a while is forgotten, and there is an end to how many are remembered.
#[test]
fn what_is_remembered_is_bounded() {
    let (brakes, clock) = brakes(60, 1, 1);
    for number in 0..MOST_KEYS as u32 + 10 {
        let address = IpAddr::V4((0x0a00_0000 + number).into());
        assert!(brakes.may_connect(address), "{address}");
        assert_eq!(brakes.may_try_password(address), (number as usize) < MOST_KEYS && number % 256 < 8, "{address}");
    }
    assert!(brakes.remembered() <= 3 * MOST_KEYS, "{}", brakes.remembered());
    // A brake that cannot count lets connections and mails pass, and no guesses.
    let new = ip("192.0.2.1");
    assert!(brakes.may_connect(new) && !brakes.may_try_password(new));
    brakes.tidy();
    assert!(brakes.remembered() > MOST_KEYS);
    clock.advance(Duration::from_secs(2 * 3600));
    brakes.tidy();
    assert_eq!(brakes.remembered(), 0);
    assert!(brakes.may_connect(new) && brakes.may_try_password(new));
}
