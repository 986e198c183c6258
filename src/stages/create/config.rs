//! `config.json`: the wish in the words of the OCI runtime specification, with Docker's defaults. It is all that
//! `start` reads; `runc run` and `crun run` read the same file.

use super::{Container, CreateError, Network, Request, environment, init_layer, sysctl};
use crate::image::Image;
use crate::kernel::cgroup::{self, Hierarchy, Version};
use crate::kernel::user;
use crate::stages::user::Files;
use crate::state::RecordError;
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
    container: &Container,
    request: &Request,
    image: &Image,
    bundle: &Path,
) -> Result<Spec, CreateError> {
    let trees = trees()?;
    let mut mounts = mounts(&trees);
    for name in ["resolv.conf", "hostname", "hosts"] {
        mounts.push(bind(&bundle.join(name), Path::new(&format!("/etc/{name}")), false));
    }
    mounts.extend(container.volumes.iter().map(|one| bind(&one.source, &one.target, one.read_only)));
    let (nodes, rules) = container.limits.devices()?;
    let mut resources = container.limits.resources()?;
    resources["devices"] = rules.into();
    let value = json!({
        "ociVersion": "1.0.2",
        "root": { "path": "rootfs", "readonly": false },
        "hostname": container.hostname,
        "mounts": mounts,
        "process": process(container, request, image)?,
        "linux": {
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

fn process(container: &Container, request: &Request, image: &Image) -> Result<Process, CreateError> {
    let config = image.config.config();
    let workdir = config.as_ref().and_then(|config| config.working_dir().clone()).filter(|folder| !folder.is_empty());
    let limits: Vec<Value> = container.program.ulimits.iter().map(|one| one.oci()).collect();
    let value = json!({
        "terminal": container.terminal,
        "user": { "uid": 0, "gid": 0 },
        "args": container.command,
        "env": environment::environment(container, request, image)?,
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

/// The filesystems that the kernel makes up. Docker's, in Docker's order and with its options.
fn mounts(trees: &[Hierarchy]) -> Vec<Value> {
    let mount = |target: &str, kind: &str, options: &[&str]| json!({ "destination": target, "type": kind, "source": kind, "options": options });
    let mut pts = vec!["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
    // Group tty is number 5 everywhere; where only one group is mapped it does not exist.
    if !user::in_user_namespace() {
        pts.push("gid=5");
    }
    let mut all = vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount("/dev/pts", "devpts", &pts),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ];
    if cgroup::layout(trees) == "v2" {
        let mut tree = mount("/sys/fs/cgroup", "cgroup", &["ro", "nosuid", "noexec", "nodev"]);
        tree["source"] = json!("cgroup");
        all.push(tree);
    }
    all.push(mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    let mut shm = mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=67108864"]);
    shm["source"] = json!("shm");
    all.push(shm);
    all
}

fn bind(source: &Path, target: &Path, read_only: bool) -> Value {
    let mode = if read_only { "ro" } else { "rw" };
    json!({ "destination": target, "type": "bind", "source": source, "options": ["rbind", "rprivate", mode] })
}

/// Docker's set: no user namespace, and a cgroup namespace on version 2 only. `--network host` makes no network namespace.
fn namespaces(container: &Container, trees: &[Hierarchy]) -> Vec<Value> {
    let mut kinds = vec!["mount", "uts", "pid", "ipc"];
    if container.network != Network::Host {
        kinds.insert(1, "network");
    }
    if trees.iter().all(|tree| tree.version == Version::V2) {
        kinds.push("cgroup");
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
