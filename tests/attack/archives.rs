//! Archives that two readers understand differently: what one scans, the other unpacks.

use crate::forge::{Field, Forge};
use tar::{EntryType, Header};

fn header(name: &str, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_path(name).unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_size(size);
    header.set_cksum();
    header
}

/// An entry whose pax size holds a whole archive, and whose own header says that it is shorter.
fn nested(told_by_header: u64) -> Vec<u8> {
    let smuggled = Forge::default().file("smuggled", "dead").end();
    Forge::default().pax("size", &smuggled.len().to_string()).header(header("outer", told_by_header), &smuggled).end()
}

/// The names that a reader finds which believes the header alone.
fn as_the_header_says(archive: &[u8]) -> Vec<String> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(block) = archive.get(at..at + 512).filter(|block| block[0] != 0) {
        let header = Header::from_byte_slice(block);
        found.push(header.path().unwrap().display().to_string());
        at += 512 + usize::try_from(header.size().unwrap()).unwrap().next_multiple_of(512);
    }
    found
}

#[test]
fn the_size_of_an_entry_is_what_its_pax_header_says() {
    // CVE-2025-62518 (a header of 0), CVE-2026-33055 (another number): what lies inside an entry became entries.
    for told_by_header in [0, 512] {
        let archive = nested(told_by_header);
        let field = Field::new();
        let _ = field.unpack(&archive);
        assert!(!field.layer().join("smuggled").exists(), "a header of {told_by_header}");
        field.assert_untouched("a smuggled entry");
    }
    assert_eq!(as_the_header_says(&nested(0)), ["pax", "outer", "smuggled"], "the attack works on one who believes it");
}

#[test]
fn a_folder_entry_over_a_link_does_not_change_what_the_link_names() {
    use std::os::unix::fs::PermissionsExt;
    // CVE-2026-33056: mode and owner of a folder entry were given to the target of a link of that name.
    let field = Field::new();
    let outside = field.outside();
    std::fs::set_permissions(&outside, std::fs::Permissions::from_mode(0o750)).unwrap();
    let archive = Forge::default().link("d", &outside).raw(EntryType::Directory, "d", "", 0o777, b"").end();
    let mode = || std::fs::metadata(&outside).unwrap().permissions().mode() & 0o777;
    let _ = field.unpack(&archive);
    assert_eq!(mode(), 0o750);
    field.assert_untouched("a folder over a link");
    // By name, as the careless do.
    std::fs::set_permissions(field.layer().join("d"), std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::remove_dir(field.layer().join("d")).unwrap();
    std::os::unix::fs::symlink(&outside, field.layer().join("d")).unwrap();
    std::fs::set_permissions(field.layer().join("d"), std::fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(mode(), 0o777, "the attack works on one who follows");
}

#[test]
fn one_name_given_again_and_again_is_what_it_was_last() {
    let field = Field::new();
    let outside = field.outside();
    let archive = Forge::default()
        .file("x", "1")
        .link("x", &format!("{outside}/canary"))
        .hard_link("y", "x")
        .file("x", "2")
        .file("y", "dead")
        .raw(EntryType::Fifo, "x", "", 0o644, b"")
        .file("x", "3")
        .end();
    let _ = field.unpack(&archive);
    field.assert_untouched("one name, many kinds");
}
