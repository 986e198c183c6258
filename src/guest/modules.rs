//! Which of a kernel's modules go into a guest, and how they are found there.
//!
//! A module says itself what it needs and by which other names it is asked for (its section `.modinfo`, which modinfo(8)
//! prints). That is read here, so a package that was only unpacked, and never seen depmod(8), is as good as an installed
//! one.

use goblin::elf::Elf;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What the guest loads before it starts a command: its disk, its cable, and where random numbers come from.
pub(super) const AT_BOOT: [&str; 4] = ["virtio_pci", "virtio_blk", "virtio_console", "virtio_rng"];

/// Folders below `kernel/` of which everything goes along.
const FOLDERS: [&str; 7] = [
    "fs/overlayfs",
    "net/bridge",
    "net/netfilter",
    "net/ipv4/netfilter",
    "net/ipv6/netfilter",
    "net/unix",
    "net/packet",
];

/// What else lessons ask for, by the names that `modprobe` knows.
const SINGLE: &str = "
    veth vxlan dummy macvlan ipvlan tun tap bridge br_netfilter loop fuse squashfs btrfs xfs ext4 crc32c_generic crc32c_intel
    dm_mod dm_thin_pool sch_htb sch_tbf sch_netem sch_ingress cls_u32 8021q inet_diag tcp_diag unix_diag ";

/// As much of a module as modprobe has to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Module {
    /// What must be there before it.
    pub(super) needs: Vec<String>,
    /// Its other names: `fs-overlay`, `rtnl-link-veth`.
    pub(super) aliases: Vec<String>,
}

/// What goes along: by name, what it says of itself, and its bytes.
pub(super) type Modules = BTreeMap<String, (Module, Vec<u8>)>;

/// Reads what a guest needs of the modules in `folder` (`lib/modules/RELEASE`). One that the kernel has built in, or that
/// this kernel has not got, is left out.
///
/// # Errors
/// A module that cannot be read, or is none; with its path in the text.
pub(super) fn choose(folder: &Path) -> io::Result<Modules> {
    let top = folder.join("kernel");
    let mut paths = BTreeMap::new();
    list(&top, &mut paths)?;
    let in_folder = |path: &Path| FOLDERS.iter().any(|one| path.starts_with(top.join(one)));
    let mut to_do: Vec<String> = AT_BOOT.into_iter().chain(SINGLE.split_whitespace()).map(str::to_owned).collect();
    to_do.extend(paths.iter().filter(|(_, path)| in_folder(path)).map(|(name, _)| name.clone()));
    let mut chosen = Modules::new();
    while let Some(name) = to_do.pop() {
        let Some(path) = paths.get(&name).filter(|_| !chosen.contains_key(&name)) else { continue };
        let read = read(path).and_then(|bytes| Ok((information(&bytes)?, bytes)));
        let (module, bytes) =
            read.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        to_do.extend(module.needs.iter().cloned());
        chosen.insert(name, (module, bytes));
    }
    Ok(chosen)
}

/// Where those of [`choose`] lie.
///
/// # Errors
/// As [`choose`].
pub(super) fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = BTreeMap::new();
    list(&folder.join("kernel"), &mut paths)?;
    Ok(choose(folder)?.keys().filter_map(|name| paths.remove(name)).collect())
}

/// All modules below a folder, by name.
fn list(folder: &Path, paths: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            list(&entry.path(), paths)?;
        } else if let Some((name, _)) = entry.file_name().to_string_lossy().split_once(".ko") {
            paths.insert(plain(name), entry.path());
        }
    }
    Ok(())
}

/// As the kernel writes it: a file may be called `nf-tables.ko` and the module `nf_tables`.
pub(super) fn plain(name: &str) -> String {
    name.replace('-', "_")
}

/// The module itself, whatever the distribution has packed it with.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    match path.extension().and_then(|end| end.to_str()) {
        Some("gz") => flate2::read::GzDecoder::new(file).read_to_end(&mut bytes)?,
        Some("zst") => zstd::stream::read::Decoder::new(file)?.read_to_end(&mut bytes)?,
        Some("xz") => {
            let unpacked = lzma_rs::xz_decompress(&mut io::BufReader::new(file), &mut bytes);
            unpacked.map(|()| 0).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{error:?}")))?
        }
        _ => io::BufReader::new(file).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// `.modinfo`: `key=value` and a zero byte, again and again.
fn information(module: &[u8]) -> io::Result<Module> {
    let no_module = || io::Error::new(io::ErrorKind::InvalidData, "this is no kernel module");
    let elf = Elf::parse(module).map_err(|_| no_module())?;
    let is_it = |name: usize| elf.shdr_strtab.get_at(name) == Some(".modinfo");
    let section = elf.section_headers.iter().find(|section| is_it(section.sh_name)).ok_or_else(no_module)?;
    let bytes = section.file_range().and_then(|range| module.get(range)).ok_or_else(no_module)?;
    let text = String::from_utf8_lossy(bytes);
    let values = |key: &'static str| text.split('\0').filter_map(move |line| line.strip_prefix(key)?.strip_prefix('='));
    let needs = values("depends").flat_map(|list| list.split(',')).filter(|name| !name.is_empty());
    Ok(Module {
        needs: needs.map(plain).collect(),
        // One with a pattern in it names a device, and devices are not plugged in here.
        aliases: values("alias").filter(|alias| !alias.contains('*')).map(str::to_owned).collect(),
    })
}
