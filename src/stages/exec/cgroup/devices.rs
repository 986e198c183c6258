//! The device rules of `config.json`, put into force in whichever version is here.

use super::super::StartFailure;
use super::groups::Joined;
use crate::kernel::bpf;
use crate::kernel::cgroup::device::{Kind, READ, Rule, WRITE, write_rules};
use crate::kernel::cgroup::{self, Version};
use crate::stages::create::DEFAULT_RULES;
use crate::stages::failure::Failure;
use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, LinuxResources, Spec};
use std::os::fd::AsFd;

/// Puts the rules into force: through the devices controller, or as a program on the group of version 2.
pub(super) fn guard(groups: &[Joined], resources: &LinuxResources) -> Result<(), StartFailure> {
    let rules = rules(resources);
    // A new group begins with all; with `--privileged` it stays so.
    if rules.iter().all(|rule| rule.allow && rule.is_about_all()) {
        return Ok(());
    }
    let why = "root inside may make any node, and opens only these";
    let step = || Failure::at("close the host's devices");
    let is_v1 = |one: &&Joined| {
        one.tree.version == Version::V1 && one.tree.has("devices") && one.folder.join("devices.allow").exists()
    };
    if let Some(group) = groups.iter().find(is_v1) {
        return Ok(write_rules(&group.folder, &rules, why).map_err(step())?);
    }
    let Some(group) = groups.iter().find(|one| one.tree.version == Version::V2) else { return unguarded(&rules) };
    let folder = cgroup::open(&group.folder).map_err(step())?;
    match bpf::guard_devices(folder.as_fd(), &rules, why) {
        // No right to load programs (inside another container), or a kernel without them.
        Err(error) if matches!(error.errno, libc::EPERM | libc::ENOSYS) && !more_than_usual(&rules) => Ok(()),
        other => Ok(other.map_err(step())?),
    }
}

/// Without any group devices stay closed by MS_NODEV alone, and none beyond the usual can be opened.
fn unguarded(rules: &[Rule]) -> Result<(), StartFailure> {
    if more_than_usual(rules) { Err(needs_controller()) } else { Ok(()) }
}

/// In a user namespace the kernel makes no node of a device at all, and rules have nothing to hold on to.
pub(super) fn refuse_rules(resources: &LinuxResources) -> Result<(), StartFailure> {
    let restricted = |rule: &Rule| rule.allow && rule.access != Rule::access("rwm");
    let added = rules(resources).into_iter().filter(|rule| !is_default(rule) && !rule.is_about_all());
    let whole = |rule: &Rule| rule.major.is_some() && rule.minor.is_some();
    if added.into_iter().any(|rule| rule.allow && (restricted(&rule) || !whole(&rule))) {
        return Err(needs_controller());
    }
    Ok(())
}

fn needs_controller() -> StartFailure {
    StartFailure::Told {
        chain: vec!["device rules need the devices controller or an eBPF program, and this user has neither".into()],
        hint: Some("run it as root; `--device /dev/…` without r, w or m behind it needs no rule".into()),
        code: 125,
    }
}

/// Whether nodes made inside are to be opened, so that the root of the container must not be MS_NODEV: the rules then
/// are all that guards the host's devices.
pub(in crate::stages::exec) fn opens_more(spec: &Spec, groups: &[Joined]) -> bool {
    let Some(linux) = spec.linux() else { return false };
    let Some(resources) = linux.resources() else { return false };
    let shown = |rule: &Rule| {
        let is_it = |one: &oci_spec::runtime::LinuxDevice| {
            (Some(one.major()), Some(one.minor())) == (rule.major.map(i64::from), rule.minor.map(i64::from))
        };
        linux.devices().iter().flatten().any(is_it)
    };
    let opens = |rule: &Rule| rule.allow && rule.access & (READ | WRITE) != 0 && !is_default(rule) && !shown(rule);
    !groups.is_empty() && rules(resources).iter().any(opens)
}

fn more_than_usual(rules: &[Rule]) -> bool {
    rules.iter().any(|rule| rule.allow && !is_default(rule))
}

fn is_default(rule: &Rule) -> bool {
    let same = |(kind, major, minor, access): &(&str, Option<u32>, Option<u32>, &str)| {
        let kind = if *kind == "b" { Kind::Block } else { Kind::Char };
        *rule == Rule { allow: true, kind, major: *major, minor: *minor, access: Rule::access(access) }
    };
    DEFAULT_RULES.iter().any(same)
}

fn rules(resources: &LinuxResources) -> Vec<Rule> {
    resources.devices().iter().flatten().map(rule).collect()
}

/// The OCI configuration leaves out what is "any", or says -1.
fn rule(given: &LinuxDeviceCgroup) -> Rule {
    let number = |one: Option<i64>| one.and_then(|number| u32::try_from(number).ok());
    let kind = match given.typ() {
        Some(LinuxDeviceType::B) => Kind::Block,
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => Kind::Char,
        _ => Kind::Any,
    };
    let access = Rule::access(given.access().as_deref().unwrap_or("rwm"));
    Rule { allow: given.allow(), kind, major: number(given.major()), minor: number(given.minor()), access }
}
