//! Unpacked trees are those that umoci makes: bytes, mode, owner, time, attributes.

use crate::forge::Forge;
use crate::peers::layout;
use crate::support::{Learner, has_program, is_root, require};
use explore::image::{Digest, layers};
use explore::kernel::xattr;
use std::collections::BTreeMap;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use tar::EntryType;

/// Type, mode, owner, length (of files), modification time to the nanosecond, link target, content and extended
/// attributes, by path. Not the root's: it is
/// whatever the one who unpacks makes it where no layer says.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut to_do = vec![root.to_owned()];
    while let Some(folder) = to_do.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let content = match meta.file_type() {
                kind if kind.is_file() => Digest::of(&std::fs::read(&path).unwrap()).to_string(),
                kind if kind.is_symlink() => std::fs::read_link(&path).unwrap().display().to_string(),
                _ => String::new(),
            };
            let links = if meta.is_dir() { 0 } else { meta.nlink() };
            let line = format!(
                "{:o} {}:{} {}.{:09} {links} {} {content} {}",
                meta.mode(),
                meta.uid(),
                meta.gid(),
                meta.mtime(),
                meta.mtime_nsec(),
                meta.rdev(),
                attributes(&path)
            );
            found.insert(path.strip_prefix(root).unwrap().display().to_string(), line);
            if meta.is_dir() {
                to_do.push(path);
            }
        }
    }
    found
}

/// Of files and folders. Those of overlayfs are marks on a layer, and no part of the image.
fn attributes(path: &Path) -> String {
    let kind = path.symlink_metadata().unwrap().file_type();
    if !kind.is_file() && !kind.is_dir() {
        return String::new();
    }
    let all = xattr::all(std::fs::File::open(path).unwrap().as_fd()).unwrap();
    let all = all.iter().filter(|(name, _)| !name.to_string_lossy().contains("overlay."));
    all.map(|(name, value)| format!("{}={value:?}", name.display())).collect::<Vec<_>>().join(" ")
}

/// Our layers under overlayfs beside what umoci unpacks of the same image in the same store.
#[track_caller]
pub(crate) fn assert_as_umoci(learner: &Learner, name: &str) -> usize {
    let roots = explore::state::Roots::find(Some(&learner.state())).unwrap();
    let bundle = learner.work().join(name.replace(':', "-"));
    let image = format!("{}:{name}", layout(learner));
    learner.program("umoci", ["unpack", "--image", &image, bundle.to_str().unwrap()]).run().status(0);
    let image = explore::image::find(&roots, name).unwrap();
    let lowers = layers::lowers(&image.layers);
    // Two layers at least: overlayfs wants that where there is no upper.
    let empty = learner.work().join("empty");
    let _ = std::fs::create_dir(&empty);
    let lowers = lowers.iter().chain([&empty]).map(|layer| layer.to_str().unwrap());
    let options = format!("lowerdir={}", lowers.collect::<Vec<_>>().join(":"));
    let merged = learner.work().join("merged");
    let _ = std::fs::create_dir(&merged);
    let ours = learner.at_machine(|| {
        let kind = Some("overlay");
        nix::mount::mount(kind, &merged, kind, nix::mount::MsFlags::empty(), Some(options.as_str())).unwrap();
        let ours = tree(&merged);
        // Not waited for: a test beside this one may have forked while a file of it was open here.
        nix::mount::umount2(&merged, nix::mount::MntFlags::MNT_DETACH).unwrap();
        ours
    });
    let theirs = tree(&bundle.join("rootfs"));
    let differences: Vec<_> = ours
        .keys()
        .chain(theirs.keys())
        .filter(|path| ours.get(*path) != theirs.get(*path))
        .map(|path| format!("{path}\n  ours   {:?}\n  theirs {:?}", ours.get(path), theirs.get(path)))
        .collect();
    assert!(differences.is_empty(), "{name}:\n{}", differences.join("\n"));
    ours.len()
}

/// Loads an image of these layers, base first.
fn load(learner: &Learner, name: &str, layers: &[Vec<u8>]) {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    let config = serde_json::json!({ "architecture": oci_spec::image::Arch::default(), "os": "linux",
        "rootfs": { "type": "layers", "diff_ids": diff_ids } });
    let names: Vec<String> = (0..layers.len()).map(|number| format!("{number}.tar")).collect();
    let manifest = serde_json::json!([{ "Config": "c.json", "RepoTags": [name], "Layers": names }]);
    let mut forge = Forge::default().file("c.json", &config.to_string()).file("manifest.json", &manifest.to_string());
    for (name, layer) in names.iter().zip(layers) {
        forge = forge.raw_file(name, layer);
    }
    learner.explore(["load", "-q"]).stdin(forge.end()).run().status(0).stdout(&format!("{name}\n"));
}

fn gnu_tar(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("tar").args(arguments).output().unwrap();
    assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn umoci_is_here() -> bool {
    is_root() && has_program("umoci")
}

#[test]
fn forged_layers_are_unpacked_as_umoci_does() {
    require!("images::umoci", umoci_is_here(), "needs umoci and root");
    let learner = Learner::new();
    let capability = "\u{1}\0\0\u{2}\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let base = Forge::default()
        .raw(EntryType::Directory, "locked", "", 0o555, b"")
        .file("locked/in", "1")
        .file("fine", "1")
        .pax("mtime", "1350244992.023960108")
        .file("timed", "1")
        .pax("SCHILY.xattr.user.note", "a=b")
        .file("noted", "1")
        .pax("SCHILY.xattr.security.capability", capability)
        .raw(EntryType::Regular, "able", "", 0o755, b"x")
        .pax("path", &format!("{}/", "d".repeat(150)))
        .folder("short-folder")
        .pax("path", &format!("{}/long", "d".repeat(150)))
        .file("short", "1")
        .pax("linkpath", &"t".repeat(300))
        .link("far", "near")
        .pax("uid", "3000000")
        .file("owned", "1")
        .folder("first")
        .file("first/x", "1")
        .raw(EntryType::Directory, "first", "", 0o711, b"")
        .folder("gone")
        .file("gone/below", "1")
        .hard_link("locked/again", "locked/in")
        .folder("private")
        .raw(EntryType::Directory, "private/deep", "", 0o700, b"")
        .end();
    let top = Forge::default()
        .file("private/deep/new", "2")
        .file(".wh.gone", "")
        .file(".wh.fine", "")
        .file("locked/more", "2")
        .end();
    load(&learner, "forged:1", &[base.clone(), top]);
    assert!(assert_as_umoci(&learner, "forged:1") > 15);
    // An opaque root: nothing of the base is left, and overlayfs itself does not heed the mark there.
    let alone = Forge::default().file("alone", "3").file(".wh..wh..opq", "").end();
    load(&learner, "opaque:1", &[base, alone]);
    assert_eq!(assert_as_umoci(&learner, "opaque:1"), 1);
}

#[test]
fn what_packages_have_installed_is_unpacked_as_umoci_does() {
    require!("images::umoci", umoci_is_here(), "needs umoci and root");
    let learner = Learner::new();
    let (posix, attributes) = ("--format=posix", "--xattrs");
    // With the folders on the way: those that no entry names get the time of unpacking from umoci, and none from us.
    let way = ["--no-recursion", "usr", "usr/share", "var", "var/lib", "var/lib/dpkg", "--recursion"];
    let what = ["etc", "usr/sbin", "var/lib/dpkg/info", "usr/share/perl5"];
    let tree = [&[posix, attributes, "-C", "/", "-cf", "-"], &way[..], &what].concat();
    load(&learner, "installed:1", &[gnu_tar(&tree)]);
    assert!(assert_as_umoci(&learner, "installed:1") > 500);
}

/// A minute, and a mirror of Debian: for `tests/full`.
#[test]
fn debian_is_unpacked_as_umoci_does() {
    let wanted = std::env::var_os("EXPLORE_FULL").is_some() && umoci_is_here() && has_program("mmdebstrap");
    require!("images::debian", wanted, "needs EXPLORE_FULL, mmdebstrap, a mirror of Debian, umoci and root");
    let learner = Learner::new();
    let tar = learner.work().join("debian.tar");
    let made = Command::new("mmdebstrap").args(["--quiet", "--variant=minbase", "bookworm"]).arg(&tar).status();
    assert!(made.unwrap().success());
    load(&learner, "debian:12", &[std::fs::read(&tar).unwrap()]);
    assert!(assert_as_umoci(&learner, "debian:12") > 5000);
    let busybox =
        learner.explore(["run", "--rm", "--network", "none", "debian:12", "cat", "/etc/debian_version"]).run();
    busybox.status(0).stdout_has("12.");
}
