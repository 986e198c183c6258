//! What a layer becomes on disk.

use crate::forge::gzip;
use crate::forge::{Field, Forge, read};
use crate::support::{is_root, require};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use tar::EntryType;

fn is_whiteout(path: &std::path::Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.file_type().is_char_device() && found.rdev() == 0)
}

#[test]
fn a_whiteout_becomes_the_sign_that_overlayfs_knows() {
    let field = Field::new();
    field.unpack(&Forge::default().folder("etc").file("etc/.wh.motd", "").end()).unwrap();
    assert!(is_whiteout(&field.layer().join("etc/motd")));
    assert!(!field.layer().join("etc/.wh.motd").exists());
}

#[test]
fn a_whiteout_speaks_of_lower_layers_and_not_of_its_own() {
    for archive in [
        Forge::default().file("motd", "mine").file(".wh.motd", ""),
        Forge::default().file(".wh.motd", "").file("motd", "mine"),
    ] {
        let field = Field::new();
        field.unpack(&archive.end()).unwrap();
        assert_eq!(read(&field.layer().join("motd")), "mine");
    }
}

#[test]
fn what_has_several_members_is_read_to_its_end() {
    let archive = Forge::default().file("a", &"1".repeat(3000)).file("b", "2").end();
    let (first, second) = archive.split_at(2000);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
    for packed in [[gzip(first), gzip(second)].concat(), [zstd(first), zstd(second)].concat()] {
        let (field, plain) = (Field::new(), Field::new());
        let unpacked = field.unpack(&packed).unwrap();
        assert_eq!(read(&field.layer().join("b")), "2");
        assert_eq!(unpacked.diff_id, plain.unpack(&archive).unwrap().diff_id, "the diff ID is that of the tar");
    }
}

#[test]
fn later_entries_of_a_name_win_whatever_they_are() {
    let field = Field::new();
    let archive = Forge::default().file("x", "1").folder("x").file("x/y", "2").file("x", "3").hard_link("z", "x").end();
    field.unpack(&archive).unwrap();
    assert_eq!(read(&field.layer().join("x")), "3");
    assert_eq!(read(&field.layer().join("z")), "3");
    assert_eq!(field.layer().join("x").metadata().unwrap().nlink(), 2);
}

#[test]
fn a_folder_keeps_its_time_and_mode_though_it_is_filled_afterwards() {
    let field = Field::new();
    let archive =
        Forge::default().raw(EntryType::Directory, "d", "", 0o555, b"").file("d/a", "1").file("d/b", "2").end();
    field.unpack(&archive).unwrap();
    let found = field.layer().join("d").metadata().unwrap();
    assert_eq!((found.permissions().mode() & 0o7777, found.mtime()), (0o555, 1_000_000_000));
}

#[test]
fn a_folder_that_is_only_passed_through_is_as_the_layer_below_has_it() {
    let lower = Field::new();
    lower.unpack(&Forge::default().raw(EntryType::Directory, "private", "", 0o700, b"").end()).unwrap();
    let field = Field::new();
    let archive = Forge::default().file("private/new", "").file("other/new", "").end();
    field.unpack_within(&archive, &explore::image::limits::Limits::default(), &[lower.layer()]).unwrap();
    let mode = |name: &str| field.layer().join(name).metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("private"), mode("other")), (0o700, 0o755));
}

#[test]
fn a_link_to_what_is_in_a_lower_layer_is_followed_below_the_root() {
    let field = Field::new();
    field.unpack(&Forge::default().link("var/run", "/run").file("var/run/pid", "1").end()).unwrap();
    assert_eq!(read(&field.layer().join("run/pid")), "1");
    assert!(field.layer().join("var/run").is_symlink());
}

/// A file is made with its mode and not touched again where that was enough: neither the umask nor a folder that gives its
/// group to what is made in it may show.
#[test]
fn mode_and_group_are_those_of_the_archive_whatever_a_new_file_gets_here() {
    require!("images::metadata", is_root(), "a group that is not ours needs root");
    let field = Field::new();
    std::os::unix::fs::chown(field.layer(), None, Some(7)).unwrap();
    std::fs::set_permissions(field.layer(), std::fs::Permissions::from_mode(0o2755)).unwrap();
    let modes = [0o644, 0o666, 0o444, 0o000, 0o6755, 0o1777];
    let archive = modes.iter().fold(Forge::default(), |forge, mode| {
        forge.raw(EntryType::Regular, &format!("{mode:o}"), "", *mode, b"content")
    });
    field.unpack(&archive.end()).unwrap();
    for mode in modes {
        let found = field.layer().join(format!("{mode:o}")).metadata().unwrap();
        assert_eq!((found.mode() & 0o7777, found.uid(), found.gid(), found.len()), (mode, 0, 0, 7), "{mode:o}");
    }
}

#[test]
fn setuid_bits_devices_and_attributes_survive() {
    require!("images::metadata", is_root(), "owners, devices and capabilities need root");
    let field = Field::new();
    let capability =
        "\u{1}\u{0}\u{0}\u{2}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}";
    let mut header = tar::Header::new_ustar();
    header.set_path("su").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o4755);
    header.set_uid(12);
    header.set_gid(34);
    header.set_mtime(5);
    header.set_size(0);
    let archive = Forge::default()
        .header(header, b"")
        .device("null", 1, 3)
        .raw(EntryType::Fifo, "pipe", "", 0o600, b"")
        .pax("SCHILY.xattr.user.note", "kept")
        .file("noted", "")
        .pax("SCHILY.xattr.security.capability", capability)
        .file("able", "")
        .end();
    let unpacked = field.unpack(&archive).unwrap();
    let su = field.layer().join("su").metadata().unwrap();
    assert_eq!((su.permissions().mode() & 0o7777, su.uid(), su.gid(), su.mtime()), (0o4755, 12, 34, 5));
    let null = field.layer().join("null").metadata().unwrap();
    assert!(null.file_type().is_char_device() && null.rdev() == 0x103 && null.permissions().mode() & 0o777 == 0o666);
    assert!(field.layer().join("pipe").metadata().unwrap().file_type().is_fifo());
    assert_eq!(unpacked.left_out.owners + unpacked.left_out.devices, 0);
    let shown = std::process::Command::new("/usr/sbin/getcap").arg(field.layer().join("able")).output();
    if let Ok(shown) = shown {
        assert!(String::from_utf8_lossy(&shown.stdout).contains("cap_net_bind_service"), "{shown:?}");
    }
}
