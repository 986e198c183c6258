//! A bundle: a folder with `config.json` and a root (runtime-spec, bundle.md). It is read once, looked through before
//! anything is made, and what runtimes agree on without writing it down is put in.

use super::{Ground, OciError, refuse};
use crate::kernel::seccomp;
use crate::kernel::{capability, user};
use crate::stages::create::{self, DEFAULT_RULES};
use oci_spec::runtime::{
    LinuxCpu, LinuxDeviceCgroup, LinuxMemory, LinuxNamespace, LinuxNamespaceType, LinuxResources, Process, Spec,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than this is no configuration.
const LARGEST: u64 = 16 << 20;

/// A bundle that can be followed.
#[derive(Debug)]
pub(super) struct Bundle {
    /// Absolute.
    pub(super) folder: PathBuf,
    /// `root.path`, absolute.
    pub(super) rootfs: PathBuf,
    pub(super) spec: Spec,
}

impl Bundle {
    /// Reads it. On a stand-in for the host it may ask for less, and for a user namespace.
    pub(super) fn read(folder: &Path, ground: Ground) -> Result<Self, OciError> {
        let folder = std::path::absolute(folder).map_err(OciError::file("find", folder))?;
        let value = json_of(&folder.join("config.json"))?;
        if ground == Ground::Host {
            refuse::lacking(&value)?;
        }
        let mut spec: Spec = serde_json::from_value(value).map_err(|error| refused("", &error.to_string()))?;
        check(&spec, ground)?;
        let root = spec.root().as_ref().ok_or_else(|| refused("root", "it is missing"))?;
        let rootfs = folder.join(root.path());
        if !rootfs.is_dir() {
            return Err(refused("root.path", &format!("{} is no folder", rootfs.display())));
        }
        complete(&mut spec)?;
        Ok(Self { folder, rootfs, spec })
    }
}

fn json_of(path: &Path) -> Result<Value, OciError> {
    let file = std::fs::File::open(path).map_err(OciError::file("read", path))?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(OciError::file("read", path))?;
    if bytes.len() as u64 > LARGEST {
        return Err(refused("", "it is larger than 16 MiB"));
    }
    serde_json::from_slice(&bytes).map_err(|error| refused("", &error.to_string()))
}

/// The process that `exec --process` names.
///
/// # Errors
/// [`OciError::Refused`], [`OciError::File`].
pub fn process(path: &Path) -> Result<Process, OciError> {
    let value = json_of(path)?;
    refuse::lacking(&json!({ "process": value }))?;
    let process = serde_json::from_value(value).map_err(|error| refused("process", &error.to_string()))?;
    check_process(&process)?;
    Ok(process)
}

/// The resources that `update --resources` names.
pub(super) fn resources(bytes: &[u8]) -> Result<LinuxResources, OciError> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| refused("resources", &error.to_string()))?;
    refuse::lacking_resources(&value)?;
    let resources = serde_json::from_value(value).map_err(|error| refused("resources", &error.to_string()))?;
    Ok(without_zeros(resources))
}

fn refused(path: &str, why: &str) -> OciError {
    let path = if path.is_empty() { "the whole" } else { path };
    OciError::Refused { file: "config.json", path: path.to_owned(), why: why.to_owned() }
}

fn check(spec: &Spec, ground: Ground) -> Result<(), OciError> {
    let process = spec.process().as_ref().ok_or_else(|| refused("process", "it is missing"))?;
    check_process(process)?;
    let namespaces = namespaces(spec);
    if ground == Ground::Host {
        check_namespaces(&namespaces)?;
    }
    let Some(linux) = spec.linux() else { return Ok(()) };
    let how = linux.rootfs_propagation().as_deref().unwrap_or_default();
    if matches!(how, "shared" | "rshared" | "unbindable" | "runbindable") {
        return Err(refused("linux.rootfsPropagation", "explore lets no mount of a container out to the host"));
    }
    if let Some(rules) = linux.seccomp() {
        seccomp::compile(rules).map_err(|error| refused("linux.seccomp", &error.to_string()))?;
    }
    let has = |kind| namespaces.iter().any(|one| one.typ() == kind);
    for name in linux.sysctl().iter().flatten().map(|(name, _)| name) {
        create::check_sysctl(name, has(LinuxNamespaceType::Network), has(LinuxNamespaceType::Ipc))
            .map_err(|why| refused(&format!("linux.sysctl.{name}"), why))?;
    }
    if spec.hostname().as_ref().is_some_and(|name| !name.is_empty()) && !has(LinuxNamespaceType::Uts) {
        return Err(refused("hostname", "without a UTS namespace of its own it would be the host's"));
    }
    Ok(())
}

fn check_process(process: &Process) -> Result<(), OciError> {
    if process.args().as_ref().is_none_or(Vec::is_empty) {
        return Err(refused("process.args", "it is empty, and the first word is the program"));
    }
    if !process.cwd().is_absolute() {
        return Err(refused("process.cwd", "it must be absolute"));
    }
    let texts = process.args().iter().flatten().chain(process.env().iter().flatten());
    if texts.into_iter().any(|text| text.contains('\0')) {
        return Err(refused("process", "a word with a NUL in it cannot be handed to a program"));
    }
    Ok(())
}

pub(super) fn namespaces(spec: &Spec) -> Vec<LinuxNamespace> {
    spec.linux().as_ref().and_then(|linux| linux.namespaces().clone()).unwrap_or_default()
}

fn check_namespaces(listed: &[LinuxNamespace]) -> Result<(), OciError> {
    let mut seen = BTreeSet::new();
    for (number, one) in listed.iter().enumerate() {
        let here = format!("linux.namespaces[{number}]");
        let word = serde_json::to_value(one.typ()).unwrap_or_default();
        let word = word.as_str().unwrap_or_default();
        if !seen.insert(word.to_owned()) {
            return Err(refused(&here, &format!("a second one of type {word}")));
        }
        match (one.typ(), one.path()) {
            (LinuxNamespaceType::User, _) => {
                return Err(refused(&here, "explore makes and joins no user namespace for another engine"));
            }
            (LinuxNamespaceType::Mount | LinuxNamespaceType::Time, Some(_)) => {
                let why = format!("explore joins no {word} namespace of somebody else");
                return Err(refused(&format!("{here}.path"), &why));
            }
            (_, Some(path)) if !path.is_absolute() => {
                return Err(refused(&format!("{here}.path"), "it must be absolute"));
            }
            _ => {}
        }
    }
    if listed.iter().all(|one| one.typ() != LinuxNamespaceType::Mount) {
        return Err(refused("linux.namespaces", "without one of type mount the host's own root would change"));
    }
    Ok(())
}

/// What every runtime adds: the devices that all containers may use, after a rule that closes all others
/// (runc, libcontainer/specconv, `AllowedDevices`).
fn complete(spec: &mut Spec) -> Result<(), OciError> {
    let Some(linux) = spec.linux_mut() else { return Ok(()) };
    let mut resources = without_zeros(linux.resources().clone().unwrap_or_default());
    if user::in_user_namespace() {
        // Nodes of devices cannot be made there, and rules have nothing to hold on to.
        resources.set_devices(None);
    } else {
        let mut rules = resources.devices().clone().unwrap_or_default();
        let about_all = |rule: &LinuxDeviceCgroup| rule.major().is_none_or(|one| one < 0) && rule.typ().is_none();
        if !rules.iter().any(about_all) {
            rules.insert(0, rule(&json!({ "allow": false, "access": "rwm" }))?);
        }
        for (kind, major, minor, access) in DEFAULT_RULES {
            rules
                .push(rule(&json!({ "allow": true, "type": kind, "major": major, "minor": minor, "access": access }))?);
        }
        resources.set_devices(Some(rules));
    }
    linux.set_resources(Some(resources));
    Ok(())
}

fn rule(value: &Value) -> Result<LinuxDeviceCgroup, OciError> {
    serde_json::from_value(value.clone()).map_err(|error| refused("linux.resources.devices", &error.to_string()))
}

/// Docker writes 0 for what was not asked; so does runc read it.
fn without_zeros(mut resources: LinuxResources) -> LinuxResources {
    if let Some(cpu) = resources.cpu().clone() {
        resources.set_cpu(Some(cpu_without_zeros(cpu)));
    }
    if let Some(memory) = *resources.memory() {
        resources.set_memory(Some(memory_without_zeros(memory)));
    }
    if let Some(mut block) = resources.block_io().clone() {
        block.set_weight(block.weight().filter(|weight| *weight != 0));
        resources.set_block_io(Some(block));
    }
    if resources.pids().as_ref().is_some_and(|pids| pids.limit() == 0) {
        resources.set_pids(None);
    }
    resources
}

fn cpu_without_zeros(mut cpu: LinuxCpu) -> LinuxCpu {
    cpu.set_shares(cpu.shares().filter(|shares| *shares != 0));
    cpu.set_quota(cpu.quota().filter(|quota| *quota != 0));
    cpu.set_period(cpu.period().filter(|period| *period != 0));
    cpu
}

fn memory_without_zeros(mut memory: LinuxMemory) -> LinuxMemory {
    let some = |value: Option<i64>| value.filter(|value| *value != 0);
    memory.set_limit(some(memory.limit()));
    memory.set_reservation(some(memory.reservation()));
    memory.set_swap(some(memory.swap()));
    memory
}

/// What `spec` writes: a shell in a root beside the file, with the rights and the view of a container.
pub fn template() -> Value {
    let kept = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
    debug_assert!(capability::Set::of(&kept).0 != 0, "these are names of capabilities");
    let mount = |target: &str, kind: &str, source: &str, options: &[&str]| json!({ "destination": target, "type": kind, "source": source, "options": options });
    let plain = ["nosuid", "noexec", "nodev"];
    let masked = ["/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats"];
    let masked_too = ["/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi"];
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": true,
            "user": { "uid": 0, "gid": 0 },
            "args": ["sh"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
            "cwd": "/",
            "capabilities": { "bounding": kept, "effective": kept, "permitted": kept },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "explore",
        "mounts": [
            mount("/proc", "proc", "proc", &[]),
            mount("/dev", "tmpfs", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
            mount("/dev/pts", "devpts", "devpts",
                &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
            mount("/dev/shm", "tmpfs", "shm", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
            mount("/dev/mqueue", "mqueue", "mqueue", &plain),
            mount("/sys", "sysfs", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
            mount("/sys/fs/cgroup", "cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime", "ro"]),
        ],
        "linux": {
            "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
            "namespaces": [
                { "type": "pid" }, { "type": "network" }, { "type": "ipc" }, { "type": "uts" }, { "type": "mount" },
                { "type": "cgroup" },
            ],
            "maskedPaths": masked.into_iter().chain(masked_too).collect::<Vec<_>>(),
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    })
}
