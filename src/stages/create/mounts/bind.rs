//! What is asked of the machine's own mounts before one of its folders is shown inside.

use super::{MountError, Propagation};
use crate::kernel::rootfs::path_of;
use nix::fcntl::OFlag;
use nix::sys::stat::Mode;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

/// Whether mounts can pass as they are asked to. A private mount has no peers, so nothing would ever come through
/// (moby daemon/oci_linux.go, `ensureShared`, `ensureSharedOrSlave`).
pub(super) fn check(source: &Path, propagation: Propagation) -> Result<(), MountError> {
    let (wanted, marks): (_, &[&str]) = match propagation {
        Propagation::Private | Propagation::Rprivate => return Ok(()),
        Propagation::Slave | Propagation::Rslave => ("shared or slave", &["shared:", "master:"]),
        Propagation::Shared | Propagation::Rshared => ("shared", &["shared:"]),
    };
    let table = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    // What the kernel makes of it, now: links of this machine's own are followed.
    let open = nix::fcntl::open(source, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty());
    let real = open.ok().and_then(|open| path_of(open.as_fd()).ok()).unwrap_or_else(|| source.to_owned());
    let (mount, fields) = lies_on(&table, &real).unwrap_or_default();
    if fields.iter().any(|field| marks.iter().any(|mark| field.starts_with(mark))) {
        return Ok(());
    }
    Err(MountError::NotShared { path: source.to_owned(), mount, wanted })
}

/// The mount that a path lies on, and its optional fields: proc_pid_mountinfo(5). Of two at one place the later is on top.
fn lies_on(table: &str, path: &Path) -> Option<(PathBuf, Vec<String>)> {
    let row = |line: &str| {
        let mut words = line.split(' ');
        let place = PathBuf::from(words.nth(4)?.replace("\\040", " "));
        let optional = words.skip(1).take_while(|word| *word != "-").map(str::to_owned).collect();
        path.starts_with(&place).then_some((place, optional))
    };
    table.lines().filter_map(row).max_by_key(|(place, _)| place.components().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_of_a_path_is_the_deepest_and_the_last() {
        let table = "1 0 0:1 / / rw shared:1 - ext4 d rw\n2 1 0:2 / /a rw - tmpfs t rw\n3 1 0:3 / /a rw master:7 - tmpfs t rw\n";
        assert_eq!(lies_on(table, Path::new("/a/b")).unwrap(), ("/a".into(), vec!["master:7".to_owned()]));
        assert_eq!(lies_on(table, Path::new("/ab")).unwrap(), ("/".into(), vec!["shared:1".to_owned()]));
    }
}
