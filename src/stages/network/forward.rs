//! Forwarding: whether the kernel passes on packets that are not for itself.
//!
//! `net.ipv4.ip_forward` switches it on for every link at once. The kernel looks at less: only at the setting of the
//! link by which a packet *comes in* (`ip_route_input_slow`, net/ipv4/route.c, asks IN_DEV_FORWARD of the input
//! device). A container's packet comes in by the bridge, the answer by the uplink; so those two are enough, and no
//! other link of the machine begins to forward.
//!
//! The uplink's setting is shared with other states of `explore` on this machine, which may come and go at any moment
//! and know nothing of each other. The alias of each bridge names the links that forward because of it, and the order
//! keeps the bookkeeping right without a lock: whoever needs one writes its alias first and the setting second;
//! whoever goes removes its bridge first, puts the setting back second, and looks for such aliases once more.

use super::NetworkError;
use super::mark::forwarding_claimed_by;
use crate::kernel::netlink::Socket;
use crate::kernel::sysctl;
use crate::state::Effect;
use std::path::{Path, PathBuf};

/// A link that must forward for us and did not.
#[derive(Debug, Clone)]
pub(super) struct Switch {
    pub link: String,
    pub path: PathBuf,
}

impl Switch {
    pub(super) fn effect(&self) -> Effect {
        Effect::Sysctl { path: self.path.clone(), before: "0".into(), after: "1".into() }
    }
}

/// The setting of a link, or, with what [`of_six`] adds to its name, that for IPv6.
pub(super) fn setting(link: &str) -> PathBuf {
    match link.strip_suffix(SIX) {
        Some(link) => Path::new("/proc/sys/net/ipv6/conf").join(link).join("force_forwarding"),
        None => Path::new("/proc/sys/net/ipv4/conf").join(link).join("forwarding"),
    }
}

/// What names the setting of a link for IPv6, here and in the alias of a bridge. No link has a name with a slash.
const SIX: &str = "/6";

/// See [`SIX`].
pub(super) fn of_six(link: &str) -> String {
    format!("{link}{SIX}")
}

/// The links of one family among those that forward for us.
pub(super) fn of_family(forwards: &[String], six: bool) -> Vec<String> {
    let one = |link: &String| match (link.strip_suffix(SIX), six) {
        (Some(name), true) => Some(name.to_owned()),
        (None, false) => Some(link.clone()),
        _ => None,
    };
    forwards.iter().filter_map(one).collect()
}

/// Which of the uplinks do not forward of their own: they are off, or on only for another state of `explore`.
pub(super) fn needed(uplinks: &[String], socket: &mut Socket) -> Result<Vec<Switch>, NetworkError> {
    // First the settings, then the aliases: a setting that another state has just changed has its alias by then.
    let is_off: Vec<bool> =
        uplinks.iter().map(|link| sysctl::read(&setting(link)).is_ok_and(|value| value == "0")).collect();
    let claimed = if is_off.iter().all(|off| *off) { Vec::new() } else { claims(socket)? };
    let wanted = uplinks.iter().zip(is_off).filter(|(link, off)| *off || claimed.contains(link));
    Ok(wanted.map(|(link, _)| Switch { link: link.clone(), path: setting(link) }).collect())
}

/// Names of the links that forward because of a bridge of any `explore`.
fn claims(socket: &mut Socket) -> Result<Vec<String>, NetworkError> {
    let links = socket
        .links("which links forward for another state of explore")
        .map_err(|source| NetworkError::Look { what: "links", source })?;
    Ok(links.iter().flat_map(forwarding_claimed_by).map(str::to_owned).collect())
}

/// Switches forwarding on. The bridge's own setting ends with the bridge and needs no entry in the journal.
///
/// What goes wrong comes back as a sentence: the container then reaches its neighbours only.
pub(super) fn switch_on(bridge: &str, switches: &[Switch]) -> Result<(), String> {
    let on = |path: &Path, why: &str| {
        sysctl::write(path, "1", why).map_err(|error| format!("forwarding cannot be switched on: {error}"))
    };
    let families = [bridge.to_owned(), of_six(bridge)];
    let six = switches.iter().any(|switch| switch.link.ends_with(SIX));
    for own in families.iter().take(if six { 2 } else { 1 }).map(|name| setting(name)) {
        // A new link has the value of `default`, which is 1 on a router.
        if sysctl::read(&own).is_ok_and(|value| value == "0") {
            on(&own, "what comes in by the bridge may go on")?;
        }
    }
    switches.iter().try_for_each(|switch| on(&switch.path, "the answers that come in by the uplink may go on"))
}

/// Puts a setting back unless it is no longer what we wrote, or somebody else counts on it: another state's bridge, or
/// one who has switched forwarding on for the whole machine since.
pub(super) fn put_back(path: &Path, before: &str, after: &str) -> Result<(), NetworkError> {
    let failed = |source| NetworkError::Undo { what: format!("the setting {}", path.display()), source };
    // A link that is gone took its settings along.
    if sysctl::read(path).ok().as_deref() != Some(after) {
        return Ok(());
    }
    let for_all = path.starts_with("/proc/sys/net/ipv4")
        && sysctl::read(Path::new("/proc/sys/net/ipv4/ip_forward")).is_ok_and(|value| value == "1");
    if for_all {
        return Ok(());
    }
    let mut socket = Socket::open().map_err(|source| NetworkError::Look { what: "links", source })?;
    let is_claimed = |socket: &mut Socket| claims(socket).map(|links| links.iter().any(|link| setting(link) == path));
    if is_claimed(&mut socket)? {
        return Ok(());
    }
    sysctl::write(path, before, "nobody needs it any more").map_err(failed)?;
    if is_claimed(&mut socket)? {
        sysctl::write(path, after, "somebody has come to need it").map_err(failed)?;
    }
    Ok(())
}
