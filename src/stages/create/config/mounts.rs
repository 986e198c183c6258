//! `mounts` of config.json: what the kernel makes up, the three files of /etc, and what was asked for besides. The order
//! is that in which they are made: what lies deeper comes later (moby daemon/oci_linux.go, `withMounts`).

use super::super::{Container, MountPoint, Propagation, Request, What};
use crate::kernel::cgroup::{self, Hierarchy};
use crate::kernel::user;
use crate::stages::volume;
use crate::state::Roots;
use serde_json::{Value, json};
use std::path::Path;

/// What stays writable with `--read-only`: nothing of it outlives the container.
const WRITABLE: [&str; 5] = ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"];

/// All of them.
pub(super) fn all(
    roots: &Roots,
    container: &Container,
    request: &Request,
    trees: &[Hierarchy],
    bundle: &Path,
) -> Vec<Value> {
    let read_only = request.mounts.read_only;
    let is_taken = |path: &str| container.mounts.iter().any(|one| one.target == Path::new(path));
    let mut all = of_the_kernel(trees, request.mounts.shm_size);
    // A mount of the user's takes the place of one of ours; a /dev of his own brings its own content.
    all.retain(|one| {
        let path = one["destination"].as_str().unwrap_or_default();
        !(is_taken(path) || path.starts_with("/dev/") && is_taken("/dev"))
    });
    for one in all.iter_mut().filter(|one| read_only && !WRITABLE.iter().any(|path| one["destination"] == *path)) {
        if let Some(options) = one["options"].as_array_mut().filter(|options| !options.contains(&json!("ro"))) {
            options.push(json!("ro"));
        }
    }
    let etc = ["resolv.conf", "hostname", "hosts"].map(|name| (bundle.join(name), format!("/etc/{name}")));
    let etc = etc.iter().filter(|(_, target)| !is_taken(target));
    let mut more: Vec<(usize, Value)> = etc
        .map(|(file, target)| (3, bind(file, Path::new(target), read_only, "rbind", Some(Propagation::Rprivate))))
        .collect();
    more.extend(container.mounts.iter().map(|one| (one.depth(), described(roots, one))));
    more.sort_by_key(|(depth, _)| *depth);
    all.extend(more.into_iter().map(|(_, one)| one));
    all
}

/// What the whole tree of mounts must let through so that one of its folders can (runc libcontainer, `prepareRoot`).
pub(super) fn root_propagation(container: &Container) -> Option<&'static str> {
    let has = |wanted: [Propagation; 2]| {
        let is = |one: &MountPoint| matches!(&one.what, What::Bind { propagation, .. } if wanted.contains(propagation));
        container.mounts.iter().any(is)
    };
    if has([Propagation::Shared, Propagation::Rshared]) {
        return Some("shared");
    }
    has([Propagation::Slave, Propagation::Rslave]).then_some("rslave")
}

fn described(roots: &Roots, one: &MountPoint) -> Value {
    match &one.what {
        What::Bind { source, recursive, propagation, .. } => {
            let kind = if *recursive { "rbind" } else { "bind" };
            bind(source, &one.target, one.read_only, kind, Some(*propagation))
        }
        What::Volume { name, .. } => {
            let data = volume::data(roots, name);
            bind(&data, &one.target, one.read_only, "rbind", None)
        }
        What::Tmpfs { options } => {
            json!({ "destination": one.target, "type": "tmpfs", "source": "tmpfs", "options": options })
        }
    }
}

fn bind(source: &Path, target: &Path, read_only: bool, kind: &str, propagation: Option<Propagation>) -> Value {
    let mode = if read_only { "ro" } else { "rw" };
    let words: Vec<&str> = [Some(kind), propagation.map(Propagation::word), Some(mode)].into_iter().flatten().collect();
    json!({ "destination": target, "type": "bind", "source": source, "options": words })
}

/// The filesystems that the kernel makes up. Docker's, in Docker's order and with its options.
fn of_the_kernel(trees: &[Hierarchy], shm_size: Option<i64>) -> Vec<Value> {
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
    // In version 1 an ordinary user has no groups, and there is nothing to show.
    let shown = cgroup::layout(trees) == "v2" || !user::in_user_namespace();
    if shown && !trees.is_empty() {
        let mut tree = mount("/sys/fs/cgroup", "cgroup", &["ro", "nosuid", "noexec", "nodev"]);
        tree["source"] = json!("cgroup");
        all.push(tree);
    }
    all.push(mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]));
    // Docker takes 0 for nothing said.
    let size = format!("size={}", shm_size.filter(|size| *size > 0).unwrap_or(64 << 20));
    let mut shm = mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", &size]);
    shm["source"] = json!("shm");
    all.push(shm);
    all
}
