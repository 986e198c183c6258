//! Mount points that an image lacks, in a layer of their own between the image and the upper.
//!
//! `/proc`, `/etc/hosts` and the like are mounted over when the container starts, and overlayfs needs something there to
//! mount on. Made in the upper, they would look as if the container had written them. Docker keeps them apart in the
//! same way (moby daemon/initlayer), and calls it `…-init`. Docker makes one for each container. Nobody ever
//! writes to it, and what an image lacks is the same each time: here all containers of an image have one together, made
//! when the first of them needs it. That saves each of them two folders and five files, to make and to remove.

use crate::image::{Image, ImageError, Slot, layers};
use crate::kernel::fs::{self, Links};
use crate::state::Roots;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag};
use nix::sys::stat::{FileStat, Mode, SFlag, fstatat};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const FOLDERS: [&str; 4] = ["proc", "sys", "dev", "etc"];
const FILES: [&str; 3] = ["etc/hostname", "etc/hosts", "etc/resolv.conf"];

/// The layer of this image, a lower folder for overlayfs; it is made where it is not there yet.
///
/// # Errors
/// [`ImageError::Store`].
pub(in crate::stages) fn of_image(roots: &Roots, image: &Image) -> Result<PathBuf, ImageError> {
    let folder = layers::init_of(roots, &image.layers);
    let is_there = || folder.try_exists().map_err(ImageError::store("cannot look for", &folder));
    if is_there()? {
        return Ok(folder);
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let slot = Slot::claim(&roots.init_layers(), &name)?;
    // Two containers of a new image may have begun at once.
    if !is_there()? {
        let made = std::fs::create_dir(&slot.path).and_then(|()| fill(&slot.path, image));
        made.map_err(ImageError::store("cannot make", &folder))?;
        slot.publish(&folder)?;
    }
    Ok(folder)
}

/// Fills `folder` with what the image lacks.
fn fill(folder: &Path, image: &Image) -> io::Result<()> {
    let layers = open_layers(image)?;
    for name in FOLDERS.iter().filter(|name| look(&layers, name).is_none()) {
        make_folder(folder, name, None)?;
    }
    for name in FILES.iter().filter(|name| look(&layers, name).is_none()) {
        // A folder of this layer covers the image's: it must look like it.
        if let Some(Found::Folder(like)) = look(&layers, "etc") {
            make_folder(folder, "etc", Some(&like))?;
        }
        match File::create_new(folder.join(name)) {
            Ok(_) => {}
            // `/etc` is a link or a file in this image; what to do is decided when it is mounted.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => return Err(error),
        }
    }
    // By this file programs recognise that they run in a container of Docker's kind (systemd-detect-virt(1) among them).
    if look(&layers, ".dockerenv").is_none() {
        File::options().write(true).create_new(true).mode(0o755).open(folder.join(".dockerenv"))?;
    }
    // Programs that ask for the list of mounts by its old name (moby daemon/initlayer has it too).
    if look(&layers, "etc/mtab").is_none() {
        if let Some(Found::Folder(like)) = look(&layers, "etc") {
            make_folder(folder, "etc", Some(&like))?;
        }
        // Not where `/etc` itself is a link or a file.
        let _ = std::os::unix::fs::symlink("/proc/mounts", folder.join("etc/mtab"));
    }
    Ok(())
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
