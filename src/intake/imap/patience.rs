//! How long a mail waits whose sender cannot be checked because the DNS does not answer: quickly at first, because most trouble is short,
//! then less and less often, and not for ever.

use jiff::SignedDuration;

/// Seconds between tries: about four hours in all.
const STEPS: [u32; 11] = [5, 15, 60, 120, 240, 480, 900, 1800, 3600, 3600, 3600];
const LONGEST: u32 = 3600;

/// How long to leave a mail alone that was tried so often.
pub fn wait(tries: u32) -> SignedDuration {
    let step = usize::try_from(tries.saturating_sub(1)).ok().and_then(|at| STEPS.get(at));
    SignedDuration::from_secs(step.copied().unwrap_or(LONGEST).into())
}

/// Whether a mail that was tried so often may be put off once more; else it is taken as far as it can be checked.
pub fn goes_on(tries: u32) -> bool {
    usize::try_from(tries).is_ok_and(|tries| tries < STEPS.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long() {
        for (tries, seconds) in [(0, 5), (1, 5), (2, 15), (3, 60), (8, 1800), (11, 3600), (12, 3600), (u32::MAX, 3600)] {
            assert_eq!(wait(tries).as_secs(), seconds, "{tries}");
        }
        assert!(goes_on(0) && goes_on(10) && !goes_on(11) && !goes_on(u32::MAX));
        // From the first try, which put it off, to the last one, which takes it.
        let waited: i64 = (1..=11).map(|tries| wait(tries).as_secs()).sum();
        assert!((14_000..14_800).contains(&waited), "{waited}");
    }
}
