//! The flags that limit a container, for `create`, `run` and `update`. Named as docker names them.

use crate::stages::create::bytes;
use crate::stages::create::limits::{Device, DeviceRule, LimitError, Limits, Rate, Throttle};

/// What can be changed while a container runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Adjustable {
    /// Memory: bytes, or with a suffix k, m, g
    #[arg(short, long, value_parser = bytes, value_name = "BYTES", allow_hyphen_values = true)]
    memory: Option<i64>,
    /// Memory and swap together; -1 for as much swap as there is, twice the memory without
    #[arg(long, value_parser = bytes, value_name = "BYTES", allow_hyphen_values = true)]
    memory_swap: Option<i64>,
    /// What it is pushed back to when the machine is short of memory
    #[arg(long, value_parser = bytes, value_name = "BYTES", allow_hyphen_values = true)]
    memory_reservation: Option<i64>,
    /// Processors: 0.5 is half the time of one
    #[arg(long, value_parser = cpus, value_name = "NUMBER")]
    cpus: Option<i64>,
    /// Weight beside others when processors are short; 1024 is normal
    #[arg(short, long, value_parser = shares, value_name = "WEIGHT", allow_hyphen_values = true)]
    cpu_shares: Option<u64>,
    /// Length of a period in microseconds, 100000 without
    #[arg(long, value_name = "MICROSECONDS")]
    cpu_period: Option<u64>,
    /// Processor time in each period, in microseconds; -1 for no limit
    #[arg(long, value_name = "MICROSECONDS", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Run on these processors only: 0-3, 0,1
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,
    /// Take memory of these nodes only: 0-3, 0,1
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,
    /// Processes and threads; -1 for no limit
    #[arg(long, value_parser = pids, value_name = "NUMBER", allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    /// Weight of its disk accesses, 10 to 1000; 0 for none
    #[arg(long, value_name = "WEIGHT")]
    blkio_weight: Option<u16>,
}

impl Adjustable {
    /// As the stages have them.
    pub(super) fn limits(&self) -> Limits {
        let given = self.clone();
        Limits {
            memory: given.memory,
            memory_swap: given.memory_swap,
            memory_reservation: given.memory_reservation,
            nano_cpus: given.cpus,
            cpu_shares: given.cpu_shares,
            cpu_period: given.cpu_period,
            cpu_quota: given.cpu_quota,
            cpuset_cpus: given.cpuset_cpus,
            cpuset_mems: given.cpuset_mems,
            pids: given.pids_limit,
            blkio_weight: given.blkio_weight,
            ..Limits::default()
        }
    }
}

/// All of them.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitFlags {
    #[command(flatten)]
    adjustable: Adjustable,
    /// Show a device of this machine inside: /dev/here, or /dev/here:/dev/inside:rwm
    #[arg(long, value_name = "DEVICE")]
    device: Vec<String>,
    /// Let nodes inside be opened for these numbers: 'c 10:* rwm'
    #[arg(long, value_name = "RULE")]
    device_cgroup_rule: Vec<String>,
    /// Bytes a second to be read from a disk: /dev/sda:1mb
    #[arg(long, value_name = "DEVICE:RATE")]
    device_read_bps: Vec<String>,
    /// Bytes a second to be written to a disk
    #[arg(long, value_name = "DEVICE:RATE")]
    device_write_bps: Vec<String>,
    /// Reads a second from a disk: /dev/sda:1000
    #[arg(long, value_name = "DEVICE:RATE")]
    device_read_iops: Vec<String>,
    /// Writes a second to a disk
    #[arg(long, value_name = "DEVICE:RATE")]
    device_write_iops: Vec<String>,
    /// How soon the kernel picks it when memory runs out: -1000 never, 1000 first
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    oom_score_adj: Option<i32>,
}

impl LimitFlags {
    /// As the stages have them.
    pub(super) fn limits(&self) -> Result<Limits, LimitError> {
        let lists = [
            (Rate::ReadBps, &self.device_read_bps),
            (Rate::WriteBps, &self.device_write_bps),
            (Rate::ReadIops, &self.device_read_iops),
            (Rate::WriteIops, &self.device_write_iops),
        ];
        let throttles = lists.iter().flat_map(|(what, list)| list.iter().map(|given| throttle(*what, given)));
        Ok(Limits {
            throttles: throttles.collect::<Result<_, _>>()?,
            devices: self.device.iter().map(|given| Device::parse(given)).collect::<Result<_, _>>()?,
            device_rules: self
                .device_cgroup_rule
                .iter()
                .map(|given| DeviceRule::parse(given))
                .collect::<Result<_, _>>()?,
            oom_score_adj: self.oom_score_adj,
            ..self.adjustable.limits()
        })
    }
}

fn throttle(what: Rate, given: &str) -> Result<Throttle, LimitError> {
    let wrong = || LimitError::RateForm(given.to_owned());
    let (path, rate) = given.rsplit_once(':').filter(|(path, _)| path.starts_with('/')).ok_or_else(wrong)?;
    let rate = match what {
        Rate::ReadBps | Rate::WriteBps => bytes(rate).ok().and_then(|rate| u64::try_from(rate).ok()),
        Rate::ReadIops | Rate::WriteIops => rate.parse().ok(),
    };
    Ok(Throttle { what, path: path.into(), rate: rate.ok_or_else(wrong)? })
}

fn shares(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text:?} is no weight: 512, 1024"))
}

fn pids(text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{text:?} is no number of processes: 100, or -1 for no limit"))
}

/// `1.5` processors, in billionths of one.
fn cpus(text: &str) -> Result<i64, String> {
    let wrong = || format!("{text:?} is no number of processors: 0.5, 2");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(part) || part.len() > 9 || !(all_digits(whole) || text.starts_with('.')) {
        return Err(wrong());
    }
    format!("{whole}{part:0<9}").parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_decimal() {
        for (text, amount) in
            [("1", 1_000_000_000), ("0.5", 500_000_000), (".25", 250_000_000), ("1.000000001", 1_000_000_001)]
        {
            assert_eq!(cpus(text), Ok(amount), "{text}");
        }
        for bad in ["", ".", "-1", "1.", "a", "1e3", "0.0000000001"] {
            assert!(cpus(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_rate_is_a_disk_and_a_number() {
        assert_eq!(throttle(Rate::ReadBps, "/dev/sda:1mb").unwrap().rate, 1 << 20);
        for (what, bad) in [(Rate::ReadIops, "/dev/sda:1mb"), (Rate::ReadBps, "sda:1"), (Rate::ReadBps, "/dev/sda:-1")]
        {
            assert!(throttle(what, bad).is_err(), "{bad:?}");
        }
    }
}
