//! `config.json`: the wish in the words of the OCI runtime specification, with Docker's defaults. It is all that
//! `start` reads; `runc run` and `crun run` read the same file.

use super::{Container, CreateError, Request, sysctl};
use crate::image::Image;
use crate::kernel::cgroup::{self, Version};
use crate::kernel::user;
use oci_spec::runtime::Spec;
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

/// The command: what was typed, or the image's own; the image's entry point before either.
pub(super) fn command(request: &Request, image: &Image) -> Vec<String> {
    let config = image.config.config();
    let listed = |list: Option<&Vec<String>>| list.cloned().unwrap_or_default();
    let mut command = listed(config.as_ref().and_then(|config| config.entrypoint().as_ref()));
    if request.command.is_empty() {
        command.extend(listed(config.as_ref().and_then(|config| config.cmd().as_ref())));
    } else {
        command.extend(request.command.iter().cloned());
    }
    command
}

/// The whole configuration. `bundle` is where the container's folder will be.
pub(super) fn spec(
    container: &Container,
    request: &Request,
    image: &Image,
    bundle: &Path,
) -> Result<Spec, CreateError> {
    let mut mounts = mounts();
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
            "namespaces": namespaces(),
            "maskedPaths": MASKED,
            "readonlyPaths": READ_ONLY,
            "sysctl": sysctl::settings(&request.sysctls, true)?,
            "devices": nodes,
            "resources": resources,
        },
    });
    serde_json::from_value(value).map_err(CreateError::Spec)
}

fn process(container: &Container, request: &Request, image: &Image) -> Result<Value, CreateError> {
    let config = image.config.config();
    let workdir = config.as_ref().and_then(|config| config.working_dir().clone()).filter(|folder| !folder.is_empty());
    let (uid, gid) = user_of(config.as_ref().and_then(|config| config.user().as_deref()).unwrap_or_default())?;
    Ok(json!({
        "terminal": container.terminal,
        "user": { "uid": uid, "gid": gid },
        "args": container.command,
        "env": environment(container, request, image)?,
        "cwd": request.workdir.clone().or(workdir).unwrap_or_else(|| "/".to_owned()),
        "oomScoreAdj": container.limits.oom_score_adj.or((!user::in_user_namespace()).then_some(0)),
    }))
}

/// Docker's order: what the image says, then what was typed; a later word for the same name replaces the earlier.
fn environment(container: &Container, request: &Request, image: &Image) -> Result<Vec<String>, CreateError> {
    let mut env: Vec<String> = vec![
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
        format!("HOSTNAME={}", container.hostname),
    ];
    if container.terminal {
        env.push("TERM=xterm".to_owned());
    }
    let of_image = image.config.config().as_ref().and_then(|config| config.env().clone()).unwrap_or_default();
    let typed = request.env.iter().map(|entry| variable(entry)).collect::<Result<Vec<_>, _>>()?;
    for entry in of_image.into_iter().chain(typed.into_iter().flatten()) {
        let name = entry.split_once('=').map_or(entry.as_str(), |(name, _)| name).to_owned();
        env.retain(|old| old.split_once('=').is_none_or(|(old, _)| old != name));
        env.push(entry);
    }
    if !env.iter().any(|entry| entry.starts_with("HOME=")) {
        env.push("HOME=/root".to_owned());
    }
    Ok(env)
}

/// `NAME=VALUE`, or `NAME` alone for this shell's value: nothing where it has none.
fn variable(typed: &str) -> Result<Option<String>, CreateError> {
    match typed.split_once('=') {
        Some(("", _)) => Err(CreateError::Variable(typed.to_owned())),
        Some(_) => Ok(Some(typed.to_owned())),
        None if typed.is_empty() => Err(CreateError::Variable(typed.to_owned())),
        None => Ok(std::env::var(typed).ok().map(|value| format!("{typed}={value}"))),
    }
}

/// `1000`, `1000:50`; names wait for the image's own /etc/passwd to be read safely.
fn user_of(text: &str) -> Result<(u32, u32), CreateError> {
    let number = |part: &str| part.parse::<u32>().map_err(|_| CreateError::User(text.to_owned()));
    match text.split_once(':') {
        None if text.is_empty() || text == "root" => Ok((0, 0)),
        None => Ok((number(text)?, 0)),
        Some((user, group)) => Ok((number(user)?, number(group)?)),
    }
}

/// The filesystems that the kernel makes up. Docker's, in Docker's order and with its options.
fn mounts() -> Vec<Value> {
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
    if cgroup::layout() == "v2" {
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

/// Docker's set: no user namespace, and a cgroup namespace on version 2 only.
fn namespaces() -> Vec<Value> {
    let mut kinds = vec!["mount", "network", "uts", "pid", "ipc"];
    if cgroup::hierarchies().iter().all(|tree| tree.version == Version::V2) {
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

    #[test]
    fn a_user_is_a_number_or_refused() {
        assert_eq!(user_of("").unwrap(), (0, 0));
        assert_eq!(user_of("7:8").unwrap(), (7, 8));
        for bad in ["daemon", "1x", ":5", "a:b"] {
            assert!(user_of(bad).is_err(), "{bad:?}");
        }
    }
}
