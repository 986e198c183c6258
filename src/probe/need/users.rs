//! User namespaces: the switches that distributions put before them, and ranges of numbers.

use super::{Answer, Who};
use crate::kernel::Error;
use crate::state::Roots;
use std::fmt::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

const CLONE_SWITCH: &str = "/proc/sys/kernel/unprivileged_userns_clone";
const APPARMOR_SWITCH: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
const LIMITS: &str = "/proc/sys/user";

/// What Ubuntu 23.10 and later want for a program that makes user namespaces. Ubuntu's own profiles (`/etc/apparmor.d/`
/// `unshare-userns-restrict`, `chrome`, …) have the same form: unconfined, with `userns`.
fn apparmor_profile() -> String {
    let program =
        std::env::current_exe().map_or_else(|_| "/usr/local/bin/explore".into(), |path| path.display().to_string());
    format!(
        "on Ubuntu, write /etc/apparmor.d/explore with these five lines, then: apparmor_parser -r /etc/apparmor.d/explore\n\
         abi <abi/4.0>,\n\
         include <tunables/global>\n\
         profile explore \"{program}\" flags=(unconfined) {{\n\
         \u{20} userns,\n\
         }}"
    )
}

fn switch(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

pub(super) fn limits(_: &Roots) -> Answer {
    let mut zero = String::new();
    let mut least = u64::MAX;
    for entry in std::fs::read_dir(LIMITS).into_iter().flatten().filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let value =
            name.ends_with("_namespaces").then(|| switch(&entry.path().to_string_lossy())?.parse().ok()).flatten();
        let Some(value) = value else { continue };
        least = least.min(value);
        if value == 0 {
            let _ = write!(zero, " user.{name}=15000");
        }
    }
    match (least, zero.as_str()) {
        (u64::MAX, _) => Answer::met("this kernel has no such limits (they came with 4.9)"),
        (_, "") => Answer::met(format!("the lowest of them is {least}")),
        _ => Answer::unmet(
            "some of them are 0: no namespace of that kind for anybody",
            format!("sysctl -w{zero}"),
            Who::Root,
        ),
    }
}

pub(super) fn unprivileged(_: &Roots) -> Answer {
    match switch(CLONE_SWITCH).as_deref() {
        None => Answer::met("this kernel has no kernel.unprivileged_userns_clone: ordinary users may"),
        Some("0") => Answer::unmet(
            "kernel.unprivileged_userns_clone is 0: only root may make user namespaces",
            "sysctl -w kernel.unprivileged_userns_clone=1",
            Who::Root,
        ),
        Some(value) => Answer::met(format!("kernel.unprivileged_userns_clone is {value}")),
    }
}

pub(super) fn apparmor(_: &Roots) -> Answer {
    match switch(APPARMOR_SWITCH).as_deref() {
        None => Answer::met("this kernel has no kernel.apparmor_restrict_unprivileged_userns"),
        Some("0") => Answer::met("kernel.apparmor_restrict_unprivileged_userns is 0"),
        Some(_) => {
            let ours = switch("/proc/self/attr/apparmor/current").or_else(|| switch("/proc/self/attr/current"));
            match ours.as_deref() {
                Some(profile) if !profile.is_empty() && profile != "unconfined" => {
                    Answer::met(format!("it restricts user namespaces, and we have the profile {profile}"))
                }
                _ => Answer::unmet(
                    "kernel.apparmor_restrict_unprivileged_userns is set: a user namespace without a profile has no rights",
                    apparmor_profile(),
                    Who::Root,
                ),
            }
        }
    }
}

/// A user namespace was refused: the first switch that says no is named, otherwise what surrounds us.
pub(super) fn refused(error: &Error) -> Answer {
    let roots = Roots { data: "/".into(), run: "/".into() };
    for check in [limits, unprivileged, apparmor] {
        if let Answer::Unmet { why, fix, who } = check(&roots) {
            return Answer::Unmet { why: format!("{error}: {why}"), fix, who };
        }
    }
    Answer::unmet(
        format!(
            "{error}: no switch of this machine forbids it, so what surrounds us does (a container's seccomp filter)"
        ),
        "run explore outside of that container, or start it with a profile that allows user namespaces",
        Who::Admin,
    )
}

pub(super) fn subordinate(_: &Roots) -> Answer {
    let uid = nix::unistd::geteuid().as_raw();
    if uid == 0 {
        return Answer::met("root maps what it likes");
    }
    let name = crate::probe::user_name(uid);
    let range = |file: &str| {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        text.lines().any(|line| line.split(':').next().is_some_and(|who| who == name || who == uid.to_string()))
    };
    if !(range("/etc/subuid") && range("/etc/subgid")) {
        return Answer::unmet(
            format!("no line for {name} in /etc/subuid and /etc/subgid: only one user number can be mapped"),
            format!("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"),
            Who::Root,
        );
    }
    let ready = |tool: &str| super::surroundings::find_program(tool).is_some_and(|path| may_map(&path));
    if ready("newuidmap") && ready("newgidmap") {
        return Answer::met(format!("{name} has ranges, newuidmap and newgidmap may write them"));
    }
    Answer::unmet("newuidmap is missing, or neither setuid root nor capable", "apt-get install uidmap", Who::Root)
}

/// Setuid root, or with capabilities of its own in an extended attribute (Fedora).
fn may_map(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.uid() == 0 && file.permissions().mode() & 0o4000 != 0)
        || crate::kernel::feature::has_file_capabilities(path)
}
