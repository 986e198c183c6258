//! A layer, unpacked by root: whatever the archive says, nothing beside the folder that it is unpacked into changes.
#![no_main]

use explore::image::limits::Limits;
use explore::image::unpack;
use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Of a header, tar(5): the size of its entry, and its checksum.
const SIZE: std::ops::Range<usize> = 124..136;
const CHECKSUM: std::ops::Range<usize> = 148..156;

fuzz_target!(|bytes: &[u8]| {
    let scratch = tempfile::Builder::new().prefix("fuzz-").tempdir_in("/dev/shm").unwrap();
    let [canary, below, into] = ["canary", "below", "into"].map(|name| scratch.path().join(name));
    std::fs::write(&canary, "alive").unwrap();
    for folder in [&below, &into] {
        std::fs::create_dir(folder).unwrap();
    }
    let limits = Limits {
        unpacked: 1 << 20,
        blob: 1 << 20,
        ratio_from: 1 << 20,
        entries: 200,
        depth: 20,
        header: 1 << 16,
        ..Limits::default()
    };
    let blob = with_checksums(bytes.to_vec());
    let size = blob.len() as u64;
    let placed = unpack::place(Box::new(Cursor::new(blob)), size, "it", &into, &limits, &mut |_| {});
    if let Ok(unpacked) = placed.and_then(|placed| placed.settle(&[below.clone()])) {
        assert!(unpacked.bytes <= limits.unpacked && unpacked.entries <= limits.entries);
    }
    let state = (std::fs::read_to_string(&canary).unwrap(), canary.metadata().unwrap().nlink());
    assert_eq!(state, ("alive".to_owned(), 1), "it reached what lies beside it");
    assert_eq!(names(&below), Vec::<String>::new(), "it wrote into the layer below");
    assert_eq!(names(scratch.path()), ["below", "canary", "into"], "it made something beside itself");
    assert!(into.symlink_metadata().unwrap().is_dir(), "it replaced its root");
});

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|one| one.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Random bytes never have the right checksum: every header gets its own, or no entry would be looked at.
fn with_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 0;
    while let Some(header) = bytes.get_mut(at..at + 512) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        header[CHECKSUM].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[CHECKSUM].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let size = std::str::from_utf8(&header[SIZE]).unwrap_or_default();
        let size = usize::from_str_radix(size.trim_matches([' ', '\0']), 8).unwrap_or(0);
        at = at.saturating_add(512).saturating_add(size.div_ceil(512).saturating_mul(512));
    }
    bytes
}
