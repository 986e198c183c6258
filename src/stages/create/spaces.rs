//! Which namespaces a container does not have for itself: `--pid`, `--ipc`, `--uts`, `--userns`, `--cgroupns`, in docker's
//! words (moby api/types/container/hostconfig.go) and with docker's refusals.

use super::{Container, CreateError, Request, find};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::user;
use crate::state::Roots;
use oci_spec::runtime::{Mount, Spec};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spaces {
    /// `--pid`.
    pub pid: Sharing,
    /// `--ipc`.
    pub ipc: Ipc,
    /// `--uts host`.
    pub uts_of_host: bool,
    /// `--cgroupns`: whether it has one; `None` for docker's own choice, one on version 2.
    pub own_cgroup: Option<bool>,
    /// `--userns host`, which changes nothing: no container has a user namespace of its own.
    pub user_of_host: bool,
}

/// Whose namespace it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Its own.
    #[default]
    Own,
    /// This machine's.
    Host,
    /// Another container's, by its ID; by name where it was just typed.
    Container(String),
}

/// The same for System V objects, message queues and shared memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ipc {
    /// Its own, and nobody else's.
    #[default]
    Private,
    /// Its own, for others to join.
    Shareable,
    /// Its own, without /dev/shm.
    None,
    /// This machine's.
    Host,
    /// Another container's.
    Container(String),
}

impl FromStr for Sharing {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("container:")) {
            ("", _) => Ok(Self::Own),
            ("host", _) => Ok(Self::Host),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Container(name.to_owned())),
            _ => Err("invalid PID mode: host, or container:NAME".into()),
        }
    }
}

impl FromStr for Ipc {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("container:")) {
            ("" | "private", _) => Ok(Self::Private),
            ("shareable", _) => Ok(Self::Shareable),
            ("none", _) => Ok(Self::None),
            ("host", _) => Ok(Self::Host),
            (_, Some(name)) if !name.is_empty() => Ok(Self::Container(name.to_owned())),
            _ => Err("invalid IPC mode: private, shareable, none, host, or container:NAME".into()),
        }
    }
}

/// As docker's inspect shows it.
impl fmt::Display for Sharing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => Ok(()),
            Self::Host => f.write_str("host"),
            Self::Container(id) => write!(f, "container:{id}"),
        }
    }
}

impl fmt::Display for Ipc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Shareable => f.write_str("shareable"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(id) => write!(f, "container:{id}"),
        }
    }
}

/// What cannot be granted.
#[derive(Debug, thiserror::Error)]
pub enum SpaceError {
    /// The host's name is not the container's to choose.
    #[error("conflicting options: hostname and the UTS mode")]
    HostnameOfHost,
    /// Its owner does not want to share it.
    #[error("cannot join IPC of container {0}: non-shareable IPC")]
    NotShareable(String),
    /// Whom it is to join is not there.
    #[error("cannot join {kind} of a non running container: {name}")]
    NotRunning {
        /// `PID` or `IPC`.
        kind: &'static str,
        /// Whose.
        name: String,
    },
    /// /proc of this machine's processes is not to be had.
    #[error("--pid host needs root: only who owns this machine's PID namespace may mount a /proc of it")]
    ProcOfHost,
    /// No such container.
    #[error("no such container: {0}")]
    NoSuchContainer(String),
    /// A setting of a namespace that is not its own.
    #[error("sysctl {0:?} is not allowed in an IPC namespace that is not the container's own")]
    Sysctl(String),
}

impl Explain for SpaceError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::HostnameOfHost => "leave out one of --hostname and --uts host".into(),
            Self::NotShareable(name) => format!("{name} would have to be made with --ipc shareable"),
            Self::NotRunning { name, .. } => format!("`explore start {name}` starts it"),
            Self::ProcOfHost => "run it as root; without, --pid container:NAME shares that of another container".into(),
            Self::NoSuchContainer(_) => "`explore ps -a` lists them all".into(),
            Self::Sysctl(_) => "set it where the namespace is made".into(),
        })
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

/// With IDs instead of names, and nothing left that cannot be.
pub(super) fn resolve(roots: &Roots, request: &Request) -> Result<Spaces, CreateError> {
    let mut spaces = request.spaces.clone();
    if spaces.uts_of_host
        && (request.hostname.as_deref().is_some_and(|name| !name.is_empty()) || request.wish.domain().is_some())
    {
        return Err(SpaceError::HostnameOfHost.into());
    }
    if spaces.pid == Sharing::Host && user::in_user_namespace() {
        return Err(SpaceError::ProcOfHost.into());
    }
    if let Sharing::Container(name) = &mut spaces.pid {
        *name = other(roots, name)?.id;
    }
    if let Ipc::Container(name) = &mut spaces.ipc {
        let donor = other(roots, name)?;
        if donor.spaces.ipc == Ipc::Private || donor.spaces.ipc == Ipc::None {
            return Err(SpaceError::NotShareable(donor.name).into());
        }
        *name = donor.id;
    }
    let foreign = matches!(spaces.ipc, Ipc::Host | Ipc::Container(_));
    let of_ipc = |one: &&String| one.starts_with("kernel.") || one.starts_with("fs.mqueue.");
    if let Some(sysctl) = request.sysctls.iter().filter(|_| foreign).find(of_ipc) {
        return Err(SpaceError::Sysctl(sysctl.clone()).into());
    }
    Ok(spaces)
}

fn other(roots: &Roots, name: &str) -> Result<Container, CreateError> {
    find(roots, name).map_err(|error| match error {
        // The same words, but it is the wish that cannot be granted.
        CreateError::NoSuchContainer(name) => SpaceError::NoSuchContainer(name).into(),
        other => other,
    })
}

/// Where the shared memory of a container lies that others may join.
pub fn shared_memory(roots: &Roots, id: &str) -> PathBuf {
    roots.running().join(id).join("shm")
}

/// What config.json has of a share: no host name where that is the host's, and whose /dev/shm and /dev/mqueue.
pub(super) fn apply(roots: &Roots, spaces: &Spaces, spec: &mut Spec) -> Result<(), serde_json::Error> {
    if spaces.uts_of_host {
        spec.set_hostname(None).set_domainname(None);
    }
    let (shm, queues) = (Path::new("/dev/shm"), Path::new("/dev/mqueue"));
    match &spaces.ipc {
        Ipc::Private | Ipc::Shareable => {}
        Ipc::None => without(spec, shm),
        Ipc::Host => {
            for path in [queues, shm] {
                if path.exists() { show(spec, path, path)? } else { without(spec, path) }
            }
        }
        Ipc::Container(id) => show(spec, shm, &shared_memory(roots, id))?,
    }
    Ok(())
}

/// Shows the shared memory that lies there instead of an own one.
///
/// # Errors
/// A mount that does not fit the specification.
pub fn bind_shared_memory(spec: &mut Spec, source: &Path) -> Result<(), serde_json::Error> {
    show(spec, Path::new("/dev/shm"), source)
}

fn without(spec: &mut Spec, target: &Path) {
    if let Some(mounts) = spec.mounts_mut() {
        mounts.retain(|mount| mount.destination() != target);
    }
}

fn show(spec: &mut Spec, target: &Path, source: &Path) -> Result<(), serde_json::Error> {
    let options = ["rbind", "rprivate", "nosuid", "noexec", "nodev"];
    let bind = json!({ "destination": target, "type": "bind", "source": source, "options": options });
    let bind: Mount = serde_json::from_value(bind)?;
    for mount in spec.mounts_mut().iter_mut().flatten().filter(|mount| mount.destination() == target) {
        *mount = bind.clone();
    }
    Ok(())
}

impl Spaces {
    /// Whether it gets a new namespace of this kind, by the OCI configuration's name of it. One that it joins is named
    /// as well: its path is known at the start.
    pub(super) fn lists(&self, kind: &str, on_v2: bool) -> bool {
        match kind {
            "pid" => self.pid != Sharing::Host,
            "ipc" => self.ipc != Ipc::Host,
            "uts" => !self.uts_of_host,
            "cgroup" => self.own_cgroup.unwrap_or(on_v2),
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_one_of_dockers() {
        assert_eq!("".parse(), Ok(Sharing::Own));
        assert_eq!("container:x".parse(), Ok(Sharing::Container("x".into())));
        for wrong in ["private", "container:", "Host", "x"] {
            assert!(wrong.parse::<Sharing>().is_err(), "{wrong}");
        }
        for mode in ["private", "shareable", "none", "host", "container:x"] {
            assert_eq!(mode.parse::<Ipc>().unwrap().to_string(), mode);
        }
        assert!("container:".parse::<Ipc>().is_err() && "public".parse::<Ipc>().is_err());
    }
}
