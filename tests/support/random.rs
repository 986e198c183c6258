//! Numbers that look random and can be had again: the seed is printed, and `EXPLORE_SEED` sets it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Xorshift: enough to choose moments.
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
    /// What to set `EXPLORE_SEED` to for the same numbers.
    pub(crate) seed: u64,
}

impl Random {
    /// From `EXPLORE_SEED`, or from the clock.
    pub(crate) fn seeded() -> Self {
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed = std::env::var("EXPLORE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(clock);
        Self { state: (seed ^ 0x9e37_79b9_7f4a_7c15) | 1, seed }
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        u32::try_from(self.state >> 32).unwrap() % limit.max(1)
    }

    /// One of these.
    pub(crate) fn one_of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.below(u32::try_from(list.len()).unwrap()) as usize)
    }

    /// A moment in a span of time.
    pub(crate) fn moment(&mut self, span: Duration) -> Duration {
        span * self.below(1000) / 1000
    }
}
