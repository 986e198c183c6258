//! The groups of containers, tree by tree, with the limits that are set in each and the processes that count there.

use super::{Node, Picture, Side, words};
use crate::kernel::cgroup::{self, Version};
use crate::lesson::catalog::Catalog;
use crate::stages::create::Container;
use crate::stages::exec;
use crate::state::Roots;
use std::path::{Path, PathBuf};

/// Files that hold a limit, in both versions; cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
const LIMITS: [&str; 14] = [
    "memory.max",
    "memory.high",
    "memory.swap.max",
    "memory.limit_in_bytes",
    "memory.memsw.limit_in_bytes",
    "cpu.max",
    "cpu.weight",
    "cpu.cfs_quota_us",
    "cpu.cfs_period_us",
    "cpu.shares",
    "cpuset.cpus",
    "io.max",
    "pids.max",
    "freezer.state",
];

/// The trees in which these containers have a group.
///
/// # Errors
/// The look at the mounted trees that failed.
pub fn cgroups(roots: &Roots, containers: &[Container], catalog: &Catalog) -> crate::kernel::Result<Picture> {
    let mut picture = Picture::new(catalog.say(words::GROUPS, &[]));
    let mut known: Vec<(PathBuf, usize)> = Vec::new();
    let trees = cgroup::hierarchies()?;
    for container in containers {
        let Some(running) = exec::running(roots, &container.id) else { continue };
        if running.cgroups.is_empty() {
            picture.notes.push(catalog.say(words::NO_GROUP, &[("name", &container.name)]));
        }
        for (_, group) in &running.cgroups {
            let Some(tree) = trees
                .iter()
                .filter(|tree| group.starts_with(&tree.mount))
                .max_by_key(|tree| tree.mount.as_os_str().len())
            else {
                continue;
            };
            add_way(&mut picture, &mut known, tree, (group, container), catalog);
        }
    }
    Ok(picture)
}

/// The groups from the top of a tree down to that of a container; what several containers share is there once.
fn add_way(
    picture: &mut Picture,
    known: &mut Vec<(PathBuf, usize)>,
    tree: &cgroup::Hierarchy,
    (group, container): (&Path, &Container),
    catalog: &Catalog,
) {
    let mut above = None;
    let mut folder = tree.mount.clone();
    for name in std::iter::once(None).chain(group.strip_prefix(&tree.mount).into_iter().flatten().map(Some)) {
        folder.extend(name);
        if let Some((_, number)) = known.iter().find(|(path, _)| *path == folder) {
            above = Some(*number);
            continue;
        }
        let node = match name {
            None => top(tree, catalog),
            Some(_) => one(&folder, (folder == *group).then_some(container), catalog),
        };
        let number = picture.add(above.map(|above| (above, "")), node);
        known.push((folder.clone(), number));
        above = Some(number);
    }
}

fn top(tree: &cgroup::Hierarchy, catalog: &Catalog) -> Node {
    let number = if tree.version == Version::V1 { "1" } else { "2" };
    let none = tree.controllers.is_empty();
    let controllers = if none { catalog.say(words::NO_CONTROLLER, &[]) } else { tree.controllers.join(", ") };
    let line = catalog.say(words::VERSION, &[("number", number), ("controllers", &controllers)]);
    Node::new(Side::Outside, tree.mount.display().to_string(), vec![line])
}

/// A group: the limits that are not the kernel's "no limit", and its members.
fn one(folder: &Path, container: Option<&Container>, catalog: &Catalog) -> Node {
    let mut lines: Vec<String> = LIMITS.iter().filter_map(|file| limit(folder, file)).collect();
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let members = cgroup::members(folder);
    if let Some(container) = container {
        let command = |pid: &i32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        lines.extend(members.iter().take(6).map(|pid| {
            catalog.say(words::PROCESS, &[("pid", &pid.to_string()), ("command", command(pid).trim_end())])
        }));
        if members.len() > 6 {
            lines.push(catalog.say(words::MORE, &[("number", &(members.len() - 6).to_string())]));
        }
        let short = container.id.get(..12).unwrap_or(&name).to_owned();
        let title = name.replace(&container.id, &short);
        return Node::new(Side::Inside, format!("{title} ({})", container.name), lines);
    }
    if !members.is_empty() {
        lines.push(catalog.say(words::MEMBERS, &[("number", &members.len().to_string())]));
    }
    Node::new(Side::Outside, name, lines)
}

/// `memory.max = 67108864`; nothing for what the kernel writes where there is no limit.
fn limit(folder: &Path, file: &str) -> Option<String> {
    let value = std::fs::read_to_string(folder.join(file)).ok()?;
    let value = value.trim();
    let unlimited = value.is_empty()
        || value == "max"
        || value == "-1"
        || value.starts_with("max ")
        // The largest page-aligned number: what version 1 says for "none".
        || value == "9223372036854771712"
        || matches!((file, value), ("cpu.weight", "100") | ("cpu.shares", "1024") | ("freezer.state", "THAWED"))
        || file == "cpu.cfs_period_us";
    (!unlimited).then(|| format!("{file} = {}", value.replace('\n', "; ")))
}
