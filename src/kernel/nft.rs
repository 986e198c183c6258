//! The packet filter: one table of our own, and a look at the others. nft(8), nf_tables over nfnetlink.
//!
//! What we write is what a person would type, and `nft list ruleset` shows it so:
//!
//! ```text
//! table ip explore_1a2b3c4d {
//!   chain postrouting {
//!     type nat hook postrouting priority srcnat; policy accept;
//!     ip saddr 172.30.0.0/24 oifname != "explore0" counter masquerade
//!   }
//!   chain forward {
//!     type filter hook forward priority filter; policy accept;
//!     iifname "eth0" ct state ! established,related counter drop
//!   }
//! }
//! ```
//!
//! The second chain is there only for links on which *we* had to switch forwarding on: nothing enters by them that did
//! not before. A change is a **batch**: all of it happens, or none. Tables of others are read, never touched; removing
//! a table of ours removes everything in it. Left out: sets, maps, port forwarding.

use super::Result;
use super::netlink::{Wire, datagram};
use netlink_packet_core::{
    DefaultNla, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload,
};
use netlink_packet_netfilter::nftables::{
    Bitwise, ChainAttribute, ChainMessage, Cmp, DataAttribute, Expressions, Hook, HookNumber, Immediate,
    InetHookNumber, Meta, MetaKey, NfTablesMessage, Operator, Payload, Register, RuleAttribute, RuleMessage,
    TableAttribute, TableMessage, Verdict, VerdictAttribute,
};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use serde::{Deserialize, Serialize};
use std::net::Ipv4Addr;

/// Subsystem of nfnetlink that a batch is for (linux/netfilter/nfnetlink.h).
const NFNL_SUBSYS_NFTABLES: u16 = 10;
/// Verdicts, which are also a chain's policies (linux/netfilter.h).
const NF_DROP: u32 = 0;
const NF_ACCEPT: u32 = 1;
/// `ct state established,related`: the bits 1 << (state + 1) (linux/netfilter/nf_conntrack_common.h).
const ESTABLISHED_OR_RELATED: u32 = 0b110;

/// A table that lets a network of ours out.
#[derive(Debug, Clone, Copy)]
pub struct Masquerade<'a> {
    /// Its name.
    pub table: &'a str,
    /// Written into table and rules as comment: by it we know them again.
    pub mark: &'a str,
    /// The network whose packets get the address of the link they leave by.
    pub network: (Ipv4Addr, u8),
    /// The link behind which that network is: packets that leave by it stay as they are.
    pub bridge: &'a str,
    /// Links by which only answers may come in to be forwarded.
    pub answers_only: &'a [String],
}

/// A chain that the kernel asks about every packet it forwards.
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

/// A conversation with the packet filter of one network namespace.
#[derive(Debug)]
pub struct Socket {
    wire: Wire,
}

impl Socket {
    /// A socket for the network namespace of this process.
    ///
    /// # Errors
    /// The socket(2) that failed: EPROTONOSUPPORT where the kernel has no nfnetlink.
    pub fn open() -> Result<Self> {
        Ok(Self { wire: Wire::open(SockProtocol::NetlinkNetFilter)? })
    }

    /// Makes the table and all that is in it, in one batch.
    ///
    /// # Errors
    /// EEXIST: there is a table of that name. EOPNOTSUPP, ENOENT: the kernel lacks nf_tables or masquerading.
    pub fn create(&mut self, wanted: &Masquerade<'_>, why: &str) -> Result<()> {
        let mut messages = vec![new_table(wanted), new_chain(wanted.table, &POSTROUTING), masquerade_rule(wanted)];
        if !wanted.answers_only.is_empty() {
            messages.push(new_chain(wanted.table, &FORWARD));
            messages.extend(wanted.answers_only.iter().map(|link| answers_only_rule(wanted, link)));
        }
        self.batch(messages, wanted.table, why)
    }

    /// The comment of the `ip` table of this name; `None` where there is no such table, empty where it has none.
    ///
    /// # Errors
    /// The request that failed for any other reason.
    pub fn comment_of(&mut self, table: &str, why: &str) -> Result<Option<String>> {
        let ask = table_message(NfTablesMessage::GetTable, vec![TableAttribute::Name(table.to_owned())]);
        let found = match self.ask(ask, NLM_F_ACK, &format!("NFT_MSG_GETTABLE, {table:?}"), why) {
            Err(error) if error.errno() == Errno::ENOENT => return Ok(None),
            other => other?,
        };
        let comment = found.into_iter().find_map(|message| match message.inner {
            NetfilterMessageInner::NfTables(NfTablesMessage::NewTable(table)) => Some(comment_in(&table)),
            _ => None,
        });
        Ok(comment)
    }

    /// Removes an `ip` table and all that is in it.
    ///
    /// # Errors
    /// ENOENT: there is none.
    pub fn remove(&mut self, table: &str, why: &str) -> Result<()> {
        let message = table_message(NfTablesMessage::DeleteTable, vec![TableAttribute::Name(table.to_owned())]);
        self.batch(vec![message], table, why)
    }

    /// The chains, anybody's, that decide about forwarded IPv4 packets. iptables-nft shows here; the older
    /// iptables-legacy is another mechanism and does not.
    ///
    /// # Errors
    /// The request that failed.
    pub fn forward_chains(&mut self, why: &str) -> Result<Vec<ForwardChain>> {
        let ask =
            message(NetfilterProtoFamily::Unspec, NfTablesMessage::GetChain(ChainMessage { attributes: Vec::new() }));
        let found = self.ask(ask, NLM_F_DUMP, "NFT_MSG_GETCHAIN", why)?;
        Ok(found.into_iter().filter_map(forward_chain).collect())
    }

    fn ask(
        &mut self,
        message: NetlinkMessage<NetfilterMessage>,
        flags: u16,
        shown: &str,
        why: &str,
    ) -> Result<Vec<NetfilterMessage>> {
        let datagram = datagram(vec![message], NLM_F_REQUEST | flags, self.wire.next_sequence());
        let mut found = Vec::new();
        self.wire.converse(
            &datagram,
            &format!("{{nlmsg_type=NFNL_SUBSYS_NFTABLES<<8|{shown}}}"),
            why,
            &mut |answer| {
                let answer =
                    NetlinkMessage::<NetfilterMessage>::deserialize(answer.buffer).map_err(|_| Errno::EBADMSG)?;
                if let NetlinkPayload::InnerMessage(inner) = answer.payload {
                    found.push(inner);
                }
                Ok(())
            },
        )?;
        Ok(found)
    }

    fn batch(&mut self, mut messages: Vec<NetlinkMessage<NetfilterMessage>>, table: &str, why: &str) -> Result<()> {
        // The kernel has done all of the batch or none of it when it acknowledges the last.
        if let Some(last) = messages.last_mut() {
            last.header.flags |= NLM_F_ACK;
        }
        messages.insert(0, control(ControlMessage::BatchBegin));
        messages.push(control(ControlMessage::BatchEnd));
        let types: Vec<String> =
            messages.iter().map(|message| format!("{{nlmsg_type={}}}", type_name(&message.payload))).collect();
        let shown = format!("[{}], table={table:?}", types.join(", "));
        let datagram = datagram(messages, NLM_F_REQUEST, self.wire.next_sequence());
        let answer = self.wire.converse(&datagram, &shown, why, &mut |_| Ok(()));
        if answer.is_err() {
            // What else the batch may have to say must not be taken for an answer to the next one.
            self.wire = Wire::open(SockProtocol::NetlinkNetFilter)?;
        }
        answer
    }
}

/// The types that a batch is made of, as strace names them.
fn type_name(payload: &NetlinkPayload<NetfilterMessage>) -> &'static str {
    let NetlinkPayload::InnerMessage(message) = payload else { return "?" };
    match &message.inner {
        NetfilterMessageInner::None(ControlMessage::BatchBegin) => "NFNL_MSG_BATCH_BEGIN",
        NetfilterMessageInner::None(ControlMessage::BatchEnd) => "NFNL_MSG_BATCH_END",
        NetfilterMessageInner::NfTables(NfTablesMessage::NewTable(_)) => "NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEWTABLE",
        NetfilterMessageInner::NfTables(NfTablesMessage::DeleteTable(_)) => "NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_DELTABLE",
        NetfilterMessageInner::NfTables(NfTablesMessage::NewChain(_)) => "NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEWCHAIN",
        NetfilterMessageInner::NfTables(NfTablesMessage::NewRule(_)) => "NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEWRULE",
        _ => "?",
    }
}

/// Where a chain of ours stands in a packet's way.
struct Place {
    chain: &'static str,
    kind: &'static str,
    hook: InetHookNumber,
    priority: u32,
}

/// Priority `srcnat` is 100 and `filter` 0 (linux/netfilter_ipv4.h).
const POSTROUTING: Place =
    Place { chain: "postrouting", kind: "nat", hook: InetHookNumber::PostRouting, priority: 100 };
const FORWARD: Place = Place { chain: "forward", kind: "filter", hook: InetHookNumber::Forward, priority: 0 };

fn message(family: NetfilterProtoFamily, inner: NfTablesMessage) -> NetlinkMessage<NetfilterMessage> {
    NetlinkMessage::from(NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), inner))
}

fn control(inner: ControlMessage) -> NetlinkMessage<NetfilterMessage> {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFNL_SUBSYS_NFTABLES);
    NetlinkMessage::from(NetfilterMessage::new(header, inner))
}

fn table_message(
    kind: fn(TableMessage) -> NfTablesMessage,
    attributes: Vec<TableAttribute>,
) -> NetlinkMessage<NetfilterMessage> {
    message(NetfilterProtoFamily::IPv4, kind(TableMessage { attributes }))
}

fn new_table(wanted: &Masquerade<'_>) -> NetlinkMessage<NetfilterMessage> {
    let attributes =
        vec![TableAttribute::Name(wanted.table.to_owned()), TableAttribute::UserData(comment(wanted.mark))];
    let mut message = table_message(NfTablesMessage::NewTable, attributes);
    message.header.flags |= NLM_F_CREATE | NLM_F_EXCL;
    message
}

fn new_chain(table: &str, place: &Place) -> NetlinkMessage<NetfilterMessage> {
    let attributes = vec![
        ChainAttribute::Table(table.to_owned()),
        ChainAttribute::Name(place.chain.to_owned()),
        ChainAttribute::Policy(NF_ACCEPT),
        ChainAttribute::Type(place.kind.to_owned()),
        ChainAttribute::Hook(vec![Hook::Number(HookNumber::Inet(place.hook)), Hook::Priority(place.priority)]),
    ];
    let mut message = message(NetfilterProtoFamily::IPv4, NfTablesMessage::NewChain(ChainMessage { attributes }));
    message.header.flags |= NLM_F_CREATE | NLM_F_EXCL;
    message
}

fn new_rule(wanted: &Masquerade<'_>, chain: &str, rule: Vec<Expressions>) -> NetlinkMessage<NetfilterMessage> {
    let attributes = vec![
        RuleAttribute::Table(wanted.table.to_owned()),
        RuleAttribute::Chain(chain.to_owned()),
        RuleAttribute::Expressions(rule.into_iter().map(Into::into).collect()),
        RuleAttribute::UserData(comment(wanted.mark)),
    ];
    let mut message = message(NetfilterProtoFamily::IPv4, NfTablesMessage::NewRule(RuleMessage { attributes }));
    message.header.flags |= NLM_F_CREATE | NLM_F_APPEND;
    message
}

/// `ip saddr NETWORK oifname != BRIDGE counter masquerade`
fn masquerade_rule(wanted: &Masquerade<'_>) -> NetlinkMessage<NetfilterMessage> {
    let (network, prefix) = wanted.network;
    let mut rule = source_network(network, prefix);
    rule.extend(link_name(MetaKey::Oifname, Operator::NotEqual, wanted.bridge));
    rule.extend([expression("counter", Vec::new()), expression("masq", Vec::new())]);
    new_rule(wanted, POSTROUTING.chain, rule)
}

/// `iifname LINK ct state ! established,related counter drop`
fn answers_only_rule(wanted: &Masquerade<'_>, link: &str) -> NetlinkMessage<NetfilterMessage> {
    let mut rule = link_name(MetaKey::Iifname, Operator::Equal, link);
    // NFTA_CT_DREG = 1, NFTA_CT_KEY = 2, of which NFT_CT_STATE is 0 (linux/netfilter/nf_tables.h).
    let register = DefaultNla::new(1, u32::from(Register::Reg1).to_be_bytes().to_vec());
    let key = DefaultNla::new(2, 0u32.to_be_bytes().to_vec());
    let verdict = DataAttribute::Verdict(vec![VerdictAttribute::Code(Verdict::Other(NF_DROP))]);
    rule.extend([
        expression("ct", vec![register, key]),
        masked(ESTABLISHED_OR_RELATED.to_ne_bytes()),
        compare(Operator::Equal, vec![0; 4]),
        expression("counter", Vec::new()),
        Expressions::Immediate(vec![Immediate::DestinationRegister(Register::Verdict), Immediate::Data(verdict)]),
    ]);
    new_rule(wanted, FORWARD.chain, rule)
}

/// Loads the source address (12 bytes into the IPv4 header) and compares what the prefix leaves of it.
fn source_network(network: Ipv4Addr, prefix: u8) -> Vec<Expressions> {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    let load = Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        // NFT_PAYLOAD_NETWORK_HEADER
        Payload::Base(1),
        Payload::Offset(12),
        Payload::Len(4),
    ]);
    vec![load, masked(mask.to_be_bytes()), compare(Operator::Equal, network.octets().to_vec())]
}

fn masked(mask: [u8; 4]) -> Expressions {
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        Bitwise::Length(4),
        Bitwise::Mask(DataAttribute::Value(mask.to_vec())),
        Bitwise::Xor(DataAttribute::Value(vec![0; 4])),
    ])
}

fn link_name(key: MetaKey, operator: Operator, name: &str) -> Vec<Expressions> {
    let load = Expressions::Meta(vec![Meta::Key(key), Meta::DestinationRegister(Register::Reg1)]);
    // Names are compared as the kernel keeps them: IFNAMSIZ bytes, the rest zero.
    let mut padded = name.as_bytes().to_vec();
    padded.resize(libc::IFNAMSIZ, 0);
    vec![load, compare(operator, padded)]
}

fn compare(operator: Operator, value: Vec<u8>) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(value)),
    ])
}

/// An expression that the crate has no type for.
fn expression(name: &str, attributes: Vec<DefaultNla>) -> Expressions {
    Expressions::Other { expression_type: name.to_owned(), attributes }
}

/// A comment as `nft` writes it into user data: type 0, length, text, NUL (libnftnl udata.h).
fn comment(text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(127)];
    let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
    [&[0, length], text, &[0]].concat()
}

fn comment_in(table: &TableMessage) -> String {
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

fn forward_chain(message: NetfilterMessage) -> Option<ForwardChain> {
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
    (filters && forwards).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_read_as_it_was_written() {
        let table = TableMessage { attributes: vec![TableAttribute::UserData(comment("explore:1:x"))] };
        assert_eq!(comment_in(&table), "explore:1:x");
    }
}
