//! Stage 2, create: a container that is nothing but files.
//!
//! ```text
//! containers/<id>/container.json   what it is called, which image, how it ended
//!                config.json      the OCI runtime configuration: what `runc run` would read
//!                upper/  work/    the final layer, still empty, and overlayfs' own workshop
//!                init/            mount points that the image lacks, if it lacks any
//!                rootfs/          where the union will be mounted
//!                hostname hosts resolv.conf      shown in its /etc
//! ```
//!
//! Afterwards there is no process, no mount, no cgroup and no network: `docker create` leaves no more either.

mod amount;
mod asked;
mod bundled_init;
mod config;
mod environment;
mod error;
mod host_devices;
pub(in crate::stages) mod init_layer;
pub mod limits;
mod mounts;
mod names;
mod networking;
mod privileges;
mod program;
mod record;
mod spaces;
mod sysctl;
mod ulimit;

pub use crate::stages::network::Mode as Network;
pub use amount::{bytes, size};
pub use asked::{Asked, Files};
pub use bundled_init::{DASHES, INIT, NoInit, bundle_init, unbundle_init};
pub use config::CAPABILITIES;
pub use environment::{labels_in, variables_in};
pub use error::CreateError;
pub use limits::{DEFAULT_RULES, LimitError, Limits};
pub use mounts::{
    From, MountError, MountPoint, Propagation, Wanted, What, parse_from, parse_mount, parse_tmpfs, parse_volume,
};
pub use names::random_id;
pub use networking::with_exposed;
pub use privileges::{PrivilegeError, Privileges};
pub use program::Program;
pub use record::{Container, Status, load, spec};
pub use spaces::{Ipc, Sharing, SpaceError, Spaces, bind_shared_memory, shared_memory};
pub use sysctl::check as check_sysctl;
pub use ulimit::{Ulimit, UlimitError};

use self::privileges::Rights;
use crate::image::{self, Image};
use crate::kernel::namespace::Kind;
use crate::kernel::process::UsualUmask;
use crate::stages::network::Wish;
use crate::state::{Lock, Roots, read_record, write_record};
use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, Spec};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What `create` and `run` were asked for.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's
pub struct Request {
    /// The image, as it was typed.
    pub image: String,
    /// The command; the image's own where it is empty.
    pub command: Vec<String>,
    /// `--name`.
    pub name: Option<String>,
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--label`: NAME=VALUE, or NAME.
    pub labels: Vec<String>,
    /// `-e`: NAME=VALUE.
    pub env: Vec<String>,
    /// `--env-file`.
    pub env_files: Vec<PathBuf>,
    /// Who it is, how it is ended, its limits.
    pub program: Program,
    /// `-w`.
    pub workdir: Option<String>,
    /// `-v` and its kin.
    pub mounts: Wanted,
    /// `--network`.
    pub network: Network,
    /// `--pid` and its kin.
    pub spaces: Spaces,
    /// `-p`, `--dns`, and the like.
    pub wish: Wish,
    /// `-t`.
    pub terminal: bool,
    /// `-i`.
    pub interactive: bool,
    /// `--rm`.
    pub remove: bool,
    /// Somebody watches: `run` without `-d`.
    pub attached: bool,
    /// `--sysctl`: NAME=VALUE.
    pub sysctls: Vec<String>,
    /// `--memory` and its kin.
    pub limits: Limits,
    /// What it may do.
    pub privileges: Privileges,
}

/// Makes a container.
///
/// # Errors
/// All of [`CreateError`]; nothing is left then.
pub fn create(roots: &Roots, request: &Request) -> Result<Container, CreateError> {
    create_as(roots, request, random_id().map_err(CreateError::Random)?)
}

/// Makes a container whose ID was drawn before ([`random_id`]).
///
/// # Errors
/// All of [`CreateError`]; nothing is left then.
pub fn create_as(roots: &Roots, request: &Request, id: String) -> Result<Container, CreateError> {
    // Whoever has a stricter one would get a container whose /etc/hosts only root can read.
    let _umask = UsualUmask::take();
    // Until the record names the image, a removal must wait.
    let _in_use = image::catalog::in_use(roots)?;
    let image = image::find(roots, &request.image)?;
    validate(request, &image)?;
    let rights = Rights::of(&request.privileges)?;
    let folder = roots.containers();
    std::fs::create_dir_all(&folder).map_err(|source| CreateError::Folder { path: folder.clone(), source })?;
    let mut brought = mounts::resolve(roots, &request.mounts, &image, &id)?;
    let lock = folder.join(".lock");
    // Two at once must not take the same name.
    let _held = Lock::wait(&lock).map_err(|source| CreateError::Folder { path: lock.clone(), source })?;
    let name = names::choose(request.name.as_deref(), &record::list(roots)?)?;
    let networking = networking::resolve(roots, request, &image)?;
    let spaces = spaces::resolve(roots, request)?;
    let asked = Asked::of(request, &image)?;
    let mounts = std::mem::take(&mut brought.mounts);
    let container = describe(request, &image, (id, name), (networking, spaces), (mounts, asked));
    write(roots, &container, request, &image, rights)?;
    brought.keep();
    Ok(container)
}

/// The container of that name, of that ID, or whose ID begins so.
///
/// # Errors
/// [`CreateError::NoSuchContainer`], [`CreateError::Ambiguous`], [`CreateError::Record`].
pub fn find(roots: &Roots, wanted: &str) -> Result<Container, CreateError> {
    // A whole ID is the name of its folder: nobody else's record has to be read, of two hundred that may be there.
    if wanted.len() == 64 && wanted.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        match load(roots, wanted) {
            Err(CreateError::NoSuchContainer(_)) => {}
            other => return other,
        }
    }
    let all = record::list(roots)?;
    if let Some(exact) = all.iter().find(|one| one.name == wanted || one.id == wanted) {
        return Ok(exact.clone());
    }
    let mut matching = all.into_iter().filter(|one| !wanted.is_empty() && one.id.starts_with(wanted));
    match (matching.next(), matching.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(CreateError::Ambiguous(wanted.to_owned())),
        (None, _) => Err(CreateError::NoSuchContainer(wanted.to_owned())),
    }
}

/// All containers, newest first.
///
/// # Errors
/// [`CreateError::Record`].
pub fn list(roots: &Roots) -> Result<Vec<Container>, CreateError> {
    let mut all = record::list(roots)?;
    all.sort_by_key(|one| std::cmp::Reverse(one.created_nanos));
    Ok(all)
}

/// The kinds of namespace that a configuration asks for.
pub fn kinds(spec: &Spec) -> Vec<Kind> {
    let listed = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
    listed.into_iter().flatten().map(kind).collect()
}

/// The kind that an entry of `linux.namespaces` names.
pub fn kind(one: &LinuxNamespace) -> Kind {
    match one.typ() {
        LinuxNamespaceType::Mount => Kind::Mnt,
        LinuxNamespaceType::Cgroup => Kind::Cgroup,
        LinuxNamespaceType::Uts => Kind::Uts,
        LinuxNamespaceType::Ipc => Kind::Ipc,
        LinuxNamespaceType::User => Kind::User,
        LinuxNamespaceType::Pid => Kind::Pid,
        LinuxNamespaceType::Network => Kind::Net,
        LinuxNamespaceType::Time => Kind::Time,
    }
}

/// Its folder, which is also its OCI bundle.
pub fn folder(roots: &Roots, id: &str) -> PathBuf {
    roots.containers().join(id)
}

/// Gives a container another name, also while it runs.
///
/// # Errors
/// [`CreateError::Name`], [`CreateError::NameTaken`], [`CreateError::SameName`], those of [`find`].
pub fn rename(roots: &Roots, wanted: &str, name: &str) -> Result<(), CreateError> {
    let name = name.strip_prefix('/').unwrap_or(name);
    names::check(name)?;
    let id = find(roots, wanted)?.id;
    let path = roots.containers().join(".lock");
    let _names = Lock::wait(&path).map_err(|source| CreateError::Folder { path, source })?;
    let (_own, mut container) = alone(roots, &id)?;
    if container.name == name {
        return Err(CreateError::SameName);
    }
    container.name = names::choose(Some(name), &record::list(roots)?)?;
    save(roots, &container)
}

/// Whether it is to be removed when it ends: what `--rm` has said, and what a restart suspends. Killed meanwhile, a restart
/// leaves a container that stays, and `rm` removes.
///
/// # Errors
/// [`CreateError::Folder`], [`CreateError::Record`].
pub fn set_removal(roots: &Roots, id: &str, remove: bool) -> Result<(), CreateError> {
    let (_own, mut container) = alone(roots, id)?;
    container.remove = remove;
    save(roots, &container)
}

/// The container as its record is now, and nobody else who writes it: another command, or a supervisor that starts it, or
/// notes how it has ended. Who changes a record that was read before has lost what came between.
///
/// # Errors
/// [`CreateError::Folder`], [`CreateError::Record`].
pub fn alone(roots: &Roots, id: &str) -> Result<(Lock, Container), CreateError> {
    let path = folder(roots, id);
    let lock = Lock::of_folder(&path).map_err(|source| CreateError::Folder { path, source })?;
    Ok((lock, load(roots, id)?))
}

/// Writes the record again, after its state has changed.
///
/// # Errors
/// [`CreateError::Record`].
pub fn save(roots: &Roots, container: &Container) -> Result<(), CreateError> {
    let path = folder(roots, &container.id).join(record::FILE);
    write_record(&path, container, !container.remove).map_err(CreateError::Record)
}

/// Writes the record and the configuration again, after limits have changed.
///
/// # Errors
/// [`CreateError::Record`], [`CreateError::Limit`].
pub fn save_limits(roots: &Roots, container: &Container) -> Result<(), CreateError> {
    let path = folder(roots, &container.id).join("config.json");
    let mut config: serde_json::Value = read_record(&path)?;
    let resources = &mut config["linux"]["resources"];
    let devices = resources["devices"].take();
    *resources = container.limits.resources()?;
    resources["devices"] = devices;
    write_record(&path, &config, !container.remove)?;
    save(roots, container)
}

/// All that can be refused is refused here, before a folder exists.
fn validate(request: &Request, image: &Image) -> Result<(), CreateError> {
    if let Some(name) = &request.name {
        names::check(name)?;
    }
    if let Some(hostname) = &request.hostname {
        check_hostname(hostname)?;
    }
    if let Some(folder) = request.workdir.as_deref().filter(|folder| !folder.starts_with('/')) {
        return Err(CreateError::RelativeWorkdir(folder.to_owned()));
    }
    request.limits.validate()?;
    for ulimit in &request.program.ulimits {
        ulimit.check()?;
    }
    if request.program.command(&request.command, image).is_empty() {
        return Err(CreateError::NoCommand(request.image.clone()));
    }
    Ok(())
}

/// sethostname(2) takes 64 bytes, whatever they are, and so does docker. What hostname(7) allows is less: letters, digits,
/// '-' and '.'.
fn check_hostname(hostname: &str) -> Result<(), CreateError> {
    if hostname.len() > 64 { Err(CreateError::Hostname(hostname.to_owned())) } else { Ok(()) }
}

fn describe(
    request: &Request,
    image: &Image,
    (id, name): (String, String),
    (networking, spaces): (networking::Networking, Spaces),
    (mounts, asked): (Vec<MountPoint>, Asked),
) -> Container {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
    Container {
        schema: 1,
        // The host name is the first twelve digits of the ID: what the prompt of `docker run` shows.
        labels: labels(request, image),
        hostname: networking.hostname.unwrap_or_else(|| id[..12].to_owned()),
        name,
        image: image.reference.clone(),
        image_id: image.id.clone(),
        command: request.program.command(&request.command, image),
        program: request.program.of_image(image),
        terminal: request.terminal,
        interactive: request.interactive,
        remove: request.remove,
        spaces,
        network: networking.mode,
        wish: networking.wish,
        mounts,
        limits: request.limits.clone(),
        asked,
        created: now.as_secs(),
        created_nanos: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        status: Status::Created,
        layer_mounted: false,
        id,
    }
}

/// The image's labels, and over them what was asked for.
fn labels(request: &Request, image: &Image) -> BTreeMap<String, String> {
    let of_image = image.config.config().as_ref().and_then(|config| config.labels().clone()).unwrap_or_default();
    let typed = request.labels.iter().map(|one| one.split_once('=').unwrap_or((one, "")));
    of_image.into_iter().chain(typed.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}

/// Everything is written beside its place and then renamed: a container is there whole, or not at all.
fn write(
    roots: &Roots,
    container: &Container,
    request: &Request,
    image: &Image,
    rights: Rights,
) -> Result<(), CreateError> {
    let in_folder = |source| CreateError::Folder { path: roots.containers(), source };
    let new = tempfile::Builder::new().prefix(".new-").tempdir_in(roots.containers()).map_err(in_folder)?;
    for name in ["upper", "work", "rootfs"] {
        std::fs::create_dir(new.path().join(name)).map_err(in_folder)?;
    }
    set_root_mode(new.path(), image).map_err(in_folder)?;
    for name in ["hostname", "hosts", "resolv.conf"] {
        std::fs::write(new.path().join(name), "").map_err(in_folder)?;
    }
    let final_folder = folder(roots, &container.id);
    let mut spec = config::spec(roots, container, request, image, &final_folder)?;
    spaces::apply(roots, &container.spaces, &mut spec).map_err(CreateError::Spec)?;
    rights.apply(&mut spec).map_err(CreateError::Spec)?;
    let durable = !container.remove;
    write_record(&new.path().join("config.json"), &spec, durable).map_err(CreateError::Record)?;
    write_record(&new.path().join(record::FILE), container, durable).map_err(CreateError::Record)?;
    std::fs::rename(new.path(), &final_folder).map_err(in_folder)?;
    let _ = new.keep();
    Ok(())
}

/// The root folder of a union is that of its topmost layer, the still empty upper: it must look as the image's did.
fn set_root_mode(new: &Path, image: &Image) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mode = image
        .layers
        .last()
        .and_then(|layer| std::fs::metadata(&layer.folder).ok())
        .map_or(0o755, |found| found.permissions().mode());
    std::fs::set_permissions(new.join("upper"), std::fs::Permissions::from_mode(mode & 0o7777))
}
