//! Who may touch which device: the same rules, for the devices controller of version 1 and for the program that takes
//! its place in version 2.
//!
//! Capabilities do not help here: root in a container has CAP_MKNOD, and a node for the disk would open. A rule speaks of
//! the device *number*, under whatever name and on whatever filesystem its node is.

use super::super::{Error, Result, call};
use nix::fcntl::OFlag;
use std::fmt;
use std::path::Path;

/// Making a node. The three numbers are those of `BPF_DEVCG_ACC_*` in linux/bpf.h.
pub const MKNOD: u32 = 1;
/// Opening it to read.
pub const READ: u32 = 2;
/// Opening it to write.
pub const WRITE: u32 = 4;

/// What kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Both.
    Any,
    /// `b`: disks.
    Block,
    /// `c`: all others.
    Char,
}

/// One rule. Later rules win over earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Whether it allows or denies.
    pub allow: bool,
    /// Of this kind.
    pub kind: Kind,
    /// With this driver; `None`: any.
    pub major: Option<u32>,
    /// This one of the driver's; `None`: all.
    pub minor: Option<u32>,
    /// [`MKNOD`], [`READ`], [`WRITE`], added up.
    pub access: u32,
}

impl Rule {
    /// The bits of `rwm`.
    pub fn access(letters: &str) -> u32 {
        let bit = |letter| match letter {
            'r' => READ,
            'w' => WRITE,
            'm' => MKNOD,
            _ => 0,
        };
        letters.chars().map(bit).fold(0, std::ops::BitOr::bitor)
    }

    /// Whether it speaks of every device and every access.
    pub fn is_about_all(&self) -> bool {
        *self == Self { allow: self.allow, kind: Kind::Any, major: None, minor: None, access: MKNOD | READ | WRITE }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Any => 'a',
            Kind::Block => 'b',
            Kind::Char => 'c',
        };
        let number = |one: Option<u32>| one.map_or_else(|| "*".to_owned(), |number| number.to_string());
        write!(f, "{kind} {}:{} ", number(self.major), number(self.minor))?;
        let letters = [(READ, "r"), (WRITE, "w"), (MKNOD, "m")];
        letters.iter().filter(|(bit, _)| self.access & bit != 0).try_for_each(|(_, letter)| f.write_str(letter))
    }
}

/// Writes the rules into a group of version 1 (Documentation/admin-guide/cgroup-v1/devices.rst). A group begins with
/// what its parent allows, and can only ever have less.
///
/// # Errors
/// The open(2) or write(2) that failed: EPERM where the group above does not have what is to be allowed.
pub fn write_rules(group: &Path, rules: &[Rule], why: &str) -> Result<()> {
    let open = |name: &str| {
        let path = group.join(name);
        nix::fcntl::open(&path, OFlag::O_WRONLY | OFlag::O_CLOEXEC, nix::sys::stat::Mode::empty())
            .map_err(|errno| Error::quiet("openat", &format_args!("AT_FDCWD, {path:?}, O_WRONLY|O_CLOEXEC"), errno))
    };
    let (allow, deny) = (open("devices.allow")?, open("devices.deny")?);
    for rule in rules {
        let (file, name) = if rule.allow { (&allow, "devices.allow") } else { (&deny, "devices.deny") };
        let text = if rule.is_about_all() { "a".to_owned() } else { rule.to_string() };
        let path = group.join(name);
        call(why, "write", format_args!("{path:?}, {text:?}, {}", text.len()), || {
            nix::unistd::write(file, text.as_bytes())
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_as_the_kernel_reads_it() {
        let rule = |allow, kind, major, minor, access| Rule { allow, kind, major, minor, access };
        assert_eq!(rule(true, Kind::Char, Some(1), Some(3), Rule::access("rwm")).to_string(), "c 1:3 rwm");
        assert_eq!(rule(true, Kind::Block, None, None, MKNOD).to_string(), "b *:* m");
        assert!(rule(false, Kind::Any, None, None, 7).is_about_all());
        assert!(!rule(false, Kind::Any, None, None, READ).is_about_all());
    }
}
