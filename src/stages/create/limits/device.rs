//! Devices: which of the host's are shown inside, and which numbers may be used at all.

use super::LimitError;
use nix::sys::stat::SFlag;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fmt;
use std::path::{Path, PathBuf};

/// What every container may use, and nothing else: nodes may be made for all, and opened for these. runc, `AllowedDevices`
/// in libcontainer/specconv; without 10:200 (tun), which runc took out in 1.2 (opencontainers/runc#3468).
pub const DEFAULT_RULES: [(&str, Option<u32>, Option<u32>, &str); 10] = [
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    // null, zero, full, random, urandom
    ("c", Some(1), Some(3), "rwm"),
    ("c", Some(1), Some(5), "rwm"),
    ("c", Some(1), Some(7), "rwm"),
    ("c", Some(1), Some(8), "rwm"),
    ("c", Some(1), Some(9), "rwm"),
    // tty, ptmx, and the terminals that it makes
    ("c", Some(5), Some(0), "rwm"),
    ("c", Some(5), Some(2), "rwm"),
    ("c", Some(136), None, "rwm"),
];

/// `--device`: one device of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// On this machine.
    pub path: PathBuf,
    /// Inside.
    pub inside: PathBuf,
    /// Letters of `rwm`.
    pub access: String,
}

impl Device {
    /// Reads what `--device` was given.
    ///
    /// # Errors
    /// [`LimitError::DeviceForm`].
    pub fn parse(given: &str) -> Result<Self, LimitError> {
        let parts: Vec<&str> = given.split(':').collect();
        let (path, inside, access) = match parts[..] {
            [path] => (path, path, "rwm"),
            [path, access] if is_access(access) => (path, path, access),
            [path, inside] => (path, inside, "rwm"),
            [path, inside, access] if is_access(access) => (path, inside, access),
            _ => return Err(LimitError::DeviceForm(given.to_owned())),
        };
        let is_below =
            |folder: &str| inside.strip_prefix(folder).is_some_and(|name| !name.is_empty() && !name.contains(".."));
        if !path.starts_with('/') || !is_below("/dev/") {
            return Err(LimitError::DeviceForm(given.to_owned()));
        }
        Ok(Self { path: path.into(), inside: inside.into(), access: access.to_owned() })
    }

    /// Its entry in `linux.devices` of the OCI configuration, and its rule.
    ///
    /// # Errors
    /// [`LimitError::Device`].
    pub fn entries(&self) -> Result<(Value, Value), LimitError> {
        let (kind, found) = look(&self.path)?;
        let (major, minor) = (nix::sys::stat::major(found.st_rdev), nix::sys::stat::minor(found.st_rdev));
        let node = json!({
            "path": self.inside, "type": kind, "major": major, "minor": minor,
            "fileMode": found.st_mode & 0o777, "uid": found.st_uid, "gid": found.st_gid,
        });
        let rule = json!({ "allow": true, "type": kind, "major": major, "minor": minor, "access": self.access });
        Ok((node, rule))
    }
}

/// `--device-cgroup-rule`: numbers that nodes inside may be opened for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceRule {
    /// `a`, `b` or `c`.
    pub kind: char,
    /// `None`: any.
    pub major: Option<u32>,
    /// `None`: any.
    pub minor: Option<u32>,
    /// Letters of `rwm`.
    pub access: String,
}

impl DeviceRule {
    /// Reads what `--device-cgroup-rule` was given.
    ///
    /// # Errors
    /// [`LimitError::RuleForm`].
    pub fn parse(given: &str) -> Result<Self, LimitError> {
        Self::read(given).ok_or_else(|| LimitError::RuleForm(given.to_owned()))
    }

    fn read(given: &str) -> Option<Self> {
        let [kind @ ("a" | "b" | "c"), numbers, access] = given.split(' ').collect::<Vec<_>>()[..] else { return None };
        let (major, minor) = numbers.split_once(':')?;
        let number = |text: &str| if text == "*" { Some(None) } else { text.parse().ok().map(Some) };
        let (major, minor) = (number(major)?, number(minor)?);
        is_access(access).then(|| Self {
            kind: kind.chars().next().unwrap_or('a'),
            major,
            minor,
            access: access.to_owned(),
        })
    }

    /// As the OCI configuration has it.
    pub fn entry(&self) -> Value {
        rule(&self.kind.to_string(), self.major, self.minor, &self.access)
    }
}

/// As it is typed.
impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |number| number.to_string());
        write!(f, "{} {}:{} {}", self.kind, number(self.major), number(self.minor), self.access)
    }
}

/// One rule of `linux.resources.devices`.
pub(super) fn rule(kind: &str, major: Option<u32>, minor: Option<u32>, access: &str) -> Value {
    let mut entry = json!({ "allow": true, "type": kind, "access": access });
    for (name, number) in [("major", major), ("minor", minor)] {
        if let Some(number) = number {
            entry[name] = json!(number);
        }
    }
    entry
}

impl super::Limits {
    /// `linux.devices` and `linux.resources.devices`: nothing, then Docker's defaults, then what was asked for.
    ///
    /// # Errors
    /// [`LimitError::Device`].
    pub fn devices(&self) -> Result<(Vec<Value>, Vec<Value>), LimitError> {
        let mut rules = vec![json!({ "allow": false, "access": "rwm" })];
        rules.extend(DEFAULT_RULES.iter().map(|(kind, major, minor, access)| rule(kind, *major, *minor, access)));
        let mut nodes = Vec::new();
        for device in &self.devices {
            let (node, rule) = device.entries()?;
            nodes.push(node);
            rules.push(rule);
        }
        rules.extend(self.device_rules.iter().map(DeviceRule::entry));
        Ok((nodes, rules))
    }
}

fn is_access(text: &str) -> bool {
    let distinct = text.chars().enumerate().all(|(place, letter)| text.find(letter) == Some(place));
    !text.is_empty() && distinct && text.chars().all(|letter| "rwm".contains(letter))
}

/// The number of the device at a path.
pub(super) fn number(path: &Path) -> Result<(u64, u64), LimitError> {
    let (_, found) = look(path)?;
    Ok((nix::sys::stat::major(found.st_rdev), nix::sys::stat::minor(found.st_rdev)))
}

fn look(path: &Path) -> Result<(&'static str, nix::sys::stat::FileStat), LimitError> {
    let no = |why: String| LimitError::Device { path: path.to_owned(), why };
    let found = nix::sys::stat::stat(path).map_err(|errno| no(errno.desc().to_ascii_lowercase()))?;
    let kind = SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits());
    match kind {
        SFlag::S_IFCHR => Ok(("c", found)),
        SFlag::S_IFBLK => Ok(("b", found)),
        SFlag::S_IFDIR => Err(no("it is a folder; name its devices one by one".into())),
        _ => Err(no("it is not a device node".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_written_as_docker_writes_them() {
        let read = |given| Device::parse(given).map(|one| (one.inside.display().to_string(), one.access));
        assert_eq!(read("/dev/fuse"), Ok(("/dev/fuse".into(), "rwm".into())));
        assert_eq!(read("/dev/fuse:r"), Ok(("/dev/fuse".into(), "r".into())));
        assert_eq!(read("/dev/fuse:/dev/x:rw"), Ok(("/dev/x".into(), "rw".into())));
        for bad in [
            "",
            "fuse",
            "/dev/a:b",
            "/dev/a:/dev/b:x",
            "/dev/a:/dev/b:rr",
            "/dev/a:/",
            "/dev/a:/b",
            "/dev/a:/dev/../b",
            "/a:/b:r:w",
        ] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn rules_are_written_as_docker_writes_them() {
        let rule = DeviceRule::parse("c 13:* rw").unwrap();
        assert_eq!((rule.kind, rule.major, rule.minor), ('c', Some(13), None));
        for bad in ["", "c 1:3", "d 1:3 rwm", "c 1 rwm", "c 1:3 x", "c 1:3  rwm", "c -1:3 r"] {
            assert!(DeviceRule::parse(bad).is_err(), "{bad:?}");
        }
    }
}
