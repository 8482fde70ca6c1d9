//! How much of all there is one of several instances is to hold.

/// How many are claimed at once, and how many more than its share an instance may come to hold as
/// watches are added to it.
pub(super) const BATCH: u64 = 500;

/// The part of its share that an instance may hold beyond it and keep: without any, each end would
/// move a watch to another instance.
const SLACK: u64 = 20;

/// One of several equal shares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    fair: u64,
    /// Whether it is all there is.
    is_whole: bool,
}

impl Share {
    /// The share of each of so many instances in so much.
    pub(super) fn of(all: u64, instances: u32) -> Self {
        let instances = u64::from(instances.max(1));
        Self {
            fair: all.div_ceil(instances),
            is_whole: instances == 1,
        }
    }

    /// How many may be claimed by whoever holds so many.
    pub(super) fn to_claim(self, held: u64) -> u64 {
        match self.is_whole {
            true => u64::MAX,
            false => self.fair.saturating_sub(held),
        }
    }

    /// How many new ones whoever holds so many takes without asking.
    pub(super) fn room(self, held: u64) -> u64 {
        match self.is_whole {
            true => u64::MAX,
            false => (self.fair + BATCH).saturating_sub(held),
        }
    }

    /// How many whoever holds so many gives up.
    pub(super) fn surplus(self, held: u64) -> u64 {
        let kept = self.fair + (self.fair / SLACK).max(1);
        match self.is_whole || held <= kept {
            true => 0,
            false => held - self.fair,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_holds_everything() {
        let share = Share::of(10_000, 1);
        assert_eq!(share.to_claim(9_000), u64::MAX);
        assert_eq!(share.room(10_000), u64::MAX);
        assert_eq!(share.surplus(10_000), 0);
    }

    #[test]
    fn a_newcomer_gets_its_share_from_those_who_hold_more() {
        let share = Share::of(10_000, 3);
        assert_eq!(share.to_claim(0), 3_334);
        assert_eq!(share.surplus(5_000), 1_666);
        assert_eq!(2 * share.surplus(5_000) + 2, share.to_claim(0));
    }

    #[test]
    fn a_little_more_than_its_share_stays() {
        for (held, surplus) in [(100, 0), (105, 0), (106, 6)] {
            assert_eq!(Share::of(200, 2).surplus(held), surplus);
        }
        assert_eq!(Share::of(3, 3).surplus(2), 0);
        assert_eq!(Share::of(3, 3).surplus(3), 2);
    }

    #[test]
    fn nobody_takes_more_than_its_share_and_a_batch() {
        let share = Share::of(10_000, 4);
        assert_eq!(share.to_claim(2_500), 0);
        assert_eq!(share.room(2_500), BATCH);
        assert_eq!(share.room(3_000), 0);
    }

    #[test]
    fn the_shares_of_all_are_all_there_is() {
        for all in 0..50_u64 {
            for instances in 1..8 {
                let share = Share::of(all, instances);
                assert!(share.fair * u64::from(instances) >= all);
            }
        }
    }
}
