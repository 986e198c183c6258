//! Stage 3, the final layer: the image's layers below, read-only and shared; one writable folder of this container's
//! own on top. What the container writes, and what it deletes, is in `upper`, and nowhere else.
//!
//! ```text
//!   rootfs/   ◄── overlay ──┬── upper/                 this container's, rw
//!                           ├── layers/<chain ID> …    the image's topmost layer, ro
//!                           └── layers/<chain ID>      its base, ro
//! ```
//!
//! `start` mounts the union inside the container's own mount namespace, where nobody else sees it and where it goes by
//! itself. `layer mount` mounts it here, so that one can look, and so that `runc run` can take over.

mod below;
mod changes;

pub(super) use below::{Below, Found};
pub use changes::{Change, Kind, changes};

use crate::error::Explain;
use crate::image::{self, Image, ImageError};
use crate::kernel::{self, fs, mount, overlay, user};
use crate::stages::create::{self, Container, CreateError};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, RecordError, Roots};
use nix::fcntl::OFlag;
use nix::mount::MntFlags;
use nix::sys::stat::Mode;
use serde::Serialize;
use std::iter;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// A union that can be mounted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Union {
    /// The image's layers, topmost first.
    pub lower: Vec<PathBuf>,
    /// What this container writes.
    pub upper: PathBuf,
    /// Where overlayfs prepares a copy-up.
    pub work: PathBuf,
    /// Where it is mounted.
    pub rootfs: PathBuf,
    /// It goes with its container's end (`--rm`). Without this the kernel would write out the whole disk that the upper
    /// is on at each unmounting, and at each fsync(2) inside (fs/overlayfs/super.c, `ovl_sync_fs`); podman does so too.
    #[serde(skip)]
    pub volatile: bool,
}

/// What `layer show` tells.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// The folders.
    #[serde(flatten)]
    pub union: Union,
    /// Whether it is mounted here.
    pub mounted: bool,
    /// Files in the upper: a name, and `C` for a folder or file, `D` for a whiteout.
    pub upper_entries: Vec<(char, PathBuf)>,
}

/// Why the final layer cannot be mounted or taken away.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The container.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// The journal.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It is mounted.
    #[error("the layer of {0} is mounted already")]
    Mounted(String),
    /// It is not mounted.
    #[error("the layer of {0} is not mounted here")]
    NotMounted(String),
    /// The container uses it.
    #[error("container {0} is running, and has its layer mounted in its own mount namespace")]
    Running(String),
    /// Too many layers for one page of options.
    #[error("the mount options of {layers} layers take {bytes} bytes, and mount(2) takes {}", overlay::OPTIONS_LIMIT)]
    TooLong {
        /// How many layers.
        layers: usize,
        /// How long.
        bytes: usize,
    },
    /// The folder of layers cannot be entered.
    #[error("cannot enter {}", path.display())]
    Enter {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The mark of a volatile overlay stays.
    #[error("cannot take the mark of an earlier overlay from {}", path.display())]
    Mark {
        /// The work folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Something in a layer.
    #[error("cannot read {}", path.display())]
    Read {
        /// What, from the container's root on.
        path: PathBuf,
        /// The call.
        source: kernel::Error,
    },
    /// An upper that another overlay has written, with other options.
    #[error("{} in {} has the mark {mark}, and is a folder of another name: our overlays do not write that", path.display(), upper.display())]
    Foreign {
        /// What, from the container's root on.
        path: PathBuf,
        /// The upper.
        upper: PathBuf,
        /// The attribute.
        mark: &'static str,
    },
    /// The system call.
    #[error("cannot mount the union at {}", path.display())]
    Mount {
        /// Where.
        path: PathBuf,
        /// The call.
        source: kernel::Error,
    },
    /// The system call.
    #[error("cannot unmount {}", path.display())]
    Unmount {
        /// Where.
        path: PathBuf,
        /// The call.
        source: kernel::Error,
    },
}

impl Explain for LayerError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Container(error) => error.hint(),
            Self::Mounted(name) => Some(format!("`explore layer umount {name}` takes it away")),
            Self::NotMounted(name) => Some(format!("`explore layer mount {name}` mounts it")),
            Self::Running(name) => Some(format!("look from inside: `explore exec {name} mount`")),
            Self::TooLong { .. } => {
                Some("choose a shorter state folder with --root, or an image of fewer layers".into())
            }
            Self::Unmount { .. } => Some("somebody stands in it; leave it and try again".into()),
            Self::Mount { source, .. } | Self::Read { source, .. } => kernel::hint(source),
            Self::Record(_) | Self::Enter { .. } | Self::Mark { .. } | Self::Foreign { .. } => None,
        }
    }

    fn exit(&self) -> crate::exit::Exit {
        match self {
            Self::Container(error) => error.exit(),
            _ => crate::exit::Exit::Engine,
        }
    }
}

impl Union {
    /// The union of a container.
    ///
    /// # Errors
    /// [`LayerError::Image`], [`LayerError::TooLong`].
    pub fn of(roots: &Roots, container: &Container) -> Result<Self, LayerError> {
        let image = image::find(roots, &container.image_id)?;
        let union = Self::from_image(roots, container, &image)?;
        // A descriptor's number has at most as many digits as the limit of open files.
        let numbers = vec![Path::new("1048576"); union.lower.len()];
        let bytes = union.options_with(&numbers).len();
        if bytes > overlay::OPTIONS_LIMIT && union.options(roots).len() > overlay::OPTIONS_LIMIT {
            return Err(LayerError::TooLong { layers: union.lower.len(), bytes });
        }
        Ok(union)
    }

    fn from_image(roots: &Roots, container: &Container, image: &Image) -> Result<Self, LayerError> {
        let bundle = create::folder(roots, &container.id);
        // overlayfs wants the topmost first; an image lists its base first. Above it, mount points that it lacks.
        let init = create::init_layer::of_image(roots, image)?;
        Ok(Self {
            lower: iter::once(init).chain(image::layers::lowers(&image.layers)).collect(),
            upper: bundle.join("upper"),
            work: bundle.join("work"),
            rootfs: bundle.join("rootfs"),
            volatile: container.remove,
        })
    }

    /// Mounts it at its `rootfs`, in the mount namespace of the caller, who then stands in the folder of layers:
    /// a relative name is half as long, and all of them must fit into one page.
    ///
    /// Where they do not (from 60 layers on), each layer is opened, and is called by the number of its descriptor, which
    /// is a name in /proc/self/fd, proc_pid_fd(5): three or four bytes instead of 65. Docker has a link with a short name
    /// on disk for each layer instead (`overlay2/l/`), and so takes 128; overlayfs itself takes 500.
    ///
    /// # Errors
    /// [`LayerError::Enter`], [`LayerError::Mount`].
    pub fn mount(&self, roots: &Roots) -> Result<(), LayerError> {
        let enter =
            |path: PathBuf| nix::unistd::chdir(&path).map_err(|errno| LayerError::Enter { path, source: errno.into() });
        let mut options = self.options(roots);
        let mut held = Vec::new();
        if options.len() > overlay::OPTIONS_LIMIT {
            held = self.open_lower()?;
            let numbers: Vec<PathBuf> = held.iter().map(|layer| layer.as_raw_fd().to_string().into()).collect();
            options = self.options_with(&numbers);
            enter("/proc/self/fd".into())?;
        } else {
            enter(roots.layers())?;
        }
        // It was of `--rm`, and is mounted once more: by `restart`, or after a start that has failed. Nobody looks whether
        // the machine has crashed in between: what was lost then is of a container that is to go anyway.
        overlay::forget_volatile(&self.work).map_err(|source| LayerError::Mark { path: self.work.clone(), source })?;
        let why = "the image's layers below, this container's own on top";
        let mounted = overlay::mount_overlay(&self.rootfs, &options, why);
        if !held.is_empty() {
            enter(roots.layers())?;
        }
        mounted.map_err(|source| LayerError::Mount { path: self.rootfs.clone(), source })
    }

    fn open_lower(&self) -> Result<Vec<OwnedFd>, LayerError> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let open = |path: &PathBuf| {
            nix::fcntl::open(path, flags, Mode::empty())
                .map_err(|errno| LayerError::Enter { path: path.clone(), source: errno.into() })
        };
        self.lower.iter().map(open).collect()
    }

    fn options(&self, roots: &Roots) -> String {
        let layers = roots.layers();
        let short: Vec<&Path> = self.lower.iter().map(|layer| layer.strip_prefix(&layers).unwrap_or(layer)).collect();
        self.options_with(&short)
    }

    fn options_with(&self, lower: &[impl AsRef<Path>]) -> String {
        let manner = overlay::Manner { in_user_namespace: user::in_user_namespace(), volatile: self.volatile };
        overlay::options(lower, &self.upper, &self.work, manner)
    }
}

/// `layer mount`: mounts the union where everybody on this machine sees it; while `holder` lives, or until it is taken
/// away.
///
/// # Errors
/// All of [`LayerError`] but `NotMounted` and `Unmount`.
pub fn mount_here(
    roots: &Roots,
    container: &mut Container,
    holder: Option<ProcessIdentity>,
) -> Result<Union, LayerError> {
    let (_alone, now) = create::alone(roots, &container.id)?;
    *container = now;
    if super::exec::running(roots, &container.id).is_some() {
        return Err(LayerError::Running(container.name.clone()));
    }
    let union = Union::of(roots, container)?;
    if is_mounted(&union.rootfs) {
        return Err(LayerError::Mounted(container.name.clone()));
    }
    let journal = Journal::at(roots.journal());
    let claim = Claim { owner: container.id.clone(), holder };
    let entry = journal.announce(&claim, effect(&union.rootfs))?;
    if let Err(error) = union.mount(roots) {
        journal.forget(&entry);
        return Err(error);
    }
    container.layer_mounted = true;
    create::save(roots, container)?;
    Ok(union)
}

/// `layer umount`: takes it away; the upper stays.
///
/// # Errors
/// [`LayerError::NotMounted`], [`LayerError::Unmount`], [`LayerError::Record`].
pub fn unmount_here(roots: &Roots, container: &mut Container) -> Result<(), LayerError> {
    let (_alone, now) = create::alone(roots, &container.id)?;
    *container = now;
    let target = create::folder(roots, &container.id).join("rootfs");
    if !is_mounted(&target) {
        return Err(LayerError::NotMounted(container.name.clone()));
    }
    unmount(&target)?;
    let journal = Journal::at(roots.journal());
    for entry in journal.entries_of(&container.id)?.iter().filter(|entry| entry.effect == effect(&target)) {
        journal.forget(entry);
    }
    container.layer_mounted = false;
    create::save(roots, container)?;
    Ok(())
}

/// Takes one union away; nothing happens where none is mounted.
///
/// # Errors
/// [`LayerError::Unmount`].
pub fn unmount(rootfs: &Path) -> Result<(), LayerError> {
    if !is_mounted(rootfs) {
        return Ok(());
    }
    mount::unmount(rootfs, MntFlags::empty(), "the union goes, the upper stays")
        .map_err(|source| LayerError::Unmount { path: rootfs.to_owned(), source })
}

/// `layer show`.
///
/// # Errors
/// [`LayerError::Image`].
pub fn view(roots: &Roots, container: &Container) -> Result<View, LayerError> {
    let union = Union::of(roots, container)?;
    let mut upper_entries = Vec::new();
    list_upper(&union.upper, Path::new("/"), &mut upper_entries);
    upper_entries.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(View { mounted: is_mounted(&union.rootfs), upper_entries, union })
}

/// What stands in the upper. A character device 0:0 is a whiteout: the name of something below that was deleted.
fn list_upper(folder: &Path, shown: &Path, found: &mut Vec<(char, PathBuf)>) {
    use std::os::unix::fs::{FileTypeExt, MetadataExt};
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let Ok(metadata) = entry.metadata() else { continue };
        let name = shown.join(entry.file_name());
        let whiteout = metadata.file_type().is_char_device() && metadata.rdev() == 0;
        found.push((if whiteout { 'D' } else { 'C' }, name.clone()));
        if metadata.is_dir() && found.len() < 10_000 {
            list_upper(&entry.path(), &name, found);
        }
    }
}

fn effect(rootfs: &Path) -> Effect {
    Effect::Mount { target: rootfs.to_owned(), fstype: "overlay".into(), source: "overlay".into() }
}

/// Whether an overlay of ours is mounted there: it lies in our own folder, so nobody else mounts one.
pub fn is_mounted(rootfs: &Path) -> bool {
    let Ok(mountinfo) = fs::contents("/proc/self/mountinfo") else { return false };
    let wanted = rootfs.to_string_lossy().replace(' ', "\\040");
    mountinfo.lines().any(|line| line.split(' ').nth(4) == Some(wanted.as_str()))
}
