//! Users: id maps of a user namespace, and becoming somebody. user_namespaces(7), setresuid(2).

use super::{Result, call, fs};
use nix::unistd::{Gid, Pid, Uid};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// One line of `/proc/PID/uid_map`: `length` ids from `inside` are those from `outside`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MapLine {
    /// First id in the new user namespace.
    pub inside: u32,
    /// First id in the namespace of the one who writes.
    pub outside: u32,
    /// How many.
    pub length: u32,
}

/// Writes the only map that needs no privilege: the caller's own user and group as 0.
///
/// `setgroups` must be denied first (Linux 3.19): a group that denies access could otherwise be dropped by its member.
///
/// # Errors
/// The write(2) that the kernel refused.
pub fn map_single(process: Pid, uid: Uid, gid: Gid) -> Result<()> {
    let file = |name: &str| PathBuf::from(format!("/proc/{process}/{name}"));
    fs::write_file(
        &file("uid_map"),
        &format!("0 {uid} 1"),
        "root inside is this user outside, and nobody else is mapped",
    )?;
    fs::write_file(&file("setgroups"), "deny", "without it gid_map is refused to an ordinary user")?;
    fs::write_file(&file("gid_map"), &format!("0 {gid} 1"), "the same for the group")
}

/// How many users and groups from 0 on this user namespace has, all of them without a gap.
pub fn mapped_from_zero() -> u32 {
    let of = |file: &str| {
        let map = fs::contents(format!("/proc/self/{file}")).unwrap_or_default();
        let first =
            map.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|line| line.first() == Some(&"0"));
        first.and_then(|line| line.get(2)?.parse().ok()).unwrap_or(0)
    };
    of("uid_map").min(of("gid_map"))
}

/// Writes one map of a process, `uid_map` or `gid_map`: once, and never again (user_namespaces(7)).
///
/// # Errors
/// The write(2) that the kernel refused: EPERM for ids that the writer does not have himself.
pub fn write_map(process: Pid, file: &str, lines: &[MapLine]) -> Result<()> {
    let line = |one: &MapLine| format!("{} {} {}\n", one.inside, one.outside, one.length);
    let text: String = lines.iter().map(line).collect();
    let why = "these numbers inside are those numbers outside, and nobody else is mapped";
    fs::write_file(&PathBuf::from(format!("/proc/{process}/{file}")), text.trim_end(), why)
}

/// Becomes a user with its groups; the group first, for afterwards there is no right to change it.
///
/// # Errors
/// The setgroups(2), setresgid(2) or setresuid(2) that failed: EINVAL for an id that is not mapped.
pub fn become_user(uid: u32, gid: u32, groups: &[u32], why: &str) -> Result<()> {
    let list: Vec<Gid> = groups.iter().copied().map(Gid::from_raw).collect();
    if groups_may_change() {
        call(why, "setgroups", format_args!("{}, {groups:?}", list.len()), || nix::unistd::setgroups(&list))?;
    }
    let group = Gid::from_raw(gid);
    call(why, "setresgid", format_args!("{gid}, {gid}, {gid}"), || nix::unistd::setresgid(group, group, group))?;
    let user = Uid::from_raw(uid);
    call(why, "setresuid", format_args!("{uid}, {uid}, {uid}"), || nix::unistd::setresuid(user, user, user))
}

/// In a user namespace whose `setgroups` says deny, the list of groups stays as it is.
pub fn groups_may_change() -> bool {
    fs::contents("/proc/self/setgroups").map_or(true, |text| text.trim() != "deny")
}

/// Whether this process is in another user namespace than the first one of the machine.
pub fn in_user_namespace() -> bool {
    if IN_THE_FIRST.load(Ordering::Relaxed) {
        return false;
    }
    // The first one maps every id to itself: one line, 0 0 4294967295.
    let map = fs::contents("/proc/self/uid_map");
    let first = map.as_ref().is_ok_and(|map| map.split_whitespace().eq(["0", "0", "4294967295"]));
    IN_THE_FIRST.store(first, Ordering::Relaxed);
    map.is_ok() && !first
}

/// It is asked a dozen times while a container starts, and nobody comes into another one but by what is in `namespace` and
/// `process`. Only this answer is kept: maps that are not written yet are no answer.
static IN_THE_FIRST: AtomicBool = AtomicBool::new(false);

/// This process leaves its user namespace, or was born in a new one.
pub(super) fn elsewhere(flags: u64) {
    if flags & libc::CLONE_NEWUSER as u64 != 0 {
        IN_THE_FIRST.store(false, Ordering::Relaxed);
    }
}

/// Whether an id of this user namespace stands for somebody; `file` is `uid_map` or `gid_map`.
pub fn is_mapped(file: &str, id: u32) -> bool {
    let map = fs::contents(format!("/proc/self/{file}")).unwrap_or_default();
    map.lines().any(|line| {
        let mut fields = line.split_whitespace().map(|field| field.parse::<u64>().unwrap_or(0));
        let (first, length) = (fields.next().unwrap_or(0), fields.nth(1).unwrap_or(0));
        (first..first + length).contains(&u64::from(id))
    })
}
