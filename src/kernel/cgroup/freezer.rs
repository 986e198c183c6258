//! Standing still: a group whose members get no processor until they are let go.
//!
//! Version 1 has a controller of its own for it, `freezer.state`; its members hang in the kernel and even SIGKILL waits
//! until they thaw. In version 2 every group has `cgroup.freeze` (Linux 5.2), and a kill ends whoever is frozen.

use super::Error;
use crate::kernel::{Result, fs};
use nix::errno::Errno;
use std::path::Path;

/// The file that freezes, and what is to be written into it.
fn switch(group: &Path, freeze: bool) -> Option<(&'static str, &'static str)> {
    let of_v1 = ("freezer.state", if freeze { "FROZEN" } else { "THAWED" });
    let of_v2 = ("cgroup.freeze", if freeze { "1" } else { "0" });
    [of_v1, of_v2].into_iter().find(|(file, _)| group.join(file).exists())
}

/// Whether the group is frozen, or about to be.
pub fn is_frozen(group: &Path) -> bool {
    let starts = |file: &str, words: &[&str]| {
        std::fs::read_to_string(group.join(file)).is_ok_and(|text| words.contains(&text.trim()))
    };
    starts("freezer.state", &["FROZEN", "FREEZING"]) || starts("cgroup.freeze", &["1"])
}

/// Freezes the group and waits until all of it stands still.
///
/// # Errors
/// The write(2) that failed; EBUSY where a member does not come to a halt within ten seconds (it may wait for a disk).
pub fn freeze(group: &Path, why: &str) -> Result<()> {
    let Some((file, word)) = switch(group, true) else {
        return Err(Error::quiet("openat", &format_args!("{:?}", group.join("cgroup.freeze")), Errno::ENOENT));
    };
    for _ in 0..1000 {
        // Version 1 wants to be asked again when a member forked while it was freezing (runc, libcontainer/cgroups/fs).
        fs::write_file(&group.join(file), word, why)?;
        let stands = match file {
            "freezer.state" => std::fs::read_to_string(group.join(file)).is_ok_and(|text| text.trim() == "FROZEN"),
            _ => super::count(group, "cgroup.events", "frozen") == Some(1),
        };
        if stands {
            return Ok(());
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    thaw(group)?;
    Err(Error::quiet("write", &format_args!("{:?}, {word:?}", group.join(file)), Errno::EBUSY))
}

/// Lets the group go on. One that is not frozen, or cannot be, is no error.
///
/// # Errors
/// The write(2) that failed.
pub fn thaw(group: &Path) -> Result<()> {
    match switch(group, false) {
        Some((file, word)) if is_frozen(group) => fs::write_file(&group.join(file), word, "its members go on"),
        _ => Ok(()),
    }
}
