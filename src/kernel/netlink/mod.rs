//! Netlink: how one talks to the kernel's network stack. netlink(7), rtnetlink(7).
//!
//! A request is one datagram to the kernel, `nlmsghdr | body | attributes`; the answer comes on the same socket: data,
//! and last an NLMSG_ERROR whose code is 0 for "done", or NLMSG_DONE after a list. One request here is one pair of
//! events named `sendto`, with the message's type as strace prints it. The errno in the second is the one that the
//! kernel *answered*: `sendto` itself nearly always succeeds.
//!
//! **A netlink socket belongs to the network namespace in which it was opened**, whoever uses it later. So we never
//! change our own namespace to configure another: a short-lived child joins it and opens a socket among our descriptors
//! ([`Socket::open_in`]).
//!
//! Left out: multicast groups (`ip monitor`), traffic control. The packets are taken apart by the
//! `netlink-packet-*` crates; the conversation is ours, blocking and without threads.

mod address;
mod delete;
mod interface;
mod link;
mod wire;

pub use address::{Address, Route};
pub use delete::delete_link;
pub use interface::{Interface, InterfaceAddress};
pub use link::{Bridge, Change, Link, VethEnd, Which};
pub(in crate::kernel) use wire::{Wire, datagram};

use super::Result;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkBuffer, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use nix::sys::socket::SockProtocol;
use std::os::fd::BorrowedFd;

/// A conversation with the network stack of one namespace.
#[derive(Debug)]
pub struct Socket {
    wire: Wire,
}

impl Socket {
    /// A socket for the network namespace of this process.
    ///
    /// # Errors
    /// The socket(2) that failed.
    pub fn open() -> Result<Self> {
        Ok(Self { wire: Wire::over(wire::open(SockProtocol::NetlinkRoute)?) })
    }

    /// A socket for the network namespace `netns`, opened there by a child that is gone when this returns. The caller
    /// needs CAP_SYS_ADMIN over it to join and CAP_NET_ADMIN to change anything.
    ///
    /// # Errors
    /// The clone(2), setns(2) or socket(2) that failed.
    pub fn open_in(netns: BorrowedFd<'_>, why: &str) -> Result<Self> {
        Ok(Self { wire: Wire::open_in(netns, SockProtocol::NetlinkRoute, why)? })
    }

    /// Asks for one change, and waits for the kernel's word that it is made.
    fn change(&mut self, flags: u16, message: RouteNetlinkMessage, shown: &str, why: &str) -> Result<()> {
        self.ask(NLM_F_ACK | flags, message, shown, why).map(drop)
    }

    /// Sends one request and gathers what is answered.
    fn ask(
        &mut self,
        flags: u16,
        message: RouteNetlinkMessage,
        shown: &str,
        why: &str,
    ) -> Result<Vec<RouteNetlinkMessage>> {
        let request = NetlinkMessage::from(message);
        let name = type_name(request.payload.message_type());
        let datagram = datagram(vec![request], NLM_F_REQUEST | flags, self.wire.next_sequence());
        let shown =
            if shown.is_empty() { format!("{{nlmsg_type={name}}}") } else { format!("{{nlmsg_type={name}, {shown}}}") };
        let mut found = Vec::new();
        self.wire.converse(&datagram, &shown, why, &mut |answer| {
            found.push(decode(answer)?);
            Ok(())
        })?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Asks for a list. One that changed while it was sent (NLM_F_DUMP_INTR) is asked for again, a few times.
    fn list(&mut self, message: &RouteNetlinkMessage, shown: &str, why: &str) -> Result<Vec<RouteNetlinkMessage>> {
        for _ in 0..4 {
            match self.ask(NLM_F_DUMP, message.clone(), shown, why) {
                Err(error) if error.errno() == Errno::EINTR => {}
                other => return other,
            }
        }
        self.ask(NLM_F_DUMP, message.clone(), shown, why)
    }
}

/// One answer; `None` for a kind that nobody here asks for.
fn decode(answer: &NetlinkBuffer<&[u8]>) -> nix::Result<Option<RouteNetlinkMessage>> {
    let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(answer.buffer).map_err(|_| Errno::EBADMSG)?;
    Ok(match message.payload {
        NetlinkPayload::InnerMessage(inner) => Some(inner),
        _ => None,
    })
}

/// The types that we send, as rtnetlink(7) and strace name them.
fn type_name(number: u16) -> &'static str {
    match number {
        libc::RTM_NEWLINK => "RTM_NEWLINK",
        libc::RTM_DELLINK => "RTM_DELLINK",
        libc::RTM_GETLINK => "RTM_GETLINK",
        libc::RTM_SETLINK => "RTM_SETLINK",
        libc::RTM_NEWADDR => "RTM_NEWADDR",
        libc::RTM_DELADDR => "RTM_DELADDR",
        libc::RTM_GETADDR => "RTM_GETADDR",
        libc::RTM_NEWROUTE => "RTM_NEWROUTE",
        libc::RTM_GETROUTE => "RTM_GETROUTE",
        _ => "RTM_?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_namespace_has_a_loopback() {
        let links = Socket::open().unwrap().links("to see it").unwrap();
        assert!(links.iter().any(|link| link.loopback && link.name == "lo"), "{links:?}");
    }

    #[test]
    fn what_is_not_there_is_none_and_not_an_error() {
        assert_eq!(Socket::open().unwrap().link_named("nosuchlink", "to see that it is not").unwrap(), None);
    }
}
