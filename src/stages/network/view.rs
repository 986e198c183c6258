//! What `explore network show` shows: both ends of the cable, the switch, the way out, as the kernel has them now.

use super::mark::Marks;
use super::{Lease, NetworkError, definition, forward, lease};
use crate::kernel::netlink::{Address, Link, Route, Socket};
use crate::kernel::{netns, nft, sysctl};
use crate::state::Roots;
use serde::Serialize;
use std::net::IpAddr;
use std::os::fd::BorrowedFd;

/// The network of one container.
#[derive(Debug, Clone, Serialize)]
pub struct View {
    /// What it was given, on its first network.
    pub lease: Lease,
    /// What it was given on others.
    pub others: Vec<Lease>,
    /// Number of the container's network namespace, as `/proc/PID/ns/net` has it.
    pub namespace: Option<u64>,
    /// The container's links; empty where its namespace could not be looked into.
    pub links: Vec<Link>,
    /// Their addresses.
    pub addresses: Vec<Address>,
    /// The container's routes, those of the table `local` left out.
    pub routes: Vec<Route>,
    /// The host's end of the cable, where it still is.
    pub host_link: Option<Link>,
    /// The switch, where it still is.
    pub bridge: Option<Link>,
    /// The rule that gives packets the host's address, as `nft` prints it; `None` where our table is gone.
    pub nat: Option<Nat>,
    /// The settings that let packets pass.
    pub forwarding: Vec<Forwarding>,
}

/// Our table and its rule.
#[derive(Debug, Clone, Serialize)]
pub struct Nat {
    /// Name of the table, in the `ip` family.
    pub table: String,
    /// The rule.
    pub rule: String,
}

/// One setting.
#[derive(Debug, Clone, Serialize)]
pub struct Forwarding {
    /// Its name as sysctl(8) writes it.
    pub name: String,
    /// Its value now.
    pub value: String,
    /// Whether it was 0 before we needed it.
    pub ours: bool,
}

/// Looks at the network of a container; `inner` is its network namespace, where one is known.
///
/// # Errors
/// [`NetworkError::NotUp`], [`NetworkError::Look`].
pub fn view(roots: &Roots, container_id: &str, inner: Option<BorrowedFd<'_>>) -> Result<View, NetworkError> {
    let record = lease::read(roots)?;
    let not_up = || NetworkError::NotUp { id: container_id.to_owned() };
    let mut all = record.of(container_id).filter(|lease| lease.is_complete()).cloned();
    let lease = all.next().ok_or_else(not_up)?;
    let others = all.collect();
    let look = |what| move |source| NetworkError::Look { what, source };
    let mut socket = Socket::open().map_err(look("links"))?;
    let host_link = socket.link_named(&lease.host_link, "the host's end").map_err(look("links"))?;
    let bridge = socket.link_named(&lease.bridge, "the switch").map_err(look("links"))?;
    let namespace = inner.and_then(netns::number);
    let (links, addresses, routes) = match inner {
        Some(inner) => inside(inner).map_err(NetworkError::Inside)?,
        None => Default::default(),
    };
    let forwards = record.bridges.get(&lease.network).map(|bridge| bridge.forwards.clone()).unwrap_or_default();
    let nat = nat(roots, &lease).map_err(look("packet filter"))?;
    let forwarding = forwarding(&lease, &forwards);
    Ok(View { lease, others, namespace, links, addresses, routes, host_link, bridge, nat, forwarding })
}

type Inside = (Vec<Link>, Vec<Address>, Vec<Route>);

fn inside(netns: BorrowedFd<'_>) -> crate::kernel::Result<Inside> {
    let mut socket = Socket::open_in(netns, "to look into the container's network namespace")?;
    let mut routes = socket.routes("the container's routes")?;
    // 255 is `local`: the kernel's own list of what is for this machine.
    routes.extend(socket.routes_of_six("those of IPv6")?);
    let is_of_link = |route: &Route| matches!(route.destination, Some(IpAddr::V6(ip)) if ip.is_unicast_link_local() || ip.is_multicast());
    routes.retain(|route| route.table != 255 && !is_of_link(route) && route.unicast);
    Ok((socket.links("the container's links")?, socket.addresses("the container's addresses")?, routes))
}

fn nat(roots: &Roots, lease: &Lease) -> crate::kernel::Result<Option<Nat>> {
    let marks = Marks::of(roots);
    let Ok(network) = definition::find(roots, &lease.network) else { return Ok(None) };
    let found = nft::Socket::open()?.comment_of(&marks.table(&network), "the rules")?;
    let rule = if network.internal {
        format!("iifname \"{}\" oifname != \"{}\" drop", lease.bridge, lease.bridge)
    } else {
        format!("ip saddr {} oifname != \"{}\" masquerade", lease.subnet(), lease.bridge)
    };
    Ok(found
        .filter(|comment| *comment == marks.table_comment(&network))
        .map(|_| Nat { table: marks.table(&network), rule }))
}

fn forwarding(lease: &Lease, forwards: &[String]) -> Vec<Forwarding> {
    let one = |link: &String, ours| {
        let value = sysctl::read(&forward::setting(link)).ok()?;
        let setting = forward::setting(link);
        let name = setting.strip_prefix("/proc/sys").unwrap_or(&setting).to_string_lossy();
        Some(Forwarding { name: name.trim_start_matches('/').replace('/', "."), value, ours })
    };
    let bridge = one(&lease.bridge, false).into_iter();
    bridge.chain(forwards.iter().filter_map(|link| one(link, true))).collect()
}
