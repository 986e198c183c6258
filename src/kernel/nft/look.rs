//! What others have: read, never touched.

use netlink_packet_netfilter::nftables::{ChainAttribute, Hook, HookNumber, InetHookNumber, NfTablesMessage};
use netlink_packet_netfilter::nftables::{TableAttribute, TableMessage};
use netlink_packet_netfilter::{NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use serde::{Deserialize, Serialize};

/// The verdict, and policy, that drops (linux/netfilter.h).
const NF_DROP: u32 = 0;

/// A chain that the kernel asks about every packet it forwards; or the one, DOCKER-USER, that Docker has left there for
/// others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardChain {
    /// `ip` or `inet`.
    pub family: String,
    /// Its table.
    pub table: String,
    /// Its name.
    pub name: String,
    /// Whether what no rule accepts is dropped.
    pub drops: bool,
}

pub(super) fn comment_in(table: &TableMessage) -> String {
    table
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            TableAttribute::UserData(bytes) => match bytes.as_slice() {
                [0, _, text @ .., 0] => Some(String::from_utf8_lossy(text).into_owned()),
                _ => None,
            },
            _ => None,
        })
        .unwrap_or_default()
}

pub(super) fn forward_chain(message: NetfilterMessage) -> Option<ForwardChain> {
    let family = match message.header.family {
        NetfilterProtoFamily::IPv4 => "ip",
        NetfilterProtoFamily::Inet => "inet",
        _ => return None,
    };
    let NetfilterMessageInner::NfTables(NfTablesMessage::NewChain(chain)) = message.inner else { return None };
    let mut found = ForwardChain { family: family.into(), table: String::new(), name: String::new(), drops: false };
    let (mut filters, mut forwards) = (false, false);
    for attribute in chain.attributes {
        match attribute {
            ChainAttribute::Table(table) => found.table = table,
            ChainAttribute::Name(name) => found.name = name,
            ChainAttribute::Policy(policy) => found.drops = policy == NF_DROP,
            ChainAttribute::Type(kind) => filters = kind == "filter",
            ChainAttribute::Hook(hook) => {
                forwards = hook.contains(&Hook::Number(HookNumber::Inet(InetHookNumber::Forward)));
            }
            _ => {}
        }
    }
    let is_left_to_us = found.name == "DOCKER-USER";
    (filters && forwards || is_left_to_us).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_read_as_it_was_written() {
        let table =
            TableMessage { attributes: vec![TableAttribute::UserData(super::super::rule::comment("explore:1:x"))] };
        assert_eq!(comment_in(&table), "explore:1:x");
    }
}
