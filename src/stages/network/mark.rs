//! How we know our own again: names carry the state's tag, and everything carries a mark that nobody else writes.
//!
//! | what | name | mark |
//! |---|---|---|
//! | bridge | `explore0`, or `ex` and the tag | alias `explore:<tag>:bridge`, then the links that forward for us |
//! | bridge of a named network | `ex-` and 12 hex digits of its ID | the same with the ID |
//! | host's end of a cable | `veth` and seven hex digits of the container's ID | alias `explore:<tag>:<container ID>` |
//! | packet filter table | `explore_<tag>`, with the network's ID, or `ports` and the container's | comment `explore:<tag>:nat` |
//!
//! The kernel takes no alias when it *makes* a link, only afterwards. A kill in between would leave a link that we
//! could not prove to be ours; therefore the address on the wire, which is given when the link is made, is drawn from
//! the alias.

use super::definition::Definition;
use crate::kernel::netlink::Link;
use crate::state::Roots;
use sha2::{Digest, Sha256};

/// Between the mark of a bridge and the links that forward for it.
const FORWARDS: &str = " forwards ";

/// The names and marks of one state.
#[derive(Debug, Clone)]
pub(super) struct Marks {
    tag: String,
    default: bool,
}

impl Marks {
    pub(super) fn of(roots: &Roots) -> Self {
        // `--root DIR` keeps its data in DIR/data (state::Roots).
        Self { tag: roots.tag(), default: roots.data.ends_with("explore") }
    }

    pub(super) fn bridge_name(&self, network: &Definition) -> String {
        match (network.is_own(), self.default) {
            (true, _) => format!("ex-{}", &network.id[..12]),
            (false, true) => "explore0".into(),
            (false, false) => format!("ex{}", self.tag),
        }
    }

    pub(super) fn bridge_alias(&self, network: &Definition, forwards: &[String]) -> String {
        let mark = if network.is_own() {
            format!("explore:{}:bridge:{}", self.tag, &network.id[..12])
        } else {
            format!("explore:{}:bridge", self.tag)
        };
        if forwards.is_empty() { mark } else { format!("{mark}{FORWARDS}{}", forwards.join(" ")) }
    }

    pub(super) fn veth_alias(&self, container_id: &str, network: &Definition) -> String {
        if network.is_own() {
            format!("explore:{}:{container_id}:{}", self.tag, &network.id[..12])
        } else {
            format!("explore:{}:{container_id}", self.tag)
        }
    }

    pub(super) fn table(&self, network: &Definition) -> String {
        if network.is_own() {
            format!("explore_{}_{}", self.tag, &network.id[..12])
        } else {
            format!("explore_{}", self.tag)
        }
    }

    /// The same for IPv6: the end of its name says so ([`crate::kernel::nft`]).
    pub(super) fn table_of_six(&self, network: &Definition) -> String {
        format!("{}_v6", self.table(network))
    }

    /// The table of the ports that a container publishes.
    pub(super) fn port_table(&self, container_id: &str) -> String {
        format!("explore_{}_ports_{}", self.tag, container_id.get(..12).unwrap_or(container_id))
    }

    pub(super) fn table_comment(&self, network: &Definition) -> String {
        comment_of_table(&self.table(network)).unwrap_or_default()
    }

    /// Where in the list of networks this state begins to look.
    pub(super) fn first_candidate(&self) -> usize {
        if self.default { 0 } else { usize::from_str_radix(&self.tag[..2], 16).unwrap_or(0) }
    }
}

/// Names to try for the host's end: the first seven digits of the ID, then others that differ from state to state.
pub(super) fn veth_names(container_id: &str, alias: &str) -> Vec<String> {
    let hashed: String = Sha256::digest(alias).iter().map(|byte| format!("{byte:02x}")).collect();
    let own: String = container_id.chars().filter(char::is_ascii_hexdigit).chain(hashed.chars()).take(7).collect();
    let others = (0..8).map(|n| hashed[n * 7..(n + 1) * 7].to_owned());
    std::iter::once(own).chain(others).map(|digits| format!("veth{digits}")).collect()
}

/// The comment that a table of ours with this name has.
pub(super) fn comment_of_table(name: &str) -> Option<String> {
    Some(format!("explore:{}:nat", name.strip_prefix("explore_")?.replace('_', ":")))
}

/// Locally administered, and drawn from the alias.
pub(super) fn mac_of_alias(alias: &str) -> [u8; 6] {
    let digest = Sha256::digest(alias);
    [0x02, digest[0], digest[1], digest[2], digest[3], digest[4]]
}

/// Whether a link is the one that was announced with this alias: it carries it, or was killed before it could. Which
/// links forward for a bridge may change while it stands.
pub(super) fn is_ours(link: &Link, alias: &str) -> bool {
    let mark = |alias: &str| alias.split(FORWARDS).next().unwrap_or_default().to_owned();
    match &link.alias {
        Some(found) => mark(found) == mark(alias),
        None => link.mac == mac_of_alias(alias),
    }
}

/// The links that forward because of this bridge; empty for a link that is no bridge of any `explore`.
pub(super) fn forwarding_claimed_by(link: &Link) -> impl Iterator<Item = &str> {
    link.alias
        .as_deref()
        .filter(|alias| alias.starts_with("explore:"))
        .and_then(|alias| alias.split_once(FORWARDS))
        .map_or("", |(_, links)| links)
        .split(' ')
        .filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn names_fit_into_the_fifteen_bytes_that_a_link_may_have() {
        let roots = Roots::find(Some(Path::new("/some/state"))).unwrap();
        let marks = Marks::of(&roots);
        let mut network = Definition::default_of(&roots);
        assert!(marks.bridge_name(&network).len() <= 15);
        network.name = "own".into();
        assert!(marks.bridge_name(&network).len() <= 15);
        for name in ["short", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ""] {
            assert!(veth_names(name, "explore:x").iter().all(|name| name.len() == 11));
        }
    }

    #[test]
    fn two_aliases_give_two_addresses_neither_multicast() {
        let (a, b) = (mac_of_alias("explore:1:a"), mac_of_alias("explore:1:b"));
        assert_ne!(a, b);
        assert_eq!(a[0] & 3, 2, "locally administered, and of one station");
    }
}
