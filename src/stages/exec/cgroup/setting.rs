//! What `resources` of the OCI configuration says, file by file, in both versions.
//!
//! The configuration has the numbers of version 1. Version 2 has other files and other scales, and no standard says how
//! one becomes the other: what runc does is what people measure against.

use super::super::StartFailure;
use super::groups::Joined;
use crate::kernel::cgroup::{self, Version};
use crate::kernel::{self, Error};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

/// Files to be written in this order, with their values.
type Files = Vec<(&'static str, String)>;

/// One wish, in both versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Setting {
    /// As the user typed it.
    pub(super) flag: &'static str,
    /// What it needs.
    pub(super) controller: &'static str,
    pub(super) v1: Files,
    pub(super) v2: Files,
}

/// All that `resources` asks for, devices aside.
pub(super) fn of(resources: &LinuxResources) -> Vec<Setting> {
    let mut all = Vec::new();
    all.extend(resources.memory().iter().flat_map(memory));
    all.extend(resources.cpu().iter().flat_map(cpu));
    all.extend(resources.pids().iter().map(|pids| {
        let limit = if pids.limit() > 0 { pids.limit().to_string() } else { "max".to_owned() };
        let files = vec![("pids.max", limit)];
        Setting { flag: "--pids-limit", controller: "pids", v1: files.clone(), v2: files }
    }));
    all.extend(resources.block_io().iter().flat_map(block));
    all
}

/// `max` where version 1 says -1.
fn or_max(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

fn memory(memory: &LinuxMemory) -> Vec<Setting> {
    let mut all = Vec::new();
    // 0 is no limit of nothing: runc takes it for "not said" (libcontainer/cgroups/fs/memory.go, `Set`).
    let said = |amount: Option<i64>| amount.filter(|bytes| *bytes != 0);
    let (limit, swap) = (said(memory.limit()), said(memory.swap()));
    if limit.is_some() || swap.is_some() {
        let (mut v1, mut v2): (Files, Files) = (Vec::new(), Vec::new());
        if let Some(limit) = limit {
            v1.push(("memory.limit_in_bytes", limit.to_string()));
            v2.push(("memory.max", or_max(limit)));
        }
        if let Some(swap) = swap {
            v1.push(("memory.memsw.limit_in_bytes", swap.to_string()));
            // Version 2 counts swap by itself, the configuration memory and swap together.
            let alone = if swap < 0 { swap } else { swap - limit.unwrap_or(0).max(0) };
            v2.push(("memory.swap.max", or_max(alone)));
        }
        let flag = if limit.is_some() { "--memory" } else { "--memory-swap" };
        all.push(Setting { flag, controller: "memory", v1, v2 });
    }
    if let Some(reservation) = said(memory.reservation()) {
        let v1 = vec![("memory.soft_limit_in_bytes", reservation.to_string())];
        let v2 = vec![("memory.low", or_max(reservation))];
        all.push(Setting { flag: "--memory-reservation", controller: "memory", v1, v2 });
    }
    all
}

fn cpu(cpu: &LinuxCpu) -> Vec<Setting> {
    let mut all = Vec::new();
    if let Some(shares) = cpu.shares() {
        let v1 = vec![("cpu.shares", shares.to_string())];
        let v2 = vec![("cpu.weight", weight(shares).to_string())];
        all.push(Setting { flag: "--cpu-shares", controller: "cpu", v1, v2 });
    }
    if cpu.quota().is_some() || cpu.period().is_some() {
        let mut v1: Files = Vec::new();
        v1.extend(cpu.period().map(|period| ("cpu.cfs_period_us", period.to_string())));
        v1.extend(cpu.quota().map(|quota| ("cpu.cfs_quota_us", quota.to_string())));
        let period = cpu.period().map(|period| format!(" {period}")).unwrap_or_default();
        let v2 = vec![("cpu.max", format!("{}{period}", or_max(cpu.quota().unwrap_or(-1))))];
        all.push(Setting { flag: "--cpus", controller: "cpu", v1, v2 });
    }
    for (flag, file, list) in
        [("--cpuset-cpus", "cpuset.cpus", cpu.cpus()), ("--cpuset-mems", "cpuset.mems", cpu.mems())]
    {
        if let Some(list) = list.as_ref().filter(|list| !list.is_empty()) {
            let files = vec![(file, list.clone())];
            all.push(Setting { flag, controller: "cpuset", v1: files.clone(), v2: files });
        }
    }
    all
}

/// From shares (2 to 262144, normally 1024) to a weight (1 to 10000, normally 100): a curve in logarithms that meets all
/// three, opencontainers/cgroups#20. The straight line of before gave 1024 shares a weight of 39, and a container
/// with the normal share less than any process outside.
pub(super) fn weight(shares: u64) -> u64 {
    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 2^18
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            let log = (shares as f64).log2();
            10f64.powf((log * log + 125.0 * log) / 612.0 - 7.0 / 34.0).ceil() as u64
        }
    }
}

fn block(block: &LinuxBlockIo) -> Vec<Setting> {
    let mut all = Vec::new();
    if let Some(weight) = block.weight() {
        // The weight is the scheduler's (BFQ), under its name; io.weight has another scale.
        let v1 = vec![("blkio.bfq.weight", weight.to_string())];
        let v2 = vec![("io.bfq.weight", weight.to_string())];
        all.push(Setting { flag: "--blkio-weight", controller: "blkio", v1, v2 });
    }
    let lists = [
        ("--device-read-bps", "blkio.throttle.read_bps_device", "rbps", block.throttle_read_bps_device()),
        ("--device-write-bps", "blkio.throttle.write_bps_device", "wbps", block.throttle_write_bps_device()),
        ("--device-read-iops", "blkio.throttle.read_iops_device", "riops", block.throttle_read_iops_device()),
        ("--device-write-iops", "blkio.throttle.write_iops_device", "wiops", block.throttle_write_iops_device()),
    ];
    for (flag, file, key, list) in lists {
        for one in list.iter().flatten() {
            let number = |one: &LinuxThrottleDevice| format!("{}:{}", one.major(), one.minor());
            let v1 = vec![(file, format!("{} {}", number(one), one.rate()))];
            let v2 = vec![("io.max", format!("{} {key}={}", number(one), one.rate()))];
            all.push(Setting { flag, controller: "blkio", v1, v2 });
        }
    }
    all
}

impl Setting {
    /// `pause`: not a limit, and in need of a group all the same.
    pub(super) fn pause() -> Self {
        Self { flag: "pause", controller: "freezer", v1: Vec::new(), v2: Vec::new() }
    }

    /// The name of its controller in a version: `blkio` became `io`.
    pub(super) fn controller_in(&self, version: Version) -> &'static str {
        if self.controller == "blkio" && version == Version::V2 { "io" } else { self.controller }
    }

    /// Writes it into the group that has the files.
    pub(super) fn write(&self, groups: &[Joined]) -> Result<(), StartFailure> {
        let files = |group: &Joined| if group.tree.version == Version::V1 { &self.v1 } else { &self.v2 };
        let has = |group: &&Joined| files(group).first().is_some_and(|(file, _)| group.folder.join(file).exists());
        let Some(group) = groups.iter().find(has) else {
            let file = self.v2.first().map_or("", |(file, _)| *file);
            let error = Error::quiet("openat", &format_args!("{file:?}"), Errno::ENOENT);
            let step = format!("obey {}: this kernel does not have it", self.flag);
            return Err(Failure::at(&step)(error).into());
        };
        let files = files(group);
        let written = write_all(group, files.iter()).or_else(|error| match error.errno() {
            // A pair that limits each other: grown, the second must go first.
            Errno::EINVAL if files.len() > 1 => write_all(group, files.iter().rev()),
            _ => Err(error),
        });
        Ok(written.map_err(Failure::at(&format!("obey {}", self.flag)))?)
    }
}

fn write_all<'a>(group: &Joined, files: impl Iterator<Item = &'a (&'static str, String)>) -> kernel::Result<()> {
    for (file, value) in files {
        // A kernel that does not count swap cannot give any either: nothing is lost.
        if file.contains("sw") && !group.folder.join(file).exists() {
            continue;
        }
        cgroup::limit(&group.folder, file, value, "as it was asked for")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_meet_the_weight_at_both_ends_and_in_the_middle() {
        let table = [(0, 1), (2, 1), (1024, 100), (262_144, 10_000), (u64::MAX, 10_000)];
        for (shares, expected) in table {
            assert_eq!(weight(shares), expected, "{shares}");
        }
        assert!((3..=262_144).step_by(97).map(weight).is_sorted());
    }

    #[test]
    fn version_2_counts_swap_alone_and_joins_quota_and_period() {
        let resources = |value| serde_json::from_value::<LinuxResources>(value).unwrap();
        let v2 = |value| of(&resources(value)).into_iter().flat_map(|one| one.v2).collect::<Vec<_>>();
        let written = v2(serde_json::json!({ "memory": { "limit": 100, "swap": 150, "reservation": -1 } }));
        let expected = [("memory.max", "100"), ("memory.swap.max", "50"), ("memory.low", "max")];
        assert_eq!(written, expected.map(|(file, value)| (file, value.to_owned())));
        let written = v2(serde_json::json!({ "cpu": { "period": 1000 }, "pids": { "limit": -1 } }));
        assert_eq!(written, [("cpu.max", "max 1000".to_owned()), ("pids.max", "max".to_owned())]);
    }
}
