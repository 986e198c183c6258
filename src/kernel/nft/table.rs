//! The tables that we make, from their names to their rules.

use super::rule::{NF_ACCEPT, Rule, comment};
use super::{Message, family_of, message, table_message};
use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_netfilter::nftables::{
    ChainAttribute, ChainMessage, Hook, HookNumber, InetHookNumber, NfTablesMessage, Operator, RuleAttribute,
    RuleMessage, TableAttribute,
};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All that this machine calls itself.
const LOOPBACK: (IpAddr, u8) = (IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8);
const LOOPBACK_OF_SIX: (IpAddr, u8) = (IpAddr::V6(Ipv6Addr::LOCALHOST), 128);

/// The table of a network of ours: what may pass, and with which address.
#[derive(Debug, Clone, Copy)]
pub struct NetworkTable<'a> {
    /// Its name.
    pub table: &'a str,
    /// Written into table and rules as comment: by it we know them again.
    pub mark: &'a str,
    /// The network whose packets get the address of the link they leave by.
    pub network: (IpAddr, u8),
    /// The link behind which that network is: packets that leave by it stay as they are.
    pub bridge: &'a str,
    /// Links by which only answers may come in to be forwarded.
    pub answers_only: &'a [String],
    /// Nothing passes between this network and any other.
    pub internal: bool,
}

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Protocol {
    /// Its name, as `-p 80:80/tcp` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// Its number in an IPv4 header (/etc/protocols).
    fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// One port of this machine that leads elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forwarded {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// At which address of this machine; at each of them where it is 0.0.0.0 or ::.
    pub at: IpAddr,
    /// Which port of it.
    pub port: u16,
    /// Where it leads.
    pub to: (IpAddr, u16),
}

/// The table of the ports that one container publishes:
///
/// ```text
/// table ip explore_1a2b3c4d_3f2a1b4c5d6e {
///   chain prerouting {                # what comes in from elsewhere
///     type nat hook prerouting priority dstnat; policy accept;
///     fib daddr type local tcp dport 8080 counter dnat to 172.30.0.2:80
///   }
///   chain output {                    # what this machine itself sends
///     type nat hook output priority dstnat; policy accept;
///     fib daddr type local tcp dport 8080 counter dnat to 172.30.0.2:80
///   }
/// }
/// ```
///
/// A port at a loopback address stands in the second chain only: the first is asked before the kernel sees that such a
/// packet cannot have come from elsewhere, and would let a neighbour in (moby issue 45610).
#[derive(Debug, Clone, Copy)]
pub struct PortTable<'a> {
    /// Its name.
    pub table: &'a str,
    /// Its comment.
    pub mark: &'a str,
    /// What it publishes.
    pub ports: &'a [Forwarded],
}

/// Where a chain of ours stands in a packet's way.
struct Place {
    chain: &'static str,
    kind: &'static str,
    hook: InetHookNumber,
    priority: i32,
}

/// Priorities `raw`, `dstnat`, `filter` and `srcnat` (linux/netfilter_ipv4.h).
const GUARD: Place = Place { chain: "guard", kind: "filter", hook: InetHookNumber::PreRouting, priority: -300 };
const PREROUTING: Place = Place { chain: "prerouting", kind: "nat", hook: InetHookNumber::PreRouting, priority: -100 };
const OUTPUT: Place = Place { chain: "output", kind: "nat", hook: InetHookNumber::LocalOut, priority: -100 };
const FORWARD: Place = Place { chain: "forward", kind: "filter", hook: InetHookNumber::Forward, priority: 0 };
const POSTROUTING: Place =
    Place { chain: "postrouting", kind: "nat", hook: InetHookNumber::PostRouting, priority: 100 };

impl NetworkTable<'_> {
    pub(super) fn messages(&self) -> Vec<Message> {
        let (own, is, not) = (self.bridge, Operator::Equal, Operator::NotEqual);
        let loopback = if self.network.0.is_ipv4() { LOOPBACK } else { LOOPBACK_OF_SIX };
        let mut all = vec![new_table(self.table, self.mark), new_chain(self.table, &FORWARD)];
        if self.internal {
            all.push(self.rule(&FORWARD, Rule::default().enters_by(is, own).leaves_by(not, own).drop()));
            all.push(self.rule(&FORWARD, Rule::default().enters_by(not, own).leaves_by(is, own).drop()));
            return all;
        }
        // What a rule has sent here was asked for, ours by -p or anybody's.
        all.push(self.rule(&FORWARD, Rule::default().was_redirected().accept()));
        // Nobody enters unasked: not from another network, and not from outside by way of a machine that forwards.
        all.push(self.rule(&FORWARD, Rule::default().enters_by(not, own).leaves_by(is, own).is_no_answer().drop()));
        all.extend(self.answers_only.iter().map(|link| self.answers_only_rule(link)));
        // Connections from this machine's loopback may leave by the bridge (see `stages::network`); none may come.
        all.push(new_chain(self.table, &GUARD));
        all.push(self.rule(&GUARD, Rule::default().enters_by(is, own).to(loopback).drop()));
        all.push(new_chain(self.table, &POSTROUTING));
        all.push(self.rule(&POSTROUTING, Rule::default().from(self.network).leaves_by(not, own).masquerade()));
        // A neighbour, or the container itself, that asks for a published port of this machine: the answer must come
        // back this way to be translated, and not straight over the bridge.
        let turned = Rule::default().from(self.network).leaves_by(is, own).was_redirected().masquerade();
        all.push(self.rule(&POSTROUTING, turned));
        all.push(self.rule(&POSTROUTING, Rule::default().from(loopback).leaves_by(is, own).masquerade()));
        all
    }

    /// `iifname LINK ct state ! established,related counter drop`, after what was redirected is accepted.
    pub(super) fn answers_only_rule(&self, link: &str) -> Message {
        self.rule(&FORWARD, Rule::default().enters_by(Operator::Equal, link).is_no_answer().drop())
    }

    fn rule(&self, place: &Place, rule: Rule) -> Message {
        new_rule(self.table, self.mark, place, rule)
    }
}

impl PortTable<'_> {
    pub(super) fn messages(&self) -> Vec<Message> {
        let mut all = vec![new_table(self.table, self.mark)];
        let from_elsewhere: Vec<&Forwarded> = self.ports.iter().filter(|port| !port.at.is_loopback()).collect();
        if !from_elsewhere.is_empty() {
            all.push(new_chain(self.table, &PREROUTING));
            all.extend(from_elsewhere.into_iter().map(|port| self.rule(&PREROUTING, port)));
        }
        all.push(new_chain(self.table, &OUTPUT));
        all.extend(self.ports.iter().map(|port| self.rule(&OUTPUT, port)));
        all
    }

    fn rule(&self, place: &Place, port: &Forwarded) -> Message {
        let rule = Rule::default();
        let at = if port.at.is_unspecified() {
            rule.to_this_machine()
        } else {
            rule.to((port.at, if port.at.is_ipv4() { 32 } else { 128 }))
        };
        new_rule(self.table, self.mark, place, at.to_port(port.protocol.number(), port.port).dnat(port.to))
    }
}

fn new_table(table: &str, mark: &str) -> Message {
    let attributes = vec![TableAttribute::Name(table.to_owned()), TableAttribute::UserData(comment(mark))];
    let mut message = table_message(table, NfTablesMessage::NewTable, attributes);
    message.header.flags |= NLM_F_CREATE | NLM_F_EXCL;
    message
}

fn new_chain(table: &str, place: &Place) -> Message {
    let attributes = vec![
        ChainAttribute::Table(table.to_owned()),
        ChainAttribute::Name(place.chain.to_owned()),
        ChainAttribute::Policy(NF_ACCEPT),
        ChainAttribute::Type(place.kind.to_owned()),
        ChainAttribute::Hook(vec![
            Hook::Number(HookNumber::Inet(place.hook)),
            Hook::Priority(place.priority.cast_unsigned()),
        ]),
    ];
    let mut message = message(family_of(table), NfTablesMessage::NewChain(ChainMessage { attributes }));
    message.header.flags |= NLM_F_CREATE | NLM_F_EXCL;
    message
}

fn new_rule(table: &str, mark: &str, place: &Place, rule: Rule) -> Message {
    let attributes = vec![
        RuleAttribute::Table(table.to_owned()),
        RuleAttribute::Chain(place.chain.to_owned()),
        RuleAttribute::Expressions(rule.0.into_iter().map(Into::into).collect()),
        RuleAttribute::UserData(comment(mark)),
    ];
    let mut message = message(family_of(table), NfTablesMessage::NewRule(RuleMessage { attributes }));
    message.header.flags |= NLM_F_CREATE | NLM_F_APPEND;
    message
}
