//! Archives that no tar program would write, byte by byte.

use explore::image::limits::Limits;
use explore::image::unpack::{UnpackError, Unpacked, unpack};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use tar::{EntryType, Header};

/// A tar that is being written. Names go in as they are: `..`, absolute, empty.
#[derive(Default)]
pub(crate) struct Forge {
    bytes: Vec<u8>,
}

impl Forge {
    pub(crate) fn raw(self, kind: EntryType, name: &str, link: &str, mode: u32, content: &[u8]) -> Self {
        let mut header = Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(content.len() as u64);
        self.header(header, content)
    }

    pub(crate) fn header(mut self, mut header: Header, content: &[u8]) -> Self {
        header.set_cksum();
        self.bytes.extend_from_slice(header.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        self.raw(EntryType::Regular, name, "", 0o644, content.as_bytes())
    }

    pub(crate) fn raw_file(self, name: &str, content: &[u8]) -> Self {
        self.raw(EntryType::Regular, name, "", 0o644, content)
    }

    pub(crate) fn folder(self, name: &str) -> Self {
        self.raw(EntryType::Directory, name, "", 0o755, b"")
    }

    pub(crate) fn link(self, name: &str, target: &str) -> Self {
        self.raw(EntryType::Symlink, name, target, 0o777, b"")
    }

    pub(crate) fn hard_link(self, name: &str, target: &str) -> Self {
        self.raw(EntryType::Link, name, target, 0o644, b"")
    }

    pub(crate) fn device(self, name: &str, major: u32, minor: u32) -> Self {
        let mut header = Header::new_ustar();
        header.set_path(name).unwrap();
        header.set_entry_type(EntryType::Char);
        header.set_mode(0o666);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.header(header, b"")
    }

    /// A pax header for the entry that follows.
    pub(crate) fn pax(self, key: &str, value: &str) -> Self {
        let rest = format!(" {key}={value}\n");
        let mut length = rest.len() + 1;
        while length != rest.len() + length.to_string().len() {
            length = rest.len() + length.to_string().len();
        }
        self.raw(EntryType::XHeader, "pax", "", 0o644, format!("{length}{rest}").as_bytes())
    }

    pub(crate) fn end(mut self) -> Vec<u8> {
        self.bytes.resize(self.bytes.len() + 1024, 0);
        self.bytes
    }
}

/// A folder to unpack into, and beside it what must stay as it is.
pub(crate) struct Field {
    folder: tempfile::TempDir,
}

impl Field {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("layer")).unwrap();
        std::fs::create_dir(folder.path().join("outside")).unwrap();
        std::fs::write(folder.path().join("outside/canary"), "alive").unwrap();
        Self { folder }
    }

    pub(crate) fn layer(&self) -> PathBuf {
        self.folder.path().join("layer")
    }

    /// An absolute path of the host that an archive may try to reach.
    pub(crate) fn outside(&self) -> String {
        self.folder.path().join("outside").to_str().unwrap().to_owned()
    }

    pub(crate) fn unpack(&self, archive: &[u8]) -> Result<Unpacked, UnpackError> {
        self.unpack_within(archive, &Limits::default(), &[])
    }

    pub(crate) fn unpack_within(
        &self,
        archive: &[u8],
        limits: &Limits,
        lowers: &[PathBuf],
    ) -> Result<Unpacked, UnpackError> {
        let mut blob = tempfile::tempfile().unwrap();
        blob.write_all(archive).unwrap();
        std::io::Seek::rewind(&mut blob).unwrap();
        unpack(blob, "under test", &self.layer(), lowers, limits, &mut |_| ())
    }

    /// The canary is what it was, and alone.
    pub(crate) fn assert_untouched(&self, told: &str) {
        let outside = self.folder.path().join("outside");
        assert_eq!(std::fs::read_to_string(outside.join("canary")).unwrap(), "alive", "{told}");
        assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1, "{told}: something new stands outside");
        assert_eq!(std::fs::read_dir(self.folder.path()).unwrap().count(), 2, "{told}: something new stands beside");
        assert_eq!(std::fs::metadata(outside.join("canary")).unwrap().nlink(), 1, "{told}: it was linked");
    }
}

/// As a layer travels.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}

/// The text of an error with all its causes.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    text
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
