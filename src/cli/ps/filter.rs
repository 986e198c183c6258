//! `ps --filter`: moby's names of filters; several of one name are alternatives, different names must all hold.

use super::state;
use crate::cli::moment::Moment;
use crate::error::Explain;
use crate::exit::Exit;
use crate::image;
use crate::stages::create::{self, Container, CreateError, Status};
use crate::stages::exec::Running;
use crate::stages::network::{self, Lease, NetworkError, Port, publish};
use crate::state::Roots;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// One container that may be listed.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) container: Container,
    pub(super) running: Option<Running>,
}

/// `NAME=VALUE`.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Filter {
    name: String,
    value: String,
}

impl FromStr for Filter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, value) = text.split_once('=').ok_or("bad format of filter (expected name=value)")?;
        Ok(Self { name: name.trim().to_lowercase(), value: value.trim().to_owned() })
    }
}

/// What docker's daemon would refuse.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum FilterError {
    /// No such filter.
    #[error("invalid filter '{0}'")]
    Name(String),
    /// Not one of its values.
    #[error("invalid filter '{name}={value}'")]
    Value {
        /// Of which.
        name: String,
        /// Which.
        value: String,
    },
    /// It names a container that is not there.
    #[error(transparent)]
    Container(#[from] CreateError),
    /// What the networks have given out cannot be read.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl Explain for FilterError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Name(_) => Some(NAMES.join(", ")),
            Self::Value { name, .. } if name == "status" => Some(STATES.join(", ")),
            Self::Value { name, .. } if name == "until" => Some("10m, 24h, or 2026-11-24T13:00:00Z".into()),
            Self::Value { name, .. } if name == "health" => Some(HEALTHS.join(", ")),
            Self::Value { name, .. } if name == "is-task" || name == "all" => Some(["true", "false"].join(", ")),
            Self::Value { name, .. } if name == "exited" => Some("an exit code is a number".into()),
            Self::Value { .. } => Some("80, 80/udp, 8000-8080/tcp".into()),
            Self::Container(error) => error.hint(),
            Self::Network(error) => error.hint(),
        }
    }

    fn exit(&self) -> Exit {
        Exit::Failed
    }
}

const STATES: [&str; 7] = ["created", "restarting", "running", "removing", "paused", "exited", "dead"];
const HEALTHS: [&str; 4] = ["none", "starting", "healthy", "unhealthy"];
/// No container is a task of a swarm, has a health or an isolation here.
const NAMES: [&str; 15] = [
    "id",
    "name",
    "status",
    "exited",
    "ancestor",
    "label",
    "before",
    "since",
    "network",
    "volume",
    "publish",
    "expose",
    "health",
    "is-task",
    "isolation",
];

impl Filter {
    /// Whether it is about those that do not run as well.
    pub(super) fn names_a_state(&self) -> bool {
        matches!(self.name.as_str(), "status" | "exited")
    }

    /// `container prune` knows two.
    pub(in crate::cli) fn check_for_prune(&self) -> Result<(), FilterError> {
        match self.name.as_str() {
            "label" | "label!" => Ok(()),
            "until" if self.value.parse::<Moment>().is_ok() => Ok(()),
            "until" => Err(FilterError::Value { name: self.name.clone(), value: self.value.clone() }),
            _ => Err(FilterError::Name(self.name.clone())),
        }
    }

    /// `volume prune` knows no time, and a word for `--all`.
    pub(in crate::cli) fn check_for_volumes(&self) -> Result<(), FilterError> {
        match self.name.as_str() {
            "label" | "label!" => Ok(()),
            "all" if matches!(self.value.as_str(), "true" | "1" | "false" | "0") => Ok(()),
            "all" => Err(FilterError::Value { name: self.name.clone(), value: self.value.clone() }),
            _ => Err(FilterError::Name(self.name.clone())),
        }
    }

    /// Whether it is that word.
    pub(in crate::cli) fn is_all(&self) -> bool {
        self.name == "all" && matches!(self.value.as_str(), "true" | "1")
    }

    /// Whether it holds for one that is not used.
    pub(in crate::cli) fn holds_for_prune(&self, labels: &BTreeMap<String, String>, created: u64) -> bool {
        match self.name.as_str() {
            "label" => has_label(labels, &self.value),
            "label!" => !has_label(labels, &self.value),
            "all" => true,
            _ => self.value.parse::<Moment>().is_ok_and(|until| created < until.seconds()),
        }
    }

    fn check(&self) -> Result<(), FilterError> {
        let good = match self.name.as_str() {
            "status" => STATES.contains(&self.value.as_str()),
            "exited" => self.value.parse::<i32>().is_ok(),
            "publish" | "expose" => publish::ports(&self.value).is_ok(),
            "health" => HEALTHS.contains(&self.value.as_str()),
            "is-task" => ["true", "1", "false", "0"].contains(&self.value.as_str()),
            name if NAMES.contains(&name) => true,
            _ => return Err(FilterError::Name(self.name.clone())),
        };
        if good { Ok(()) } else { Err(FilterError::Value { name: self.name.clone(), value: self.value.clone() }) }
    }
}

/// What filters need to know of others.
pub(super) struct Context {
    /// For each filter: when the container that it names was made, or the images that it names.
    known: Vec<Known>,
}

enum Known {
    Nothing,
    Made(u64),
    Images(BTreeSet<String>),
    Id(Option<String>),
    Ports(Vec<Lease>),
}

impl Context {
    /// Looks up what the filters name.
    pub(super) fn of(roots: &Roots, filters: &[Filter], all: &[Candidate]) -> Result<Self, FilterError> {
        let mut known = Vec::new();
        for one in filters {
            one.check()?;
            known.push(match one.name.as_str() {
                "before" | "since" => Known::Made(create::find(roots, &one.value)?.created_nanos),
                "id" => Known::Id(only(&one.value, all)),
                "publish" => Known::Ports(network::leases(roots)?),
                "ancestor" => Known::Images(descendants(roots, &one.value, all)),
                _ => Known::Nothing,
            });
        }
        Ok(Self { known })
    }

    pub(super) fn holds(&self, filters: &[Filter], one: &Candidate) -> bool {
        // The two sides of a port are one question.
        let kind = |filter: &Filter| if filter.name == "expose" { "publish".to_owned() } else { filter.name.clone() };
        let names: BTreeSet<String> = filters.iter().map(kind).collect();
        names.into_iter().all(|name| {
            let mut same = filters.iter().zip(&self.known).filter(|(filter, _)| kind(filter) == name);
            // Labels must all be there; of other things one is enough.
            let holds = |(filter, known): (&Filter, &Known)| holds(filter, known, one);
            if name == "label" { same.all(holds) } else { same.any(holds) }
        })
    }
}

fn holds(filter: &Filter, known: &Known, one: &Candidate) -> bool {
    let container = &one.container;
    match (filter.name.as_str(), known) {
        ("id", Known::Id(id)) => id.as_ref() == Some(&container.id),
        ("name", _) => is_like(&container.name, &filter.value),
        ("status", _) => state(container, one.running.as_ref()) == filter.value,
        ("exited", _) => {
            let code = match container.status {
                Status::Exited { how, .. } if one.running.is_none() => Some(how.code().to_string()),
                _ => None,
            };
            code.as_ref() == Some(&filter.value)
        }
        ("ancestor", Known::Images(images)) => images.contains(&container.image_id),
        ("label", _) => has_label(&container.labels, &filter.value),
        ("before", Known::Made(then)) => container.created_nanos < *then,
        ("since", Known::Made(then)) => container.created_nanos > *then,
        ("network", _) => {
            crate::cli::inspect::connected(container).contains(&filter.value)
                || container.network.to_string() == filter.value
        }
        ("volume", _) => container.mounts.iter().any(|one| {
            let is_target = one.target.as_os_str() == filter.value.as_str();
            is_target || crate::cli::inspect::shown_mount(one).is_some_and(|shown| shown == filter.value)
        }),
        ("publish", Known::Ports(leases)) => {
            let own = leases.iter().filter(|lease| lease.container == container.id);
            let mut here = own.flat_map(|lease| &lease.published);
            here.any(|one| is_among(Port { number: one.port, protocol: one.protocol }, &filter.value))
        }
        // Docker knows the ports of what runs.
        ("expose", _) => {
            one.running.is_some() && container.wish.exposed.iter().any(|one| is_among(*one, &filter.value))
        }
        ("health", _) => filter.value == "none",
        ("is-task", _) => ["false", "0"].contains(&filter.value.as_str()),
        ("isolation", _) => true,
        _ => false,
    }
}

/// The one whose ID begins so; none where several do.
fn only(prefix: &str, all: &[Candidate]) -> Option<String> {
    let mut like = all.iter().filter(|one| !prefix.is_empty() && one.container.id.starts_with(prefix));
    let found = like.next()?;
    like.next().is_none().then(|| found.container.id.clone())
}

/// `80`, `80/udp`, `80-90/tcp`.
fn is_among(port: Port, wanted: &str) -> bool {
    publish::ports(wanted).is_ok_and(|ports| ports.contains(&port))
}

/// `NAME`, or `NAME=VALUE`.
pub(in crate::cli) fn has_label(labels: &BTreeMap<String, String>, wanted: &str) -> bool {
    match wanted.split_once('=') {
        Some((name, value)) => labels.get(name).is_some_and(|one| one == value),
        None => labels.contains_key(wanted),
    }
}

/// Docker takes a regular expression; of those, `^` and `$` at the ends are understood here. Its names begin with `/`.
fn is_like(name: &str, pattern: &str) -> bool {
    let (anchored, rest) = pattern.strip_prefix('^').map_or((false, pattern), |rest| (true, rest));
    let rest = rest.strip_prefix('/').unwrap_or(rest);
    match (anchored, rest.strip_suffix('$')) {
        (true, Some(whole)) => name == whole,
        (true, None) => name.starts_with(rest),
        (false, Some(end)) => name.ends_with(end),
        (false, None) => name.contains(rest),
    }
}

/// The image of that name or ID, and all whose layers begin with all of its own.
fn descendants(roots: &Roots, wanted: &str, all: &[Candidate]) -> BTreeSet<String> {
    let Ok(ancestor) = image::find(roots, wanted) else { return BTreeSet::new() };
    let mut images: BTreeSet<String> = all.iter().map(|one| one.container.image_id.clone()).collect();
    images.retain(|id| {
        let layers = |image: &image::Image| image.layers.iter().map(|one| one.chain_id.clone()).collect::<Vec<_>>();
        *id == ancestor.id
            || image::find(roots, id)
                .is_ok_and(|one| ancestor.layers.last().is_some_and(|top| layers(&one).contains(&top.chain_id)))
    });
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_like_another_as_far_as_docker_would_say_so() {
        for (pattern, holds) in [("web", true), ("^web", true), ("^/web1$", true), ("^eb", false), ("b$", false)] {
            assert_eq!(is_like("web1", pattern), holds, "{pattern}");
        }
    }
}
