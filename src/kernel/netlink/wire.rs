//! The datagrams themselves, the same for every netlink protocol: send one, read until the kernel has said its last
//! word about it.

use crate::kernel::{Error, Result, call, netns};
use netlink_packet_core::{NLM_F_DUMP_INTR, NetlinkBuffer, NetlinkMessage, NetlinkSerializable};
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, send, setsockopt, socket,
    sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// The kernel never sends more than 32 KiB at once (NLMSG_GOODSIZE and the larger buffer for lists, af_netlink.c).
const LARGEST_ANSWER: usize = 64 * 1024;
/// A kernel that does not answer is a bug, ours or its own; waiting for ever would hide it.
const PATIENCE_SECONDS: i64 = 10;

/// A netlink socket and the number of the last question.
#[derive(Debug)]
pub(in crate::kernel) struct Wire {
    socket: OwnedFd,
    sequence: u32,
    answer: Vec<u8>,
}

/// A netlink socket in the network namespace of this process.
pub(super) fn open(protocol: SockProtocol) -> Result<OwnedFd> {
    let quiet = |errno| Error::quiet("socket", &format_args!("AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, {protocol:?}"), errno);
    let opened = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol).map_err(quiet)?;
    setsockopt(&opened, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE_SECONDS)).map_err(quiet)?;
    Ok(opened)
}

/// A socket that hears of every link that comes, changes or goes in the network namespace of this process.
pub(super) fn listen_to_links() -> Result<OwnedFd> {
    let listening = open(SockProtocol::NetlinkRoute)?;
    let group = NetlinkAddr::new(0, libc::RTMGRP_LINK as u32);
    bind(listening.as_raw_fd(), &group).map_err(|errno| {
        Error::quiet("bind", &format_args!("{{sa_family=AF_NETLINK, nl_groups=RTMGRP_LINK}}"), errno)
    })?;
    Ok(listening)
}

/// One datagram of several messages, each padded to four bytes. They share one number, so that whichever is refused
/// answers the question.
pub(in crate::kernel) fn datagram<I: NetlinkSerializable>(
    messages: Vec<NetlinkMessage<I>>,
    flags: u16,
    sequence: u32,
) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut message in messages {
        message.header.flags |= flags;
        message.header.sequence_number = sequence;
        message.finalize();
        let start = bytes.len();
        bytes.resize(start + message.buffer_len().next_multiple_of(4), 0);
        message.serialize(&mut bytes[start..]);
    }
    bytes
}

impl Wire {
    pub(in crate::kernel) fn over(socket: OwnedFd) -> Self {
        Self { socket, sequence: 0, answer: vec![0; LARGEST_ANSWER] }
    }

    pub(in crate::kernel) fn open(protocol: SockProtocol) -> Result<Self> {
        Ok(Self::over(open(protocol)?))
    }

    /// As [`Wire::open`], in another network namespace: a child joins it and opens the socket.
    pub(in crate::kernel) fn open_in(netns: BorrowedFd<'_>, protocol: SockProtocol, why: &str) -> Result<Self> {
        netns::fetch_from(netns, why, || open(protocol)).map(Self::over)
    }

    /// The number that the next question carries and that its answers repeat.
    pub(in crate::kernel) fn next_sequence(&mut self) -> u32 {
        self.sequence += 1;
        self.sequence
    }

    /// Sends a datagram of which exactly one message asks for an acknowledgement or a list, and reads to its end.
    pub(in crate::kernel) fn converse(
        &mut self,
        datagram: &[u8],
        shown: &str,
        why: &str,
        heard: &mut dyn FnMut(&NetlinkBuffer<&[u8]>) -> nix::Result<()>,
    ) -> Result<()> {
        let (socket, sequence) = (self.socket.as_raw_fd(), self.sequence);
        call(why, "sendto", format_args!("{socket}, {shown}, {}, 0, NULL, 0", datagram.len()), || {
            let sent = send(socket, datagram, MsgFlags::empty())?;
            loop {
                let length = receive(socket, &mut self.answer)?;
                if read_answers(&self.answer[..length], sequence, heard)? {
                    return Ok(sent);
                }
            }
        })
        .map(drop)
    }
}

fn receive(socket: i32, room: &mut [u8]) -> nix::Result<usize> {
    loop {
        match recv(socket, room, MsgFlags::empty()) {
            Err(Errno::EINTR) => {}
            // That is what a receive timeout answers (socket(7)).
            Err(Errno::EAGAIN) => return Err(Errno::ETIMEDOUT),
            other => return other,
        }
    }
}

/// Reads one datagram of answers; true when the last word was in it. EINTR stands for a list that changed meanwhile.
fn read_answers(
    mut bytes: &[u8],
    sequence: u32,
    heard: &mut dyn FnMut(&NetlinkBuffer<&[u8]>) -> nix::Result<()>,
) -> nix::Result<bool> {
    while !bytes.is_empty() {
        let answer = NetlinkBuffer::new_checked(bytes).map_err(|_| Errno::EBADMSG)?;
        let length = (answer.length() as usize).next_multiple_of(4).min(bytes.len());
        if answer.sequence_number() == sequence {
            let code = || answer.payload().first_chunk().map_or(0, |code| i32::from_ne_bytes(*code));
            match i32::from(answer.message_type()) {
                libc::NLMSG_ERROR | libc::NLMSG_DONE if code() != 0 => return Err(Errno::from_raw(-code())),
                libc::NLMSG_DONE if answer.flags() & NLM_F_DUMP_INTR != 0 => return Err(Errno::EINTR),
                libc::NLMSG_ERROR | libc::NLMSG_DONE => return Ok(true),
                libc::NLMSG_NOOP => {}
                _ => heard(&answer)?,
            }
        }
        bytes = &bytes[length..];
    }
    Ok(false)
}
