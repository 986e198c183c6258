//! `config.json`: the wish in the words of the OCI runtime specification, with Docker's defaults. It is all that
//! `start` reads; `runc run` and `crun run` read the same file.

mod mounts;

use super::{Container, CreateError, Network, Request, environment, init_layer, sysctl};
use crate::image::Image;
use crate::kernel::cgroup::{self, Hierarchy, Version};
use crate::kernel::user;
use crate::stages::user::Files;
use crate::state::{RecordError, Roots};
use oci_spec::runtime::{Process, Spec};
use serde_json::{Value, json};
use std::path::Path;

/// The fourteen that root keeps in a container (moby profiles, `DefaultCapabilities`). What is missing is what makes
/// root the owner of the machine: CAP_SYS_ADMIN, CAP_SYS_MODULE, CAP_SYS_PTRACE, CAP_NET_ADMIN, …
pub const CAPABILITIES: [&str; 14] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FSETID",
    "CAP_FOWNER",
    "CAP_MKNOD",
    "CAP_NET_RAW",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETFCAP",
    "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE",
    "CAP_SYS_CHROOT",
    "CAP_KILL",
    "CAP_AUDIT_WRITE",
];

/// Files and folders of /proc and /sys that tell about, or reach into, the whole machine (moby `DefaultLinuxSpec`).
const MASKED: [&str; 13] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
    "/sys/fs/selinux",
];

/// What may be read and not written.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// The whole configuration. `bundle` is where the container's folder will be.
pub(super) fn spec(
    roots: &Roots,
    container: &Container,
    request: &Request,
    image: &Image,
    bundle: &Path,
) -> Result<Spec, CreateError> {
    let trees = trees()?;
    let (nodes, rules) = container.limits.devices()?;
    let mut resources = container.limits.resources()?;
    resources["devices"] = rules.into();
    let value = json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": request.mounts.read_only },
        "hostname": container.hostname,
        "domainname": container.wish.domain().map(domain_that_fits),
        "mounts": mounts::all(roots, container, request, &trees, bundle),
        "process": process(container, request, image)?,
        "linux": {
            "rootfsPropagation": mounts::root_propagation(container),
            "namespaces": namespaces(container, &trees),
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "sysctl": sysctl::settings(&request.sysctls, container.network.is_own())?,
            "devices": nodes,
            "resources": resources,
        },
    });
    serde_json::from_value(value).map_err(CreateError::Spec)
}

/// setdomainname(2) takes 64 bytes and refuses more. Docker writes it as the sysctl kernel.domainname, which cuts it off.
fn domain_that_fits(domain: &str) -> &str {
    let ends = domain.char_indices().map(|(at, one)| at + one.len_utf8());
    &domain[..ends.take_while(|end| *end <= 64).last().unwrap_or(0)]
}

fn process(container: &Container, request: &Request, image: &Image) -> Result<Process, CreateError> {
    let config = image.config.config();
    let workdir = config.as_ref().and_then(|config| config.working_dir().clone()).filter(|folder| !folder.is_empty());
    let limits: Vec<Value> = container.program.ulimits.iter().map(|one| one.oci()).collect();
    let value = json!({
        "terminal": container.terminal,
        "user": { "uid": 0, "gid": 0 },
        "args": container.command,
        "env": environment::environment(container, image),
        "cwd": request.workdir.clone().or(workdir).unwrap_or_else(|| "/".to_owned()),
        "rlimits": limits,
        "oomScoreAdj": container.limits.oom_score_adj.or((!user::in_user_namespace()).then_some(0)),
    });
    let mut process: Process = serde_json::from_value(value).map_err(CreateError::Spec)?;
    // What `runc run` is told. `start` looks again: what the container has written counts then.
    let layers = init_layer::open_layers(image).map_err(|source| CreateError::Layers { source })?;
    let who = container.program.who().identify(&Files::in_layers(&layers)?)?;
    who.apply(&mut process);
    Ok(process)
}

fn trees() -> Result<Vec<Hierarchy>, CreateError> {
    cgroup::hierarchies().map_err(|error| {
        let source = std::io::Error::from_raw_os_error(error.errno);
        CreateError::Record(RecordError::Read { path: "/proc/self/mountinfo".into(), source })
    })
}

/// Docker's set: no user namespace, and a cgroup namespace on version 2 only. What it has of the host is not listed.
fn namespaces(container: &Container, trees: &[Hierarchy]) -> Vec<Value> {
    let on_v2 = trees.iter().all(|tree| tree.version == Version::V2);
    let mut kinds = vec!["mount", "uts", "pid", "ipc", "cgroup"];
    kinds.retain(|kind| container.spaces.lists(kind, on_v2));
    if container.network != Network::Host {
        kinds.insert(1, "network");
    }
    kinds.into_iter().map(|kind| json!({ "type": kind })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_capabilities_are_dockers_number() {
        assert_eq!(crate::kernel::capability::Set::of(&CAPABILITIES).0, 0xa804_25fb);
    }
}
