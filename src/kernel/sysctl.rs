//! Settings of the kernel as files below /proc/sys. proc_sys(5).
//!
//! Those below `net/` are the network namespace's own: the same path shows another value to a process of another one.

use super::{Error, Result, call};
use nix::errno::Errno;
use std::io::Write;
use std::path::Path;

/// The value, without its line end.
///
/// # Errors
/// ENOENT: the kernel has no such setting.
pub fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path)
        .map(|text| text.trim_end().to_owned())
        .map_err(|error| Error::quiet("read", &format_args!("{:?}", path.to_string_lossy()), errno(&error)))
}

/// Writes a value.
///
/// # Errors
/// EACCES, EROFS: it is not ours to change. EINVAL: it cannot be that.
pub fn write(path: &Path, value: &str, why: &str) -> Result<()> {
    call(why, "write", format_args!("{:?}, {value:?}, {}", path.to_string_lossy(), value.len()), || {
        let mut file = std::fs::File::options().write(true).open(path).map_err(|error| errno(&error))?;
        file.write_all(value.as_bytes()).map_err(|error| errno(&error))?;
        Ok(value.len())
    })
    .map(drop)
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO))
}
