//! The header of one entry, and what it has no room for: ustar and pax, pax(1p).

use nix::sys::stat::{FileStat, major, minor};
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

/// What a ustar header holds of a name, and of a number (octal digits).
const NAME: usize = 100;
const LARGEST_ID: u32 = 0o7_777_777;
const LARGEST_SIZE: u64 = 0o77_777_777_777;

/// One entry.
pub(super) struct Entry {
    pub(super) path: PathBuf,
    kind: EntryType,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    seconds: i64,
    nanos: i64,
    pub(super) device: u64,
    target: Vec<u8>,
    attributes: Vec<(OsString, Vec<u8>)>,
}

impl Entry {
    pub(super) fn new(path: &Path, stat: &FileStat, kind: EntryType) -> Self {
        Self {
            path: path.to_owned(),
            kind,
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: 0,
            seconds: stat.st_mtime,
            nanos: stat.st_mtime_nsec,
            device: stat.st_rdev,
            target: Vec::new(),
            attributes: Vec::new(),
        }
    }

    pub(super) fn to(mut self, target: &OsStr) -> Self {
        target.as_bytes().clone_into(&mut self.target);
        self
    }

    pub(super) fn with(mut self, attributes: Vec<(OsString, Vec<u8>)>) -> Self {
        self.attributes = attributes;
        self
    }

    /// A folder's name ends with a slash.
    fn name(&self) -> Vec<u8> {
        let slash: &[u8] = if self.kind == EntryType::Directory { b"/" } else { b"" };
        [self.path.as_os_str().as_bytes(), slash].concat()
    }

    /// What the header has no room for: pax(1p).
    pub(super) fn extensions(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        let mut add = |needed: bool, key: &str, value: Vec<u8>| {
            if needed {
                all.push((key.to_owned(), value));
            }
        };
        add(self.name().len() > NAME, "path", self.name());
        add(self.target.len() > NAME, "linkpath", self.target.clone());
        add(self.uid > LARGEST_ID, "uid", self.uid.to_string().into_bytes());
        add(self.gid > LARGEST_ID, "gid", self.gid.to_string().into_bytes());
        add(self.size > LARGEST_SIZE, "size", self.size.to_string().into_bytes());
        add(self.nanos != 0 || self.seconds < 0, "mtime", self.time().into_bytes());
        for (name, value) in &self.attributes {
            add(true, &format!("SCHILY.xattr.{}", name.to_string_lossy()), value.clone());
        }
        all
    }

    /// POSIX counts the fraction away from zero, the kernel always forward.
    fn time(&self) -> String {
        if self.seconds < 0 && self.nanos > 0 {
            let (seconds, nanos) = (-(self.seconds + 1), 1_000_000_000 - self.nanos);
            return format!("-{seconds}.{nanos:09}");
        }
        format!("{}.{:09}", self.seconds, self.nanos)
    }

    pub(super) fn header(&self) -> io::Result<Header> {
        let mut header = Header::new_ustar();
        header.set_entry_type(self.kind);
        header.set_mode(self.mode);
        header.set_uid(u64::from(self.uid));
        header.set_gid(u64::from(self.gid));
        header.set_size(self.size);
        header.set_mtime(u64::try_from(self.seconds).unwrap_or(0));
        if matches!(self.kind, EntryType::Char | EntryType::Block) {
            let number = |part: u64| u32::try_from(part).map_err(io::Error::other);
            header.set_device_major(number(major(self.device))?)?;
            header.set_device_minor(number(minor(self.device))?)?;
        }
        // As long as they fit; the pax header has the whole.
        let mut put = |at: usize, bytes: &[u8]| {
            let length = bytes.len().min(NAME);
            header.as_mut_bytes()[at..at + length].copy_from_slice(&bytes[..length]);
        };
        put(0, &self.name());
        put(157, &self.target);
        header.set_cksum();
        Ok(header)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_time(seconds: i64, nanos: i64) -> String {
        let stat = nix::sys::stat::stat("/").unwrap();
        let mut entry = Entry::new(Path::new("x"), &stat, EntryType::Regular);
        (entry.seconds, entry.nanos) = (seconds, nanos);
        entry.time()
    }

    #[test]
    fn a_time_before_1970_is_written_as_pax_reads_it() {
        let table = [((1, 5), "1.000000005"), ((-1, 0), "-1.000000000"), ((-2, 750_000_000), "-1.250000000")];
        for ((seconds, nanos), text) in table {
            assert_eq!(at_time(seconds, nanos), text);
        }
    }
}
