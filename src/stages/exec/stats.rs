//! What a container uses, read off its cgroups: two looks, and what is between them.

use super::running::Running;
use crate::kernel::cgroup::{self, Version};
use serde::Serialize;
use std::path::Path;
use std::time::{Duration, Instant};

/// One look.
#[derive(Debug, Clone)]
pub struct Sample {
    at: Instant,
    usage: Usage,
}

/// What is known; `None` where no cgroup counts it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Usage {
    /// Processor time since it was started, nanoseconds.
    pub cpu_nanoseconds: Option<u64>,
    /// Hundredths of one processor's time, between two looks; 200 for two processors in full use.
    pub cpu_percent: Option<f64>,
    /// Memory that it could not give back at once: without the file cache that nobody has used lately, bytes.
    pub memory: Option<u64>,
    /// Its limit, or what the machine has.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Bytes received and sent on all interfaces but the loopback.
    pub network: Option<(u64, u64)>,
    /// Bytes read from disks and written to them.
    pub block: Option<(u64, u64)>,
}

/// Looks now.
pub fn sample(running: &Running) -> Sample {
    let mut usage = Usage { network: network(running.init.pid), ..Usage::default() };
    for (version, group) in &running.cgroups {
        match version {
            Version::V1 => look_v1(group, &mut usage),
            Version::V2 => look_v2(group, &mut usage),
        }
    }
    if let Some(limit) = usage.memory_limit {
        usage.memory_limit = Some(machine_memory().map_or(limit, |all| all.min(limit)));
    } else if usage.memory.is_some() {
        usage.memory_limit = machine_memory();
    }
    Sample { at: Instant::now(), usage }
}

impl Sample {
    /// What was used, with the share of processor time since an earlier look.
    pub fn since(&self, earlier: &Self) -> Usage {
        let mut usage = self.usage.clone();
        if let (Some(now), Some(then)) = (usage.cpu_nanoseconds, earlier.usage.cpu_nanoseconds) {
            let between = self.at.duration_since(earlier.at).max(Duration::from_millis(1));
            let used = Duration::from_nanos(now.saturating_sub(then));
            usage.cpu_percent = Some(used.as_secs_f64() / between.as_secs_f64() * 100.0);
        }
        usage
    }
}

fn look_v1(group: &Path, usage: &mut Usage) {
    usage.cpu_nanoseconds = usage.cpu_nanoseconds.or_else(|| cgroup::number(group, "cpuacct.usage"));
    if let Some(used) = cgroup::number(group, "memory.usage_in_bytes") {
        let cache = cgroup::count(group, "memory.stat", "total_inactive_file").unwrap_or(0);
        usage.memory = Some(used.saturating_sub(cache));
        usage.memory_limit = cgroup::number(group, "memory.limit_in_bytes");
    }
    usage.pids = usage.pids.or_else(|| cgroup::number(group, "pids.current"));
    if let Ok(text) = std::fs::read_to_string(group.join("blkio.throttle.io_service_bytes")) {
        let sum = |word: &str| text.lines().filter_map(|line| third(line, word)).sum();
        usage.block = Some((sum("Read"), sum("Write")));
    }
}

/// `8:0 Read 4096`
fn third(line: &str, word: &str) -> Option<u64> {
    let (before, number) = line.rsplit_once(' ')?;
    before.ends_with(&format!(" {word}")).then(|| number.parse().ok())?
}

fn look_v2(group: &Path, usage: &mut Usage) {
    usage.cpu_nanoseconds = cgroup::count(group, "cpu.stat", "usage_usec").map(|microseconds| microseconds * 1000);
    if let Some(used) = cgroup::number(group, "memory.current") {
        let cache = cgroup::count(group, "memory.stat", "inactive_file").unwrap_or(0);
        usage.memory = Some(used.saturating_sub(cache));
        usage.memory_limit = cgroup::number(group, "memory.max");
    }
    usage.pids = cgroup::number(group, "pids.current");
    if let Ok(text) = std::fs::read_to_string(group.join("io.stat")) {
        let sum = |key: &str| {
            let values = text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.strip_prefix('='));
            values.filter_map(|value| value.parse::<u64>().ok()).sum()
        };
        usage.block = Some((sum("rbytes"), sum("wbytes")));
    }
}

/// `eth0: received packets … (eight fields) sent packets …` (proc_pid_net(5))
fn network(init: i32) -> Option<(u64, u64)> {
    let text = std::fs::read_to_string(format!("/proc/{init}/net/dev")).ok()?;
    let of_link = |line: &str| {
        let (name, numbers) = line.split_once(':')?;
        let numbers: Vec<u64> = numbers.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        (name.trim() != "lo").then(|| Some((*numbers.first()?, *numbers.get(8)?)))?
    };
    let add = |(received, sent), (more, out): (u64, u64)| (received + more, sent + out);
    Some(text.lines().filter_map(of_link).fold((0, 0), add))
}

fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes: u64 =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_time_is_of_one_processor() {
        let at = Instant::now();
        let sample = |milliseconds: u64, used: u64| Sample {
            at: at + Duration::from_millis(milliseconds),
            usage: Usage { cpu_nanoseconds: Some(used), ..Usage::default() },
        };
        let usage = sample(500, 1_000_000_000).since(&sample(0, 250_000_000));
        assert_eq!(usage.cpu_percent, Some(150.0));
    }

    #[test]
    fn both_versions_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        write("memory.current", "3000\n");
        write("memory.stat", "anon 1\ninactive_file 1000\n");
        write("memory.max", "max\n");
        write("io.stat", "8:0 rbytes=5 wbytes=6 rios=1\n8:16 rbytes=7 wbytes=0\n");
        let mut usage = Usage::default();
        look_v2(folder.path(), &mut usage);
        assert_eq!((usage.memory, usage.memory_limit, usage.block), (Some(2000), None, Some((12, 6))));
        write("blkio.throttle.io_service_bytes", "8:0 Read 10\n8:0 Write 2\n8:16 Read 1\nTotal 13\n");
        let mut usage = Usage::default();
        look_v1(folder.path(), &mut usage);
        assert_eq!(usage.block, Some((11, 2)));
    }
}
