//! `cp`: files between this machine and a container, whether it runs or not.
//!
//! ```text
//!   source ── O_PATH handle ──► pack ──pipe──► extract ──► folder, below its descriptor
//! ```
//! Each path inside is resolved by the kernel, once, under the descriptor of the container's root (openat2(2),
//! RESOLVE_IN_ROOT), and what is copied is what that descriptor holds. Docker resolved it as a string first and used it
//! later (CVE-2018-15664), and then entered the container to be safe, where the C library of the image waited
//! (CVE-2019-14271). We enter nothing: no program and no library of the image has a part in this.
//!
//! A container that runs is seen through `/proc/PID/root`, with all that is mounted in it. One that does not is mounted in
//! a mount namespace of this very process, which the kernel forgets with it.

use crate::error::Explain;
use crate::exit::Exit;
use crate::image::extract::{Extracted, extract};
use crate::image::limits::Limits;
use crate::image::pack::{PackError, pack_tree};
use crate::image::unpack::UnpackError;
use crate::kernel;
use crate::kernel::fs::{self, Links};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process;
use crate::kernel::rootfs::{self, Root};
use crate::stages::create::{self, Container, CreateError};
use crate::stages::exec;
use crate::stages::failure::Failure;
use crate::stages::layer::{self, LayerError, Union};
use crate::state::{Lock, Roots};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::{Mode, SFlag};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// As the kernel, path_resolution(7).
const MOST_LINKS: usize = 40;

/// Why nothing, or not all, was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The container.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// Its layer.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// Its root cannot be had.
    #[error("cannot look into container {name}")]
    Root {
        /// Which.
        name: String,
        /// The call.
        source: Failure,
    },
    /// A path that leads nowhere.
    #[error("no such {}: {shown}", if *inside { "container:path" } else { "file or directory" })]
    Missing {
        /// As it was typed.
        shown: String,
        /// Whether it is one of a container.
        inside: bool,
    },
    /// A path is relative to a folder that is gone.
    #[error("cannot tell which folder this is")]
    Here(#[source] std::io::Error),
    /// What was said to be a folder is none.
    #[error("not a directory: {0}")]
    NotAFolder(String),
    /// A folder is to be copied over a file.
    #[error("cannot copy a directory to a file: {0}")]
    FolderToFile(String),
    /// A path cannot be resolved.
    #[error("cannot use {shown}")]
    Path {
        /// As it was typed.
        shown: String,
        /// The call.
        source: kernel::Error,
    },
    /// The source cannot be read.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// The files cannot be put there.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// No pipe between the two.
    #[error("cannot make a pipe")]
    Pipe(#[source] std::io::Error),
}

impl Explain for CopyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Container(error) => error.hint(),
            Self::Layer(error) => error.hint(),
            Self::Root { source, .. } => source.hint(),
            Self::Path { source, .. }
            | Self::Pack(PackError::Entry { source, .. })
            | Self::Unpack(UnpackError::Entry { source, .. } | UnpackError::Target(source)) => kernel::hint(source),
            Self::NotAFolder(_) => Some("a path that ends with '/' is a folder; make it first".into()),
            Self::Here(_) => Some("it has been removed, or may not be read: `cd` to one that is there".into()),
            _ => None,
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// One end: paths below a root.
#[derive(Debug)]
pub struct Place {
    root: OwnedFd,
    name: Option<String>,
    /// Nobody starts it meanwhile.
    _rests: Option<Lock>,
}

impl Place {
    /// This machine; relative paths start at the working folder.
    ///
    /// # Errors
    /// [`CopyError::Path`].
    pub fn here() -> Result<Self, CopyError> {
        let failed = |errno| CopyError::Path {
            shown: "/".into(),
            source: kernel::Error::quiet("openat", &format_args!("\"/\""), errno),
        };
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = nix::fcntl::open("/", flags, Mode::empty()).map_err(failed)?;
        Ok(Self { root, name: None, _rests: None })
    }

    /// A container. Where it does not run this process gets a mount namespace of its own.
    ///
    /// # Errors
    /// [`CopyError`].
    pub fn inside(roots: &Roots, container: &Container) -> Result<Self, CopyError> {
        let path = create::folder(roots, &container.id);
        let failed = |source| CopyError::Root { name: container.name.clone(), source };
        let (root, rests) =
            match exec::lock_at_rest(roots, &container.id).map_err(|source| CreateError::Folder { path, source })? {
                Err(running) => (root_of(&running).map_err(Failure::at("open its root")).map_err(failed)?, None),
                Ok(lock) => (mounted(roots, container, failed)?, Some(lock)),
            };
        Ok(Self { root, name: Some(container.name.clone()), _rests: rests })
    }

    /// As a person writes it.
    fn shown(&self, path: &Path) -> String {
        self.name.as_ref().map_or_else(|| path.display().to_string(), |name| format!("{name}:{}", path.display()))
    }

    fn missing(&self, path: &Path) -> CopyError {
        CopyError::Missing { shown: self.shown(path), inside: self.name.is_some() }
    }

    /// A path as it is found below the root: relative ones of this machine start where we stand, unless that is gone.
    fn absolute(&self, path: &Path) -> Result<PathBuf, CopyError> {
        if self.name.is_some() || path.is_absolute() {
            return Ok(path.to_owned());
        }
        std::env::current_dir().map(|here| here.join(path)).map_err(CopyError::Here)
    }

    fn open(&self, path: &Path, follow: bool) -> Result<Option<OwnedFd>, CopyError> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | if follow { OFlag::empty() } else { OFlag::O_NOFOLLOW };
        match fs::open_inside(self.root.as_fd(), &self.absolute(path)?, flags, Links::Inside) {
            Ok(found) => Ok(Some(found)),
            Err(error) if matches!(error.errno(), Errno::ENOENT) => Ok(None),
            Err(error) if matches!(error.errno(), Errno::ENOTDIR) => Err(CopyError::NotAFolder(self.shown(path))),
            Err(source) => Err(CopyError::Path { shown: self.shown(path), source }),
        }
    }

    /// Where something new is to be made: a folder, and a name in it. A link to nothing is followed to where it leads.
    fn vacant(&self, path: &Path, links_left: usize) -> Result<(OwnedFd, OsString), CopyError> {
        let missing = || self.missing(path);
        let name = path.file_name().ok_or_else(missing)?.to_owned();
        let above = path.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = self.open(above, true)?.ok_or_else(missing)?;
        let leads = rootfs::link_target(folder.as_fd(), &name).filter(|_| links_left > 0);
        match leads {
            Some(target) => self.vacant(&above.join(target), links_left - 1),
            None if is_folder(&folder) => Ok((folder, name)),
            None => Err(CopyError::NotAFolder(self.shown(above))),
        }
    }
}

fn root_of(running: &exec::Running) -> kernel::Result<OwnedFd> {
    let link = format!("/proc/{}/root", running.init.pid);
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let failed = |errno| kernel::Error::quiet("openat", &format_args!("AT_FDCWD, {link:?}, O_PATH"), errno);
    let root = nix::fcntl::open(link.as_str(), flags, Mode::empty()).map_err(failed)?;
    // Its number may have been another's by the time we opened that.
    if running.init.is_alive() { Ok(root) } else { Err(failed(Errno::ESRCH)) }
}

fn mounted(roots: &Roots, container: &Container, failed: impl Fn(Failure) -> CopyError) -> Result<OwnedFd, CopyError> {
    let union = Union::of(roots, container)?;
    let spec = create::spec(roots, &container.id)?;
    let is_mounted = layer::is_mounted(&union.rootfs);
    // To mount a union the process goes to the folder of layers; what was typed starts here.
    let here = process::WorkingFolder::remember();
    let why = "its layers are mounted for this process alone, and gone with it";
    namespace::unshare(&[Kind::Mnt], why).map_err(Failure::at("get a mount namespace")).map_err(&failed)?;
    let root = exec::at_rest(roots, &union, is_mounted, &spec).map_err(failed);
    here.go_back();
    root
}

/// What is to be copied.
#[derive(Debug)]
pub struct Source {
    handle: OwnedFd,
    /// Its own name; empty for what has none (`/`, `.`).
    name: OsString,
    is_folder: bool,
    /// `DIR/.`: what is in it, and not the folder itself.
    content_only: bool,
}

impl Source {
    /// Finds it. A link is copied as a link, unless `follow` or a slash at the end says otherwise.
    ///
    /// # Errors
    /// [`CopyError::Missing`], [`CopyError::NotAFolder`], [`CopyError::Path`].
    pub fn find(place: &Place, path: &Path, follow: bool) -> Result<Self, CopyError> {
        let ends = Ends::of(path);
        let handle = place.open(path, follow || ends != Ends::Plain)?.ok_or_else(|| place.missing(path))?;
        let is_folder = is_folder(&handle);
        if ends != Ends::Plain && !is_folder {
            return Err(CopyError::NotAFolder(place.shown(path)));
        }
        let name = path.file_name().unwrap_or_default().to_owned();
        Ok(Self { handle, content_only: is_folder && (ends == Ends::Dot || name.is_empty()), name, is_folder })
    }

    /// Writes it as an archive; how much file content went in.
    ///
    /// # Errors
    /// [`CopyError::Pack`].
    pub fn archive(&self, name: Option<&Path>, to: impl Write) -> Result<u64, CopyError> {
        let own = if self.content_only { Path::new("") } else { Path::new(&self.name) };
        let (mut to, packed) = pack_tree(&self.handle, name.unwrap_or(own), to, &no_limits())?;
        to.flush().map_err(PackError::Write)?;
        Ok(packed.bytes)
    }
}

/// Where it goes.
#[derive(Debug)]
pub struct Target {
    folder: OwnedFd,
    /// What it is to be called there, if not what it is called.
    name: Option<PathBuf>,
}

impl Target {
    /// A folder that is there, for an archive.
    ///
    /// # Errors
    /// [`CopyError::Missing`], [`CopyError::NotAFolder`], [`CopyError::Path`].
    pub fn folder(place: &Place, path: &Path) -> Result<Self, CopyError> {
        match place.open(path, true)? {
            Some(folder) if is_folder(&folder) => Ok(Self { folder, name: None }),
            Some(_) => Err(CopyError::NotAFolder(place.shown(path))),
            None => Err(place.missing(path)),
        }
    }

    /// Where `source` goes, by the rules of docker-cp(1): into a folder that is there; over a file that is there; else it
    /// gets this name, and the folder above must be there.
    ///
    /// # Errors
    /// [`CopyError`].
    pub fn of(place: &Place, path: &Path, source: &Source) -> Result<Self, CopyError> {
        match place.open(path, true)? {
            Some(there) if is_folder(&there) => Ok(Self { folder: there, name: None }),
            Some(_) if source.is_folder => Err(CopyError::FolderToFile(place.shown(path))),
            Some(_) if Ends::of(path) != Ends::Plain => Err(CopyError::NotAFolder(place.shown(path))),
            None if Ends::of(path) != Ends::Plain && !source.is_folder => Err(CopyError::NotAFolder(place.shown(path))),
            _ => {
                let (folder, name) = place.vacant(path, MOST_LINKS)?;
                Ok(Self { folder, name: Some(name.into()) })
            }
        }
    }

    /// Unpacks an archive there. With `owners` files belong to whom the archive says, else to root inside, and to whoever
    /// runs this outside.
    ///
    /// # Errors
    /// [`CopyError::Unpack`].
    pub fn take(self, from: Box<dyn Read>, owners: bool) -> Result<Extracted, CopyError> {
        // The handle has no access; what it holds is opened through it.
        let folder = rootfs::open_folder(self.folder.as_fd(), ".".as_ref()).map_err(UnpackError::Target)?;
        Ok(extract(from, Root::at(folder), owners, &no_limits())?)
    }
}

/// Copies. The bytes are those of file content.
///
/// # Errors
/// [`CopyError`]; what had come by then is there.
pub fn copy(source: &Source, target: Target, owners: bool) -> Result<Extracted, CopyError> {
    let (read, write) = std::io::pipe().map_err(CopyError::Pipe)?;
    let name = target.name.clone();
    std::thread::scope(|scope| {
        let packing =
            scope.spawn(move || source.archive(name.as_deref(), std::io::BufWriter::with_capacity(1 << 16, write)));
        let taken = target.take(Box::new(read), owners);
        let packed = packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // One who cannot go on hangs up: the other's broken pipe is not the cause.
        let hung_up = matches!(packed, Err(CopyError::Pack(PackError::Write(_)))) && taken.is_err();
        match packed {
            Err(error) if !hung_up => Err(error),
            packed => taken.and_then(|taken| Ok(Extracted { bytes: packed?, ..taken })),
        }
    })
}

/// How a path ends says what it means.
#[derive(PartialEq, Eq)]
enum Ends {
    Plain,
    /// `/`
    Slash,
    /// `/.`
    Dot,
}

impl Ends {
    fn of(path: &Path) -> Self {
        let bytes = path.as_os_str().as_bytes();
        match bytes {
            b"." => Self::Dot,
            _ if bytes.ends_with(b"/.") => Self::Dot,
            _ if bytes.ends_with(b"/") => Self::Slash,
            _ => Self::Plain,
        }
    }
}

fn is_folder(handle: &OwnedFd) -> bool {
    fs::file_type(handle).is_ok_and(|kind| kind == SFlag::S_IFDIR)
}

/// Both ends are the user's own: what he copies is as large as it is.
fn no_limits() -> Limits {
    Limits { unpacked: u64::MAX, ratio_from: u64::MAX, entries: u64::MAX, depth: usize::MAX, ..Limits::default() }
}
