//! A guest's disk: a file without a name, so that it is gone when its last user is. Sparse: it takes the room that is used.

use crate::probe::need::surroundings::find_program;
use std::fs::File;
use std::io;
use std::process::{Command, Stdio};

/// As much as a guest may write.
const BYTES: u64 = 8 << 30;

/// The disk, with an empty ext4 on it. `None` where this machine has no mkfs.ext4: the guest then writes to its memory,
/// where an overlay of an ordinary user wants Linux 6.6 (user.* attributes on tmpfs).
///
/// # Errors
/// What the file or mkfs.ext4 says.
pub(super) fn make() -> io::Result<Option<File>> {
    let Some(mkfs) = find_program("mkfs.ext4") else { return Ok(None) };
    let file = tempfile::tempfile()?;
    file.set_len(BYTES)?;
    // Without a journal, and with the tables of inodes left for later: it lives for minutes.
    let options = ["-q", "-F", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "/dev/stdin"];
    let made = Command::new(mkfs).args(options).stdin(Stdio::from(file.try_clone()?)).output()?;
    if made.status.success() {
        return Ok(Some(file));
    }
    Err(io::Error::other(format!("mkfs.ext4: {}", String::from_utf8_lossy(&made.stderr).trim())))
}
