//! Which users exist in the keeper's user namespace. user_namespaces(7), subuid(5), newuidmap(1).
//!
//! | tier | map | what works |
//! |---|---|---|
//! | ranges | 0 is this user, 1… are its subordinate ids | images with several owners, `--user` |
//! | single | 0 is this user, nobody else is mapped | all that root in a container does alone |

use crate::kernel::{self, user};
use nix::unistd::{Gid, Pid, Uid};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::process::{Command, Stdio};

/// How many users there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Those of /etc/subuid and /etc/subgid, by the set-user-ID program newuidmap.
    Ranges,
    /// One.
    Single,
}

/// Writes the maps of a process that was cloned into a new user namespace and waits.
///
/// # Errors
/// The write(2) that failed.
pub(super) fn map(process: Pid) -> kernel::Result<Tier> {
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    if map_ranges(process, uid, gid).is_some() {
        return Ok(Tier::Ranges);
    }
    user::map_single(process, uid, gid)?;
    Ok(Tier::Single)
}

/// `None` where there are no ranges, or no program that may write them; nothing is written then, or all.
fn map_ranges(process: Pid, uid: Uid, gid: Gid) -> Option<()> {
    // By /etc/passwd, as `explore doctor` has it. getpwuid(3) would load whatever nsswitch.conf(5) names, which ends a static
    // program with SIGSEGV: libnss_systemd of Debian 12 does, for a uid that no file lists.
    let name = crate::probe::user_name(uid.as_raw());
    let range = |file: &str| {
        let text = std::fs::read_to_string(file).ok()?;
        subordinate(&text, &name, uid.as_raw())
    };
    let (users, groups) = (range("/etc/subuid")?, range("/etc/subgid")?);
    write_map(&program("newgidmap")?, process, gid.as_raw(), groups)?;
    write_map(&program("newuidmap")?, process, uid.as_raw(), users)
}

fn program(name: &str) -> Option<std::path::PathBuf> {
    ["/usr/bin", "/bin", "/usr/local/bin"].iter().map(|folder| Path::new(folder).join(name)).find(|path| path.exists())
}

/// `newuidmap PID 0 1000 1 1 100000 65536`
fn write_map(program: &Path, process: Pid, own: u32, (start, count): (u32, u32)) -> Option<()> {
    let mut command = Command::new(program);
    command.arg(process.to_string()).args(["0", &own.to_string(), "1", "1", &start.to_string(), &count.to_string()]);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    status.success().then_some(())
}

/// The first range of a user in subuid(5): `name:start:count`, the name may be a number.
fn subordinate(text: &str, name: &str, id: u32) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let start = fields.next()?.parse().ok()?;
        let count = fields.next()?.parse().ok()?;
        let ours = owner == name || owner.parse() == Ok(id);
        (ours && count > 0).then_some((start, count))
    })
}

#[cfg(test)]
mod tests {
    use super::subordinate;

    #[test]
    fn a_range_belongs_to_a_name_or_a_number() {
        let text = "other:1:2\nme:100000:65536\n1000:7:8\n";
        assert_eq!(subordinate(text, "me", 5), Some((100_000, 65536)));
        assert_eq!(subordinate(text, "1000", 1000), Some((7, 8)));
        assert_eq!(subordinate(text, "nobody", 5), None);
    }
}
