//! Contestants, their rounds, and the table of what they took.

use crate::setting;
use std::time::Duration;

/// One way to do a thing. The function does it once and says how long that took, without what it has to prepare.
pub(crate) struct Contestant {
    name: String,
    once: Box<dyn Fn() -> Duration>,
    times: Vec<Duration>,
}

impl Contestant {
    pub(crate) fn new(name: impl Into<String>, once: impl Fn() -> Duration + 'static) -> Self {
        Self { name: name.into(), once: Box::new(once), times: Vec::new() }
    }

    /// The time that so many of a hundred rounds stayed below.
    fn at(&self, percent: usize) -> f64 {
        let mut times = self.times.clone();
        times.sort();
        times[(times.len() - 1) * percent / 100].as_secs_f64() * 1000.0
    }
}

/// Lets all of them do it, one after the other, round by round; the ratio is to the first.
pub(crate) fn race(title: &str, contestants: Vec<Contestant>) {
    rounds(title, contestants, setting("EXPLORE_BENCH_ROUNDS", 31));
}

/// As [`race`], with so many rounds.
pub(crate) fn rounds(title: &str, mut contestants: Vec<Contestant>, rounds: u32) {
    for round in 0..=rounds {
        for one in &mut contestants {
            let time = (one.once)();
            // The first round fills caches.
            if round > 0 || rounds == 0 {
                one.times.push(time);
            }
        }
    }
    println!("\n{title}: median of {} rounds, interleaved", rounds.max(1));
    println!("{:24} {:>10} {:>10} {:>10} {:>8}", "", "median ms", "lower 10%", "upper 10%", "ratio");
    let first = contestants.first().map_or(1.0, |one| one.at(50));
    for one in &contestants {
        let [median, low, high] = [50, 10, 90].map(|percent| one.at(percent));
        println!("{:24} {median:>10.2} {low:>10.2} {high:>10.2} {:>8.2}", one.name, median / first);
    }
}
