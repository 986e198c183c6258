//! Docker's form of a profile: rules with conditions on the machine and on the container's capabilities. `create`
//! resolves it into the plain list that the OCI runtime specification has.
//!
//! `default.json` holds the rules of moby/profiles seccomp v0.2.3, which Docker 29.5 to 29.8 build in.

use super::filter::{FilterError, compile};
use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompBuilder, LinuxSeccompFilterFlag, LinuxSyscall,
    LinuxSyscallBuilder,
};
use serde::Deserialize;

/// A profile as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    default_action: Option<LinuxSeccompAction>,
    default_errno_ret: Option<u32>,
    architectures: Option<Vec<Arch>>,
    arch_map: Option<Vec<Family>>,
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    syscalls: Option<Vec<Rule>>,
}

/// The other ABIs that a machine of this architecture has.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    architecture: Arch,
    sub_architectures: Option<Vec<Arch>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    /// Profiles of before 2017 have one name in a rule.
    name: Option<String>,
    names: Option<Vec<String>>,
    action: LinuxSeccompAction,
    errno_ret: Option<u32>,
    args: Option<Vec<LinuxSeccompArg>>,
    includes: Option<Condition>,
    excludes: Option<Condition>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Condition {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// What a profile is resolved for.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The container's bounding set, by name.
    pub capabilities: &'a [String],
    /// The first two numbers of the kernel's release.
    pub kernel: (u32, u32),
}

/// What is wrong with a profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Not JSON, or not of this shape; the source says in which line and column.
    #[error("it is no seccomp profile")]
    Shape(#[source] serde_json::Error),
    /// Two ways to say one thing.
    #[error("'architectures' and 'archMap' are both there; one of them may be")]
    BothArchitectures,
    /// The same in a rule.
    #[error("rule {0} has both 'name' and 'names'; one of them may be there")]
    BothNames(usize),
    /// Not a release.
    #[error("rule {0} wants a kernel {1:?}, and that is not of the form 4.8")]
    Kernel(usize, String),
    /// Without it nobody knows what becomes of a call that no rule names.
    #[error("it has rules, and no 'defaultAction' for all other calls")]
    NoDefault,
    /// Its rules cannot be followed.
    #[error(transparent)]
    Rules(#[from] FilterError),
}

/// Go's name of this architecture, which the rules use.
const MACHINE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
const NATIVE: Arch = if cfg!(target_arch = "aarch64") { Arch::ScmpArchAarch64 } else { Arch::ScmpArchX86_64 };

impl Profile {
    /// Docker's own.
    ///
    /// # Errors
    /// [`ProfileError::Shape`], if the file that is built in were damaged.
    pub fn docker() -> Result<Self, ProfileError> {
        Self::parse(include_str!("default.json"))
    }

    /// The rules of Docker's own that hold in this place. That they can be followed is known: tests do.
    ///
    /// # Errors
    /// [`ProfileError::Shape`], as above.
    pub fn of_docker(place: Place<'_>) -> Result<Option<LinuxSeccomp>, ProfileError> {
        Self::docker()?.rules(place)
    }

    /// Reads a profile.
    ///
    /// # Errors
    /// [`ProfileError::Shape`].
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        serde_json::from_str(text).map_err(ProfileError::Shape)
    }

    /// The rules that hold in this place; `None` where the profile says nothing, which docker takes for "no filter".
    /// What cannot be followed is refused now, not when the container starts.
    ///
    /// # Errors
    /// All of [`ProfileError`] but [`ProfileError::Shape`].
    pub fn resolve(self, place: Place<'_>) -> Result<Option<LinuxSeccomp>, ProfileError> {
        let rules = self.rules(place)?;
        rules.as_ref().map(compile).transpose()?;
        Ok(rules)
    }

    fn rules(self, place: Place<'_>) -> Result<Option<LinuxSeccomp>, ProfileError> {
        let rules = self.syscalls.unwrap_or_default();
        let Some(default) = self.default_action else {
            return if rules.is_empty() { Ok(None) } else { Err(ProfileError::NoDefault) };
        };
        let mut builder = LinuxSeccompBuilder::default().default_action(default);
        if let Some(errno) = self.default_errno_ret {
            builder = builder.default_errno_ret(errno);
        }
        if let Some(flags) = self.flags {
            builder = builder.flags(flags);
        }
        if let Some(architectures) = architectures(self.architectures, self.arch_map)? {
            builder = builder.architectures(architectures);
        }
        let mut kept = Vec::with_capacity(rules.len());
        for (number, rule) in rules.into_iter().enumerate() {
            if applies(&rule, place, number)? {
                kept.push(plain(rule, number)?);
            }
        }
        Ok(Some(builder.syscalls(kept).build().unwrap_or_default()))
    }
}

/// The list that was given, or this machine's family; nothing where neither is there.
fn architectures(listed: Option<Vec<Arch>>, map: Option<Vec<Family>>) -> Result<Option<Vec<Arch>>, ProfileError> {
    let listed = listed.filter(|list| !list.is_empty());
    let map = map.filter(|map| !map.is_empty());
    if listed.is_some() && map.is_some() {
        return Err(ProfileError::BothArchitectures);
    }
    let family = map.into_iter().flatten().find(|family| family.architecture == NATIVE);
    Ok(listed.or_else(|| {
        family.map(|family| [NATIVE].into_iter().chain(family.sub_architectures.unwrap_or_default()).collect())
    }))
}

/// `includes`: all of it must be so. `excludes`: none of it may be.
fn applies(rule: &Rule, place: Place<'_>, number: usize) -> Result<bool, ProfileError> {
    let has = |cap: &String| place.capabilities.contains(cap);
    if let Some(without) = &rule.excludes {
        let here = without.arches.iter().flatten().any(|arch| arch == MACHINE)
            || without.caps.iter().flatten().any(has)
            || reached(without, place, number)?.unwrap_or(false);
        if here {
            return Ok(false);
        }
    }
    let Some(only) = &rule.includes else { return Ok(true) };
    let somewhere = only.arches.as_ref().filter(|arches| !arches.is_empty());
    Ok(somewhere.is_none_or(|arches| arches.iter().any(|arch| arch == MACHINE))
        && only.caps.iter().flatten().all(has)
        && reached(only, place, number)?.unwrap_or(true))
}

/// Whether the kernel is as new as a rule wants; `None` where it wants nothing.
fn reached(condition: &Condition, place: Place<'_>, number: usize) -> Result<Option<bool>, ProfileError> {
    let Some(text) = &condition.min_kernel else { return Ok(None) };
    let parsed = text.split_once('.').and_then(|(one, two)| Some((one.parse().ok()?, two.parse().ok()?)));
    let wanted: (u32, u32) = parsed.ok_or_else(|| ProfileError::Kernel(number, text.clone()))?;
    Ok(Some(place.kernel >= wanted))
}

fn plain(rule: Rule, number: usize) -> Result<LinuxSyscall, ProfileError> {
    let names = match (rule.name.filter(|name| !name.is_empty()), rule.names.unwrap_or_default()) {
        (Some(_), names) if !names.is_empty() => return Err(ProfileError::BothNames(number)),
        (Some(name), _) => vec![name],
        (None, names) => names,
    };
    let mut builder = LinuxSyscallBuilder::default().names(names).action(rule.action);
    if let Some(errno) = rule.errno_ret {
        builder = builder.errno_ret(errno);
    }
    if let Some(args) = rule.args.filter(|args| !args.is_empty()) {
        builder = builder.args(args);
    }
    Ok(builder.build().unwrap_or_default())
}
