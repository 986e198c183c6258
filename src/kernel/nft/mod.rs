//! The packet filter: tables of our own, and a look at those of others. nft(8), nf_tables over nfnetlink.
//!
//! What we write is what a person would type, and `nft list ruleset` shows it so. A table a network:
//!
//! ```text
//! table ip explore_1a2b3c4d {
//!   chain guard {                     # only for what comes from a container
//!     type filter hook prerouting priority raw; policy accept;
//!     iifname "explore0" ip daddr 127.0.0.0/8 counter drop
//!   }
//!   chain forward {
//!     type filter hook forward priority filter; policy accept;
//!     ct status dnat accept
//!     iifname "eth0" ct state ! established,related counter drop
//!     iifname != "explore0" oifname "explore0" ct state ! established,related counter drop
//!   }
//!   chain postrouting {
//!     type nat hook postrouting priority srcnat; policy accept;
//!     ip saddr 172.30.0.0/24 oifname != "explore0" counter masquerade
//!     ip saddr 172.30.0.0/24 oifname "explore0" ct status dnat counter masquerade
//!     ip saddr 127.0.0.0/8 oifname "explore0" counter masquerade
//!   }
//! }
//! ```
//!
//! and one for each container that publishes ports ([`PortTable`]). A table of IPv6 says `ip6` wherever this one says `ip`;
//! its name ends in `_v6`, which is how its family is known here. A change is a **batch**: all of it happens, or
//! none. Tables of others are read, never touched; removing a table of ours removes everything in it. Left out: sets
//! and maps.

mod look;
mod rule;
mod table;

pub use look::ForwardChain;
pub use table::{Forwarded, NetworkTable, PortTable, Protocol};

use super::Result;
use super::netlink::{Wire, datagram};
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_netfilter::nftables::{ChainMessage, NfTablesMessage, TableAttribute, TableMessage};
use netlink_packet_netfilter::none::ControlMessage;
use netlink_packet_netfilter::{NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily};
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use std::os::fd::BorrowedFd;

/// Subsystem of nfnetlink that a batch is for (linux/netfilter/nfnetlink.h).
const NFNL_SUBSYS_NFTABLES: u16 = 10;

type Message = NetlinkMessage<NetfilterMessage>;

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

    /// As [`Socket::open`], for the network namespace `netns`: a child opens it there.
    ///
    /// # Errors
    /// The clone(2), setns(2) or socket(2) that failed.
    pub fn open_in(netns: BorrowedFd<'_>, why: &str) -> Result<Self> {
        Ok(Self { wire: Wire::open_in(netns, SockProtocol::NetlinkNetFilter, why)? })
    }

    /// Makes the table of a network and all that is in it, in one batch.
    ///
    /// # Errors
    /// EEXIST: there is a table of that name. EOPNOTSUPP, ENOENT: the kernel lacks nf_tables or masquerading.
    pub fn create(&mut self, wanted: &NetworkTable<'_>, why: &str) -> Result<()> {
        self.batch(wanted.messages(), wanted.table, why)
    }

    /// One more link by which only answers may come in: a rule at the end of the network's chain.
    ///
    /// # Errors
    /// ENOENT: the table is gone.
    pub fn add_answers_only(&mut self, wanted: &NetworkTable<'_>, link: &str, why: &str) -> Result<()> {
        self.batch(vec![wanted.answers_only_rule(link)], wanted.table, why)
    }

    /// Makes the table of published ports, in one batch.
    ///
    /// # Errors
    /// EEXIST: there is a table of that name. EOPNOTSUPP, ENOENT: the kernel lacks nf_tables, nft_fib or nft_nat.
    pub fn publish(&mut self, wanted: &PortTable<'_>, why: &str) -> Result<()> {
        self.batch(wanted.messages(), wanted.table, why)
    }

    /// The comment of the table of this name; `None` where there is no such table, empty where it has none.
    ///
    /// # Errors
    /// The request that failed for any other reason.
    pub fn comment_of(&mut self, table: &str, why: &str) -> Result<Option<String>> {
        let ask = table_message(table, NfTablesMessage::GetTable, vec![TableAttribute::Name(table.to_owned())]);
        let found = match self.ask(ask, NLM_F_ACK, &format!("NFT_MSG_GETTABLE, {table:?}"), why) {
            Err(error) if error.errno() == Errno::ENOENT => return Ok(None),
            other => other?,
        };
        let comment = found.into_iter().find_map(|message| match message.inner {
            NetfilterMessageInner::NfTables(NfTablesMessage::NewTable(table)) => Some(look::comment_in(&table)),
            _ => None,
        });
        Ok(comment)
    }

    /// Removes a table and all that is in it.
    ///
    /// # Errors
    /// ENOENT: there is none.
    pub fn remove(&mut self, table: &str, why: &str) -> Result<()> {
        let message = table_message(table, NfTablesMessage::DeleteTable, vec![TableAttribute::Name(table.to_owned())]);
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
        Ok(found.into_iter().filter_map(look::forward_chain).collect())
    }

    fn ask(&mut self, message: Message, flags: u16, shown: &str, why: &str) -> Result<Vec<NetfilterMessage>> {
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

    fn batch(&mut self, mut messages: Vec<Message>, table: &str, why: &str) -> Result<()> {
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

fn message(family: NetfilterProtoFamily, inner: NfTablesMessage) -> Message {
    NetlinkMessage::from(NetfilterMessage::new(NetfilterHeader::new(family, 0, 0), inner))
}

fn control(inner: ControlMessage) -> Message {
    let header = NetfilterHeader::new(NetfilterProtoFamily::Unspec, 0, NFNL_SUBSYS_NFTABLES);
    NetlinkMessage::from(NetfilterMessage::new(header, inner))
}

fn family_of(table: &str) -> NetfilterProtoFamily {
    if table.ends_with("_v6") { NetfilterProtoFamily::IPv6 } else { NetfilterProtoFamily::IPv4 }
}

fn table_message(table: &str, kind: fn(TableMessage) -> NfTablesMessage, attributes: Vec<TableAttribute>) -> Message {
    message(family_of(table), kind(TableMessage { attributes }))
}
