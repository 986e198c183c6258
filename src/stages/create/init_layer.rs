//! Mount points that an image lacks, in a layer of their own between the image and the upper.
//!
//! `/proc`, `/etc/hosts` and the like are mounted over when the container starts, and overlayfs needs something there to
//! mount on. Made in the upper, they would look as if the container had written them. Docker keeps them apart in the
//! same way (moby daemon/initlayer), under the same name: `…-init`.

use crate::image::Image;
use crate::kernel::fs::{self, Links};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

const FOLDERS: [&str; 4] = ["proc", "sys", "dev", "etc"];
const FILES: [&str; 3] = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// Fills `folder` with what the image lacks; says whether anything was lacking.
pub(super) fn fill(folder: &Path, image: &Image) -> io::Result<bool> {
    let layers = open_layers(image)?;
    let mut lacking = false;
    for name in FOLDERS.iter().filter(|name| look(&layers, name).is_none()) {
        make_folder(folder, name, None)?;
        lacking = true;
    }
    for name in FILES.iter().filter(|name| look(&layers, name).is_none()) {
        // A folder of this layer covers the image's: it must look like it.
        if let Some(Found::Folder(like)) = look(&layers, "etc") {
            make_folder(folder, "etc", Some(&like))?;
        }
        match File::create_new(folder.join(name)) {
            Ok(_) => lacking = true,
            // `/etc` is a link or a file in this image; what to do is decided when it is mounted.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    // By this file programs recognise that they run in a container of Docker's kind (systemd-detect-virt(1) among them).
    if look(&layers, ".dockerenv").is_none() {
        File::options().write(true).create_new(true).mode(0o755).open(folder.join(".dockerenv"))?;
        lacking = true;
    }
    // Programs that ask for the list of mounts by its old name (moby daemon/initlayer has it too).
    if look(&layers, "etc/mtab").is_none() {
        if let Some(Found::Folder(like)) = look(&layers, "etc") {
            make_folder(folder, "etc", Some(&like))?;
        }
        lacking |= std::os::unix::fs::symlink("/proc/mounts", folder.join("etc/mtab")).is_ok();
    }
    Ok(lacking)
}

/// What the union of the layers shows under a name.
enum Found {
    Folder(FileStat),
    Other,
}

/// Topmost first, as the union is.
pub(super) fn open_layers(image: &Image) -> io::Result<Vec<OwnedFd>> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let open = |folder: &Path| nix::fcntl::open(folder, flags, Mode::empty()).map_err(io::Error::from);
    image.layers.iter().rev().map(|layer| open(&layer.folder)).collect()
}

fn look(layers: &[OwnedFd], name: &str) -> Option<Found> {
    for layer in layers {
        match fs::resolve(layer.as_fd(), Path::new(name), Links::Refused) {
            Ok(found) => return kind_of(&found),
            Err(error) if error.errno() == Errno::ENOENT => {}
            // A link, or a file in the way: something is there.
            Err(_) => return Some(Found::Other),
        }
    }
    None
}

/// `None` for a whiteout: the layers below do not count.
fn kind_of(found: &OwnedFd) -> Option<Found> {
    let Ok(stat) = fstatat(found, "", AtFlags::AT_EMPTY_PATH) else { return Some(Found::Other) };
    match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
        SFlag::S_IFDIR => Some(Found::Folder(stat)),
        SFlag::S_IFCHR if stat.st_rdev == 0 => None,
        _ => Some(Found::Other),
    }
}

fn make_folder(above: &Path, name: &str, like: Option<&FileStat>) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let path = above.join(name);
    std::fs::create_dir_all(&path)?;
    let mode = like.map_or(0o755, |like| like.st_mode & 0o7777);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode))?;
    if let Some(like) = like {
        // Without root nobody else is mapped, and then the image's folder has our owner as well.
        let _ = std::os::unix::fs::chown(&path, Some(like.st_uid), Some(like.st_gid));
    }
    Ok(())
}
