//! What a guest boots into: programs and libraries of this machine, `explore` as its init, the kernel's modules, and the
//! order. A cpio archive of the kind that the kernel unpacks (Documentation/driver-api/early-userspace/buffer-format.rst).

use super::modprobe::{FOLDER, INDEX};
use super::modules::{Module, Modules};
use super::{GuestError, Order};
use crate::image::demo::{self, Node, Recipe, Tree};
use cpio::newc::{Builder, ModeFileType};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Where `explore` stands in the guest.
pub(super) const PROGRAM: &str = "usr/local/bin/explore";

/// Where the order lies.
pub(super) const ORDER: &str = "explore-order.json";

/// What lessons type besides the programs of the demo image, where this machine has it.
const MORE: &str = "
    perl nft iptables ip6tables bridge strace runc crun lxc-start mkfs.ext4 mkfs.btrfs btrfs losetup dmsetup fusermount3
    fuse-overlayfs unionfs runsc xargs time fallocate blkid chrt ionice cmp comm expand fold shuf split tac pidof watch
    vmstat lsmod vi setarch pivot_root column";

/// What those programs read besides their libraries: where libraries are, an UTF-8 locale, perl's few modules, the
/// matches of iptables, names of protocols and routing tables.
const DATA: [&str; 9] = [
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.cache",
    "/usr/lib/locale/C.utf8",
    "/usr/lib/x86_64-linux-gnu/perl-base",
    "/usr/lib/x86_64-linux-gnu/xtables",
    "/etc/protocols",
    "/etc/services",
    "/etc/iproute2",
];

/// Empty folders that init mounts something on.
const FOLDERS: [&str; 5] = ["new-root", "var", "sys/fs/cgroup", "dev/pts", "dev/shm"];

/// Writes the archive.
pub(super) fn write(to: &File, modules: Modules, order: &Order) -> Result<(), GuestError> {
    let more: Vec<&str> = MORE.split_whitespace().chain(order.with.iter().map(String::as_str)).collect();
    let mut tree = demo::userland(&Recipe::default(), &more, PROGRAM)?;
    furnish(&mut tree, modules, order)?;
    let failed = |source| GuestError::Step { step: "write what the guest boots into", source };
    let mut out = BufWriter::with_capacity(1 << 20, to);
    // The kernel opens it for PID 1 before anything is mounted.
    out = device(out, "dev/console", (5, 1)).map_err(failed)?;
    out = device(out, "dev/null", (1, 3)).map_err(failed)?;
    for (path, node) in &tree.nodes {
        out = entry(out, path, node).map_err(failed)?;
    }
    cpio::newc::trailer(out).and_then(|mut out| out.flush()).map_err(failed)
}

fn furnish(tree: &mut Tree, modules: Modules, order: &Order) -> Result<(), GuestError> {
    for folder in FOLDERS {
        tree.folder(folder, 0o755);
    }
    for path in DATA.map(Path::new).into_iter().filter(|path| path.exists()) {
        copy_all(tree, path)?;
    }
    tree.link("init", format!("/{PROGRAM}"));
    // Where /sbin is a link to usr/sbin, an entry below it would take the link's place.
    let sbin = if matches!(tree.nodes.get(Path::new("sbin")), Some(Node::Link { .. })) { "usr/sbin" } else { "sbin" };
    tree.link(&format!("{sbin}/modprobe"), format!("/{PROGRAM}"));
    let mut index: BTreeMap<String, Module> = BTreeMap::new();
    for (name, (module, bytes)) in modules {
        tree.text(&format!("{FOLDER}/{name}"), bytes);
        index.insert(name, module);
    }
    let json = |error: serde_json::Error| GuestError::Step { step: "write the guest's order", source: error.into() };
    tree.text(&format!("{FOLDER}/{INDEX}"), serde_json::to_vec(&index).map_err(json)?);
    tree.text(ORDER, serde_json::to_vec(order).map_err(json)?);
    Ok(())
}

/// A file, or all files below a folder, where they are here.
fn copy_all(tree: &mut Tree, path: &Path) -> Result<(), GuestError> {
    let Ok(entries) = std::fs::read_dir(path) else {
        tree.copy_with_links(path)?;
        return Ok(());
    };
    entries.filter_map(Result::ok).try_for_each(|entry| copy_all(tree, &entry.path()))
}

fn entry<W: Write>(out: W, path: &Path, node: &Node) -> io::Result<W> {
    let name = path.to_str().ok_or_else(|| io::Error::other(format!("{} is not UTF-8", path.display())))?;
    let header = |mode: u32, kind| Builder::new(name).mode(mode).set_mode_file_type(kind);
    match node {
        Node::Folder { mode } => header(*mode, ModeFileType::Directory).write(out, 0).finish(),
        Node::Link { target } => {
            let target = target.as_os_str().as_encoded_bytes();
            filled(header(0o777, ModeFileType::Symlink), out, target.len() as u64, target)
        }
        Node::Text { content, mode } => {
            filled(header(*mode, ModeFileType::Regular), out, content.len() as u64, content.as_slice())
        }
        Node::Copy { from, size, mode, .. } => {
            let file = File::open(from)?;
            filled(header(*mode, ModeFileType::Regular), out, *size, file)
        }
    }
}

fn filled<W: Write>(header: Builder, out: W, size: u64, mut content: impl io::Read) -> io::Result<W> {
    let length = u32::try_from(size).map_err(|_| io::Error::other("a file of more than 4 GiB"))?;
    let mut writer = header.write(out, length);
    let copied = io::copy(&mut io::Read::take(&mut content, size), &mut writer)?;
    if copied != size {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter while it was packed"));
    }
    writer.finish()
}

fn device<W: Write>(out: W, name: &str, (major, minor): (u32, u32)) -> io::Result<W> {
    let header = Builder::new(name).mode(0o600).set_mode_file_type(ModeFileType::Char);
    header.rdev_major(major).rdev_minor(minor).write(out, 0).finish()
}
