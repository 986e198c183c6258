//! Whole processes side by side, each against the peers that do the same, in one interleaved run.
//!
//! ```sh
//! cargo bench                              # as root; what is not installed is left out by name
//! cargo bench -- exec crowd                # these parts only
//! EXPLORE_BENCH_ROUNDS=101 EXPLORE_BENCH_CROWD=200 EXPLORE_BENCH_PULL=1100 cargo bench
//! EXPLORE_PROGRAM=/usr/bin/explore cargo bench   # another build: what is handed out
//! ```
//!
//! Interleaved, because another program on the machine should disturb all of them alike; medians, because it will
//! disturb some rounds; ratios, because another machine has other numbers. Figures are for a quiet machine. Docker's
//! daemon is started by hand in namespaces of its own, and its work is counted, since the client waits for it.
//!
//! All but `pull` runs on a filesystem of its own ([`disk`]): what a machine has done to its disk before, a day of builds,
//! is not what is measured.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark may fail by panic")]
#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[path = "../../tests/support/mod.rs"]
mod support;

mod calls;
mod crowd;
mod disk;
mod image;
mod parts;
mod peer;
mod pull;
mod race;
mod run;

use peer::Peers;

/// A part, and what it measures.
type Part = (&'static str, fn(&Peers));

/// What moves gigabytes is measured on the machine's own disk.
const LARGE: &str = "pull";

const PARTS: [Part; 6] = [
    ("run", run::compare),
    ("limits", run::with_limits),
    ("parts", parts::compare),
    ("crowd", crowd::compare),
    ("pull", pull::compare),
    ("calls", calls::show),
];

fn main() {
    // `cargo test --benches` and the like ask every target what it has; figures are for `cargo bench` alone.
    let words: Vec<String> = std::env::args().skip(1).collect();
    if !words.iter().any(|word| word == "--bench") {
        return;
    }
    if !support::is_root() {
        println!("SKIPPED bench: needs root for a machine of its own");
        return;
    }
    let wanted: Vec<&str> = words.iter().map(String::as_str).filter(|word| !word.starts_with("--")).collect();
    let asked = |name: &str| wanted.is_empty() || wanted.contains(&name);
    let (large, small): (Vec<&Part>, Vec<&Part>) =
        PARTS.iter().filter(|(name, _)| asked(name)).partition(|(name, _)| *name == LARGE);
    if disk::is_our_own() {
        measure(&small);
    } else {
        if !small.is_empty() {
            disk::again_on_our_own(small.iter().map(|(name, _)| *name));
        }
        measure(&large);
    }
}

fn measure(parts: &[&Part]) {
    if !parts.is_empty() {
        let peers = Peers::start();
        for (_, measure) in parts {
            measure(&peers);
        }
    }
}

/// A number from the environment.
fn setting(name: &str, otherwise: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}
