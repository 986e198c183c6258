//! What is there of one container, now: looked up, sorted, and compared with a moment before.

use crate::kernel::namespace::{self, Kind};
use crate::stages::create::{self, Container};
use crate::stages::{exec, layer, network};
use crate::state::{Effect, Entry, Journal, Roots};
use serde::Serialize;
use std::collections::BTreeSet;
use std::os::fd::AsFd;

/// Everything that is there of one container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Observed {
    /// On this machine: a line each.
    pub machine: BTreeSet<String>,
    /// In the container's own namespaces.
    pub inside: BTreeSet<String>,
}

/// Came, or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// It was not there before.
    New,
    /// It is there no more.
    Gone,
}

/// One line of difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Came, or went.
    pub sign: Sign,
    /// What.
    pub what: String,
}

impl Observed {
    /// What has changed since `before`: on this machine, and inside.
    pub fn since(&self, before: &Self) -> [Vec<Change>; 2] {
        let changes = |now: &BTreeSet<String>, then: &BTreeSet<String>| {
            let new = now.difference(then).map(|what| Change { sign: Sign::New, what: what.clone() });
            let gone = then.difference(now).map(|what| Change { sign: Sign::Gone, what: what.clone() });
            new.chain(gone).collect()
        };
        [changes(&self.machine, &before.machine), changes(&self.inside, &before.inside)]
    }
}

/// What containers share that run already: no stage of another one has brought it.
pub fn shared(roots: &Roots) -> Observed {
    let mut seen = Observed::default();
    see_claimed(&Journal::at(roots.journal()).entries().unwrap_or_default(), "network", &mut seen);
    seen
}

/// Looks up what is there of an image and, once it is made, of a container on it.
pub fn observe(roots: &Roots, image: &str, container: Option<&Container>) -> Observed {
    let mut seen = Observed::default();
    see_image(roots, image, &mut seen);
    let entries = Journal::at(roots.journal()).entries().unwrap_or_default();
    // Also before there is a container: what it will share with others may be there.
    see_claimed(&entries, "network", &mut seen);
    let Some(container) = container else { return seen };
    let Ok(container) = create::find(roots, &container.id) else { return seen };
    see_files(roots, &container, &mut seen);
    see_claimed(&entries, &container.id, &mut seen);
    see_running(roots, &container, &mut seen);
    see_inside(roots, &container, &mut seen);
    seen
}

fn see_image(roots: &Roots, image: &str, seen: &mut Observed) {
    let Ok(image) = crate::image::find(roots, image) else { return };
    let short = |digest: &str| digest.trim_start_matches("sha256:").get(..12).unwrap_or(digest).to_owned();
    seen.machine.insert(format!("image {} = {}", image.reference, short(&image.id)));
    for (number, layer) in image.layers.iter().enumerate() {
        let below = if number == 0 { "the base" } else { "on the one before" };
        let diff = short(&layer.diff_id.to_string());
        seen.machine.insert(format!("layer {} of {}: {diff}, unpacked, {below}", number + 1, image.layers.len()));
    }
}

fn see_files(roots: &Roots, container: &Container, seen: &mut Observed) {
    let id = &container.id[..12];
    seen.machine.insert(format!("folder containers/{id}…: its config.json, its record"));
    let Ok(view) = layer::view(roots, container) else { return };
    let written: Vec<String> = view
        .upper_entries
        .iter()
        .map(|(kind, path)| {
            let path = path.display();
            if *kind == 'D' { format!("upper: {path} deleted") } else { format!("upper: {path} written") }
        })
        .collect();
    if written.is_empty() {
        seen.machine.insert("upper: empty".into());
    }
    seen.machine.extend(written);
}

/// What the journal claims for an owner.
fn see_claimed(entries: &[Entry], owner: &str, seen: &mut Observed) {
    let of_owner = entries.iter().filter(|entry| entry.claim.owner == owner);
    seen.machine.extend(of_owner.flat_map(|entry| describe(&entry.effect)));
}

/// Who looks after it, and the address that it has.
fn see_running(roots: &Roots, container: &Container, seen: &mut Observed) {
    if let Some(running) = exec::running(roots, &container.id) {
        seen.machine.insert(format!("process {}: its supervisor", running.supervisor.pid));
    }
    if let Ok(Some(lease)) = network::lease_of(roots, &container.id) {
        seen.machine.insert(format!("address {} leased to it", lease.ip));
    }
}

fn describe(effect: &Effect) -> Vec<String> {
    vec![match effect {
        Effect::Process(identity) => format!("process {}: its PID 1, by its number here", identity.pid),
        Effect::Mount { fstype, .. } if fstype == "nsfs" => "mount: its network namespace, held by a file".into(),
        Effect::Mount { fstype, .. } => format!("mount: {fstype} at its rootfs"),
        Effect::Link { name, .. } => format!("interface {name}"),
        Effect::NftTable { name } => format!("packet filter: table {name} (masquerade)"),
        Effect::Cgroups { paths } => {
            return paths.iter().map(|path| format!("cgroup {}", shorten(&path.to_string_lossy()))).collect();
        }
        Effect::Controllers { folder, names, .. } => {
            format!("cgroup {}: hands on {}", folder.display(), names.join(", "))
        }
        Effect::Sysctl { path, before, after } => {
            let name = path.to_string_lossy().trim_start_matches("/proc/sys/").replace('/', ".");
            format!("setting {name}: {before} -> {after}")
        }
        Effect::Volume { name } => format!("volume {}", shorten(name)),
        Effect::Frozen { .. } | Effect::Path { .. } => return Vec::new(),
    }]
}

/// A cgroup's path ends with the whole ID: twelve digits are enough to know it.
fn shorten(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((front, id)) if id.len() == 64 => format!("{front}/{}…", &id[..12]),
        _ => path.to_owned(),
    }
}

/// What the container's own namespaces hold: its network as soon as there is one, the rest once PID 1 runs.
fn see_inside(roots: &Roots, container: &Container, seen: &mut Observed) {
    let running = exec::running(roots, &container.id);
    let netns = match &running {
        Some(running) => running.namespace(Kind::Net).ok(),
        None => network::pinned(roots, &container.id),
    };
    if let Some(netns) = netns
        && let Ok(view) = network::view(roots, &container.id, Some(netns.as_fd()))
    {
        see_network(&view, seen);
    }
    let Some(running) = running else { return };
    seen.inside.insert("process 1: the program".into());
    seen.inside.insert(format!("host name {}", container.hostname));
    seen.inside.insert("/: the union, and only the union".into());
    for kind in Kind::ALL {
        let (own, ours) =
            (namespace::identity(running.init.pid, kind), namespace::identity(running.supervisor.pid, kind));
        if let (Ok(own), Ok(ours)) = (own, ours) {
            let word = if own == ours { "shared with this side" } else { "its own" };
            seen.inside.insert(format!("{} namespace: {word}", kind.link()));
        }
    }
}

fn see_network(view: &network::View, seen: &mut Observed) {
    for address in &view.addresses {
        let name = view.links.iter().find(|link| link.index == address.link).map_or("?", |link| link.name.as_str());
        seen.inside.insert(format!("interface {name}: {}/{}", address.ip, address.prefix));
    }
    seen.inside.insert(format!("default route via {}", view.lease.gateway));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_what_went_are_told_apart() {
        let of = |lines: &[&str]| Observed {
            machine: lines.iter().map(|line| (*line).to_owned()).collect(),
            inside: BTreeSet::new(),
        };
        let [machine, inside] = of(&["a", "b"]).since(&of(&["b", "c"]));
        let shown: Vec<(Sign, &str)> = machine.iter().map(|change| (change.sign, change.what.as_str())).collect();
        assert_eq!(shown, [(Sign::New, "a"), (Sign::Gone, "c")]);
        assert_eq!(inside, []);
    }
}
