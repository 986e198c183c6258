//! The columns of `ps`, with the headings and widths of procps (its `src/ps/output.c`).

use crate::kernel::clock;
use crate::kernel::namespace::{Kind, identity};
use crate::probe::process::{command_line, state, terminal};
use crate::probe::users::Users;
use procfs::process::{Process, Stat, Status};

/// One process, as `/proc` has it.
pub(super) struct Row {
    pub(super) stat: Stat,
    pub(super) status: Status,
    arguments: String,
}

/// What all rows need to know of the machine.
pub(super) struct Machine {
    /// Clock ticks a second.
    hertz: u64,
    /// Seconds since boot.
    uptime: f64,
    /// When it booted, in seconds after 1970.
    booted: i64,
    now: i64,
    memory: u64,
    page: u64,
    digits: usize,
    users: Users,
}

/// A column that was asked for.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) header: String,
    pub(super) right: bool,
    /// Whether it gives way to the columns behind it.
    pub(super) is_cut: bool,
    width: usize,
    value: fn(&Row, &Machine) -> String,
}

type Kinds = (&'static [&'static str], &'static str, usize, bool, fn(&Row, &Machine) -> String);

/// Names, heading, width, whether on the right, value. A width of 0 is that of a PID.
const COLUMNS: [Kinds; 32] = [
    (&["pid", "tgid"], "PID", 0, true, |row, _| row.stat.pid.to_string()),
    (&["ppid"], "PPID", 0, true, |row, _| row.stat.ppid.to_string()),
    (&["pgid", "pgrp"], "PGID", 0, true, |row, _| row.stat.pgrp.to_string()),
    (&["sid", "sess", "session"], "SID", 0, true, |row, _| row.stat.session.to_string()),
    (&["user", "euser", "uname"], "USER", 8, false, user),
    (&["uid", "euid"], "UID", 5, true, |row, _| row.status.euid.to_string()),
    (&["gid", "egid"], "GID", 5, true, |row, _| row.status.egid.to_string()),
    (&["c"], "C", 2, true, |row, machine| (per_mille(row, machine) / 10).min(99).to_string()),
    (&["%cpu", "pcpu"], "%CPU", 4, true, |row, machine| tenths(per_mille(row, machine).min(999))),
    (&["%mem", "pmem"], "%MEM", 4, true, |row, machine| {
        tenths((resident(row, machine) * 1000 / machine.memory).min(999))
    }),
    (&["vsz", "vsize"], "VSZ", 6, true, |row, _| (row.stat.vsize / 1024).to_string()),
    (&["rss", "rssize", "rsz"], "RSS", 5, true, |row, machine| resident(row, machine).to_string()),
    (&["tname"], "TTY", 8, false, tty),
    (&["tty", "tt"], "TT", 8, false, tty),
    (&["stat"], "STAT", 4, false, |row, _| state(&row.stat, &row.status)),
    (&["s", "state"], "S", 1, false, |row, _| row.stat.state.to_string()),
    (&["stime", "start_time"], "STIME", 5, false, start),
    (&["time", "cputime"], "TIME", 8, true, |row, machine| hours(seconds_used(row, machine))),
    (&["bsdtime"], "TIME", 6, true, |row, machine| minutes(seconds_used(row, machine))),
    (&["comm", "ucmd", "ucomm"], "COMMAND", 15, false, name),
    (&["args", "command"], "COMMAND", 27, false, |row, _| row.arguments.clone()),
    (&["cmd"], "CMD", 27, false, |row, _| row.arguments.clone()),
    (&["ni", "nice"], "NI", 3, true, |row, _| row.stat.nice.to_string()),
    (&["nlwp", "thcount"], "NLWP", 4, true, |row, _| row.stat.num_threads.to_string()),
    (&["utsns"], "UTSNS", 10, true, |row, _| namespace(row, Kind::Uts)),
    (&["pidns"], "PIDNS", 10, true, |row, _| namespace(row, Kind::Pid)),
    (&["mntns"], "MNTNS", 10, true, |row, _| namespace(row, Kind::Mnt)),
    (&["netns"], "NETNS", 10, true, |row, _| namespace(row, Kind::Net)),
    (&["ipcns"], "IPCNS", 10, true, |row, _| namespace(row, Kind::Ipc)),
    (&["userns"], "USERNS", 10, true, |row, _| namespace(row, Kind::User)),
    (&["cgroupns"], "CGROUPNS", 10, true, |row, _| namespace(row, Kind::Cgroup)),
    (&["timens"], "TIMENS", 10, true, |row, _| namespace(row, Kind::Time)),
];

impl Column {
    pub(super) fn width(&self, machine: &Machine) -> usize {
        if self.width == 0 { machine.digits } else { self.width.max(self.header.len()) }
    }

    pub(super) fn text(&self, row: &Row, machine: &Machine) -> String {
        (self.value)(row, machine)
    }
}

/// Columns by name, each with its own heading where it has one (`pid=,comm=PROGRAM`).
pub(super) fn layout(text: &str) -> Result<Vec<Column>, String> {
    let names = text.split([',', ' ']).filter(|name| !name.is_empty());
    names.map(one).collect()
}

fn one(text: &str) -> Result<Column, String> {
    let (name, heading) = text.split_once('=').map_or((text, None), |(name, heading)| (name, Some(heading)));
    let found = COLUMNS.iter().find(|column| column.0.contains(&name));
    let &(_, header, width, right, value) =
        found.ok_or_else(|| format!("unknown user-defined format specifier \"{name}\""))?;
    Ok(Column { header: heading.unwrap_or(header).to_owned(), right, is_cut: !right && width > 8, width, value })
}

/// All processes of this `/proc`, by number. One that ends meanwhile is left out.
pub(super) fn rows() -> Result<Vec<Row>, String> {
    let all = procfs::process::all_processes().map_err(|error| format!("/proc must be mounted ({error})"))?;
    let row = |process: Process| {
        let (stat, status) = (process.stat().ok()?, process.status().ok()?);
        let arguments = command_line(&process, &stat);
        Some(Row { stat, status, arguments })
    };
    let mut rows: Vec<Row> = all.filter_map(Result::ok).filter_map(row).collect();
    rows.sort_by_key(|row| row.stat.pid);
    Ok(rows)
}

impl Machine {
    pub(super) fn now() -> Self {
        let number = |path: &str| std::fs::read_to_string(path).ok()?.split_whitespace().next()?.parse::<f64>().ok();
        let line = |path: &str, key: &str| {
            let text = std::fs::read_to_string(path).ok()?;
            text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse::<u64>().ok())
        };
        let sysconf = |name, usual| {
            nix::unistd::sysconf(name).ok().flatten().and_then(|value| u64::try_from(value).ok()).unwrap_or(usual)
        };
        let largest = number("/proc/sys/kernel/pid_max").unwrap_or(32768.0) - 1.0;
        let booted = line("/proc/stat", "btime ").and_then(|seconds| i64::try_from(seconds).ok());
        Self {
            hertz: sysconf(nix::unistd::SysconfVar::CLK_TCK, 100).max(1),
            uptime: number("/proc/uptime").unwrap_or(0.0),
            booted: booted.unwrap_or(0),
            now: std::time::UNIX_EPOCH.elapsed().map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0)),
            memory: line("/proc/meminfo", "MemTotal:").unwrap_or(1).max(1),
            page: sysconf(nix::unistd::SysconfVar::PAGE_SIZE, 4096),
            digits: format!("{largest}").len().max(5),
            users: Users::of_machine(),
        }
    }

    fn seconds(&self, ticks: u64) -> u64 {
        ticks / self.hertz
    }
}

/// The user's name; one that is too long is cut, as procps does, since 4.0 with a `+`.
fn user(row: &Row, machine: &Machine) -> String {
    let name = machine.users.name(row.status.euid);
    if name.chars().count() > 8 { name.chars().take(7).chain(['+']).collect() } else { name }
}

fn tty(row: &Row, _: &Machine) -> String {
    terminal(row.stat.tty_nr).unwrap_or_else(|| "?".into())
}

fn name(row: &Row, _: &Machine) -> String {
    let end = if matches!(row.stat.state, 'Z' | 'X') { " <defunct>" } else { "" };
    let clean: String = row.stat.comm.chars().map(|one| if one.is_control() { '?' } else { one }).collect();
    clean + end
}

fn resident(row: &Row, machine: &Machine) -> u64 {
    row.status.vmrss.unwrap_or(row.stat.rss * machine.page / 1024)
}

fn seconds_used(row: &Row, machine: &Machine) -> u64 {
    machine.seconds(row.stat.utime + row.stat.stime)
}

/// Processor time per time since its start, in thousandths.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds since boot")]
fn per_mille(row: &Row, machine: &Machine) -> u64 {
    let lived = (machine.uptime as u64).saturating_sub(machine.seconds(row.stat.starttime));
    let used = (row.stat.utime + row.stat.stime) * 1000 / machine.hertz;
    used.checked_div(lived).unwrap_or(0)
}

fn tenths(per_mille: u64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}

fn hours(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{:02}:{:02}:{:02}", rest / 3600, rest / 60 % 60, rest % 60);
    if days > 0 { format!("{days}-{clock}") } else { clock }
}

fn minutes(seconds: u64) -> String {
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

/// The time of a start today, the day of one this year, the year of an older one.
fn start(row: &Row, machine: &Machine) -> String {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let since_boot = i64::try_from(machine.seconds(row.stat.starttime)).unwrap_or(0);
    let (started, now) = (clock::local(machine.booted + since_boot), clock::local(machine.now));
    match () {
        () if started.year != now.year => started.year.to_string(),
        () if started.day_of_year != now.day_of_year => {
            format!("{}{:02}", MONTHS.get(started.month).unwrap_or(&"?"), started.day)
        }
        () => format!("{:02}:{:02}", started.hour, started.minute),
    }
}

fn namespace(row: &Row, kind: Kind) -> String {
    identity(row.stat.pid, kind).map_or_else(|_| "-".into(), |found| found.inode.to_string())
}
