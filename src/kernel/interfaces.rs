//! What `ip address` and `ip route` list: the interfaces, addresses and routes of the network namespace that this
//! thread is in. rtnetlink(7). Only asks; whatever makes or changes a link is elsewhere.
//!
//! A netlink socket belongs to the namespace in which it was opened, for ever. So whoever wants another namespace's
//! list joins it first and opens afterwards.

mod link;
mod route;

pub use link::{Address, Link, list};
pub use route::{Route, routes};

use super::{Error, Result};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;

/// Whoever owns a network namespace may fill it; we read no more than this many answers of one dump.
pub const LIMIT: usize = 65_536;

/// Asks for all objects of one kind (a dump) and collects what comes until the kernel says done.
fn dump(name: &str, request: RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>> {
    let failed = |errno: Errno| Error::quiet("sendto", &format_args!("{{type={name}, flags=NLM_F_DUMP}}"), errno);
    let broken = |error: std::io::Error| failed(Errno::from_raw(error.raw_os_error().unwrap_or(libc::EPROTO)));
    let mut socket = Socket::new(NETLINK_ROUTE).map_err(broken)?;
    socket.bind_auto().map_err(broken)?;
    socket.connect(&SocketAddr::new(0, 0)).map_err(broken)?;
    let mut message = NetlinkMessage::new(NetlinkHeader::default(), NetlinkPayload::from(request));
    message.header.flags = NLM_F_DUMP | NLM_F_REQUEST;
    message.header.sequence_number = 1;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).map_err(broken)?;
    let mut found = Vec::new();
    loop {
        let (datagram, _) = socket.recv_from_full().map_err(broken)?;
        if take(&datagram, &mut found).map_err(failed)? {
            return Ok(found);
        }
        if found.len() > LIMIT {
            return Err(failed(Errno::E2BIG));
        }
    }
}

/// Takes the messages out of one datagram; true once the dump is done.
fn take(datagram: &[u8], found: &mut Vec<RouteNetlinkMessage>) -> nix::Result<bool> {
    let mut rest = datagram;
    while !rest.is_empty() {
        let length = rest.get(..4).map_or(0, |head| u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize);
        // Messages begin at multiples of four (netlink(7), NLMSG_ALIGN).
        let (this, next) = rest.split_at(length.next_multiple_of(4).min(rest.len()));
        if length < 16 {
            return Err(Errno::EPROTO);
        }
        rest = next;
        // One message that the crate cannot parse (an attribute of tomorrow) must not hide the others.
        let Ok(message) = NetlinkMessage::<RouteNetlinkMessage>::deserialize(this) else { continue };
        match message.payload {
            NetlinkPayload::Done(_) => return Ok(true),
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(Errno::from_raw(-error.raw_code())),
            NetlinkPayload::InnerMessage(inner) => found.push(inner),
            _ => {}
        }
    }
    Ok(false)
}
