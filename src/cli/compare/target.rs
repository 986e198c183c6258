//! Which process a name means.

use crate::cli::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::namespace::Kind;
use crate::stages::create::{self, Container, CreateError};
use crate::stages::exec;
use crate::stages::place::{Place, PlaceError};
use crate::state::Roots;

/// The process that stands for a place, and what that place is about.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) pid: i32,
    pub(super) subject: Vec<Kind>,
    pub(super) helpers: Vec<Kind>,
}

#[derive(Debug, thiserror::Error)]
enum TargetError {
    #[error("there is no process {0}")]
    NoProcess(String),
    #[error("no container and no place is called {0:?}")]
    NoName(String),
    #[error("the container {0:?} does not run")]
    NotRunning(String),
    #[error("no container runs, and no place stands")]
    Nothing,
}

impl Explain for TargetError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoProcess(_) => "`ps -e` lists the numbers; it may have just ended".into(),
            Self::NoName(_) => {
                "`explore ps -a` lists containers, `explore ns ls` places; a number is a PID of this machine".into()
            }
            Self::NotRunning(name) => format!("`explore start {name}` starts it; without a process there is no inside"),
            Self::Nothing => {
                "name a process by its PID, or make a place: explore ns create box --pid --mount --proc".into()
            }
        })
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

/// A number is a PID, if there is such a process. Anything else is a container, by its name or the beginning of its
/// ID, or a place; without a name it is the one that was started last.
pub(super) fn find(name: Option<&str>, context: &Context) -> anyhow::Result<Target> {
    match name {
        // The beginning of an ID may be digits only: then it means a container unless a process has that number.
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => match process(number) {
            Some(target) => Ok(target),
            None => {
                named(number, &context.roots()?)?.ok_or_else(|| explained(TargetError::NoProcess(number.to_owned())))
            }
        },
        Some(name) => named(name, &context.roots()?)?.ok_or_else(|| explained(TargetError::NoName(name.to_owned()))),
        None => last(&context.roots()?),
    }
}

fn process(number: &str) -> Option<Target> {
    let pid = number.parse::<i32>().ok().filter(|pid| std::path::Path::new(&format!("/proc/{pid}")).exists())?;
    Some(Target { pid, subject: Vec::new(), helpers: Vec::new() })
}

fn named(name: &str, roots: &Roots) -> anyhow::Result<Option<Target>> {
    match create::find(roots, name) {
        Ok(container) => {
            let target = of_container(roots, &container).map(|(_, target)| target);
            return target.ok_or_else(|| explained(TargetError::NotRunning(name.to_owned()))).map(Some);
        }
        Err(CreateError::NoSuchContainer(_)) => {}
        Err(error) => return Err(explained(error)),
    }
    match Place::find(roots, name) {
        Ok(place) => Ok(Some(of_place(&place))),
        Err(PlaceError::NotFound(_) | PlaceError::Name(_)) => Ok(None),
        Err(error) => Err(explained(error)),
    }
}

fn last(roots: &Roots) -> anyhow::Result<Target> {
    let containers = create::list(roots).map_err(explained)?;
    let places = Place::list(roots).map_err(explained)?;
    let running = containers.iter().filter_map(|container| of_container(roots, container));
    let standing = places.iter().filter(|place| place.init.is_alive()).map(|place| (place.created, of_place(place)));
    let newest = running.chain(standing).max_by_key(|(since, _)| *since);
    newest.map(|(_, target)| target).ok_or_else(|| explained(TargetError::Nothing))
}

/// Since when it runs, and as what; `None` where it does not.
fn of_container(roots: &Roots, container: &Container) -> Option<(u64, Target)> {
    let running = exec::running(roots, &container.id)?;
    let subject = kinds_of(roots, &container.id);
    // Without root a user namespace gives the right to make the others.
    let rootless = !nix::unistd::geteuid().is_root() && !subject.contains(&Kind::User);
    let helpers = if rootless { vec![Kind::User] } else { Vec::new() };
    Some((running.started, Target { pid: running.init.pid, subject, helpers }))
}

fn of_place(place: &Place) -> Target {
    Target { pid: place.init.pid, subject: place.spec.kinds(), helpers: place.helpers.clone() }
}

/// The namespaces that its OCI configuration asks for (runtime-spec, config-linux.md, "Namespaces").
fn kinds_of(roots: &Roots, id: &str) -> Vec<Kind> {
    let text = std::fs::read_to_string(create::folder(roots, id).join("config.json")).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let names = config["linux"]["namespaces"].as_array().into_iter().flatten();
    names.filter_map(|one| kind_named(one["type"].as_str()?)).collect()
}

fn kind_named(name: &str) -> Option<Kind> {
    match name {
        "mount" => Some(Kind::Mnt),
        "network" => Some(Kind::Net),
        other => Kind::ALL.into_iter().find(|kind| kind.link() == other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_in_the_oci_configuration() {
        let names = ["mount", "network", "uts", "pid", "ipc", "user", "cgroup", "time"];
        let mut kinds: Vec<Kind> = names.into_iter().filter_map(kind_named).collect();
        kinds.sort();
        let mut all = Kind::ALL;
        all.sort();
        assert_eq!(kinds, all);
    }
}
