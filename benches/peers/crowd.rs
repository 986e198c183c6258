//! Many containers at once: how fast they come, what each costs while it does nothing, how fast they go.

use crate::peer::{Peer, Peers};
use crate::setting;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// How many clients start them.
const HANDS: u32 = 4;

pub(crate) fn compare(peers: &Peers) {
    let count = setting("EXPLORE_BENCH_CROWD", 200);
    println!("\n{count} containers at once, {HANDS} clients, no network");
    println!("{:24} {:>10} {:>14} {:>14} {:>10}", "", "a second", "supervisor KiB", "of machine KiB", "removed s");
    for peer in &peers.engines {
        let free = available();
        let next = AtomicU32::new(0);
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..HANDS {
                scope.spawn(|| start_some(peer, &next, count));
            }
        });
        let rate = f64::from(count) / began.elapsed().as_secs_f64();
        let machine = free.saturating_sub(available()) / u64::from(count);
        let supervisor = private_of(peer) / u64::from(count);
        let names: Vec<String> = (0..count).map(|number| format!("crowd-{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let began = Instant::now();
        peer.remove(&names).quiet().spawn().finish("rm -f, all of them").status(0);
        let removed = began.elapsed().as_secs_f64();
        println!("{:24} {rate:>10.1} {supervisor:>14} {machine:>14} {removed:>10.2}", peer.name);
    }
}

fn start_some(peer: &Peer, next: &AtomicU32, count: u32) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return;
        }
        let name = format!("crowd-{number}");
        peer.run(&["run", "-d", "--name", &name, "--network", "none", "demo", "sleep", "100000"]).timed();
    }
}

/// Private memory of all processes that stay for the containers, in KiB: what would be free without them.
fn private_of(peer: &Peer) -> u64 {
    let is_one = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).replace('\0', " ").starts_with(peer.supervisor)
    };
    peer.learner.processes().into_iter().filter(is_one).map(private).sum()
}

fn private(pid: i32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let value = |line: &str| line.split_whitespace().nth(1).and_then(|word| word.parse::<u64>().ok()).unwrap_or(0);
    text.lines()
        .filter(|line| line.starts_with("Private_Clean:") || line.starts_with("Private_Dirty:"))
        .map(value)
        .sum()
}

fn available() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
