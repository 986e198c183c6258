//! A filesystem for one run: ext4 with a journal, as most machines have it, new and empty.
//!
//! A container is a dozen new files and folders. On an ext4 *without* a journal (cloud images, virtual machines) each new
//! inode first walks over all that were deleted in the last minutes, since they may not be given out again yet (fs/ext4
//! `ialloc.c`, `recently_deleted`). After a day of builds that was between a sixth and two fifths of our own run.

use std::process::Command;

/// Set in the process that runs on the disk.
const HERE: &str = "EXPLORE_BENCH_DISK";

/// The file has no name once it is mounted: it goes, with its loop device, when the last process of the mount namespace
/// has gone.
const MOUNT: &str = r#"set -e
    file=$(mktemp)
    trap 'rm -f "$file"' EXIT
    truncate -s 8G "$file"
    mkfs.ext4 -q "$file"
    mount -o loop "$file" /mnt
    rm "$file"
    mount --move /mnt /tmp
    chmod 1777 /tmp
    exec "$@""#;

/// Whether this process is the one that runs on it.
pub(crate) fn is_our_own() -> bool {
    std::env::var_os(HERE).is_some()
}

/// Runs these parts in a process that has the disk for its /tmp.
pub(crate) fn again_on_our_own<'a>(parts: impl Iterator<Item = &'a str>) {
    let program = std::env::current_exe().unwrap();
    let status = Command::new("unshare")
        .args(["--mount", "sh", "-c", MOUNT, "sh"])
        .arg(program)
        .arg("--bench")
        .args(parts)
        .env(HERE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "the parts on a disk of their own: {status}");
}
