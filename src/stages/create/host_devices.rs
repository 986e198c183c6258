//! `--privileged`: every device of this machine, as docker lists them (containerd `pkg/oci`, `HostDevices`).

use nix::sys::stat::{major, minor};
use serde_json::{Value, json};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

/// Folders that are mounts of their own in every container, and what other engines keep there.
const LEFT_OUT: [&str; 7] = ["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"];

/// The devices below `folder`, as entries of `linux.devices`, sorted by path. What goes away meanwhile is left out.
pub(super) fn below(folder: &Path) -> Vec<Value> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).collect();
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        // Of the entry itself: a link is no device, and leads nowhere from here.
        let Ok(about) = entry.metadata() else { continue };
        let name = entry.file_name();
        if about.is_dir() {
            if !LEFT_OUT.iter().any(|left| *left == name) {
                found.extend(below(&entry.path()));
            }
            continue;
        }
        let kind = match about.file_type() {
            kind if kind.is_char_device() => "c",
            kind if kind.is_block_device() => "b",
            _ => continue,
        };
        // The container's own: its terminal, and the way to more of them.
        if name == "console" || name == "ptmx" {
            continue;
        }
        found.push(json!({
            "path": entry.path(),
            "type": kind,
            "major": major(about.rdev()),
            "minor": minor(about.rdev()),
            "fileMode": about.mode() & 0o7777,
            "uid": about.uid(),
            "gid": about.gid(),
        }));
    }
    found
}
