//! When a delivery is tried again.

use std::time::Duration;

/// How long after which try in vain the next one is made; after the last, the delivery is dead.
#[derive(Debug, Clone, PartialEq)]
pub struct Retries {
    /// The intervals in turn.
    pub after: Vec<Duration>,
    /// The share of an interval that it may be longer by chance, 0 to 1.
    pub jitter: f64,
    /// Whether a receiver may ask for a longer wait, as by `Retry-After`.
    pub honors_retry_after: bool,
}

impl Retries {
    /// Returns how long to wait after this many failed attempts; `None` after the last one. `ask` is the
    /// receiver's `Retry-After`, which only lengthens the wait.
    pub(super) fn next(
        &self,
        tries: u32,
        ask: Option<Duration>,
        random: &mut fastrand::Rng,
    ) -> Option<Duration> {
        let index = usize::try_from(tries.checked_sub(1)?).ok()?;
        let interval = self.after.get(index)?;
        let wait = interval.mul_f64(1.0 + self.jitter.clamp(0.0, 1.0) * random.f64());
        let ask = ask.filter(|_| self.honors_retry_after);
        Some(wait.max(ask.unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn retries(jitter: f64) -> Retries {
        Retries {
            after: vec![secs(5), secs(300)],
            jitter,
            honors_retry_after: true,
        }
    }

    #[test]
    fn after_the_last_interval_there_is_no_other() {
        let mut random = fastrand::Rng::with_seed(1);
        let waits = [1, 2, 3, 4].map(|tries| retries(0.0).next(tries, None, &mut random));
        assert_eq!(waits, [Some(secs(5)), Some(secs(300)), None, None]);
    }

    #[test]
    fn a_receiver_may_ask_for_more_time_and_not_for_less() {
        let mut random = fastrand::Rng::with_seed(1);
        for (ask, wait) in [(60, 300), (600, 600)] {
            let next = retries(0.0).next(2, Some(secs(ask)), &mut random);
            assert_eq!(next, Some(secs(wait)));
        }
    }

    #[test]
    fn retry_after_that_is_not_honored_changes_nothing() {
        let mut random = fastrand::Rng::with_seed(1);
        let retries = Retries {
            honors_retry_after: false,
            ..retries(0.0)
        };
        let next = retries.next(2, Some(secs(86400)), &mut random);
        assert_eq!(next, Some(secs(300)));
    }

    #[test]
    fn jitter_lengthens_by_its_share_at_most() {
        let mut random = fastrand::Rng::with_seed(1);
        let waits: Vec<Duration> = (0..1000)
            .filter_map(|_| retries(0.2).next(2, None, &mut random))
            .collect();
        assert!(
            waits
                .iter()
                .all(|wait| (secs(300)..=secs(360)).contains(wait))
        );
        assert!(waits.iter().any(|wait| *wait > secs(350)));
        assert!(waits.iter().any(|wait| *wait < secs(310)));
    }
}
