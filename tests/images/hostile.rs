//! Archives that want out, or want too much. Each names the flaw that it is known from.

use crate::forge::{Field, Forge, chain, gzip};
use explore::image::limits::Limits;
use explore::image::unpack::UnpackError;
use tar::{EntryType, Header};

#[test]
fn dot_dot_never_leads_out() {
    for name in ["../outside/canary", "a/../../outside/canary", "/../outside/canary", "../new", ".."] {
        let field = Field::new();
        let error = field.unpack(&Forge::default().file(name, "dead").end()).unwrap_err();
        assert!(matches!(error, UnpackError::Name(_)), "{name}: {error}");
        field.assert_untouched(name);
    }
}

#[test]
fn an_absolute_name_means_the_root_of_the_image() {
    let field = Field::new();
    let name = format!("{}/canary", field.outside());
    field.unpack(&Forge::default().file(&name, "dead").end()).unwrap();
    field.assert_untouched(&name);
    assert_eq!(std::fs::read_to_string(field.layer().join(&name[1..])).unwrap(), "dead");
}

#[test]
fn nothing_is_written_through_a_link_that_leads_out() {
    for target in ["{}", "../outside", "../../../../../../../..{}", "/proc/self/root{}"] {
        let field = Field::new();
        let target = target.replace("{}", &field.outside());
        let archive = Forge::default().link("out", &target).file("out/canary", "dead").end();
        // Whether it is made below the root or refused is the image's own affair.
        let _ = field.unpack(&archive);
        field.assert_untouched(&target);
    }
}

#[test]
fn a_folder_that_becomes_a_link_later_is_not_written_through() {
    let field = Field::new();
    let archive =
        Forge::default().folder("d").file("d/a", "1").link("d", &field.outside()).file("d/canary", "dead").end();
    let _ = field.unpack(&archive);
    field.assert_untouched("a folder replaced by a link");
}

#[test]
fn a_link_is_replaced_and_its_target_left_alone() {
    let field = Field::new();
    let target = format!("{}/canary", field.outside());
    field.unpack(&Forge::default().link("canary", &target).file("canary", "mine").end()).unwrap();
    field.assert_untouched("a file over a link");
    assert_eq!(std::fs::read_to_string(field.layer().join("canary")).unwrap(), "mine");
    let field = Field::new();
    field.unpack(&Forge::default().link("d", &field.outside()).folder("d").end()).unwrap();
    field.assert_untouched("a folder over a link");
    assert!(!field.layer().join("d").is_symlink(), "owner and mode would be given to what it points to");
}

#[test]
fn a_hard_link_takes_nothing_in_from_outside() {
    let field = Field::new();
    let canary = format!("{}/canary", field.outside());
    for target in [canary.as_str(), "../outside/canary", "/etc/passwd"] {
        let result = field.unpack(&Forge::default().hard_link("stolen", target).file("stolen", "dead").end());
        assert!(result.is_err(), "{target}");
        field.assert_untouched(target);
    }
    let through = Forge::default().link("out", &field.outside()).hard_link("stolen", "out/canary").end();
    assert!(field.unpack(&through).is_err());
    field.assert_untouched("a hard link through a link");
}

#[test]
fn an_opaque_sign_or_a_whiteout_stays_inside() {
    let field = Field::new();
    for name in ["out/.wh.canary", "out/.wh..wh..opq"] {
        let _ = field.unpack(&Forge::default().link("out", &field.outside()).file(name, "").end());
        field.assert_untouched(name);
    }
    for name in [".wh..", ".wh...", ".wh.", "d/.wh..."] {
        assert!(field.unpack(&Forge::default().file(name, "").end()).is_err(), "{name}");
        field.assert_untouched(name);
    }
}

#[test]
fn the_root_stays_a_folder() {
    // CVE-2021-29136
    for name in ["/.", "./", "/", "", "a/.."] {
        for kind in [EntryType::Symlink, EntryType::Regular, EntryType::Link, EntryType::Fifo] {
            let field = Field::new();
            let archive = Forge::default().raw(kind, name, &field.outside(), 0o777, b"").file("canary", "dead").end();
            let error = field.unpack(&archive).unwrap_err();
            assert!(matches!(error, UnpackError::Root { .. }), "{name:?} {kind:?}: {error}");
            field.assert_untouched(name);
            assert!(field.layer().is_dir());
        }
    }
}

#[test]
fn an_image_cannot_forge_the_signs_of_overlayfs() {
    let field = Field::new();
    let archive = Forge::default()
        .pax("SCHILY.xattr.trusted.overlay.redirect", "/etc")
        .folder("d")
        .pax("SCHILY.xattr.user.overlay.opaque", "y")
        .folder("e")
        .end();
    assert_eq!(field.unpack(&archive).unwrap().left_out.attributes, 2);
}

#[test]
fn a_bomb_is_put_out_by_its_ratio() {
    let limits = Limits { ratio: 10, ratio_from: 1 << 16, ..Limits::default() };
    let archive = Forge::default().file("zeroes", &"\0".repeat(1 << 20)).end();
    for packed in [gzip(&archive), zstd::encode_all(archive.as_slice(), 1).unwrap()] {
        let field = Field::new();
        let error = chain(&field.unpack_within(&packed, &limits, &[]).unwrap_err());
        assert!(error.contains("bytes, as many times its compressed size as is allowed"), "{error}");
    }
}

#[test]
fn every_limit_is_named_when_it_is_reached() {
    let small = Limits { unpacked: 4096, entries: 3, depth: 4, header: 2048, ..Limits::default() };
    let many = (0..4).fold(Forge::default(), |forge, number| forge.file(&number.to_string(), ""));
    let long = Forge::default().raw(EntryType::GNULongName, "x", "", 0, &[b'a'; 8192]).file("x", "");
    let pax = Forge::default().pax("comment", &"c".repeat(8192)).file("x", "");
    let table = [
        (Forge::default().file("big", &"x".repeat(8192)), "over the limit of 4096 bytes unpacked"),
        (many, "the number of entries in a layer is over the limit of 3 entries"),
        (Forge::default().file("a/b/c/d/e", ""), "over the limit of 4 folders"),
        (long, "over the limit of 2048 bytes"),
        (pax, "over the limit of 2048 bytes"),
    ];
    for (forge, expected) in table {
        let limits =
            if expected.contains("2048") { Limits { unpacked: 1 << 20, ..small.clone() } } else { small.clone() };
        let error = chain(&Field::new().unpack_within(&forge.end(), &limits, &[]).unwrap_err());
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[test]
fn a_size_field_that_lies_ends_in_an_error_and_not_in_memory() {
    let mut header = Header::new_ustar();
    header.set_path("huge").unwrap();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(1 << 33);
    let field = Field::new();
    assert!(field.unpack(&Forge::default().header(header, b"short").end()).is_err());
}

#[test]
fn an_archive_that_ends_too_early_or_is_none_is_refused() {
    let whole = gzip(&Forge::default().file("a", &"x".repeat(5000)).end());
    for broken in [&whole[..whole.len() / 2], b"no archive at all".as_slice(), &[0x1f, 0x8b, 8]] {
        assert!(Field::new().unpack(broken).is_err());
    }
}

/// What the attacks above are good for: a reader that puts paths together as strings falls for each of them.
#[test]
fn the_attacks_reach_the_canary_where_the_guard_is_missing() {
    let field = Field::new();
    let outside = field.outside();
    let attacks = [
        Forge::default().file("../outside/canary", "dead").end(),
        Forge::default().link("out", &outside).file("out/canary", "dead").end(),
        Forge::default().link("out", "../outside").file("out/canary", "dead").end(),
        Forge::default().folder("d").link("d", &outside).file("d/canary", "dead").end(),
        Forge::default().hard_link("stolen", &format!("{outside}/canary")).file("stolen", "dead").end(),
    ];
    for (number, attack) in attacks.iter().enumerate() {
        let field = Field::new();
        let root = field.layer();
        let aimed = String::from_utf8_lossy(attack).contains(&outside);
        let target = if aimed { outside.clone() } else { field.outside() };
        for entry in tar::Archive::new(attack.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = root.join(entry.path().unwrap());
            let link = entry.link_name().unwrap();
            let _ = match entry.header().entry_type() {
                EntryType::Directory => std::fs::create_dir(path),
                EntryType::Symlink => {
                    let _ = std::fs::remove_dir(&path);
                    std::os::unix::fs::symlink(link.unwrap(), path)
                }
                EntryType::Link => std::fs::hard_link(root.join(link.unwrap()), path),
                _ => std::fs::File::create(path).and_then(|mut file| std::io::copy(&mut entry, &mut file)).map(drop),
            };
        }
        let canary = std::path::Path::new(&target).join("canary");
        assert_eq!(std::fs::read_to_string(&canary).unwrap(), "dead", "attack {number} does not work");
        std::fs::write(canary, "alive").unwrap();
    }
}
