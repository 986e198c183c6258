//! What a container may use: what was asked for, whether it makes sense, and how it stands in `config.json`.
//!
//! The flags are docker's, and so is what is refused (moby, daemon/daemon_unix.go, `verifyPlatformContainerResources`).
//! The OCI configuration speaks of limits as cgroup version 1 has them; whoever writes them into version 2 converts.

mod device;
mod error;
mod set;

pub use device::{DEFAULT_RULES, Device, DeviceRule};
pub use error::LimitError;

use oci_spec::runtime::{LinuxResources, LinuxResourcesBuilder};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Docker's least amount of memory: with less, runc itself could not start.
const LEAST_MEMORY: i64 = 6 << 20;
/// The period that `--cpus` is a share of, microseconds: the kernel's own default.
const PERIOD: u64 = 100_000;

/// Limits; what is `None` or empty was not asked for. Amounts of memory in bytes, -1 for no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// `--memory`.
    pub memory: Option<i64>,
    /// `--memory-swap`: memory and swap together.
    pub memory_swap: Option<i64>,
    /// `--memory-reservation`: what it is pushed back to when memory is short.
    pub memory_reservation: Option<i64>,
    /// `--cpus`, in billionths of a processor.
    pub nano_cpus: Option<i64>,
    /// `--cpu-shares`: its weight beside others; 1024 is normal.
    pub cpu_shares: Option<u64>,
    /// `--cpu-period`, microseconds.
    pub cpu_period: Option<u64>,
    /// `--cpu-quota`, microseconds in each period; -1 for no limit.
    pub cpu_quota: Option<i64>,
    /// `--cpuset-cpus`: `0-3,5`.
    pub cpuset_cpus: Option<String>,
    /// `--cpuset-mems`.
    pub cpuset_mems: Option<String>,
    /// `--pids-limit`: processes and threads; 0 and -1 for no limit.
    pub pids: Option<i64>,
    /// `--blkio-weight`: 10 to 1000; 0 for none.
    pub blkio_weight: Option<u16>,
    /// `--device-read-bps` and its kin.
    pub throttles: Vec<Throttle>,
    /// `--device`.
    pub devices: Vec<Device>,
    /// `--device-cgroup-rule`.
    pub device_rules: Vec<DeviceRule>,
    /// `--oom-score-adj`: -1000 to 1000.
    pub oom_score_adj: Option<i32>,
}

/// What a throttle counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rate {
    /// Bytes read a second.
    ReadBps,
    /// Bytes written a second.
    WriteBps,
    /// Reads a second.
    ReadIops,
    /// Writes a second.
    WriteIops,
}

impl Rate {
    /// Its field in `blockIO` of the OCI configuration.
    fn field(self) -> &'static str {
        match self {
            Self::ReadBps => "throttleReadBpsDevice",
            Self::WriteBps => "throttleWriteBpsDevice",
            Self::ReadIops => "throttleReadIOPSDevice",
            Self::WriteIops => "throttleWriteIOPSDevice",
        }
    }
}

/// How fast one disk may be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    /// What is counted.
    pub what: Rate,
    /// The disk, by its node on this machine.
    pub path: PathBuf,
    /// A second.
    pub rate: u64,
}

impl Limits {
    /// `resources` of the OCI configuration. Device rules are not among them: they stand beside Docker's own.
    ///
    /// # Errors
    /// [`LimitError::Device`] for a throttle on what is no device.
    pub fn resources(&self) -> Result<Value, LimitError> {
        let mut all = json!({});
        set(
            &mut all,
            "memory",
            json!({
                "limit": self.memory.filter(|bytes| *bytes != 0),
                "swap": self.swap(),
                "reservation": self.memory_reservation.filter(|bytes| *bytes != 0),
            }),
        );
        let (quota, period) = self.quota();
        set(
            &mut all,
            "cpu",
            json!({
                "shares": self.cpu_shares.filter(|shares| *shares > 0),
                "quota": quota,
                "period": period,
                "cpus": self.cpuset_cpus,
                "mems": self.cpuset_mems,
            }),
        );
        // Docker takes 0 and -1 for "no limit"; the OCI configuration says so with -1.
        set(&mut all, "pids", json!({ "limit": self.pids.map(|tasks| if tasks > 0 { tasks } else { -1 }) }));
        let mut block = json!({ "weight": self.blkio_weight.filter(|weight| *weight > 0) });
        for throttle in &self.throttles {
            let number = device::number(&throttle.path)?;
            let entry = json!({ "major": number.0, "minor": number.1, "rate": throttle.rate });
            match block[throttle.what.field()].as_array_mut() {
                Some(list) => list.push(entry),
                None => block[throttle.what.field()] = json!([entry]),
            }
        }
        set(&mut all, "blockIO", block);
        Ok(all)
    }

    /// The same, typed: what an `update` writes into a container that runs.
    ///
    /// # Errors
    /// As [`Limits::resources`].
    pub fn typed(&self) -> Result<LinuxResources, LimitError> {
        let empty = || LinuxResourcesBuilder::default().build().unwrap_or_default();
        Ok(serde_json::from_value(self.resources()?).unwrap_or_else(|_| empty()))
    }

    /// Memory and swap together: as much swap as memory, where only memory was limited (docker-run(1)).
    pub fn swap(&self) -> Option<i64> {
        match (self.memory, self.memory_swap) {
            (Some(memory), None | Some(0)) if memory > 0 => Some(memory.saturating_mul(2)),
            (_, swap) => swap.filter(|swap| *swap != 0),
        }
    }

    /// Microseconds of processor time in each period, and the period.
    fn quota(&self) -> (Option<i64>, Option<u64>) {
        match self.nano_cpus.filter(|cpus| *cpus > 0) {
            Some(cpus) => (Some(cpus.saturating_mul(i64::try_from(PERIOD).unwrap_or(0)) / 1_000_000_000), Some(PERIOD)),
            None => (self.cpu_quota.filter(|quota| *quota != 0), self.cpu_period.filter(|period| *period != 0)),
        }
    }

    /// Whether `update` may ask for it, after what was asked for before (moby container/container_unix.go).
    ///
    /// # Errors
    /// [`LimitError::Update`].
    pub fn check_update(&self, newer: &Self) -> Result<(), LimitError> {
        let is_said = |amount: Option<i64>| amount.is_some_and(|amount| amount > 0);
        let period = |limits: &Self| limits.cpu_period.is_some_and(|period| period > 0);
        let (old_cpus, new_cpus) = (is_said(self.nano_cpus), is_said(newer.nano_cpus));
        match () {
            () if new_cpus && period(self) => Err(LimitError::Update("Nano CPUs", "CPU Period")),
            () if new_cpus && is_said(self.cpu_quota) => Err(LimitError::Update("Nano CPUs", "CPU Quota")),
            () if period(newer) && old_cpus => Err(LimitError::Update("CPU Period", "NanoCPUs")),
            () if is_said(newer.cpu_quota) && old_cpus => Err(LimitError::Update("CPU Quota", "NanoCPUs")),
            () => Ok(()),
        }
    }

    /// Takes over what `newer` asks for, as `update` does.
    pub fn merge(&mut self, newer: &Self) {
        fn take<T: Clone>(old: &mut Option<T>, new: Option<&T>) {
            if let Some(new) = new {
                *old = Some(new.clone());
            }
        }
        // One way of saying how much replaces the other.
        if newer.nano_cpus.is_some() {
            (self.cpu_period, self.cpu_quota) = (None, None);
        } else if newer.cpu_period.is_some() || newer.cpu_quota.is_some() {
            self.nano_cpus = None;
        }
        // Docker takes 0 for "not said".
        let said = |amount: Option<i64>| amount.filter(|bytes| *bytes != 0);
        take(&mut self.memory, said(newer.memory).as_ref());
        take(&mut self.memory_swap, said(newer.memory_swap).as_ref());
        take(&mut self.memory_reservation, said(newer.memory_reservation).as_ref());
        take(&mut self.nano_cpus, newer.nano_cpus.as_ref());
        take(&mut self.cpu_shares, newer.cpu_shares.as_ref());
        take(&mut self.cpu_period, newer.cpu_period.as_ref());
        take(&mut self.cpu_quota, newer.cpu_quota.as_ref());
        take(&mut self.cpuset_cpus, newer.cpuset_cpus.as_ref());
        take(&mut self.cpuset_mems, newer.cpuset_mems.as_ref());
        take(&mut self.pids, newer.pids.as_ref());
        take(&mut self.blkio_weight, newer.blkio_weight.as_ref());
    }

    /// Forgets all but what `newer` names, and what goes with it: memory and swap bound each other, and so do quota and
    /// period.
    pub fn keep_only(&mut self, newer: &Self) {
        fn drop_unless<T>(old: &mut Option<T>, named: bool) {
            if !named {
                *old = None;
            }
        }
        let memory = newer.memory.is_some() || newer.memory_swap.is_some();
        let time = newer.nano_cpus.is_some() || newer.cpu_period.is_some() || newer.cpu_quota.is_some();
        drop_unless(&mut self.memory, memory);
        drop_unless(&mut self.memory_swap, memory);
        drop_unless(&mut self.memory_reservation, newer.memory_reservation.is_some());
        drop_unless(&mut self.nano_cpus, time);
        drop_unless(&mut self.cpu_period, time);
        drop_unless(&mut self.cpu_quota, time);
        drop_unless(&mut self.cpu_shares, newer.cpu_shares.is_some());
        drop_unless(&mut self.cpuset_cpus, newer.cpuset_cpus.is_some());
        drop_unless(&mut self.cpuset_mems, newer.cpuset_mems.is_some());
        drop_unless(&mut self.pids, newer.pids.is_some());
        drop_unless(&mut self.blkio_weight, newer.blkio_weight.is_some());
        self.throttles.clear();
    }

    /// Whether anything makes sense as a whole; `update` also has what the container has already.
    ///
    /// # Errors
    /// Every [`LimitError`] but that of a file.
    pub fn validate(&self) -> Result<(), LimitError> {
        self.validate_memory()?;
        self.validate_cpu()?;
        set::check("--cpuset-cpus", "CPUs", self.cpuset_cpus.as_deref(), "/sys/devices/system/cpu/online")?;
        set::check("--cpuset-mems", "memory nodes", self.cpuset_mems.as_deref(), "/sys/devices/system/node/online")?;
        if self.blkio_weight.is_some_and(|weight| weight != 0 && !(10..=1000).contains(&weight)) {
            return Err(LimitError::Weight);
        }
        match self.oom_score_adj {
            Some(score) if !(-1000..=1000).contains(&score) => Err(LimitError::OomScore(score)),
            _ => Ok(()),
        }
    }

    fn validate_memory(&self) -> Result<(), LimitError> {
        let [memory, swap, reservation] =
            [self.memory, self.memory_swap, self.memory_reservation].map(|amount| amount.unwrap_or(0));
        if memory != 0 && memory < LEAST_MEMORY {
            return Err(LimitError::LeastMemory);
        }
        if memory > 0 && swap > 0 && swap < memory {
            return Err(LimitError::SwapBelowMemory);
        }
        if memory == 0 && swap > 0 {
            return Err(LimitError::SwapAlone);
        }
        if reservation > 0 && reservation < LEAST_MEMORY {
            return Err(LimitError::LeastReservation);
        }
        if memory > 0 && reservation > memory {
            return Err(LimitError::ReservationAboveMemory);
        }
        Ok(())
    }

    fn validate_cpu(&self) -> Result<(), LimitError> {
        if let Some(cpus) = self.nano_cpus.filter(|cpus| *cpus != 0) {
            let here = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            if self.cpu_period.is_some_and(|period| period != 0) {
                return Err(LimitError::Conflict("--cpu-period"));
            }
            if self.cpu_quota.is_some_and(|quota| quota > 0) {
                return Err(LimitError::Conflict("--cpu-quota"));
            }
            let most = i64::try_from(here).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
            // The kernel's least quota is a hundredth of the period.
            if !(10_000_000..=most).contains(&cpus) {
                return Err(LimitError::Cpus(here));
            }
        }
        if self.cpu_period.is_some_and(|period| period != 0 && !(1000..=1_000_000).contains(&period)) {
            return Err(LimitError::Period);
        }
        if self.cpu_quota.is_some_and(|quota| (1..1000).contains(&quota)) {
            return Err(LimitError::Quota);
        }
        Ok(())
    }
}

/// Sets a part, without what is null in it; not at all where nothing is left.
fn set(all: &mut Value, name: &str, mut part: Value) {
    if let Some(fields) = part.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
        if !fields.is_empty() {
            all[name] = part;
        }
    }
}

#[cfg(test)]
mod tests;
