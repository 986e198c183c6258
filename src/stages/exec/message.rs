//! What the processes of a start say to each other. Each message is one packet of a seqpacket socket: a tag, and what
//! belongs to it. A socket that ends says something too.
//!
//! ```text
// ANCHOR: protocol
//! supervisor                                   init (PID 1 to be)
//!   its PID is in the journal     ── go ──────►  enters its cgroups, separates its mounts, mounts the union, …
//!   its network is connected      ── connected ► pivots, takes its name, its user, its capabilities
//!                                 ◄── terminal ─ (with -t) the master of a terminal of the new devpts
//!                                 ◄── failed ─── what could not be done; then it leaves
//!                                 ◄── ready ──── nothing is left but to give up privileges
//!                                 ◄── (end) ──── after ready, it has become it: the socket closes on exec
//!
//! supervisor                                   the command that the user typed
//!                                 ◄── made ───── the container is on the disk (`run` begins its supervisor before)
//!                                 ── started ──► PID 1 runs
//!                                 ── failed ───► it does not
//!   from its terminal or pipes    ── output ───►
//!                                 ── lost ─────► what it says cannot be read any more
//!                                 ◄── input, size, signal
//!                                 ◄── detached ─ it leaves, and the container runs on
//!   all is taken back             ── ended ────►
//!                                 ◄── (end) ──── it does not listen any more; the container goes on
//!
//! supervisor                                   a command that has called it (`socket`)
//!                                 ◄── attached ─ the same from here on; without this word it only waits for the end
//!                                 ◄── joined ─── it has put the container on one more network
//!   a name server answers         ── served ───► (or failed) inside, names are found
// ANCHOR_END: protocol
//! ```

use super::StartFailure;
use crate::kernel::process::Ended;
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, recv, recvmsg, sendmsg,
    socketpair,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The largest packet: one read from a terminal or pipe, and its tag.
pub const CHUNK: usize = 32 * 1024;

/// From the supervisor to PID 1 that will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToInit {
    /// Its PID is in the journal; it may make mounts.
    Go,
    /// Its network is there; it may become the program.
    Connected,
}

/// From PID 1 that will be.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromInit {
    /// The master of its terminal comes with this packet.
    Terminal,
    /// Its mounts are there, and its root is still the host's: hooks may be run (where others make it, see `waiting`).
    Mounted,
    /// All is set up, and privileges are given up next: whoever only heard the end could not tell execve(2) from a kill.
    Ready,
    /// It cannot go on.
    Failed(StartFailure),
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Descriptor 1, or a terminal.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// From the supervisor to whoever started it.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToClient {
    /// PID 1 runs; its number outside.
    Started(i32),
    /// It could not be started.
    Failed(StartFailure),
    /// Names of its networks are found inside.
    Served,
    /// What it says cannot be read any more; it may run on.
    Lost(Stream, Failure),
    /// It has ended, and everything is taken back.
    Ended(Ended),
}

/// From whoever is attached.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromClient {
    /// The container that its supervisor is for is on the disk now.
    Made,
    /// It wants to hear what the container says: the first word of one who has called.
    Attached,
    /// The container is on one more network: what is there of names must be found.
    Joined,
    /// It leaves, and the container is to run on.
    Detached,
    /// No more input will come.
    InputEnded,
    /// The size of the reader's terminal.
    Resize {
        /// Rows.
        rows: u16,
        /// Columns.
        columns: u16,
    },
    /// A signal for PID 1.
    Signal(i32),
}

/// A packet as it was received.
#[derive(Debug)]
pub enum Packet {
    /// A typed message, still to be read.
    Message(Vec<u8>, Option<OwnedFd>),
    /// Bytes for, or from, descriptor 0, 1 or 2.
    Data(u8, Vec<u8>),
    /// The other side is gone.
    End,
}

const MESSAGE: u8 = b'm';

impl Packet {
    /// Reads a typed message.
    pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
        serde_json::from_slice(bytes).ok()
    }
}

/// Two ends of a new socket; both close on exec.
///
/// # Errors
/// Those of socketpair(2).
pub fn pair() -> nix::Result<(OwnedFd, OwnedFd)> {
    socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
}

/// Sends a typed message.
///
/// # Errors
/// Those of sendmsg(2): EPIPE where nobody listens.
pub fn send<Fd: AsFd, T: Serialize>(socket: &Fd, message: &T) -> nix::Result<()> {
    send_with(socket, message, &[])
}

/// Sends a typed message and with it a descriptor (unix(7), SCM_RIGHTS).
///
/// # Errors
/// Those of sendmsg(2).
pub fn send_with<Fd: AsFd, T: Serialize>(socket: &Fd, message: &T, descriptors: &[RawFd]) -> nix::Result<()> {
    let body = serde_json::to_vec(message).unwrap_or_default();
    let parts = [IoSlice::new(&[MESSAGE]), IoSlice::new(&body)];
    let rights = [ControlMessage::ScmRights(descriptors)];
    let attached: &[ControlMessage<'_>] = if descriptors.is_empty() { &[] } else { &rights };
    retry(|| sendmsg::<()>(socket.as_fd().as_raw_fd(), &parts, attached, MsgFlags::MSG_NOSIGNAL, None)).map(drop)
}

/// Sends bytes for, or from, one of the three standard descriptors.
///
/// # Errors
/// Those of sendmsg(2).
pub fn send_data<Fd: AsFd>(socket: &Fd, descriptor: u8, data: &[u8]) -> nix::Result<()> {
    let parts = [IoSlice::new(std::slice::from_ref(&descriptor)), IoSlice::new(data)];
    retry(|| sendmsg::<()>(socket.as_fd().as_raw_fd(), &parts, &[], MsgFlags::MSG_NOSIGNAL, None)).map(drop)
}

/// Waits for the next packet.
///
/// # Errors
/// Those of recvmsg(2).
pub fn receive<Fd: AsFd>(socket: &Fd) -> nix::Result<Packet> {
    // Its length first: room for the largest would be eight pages to clear, for a word of ten bytes.
    let look = MsgFlags::MSG_PEEK | MsgFlags::MSG_TRUNC;
    let length = retry(|| recv(socket.as_fd().as_raw_fd(), &mut [], look))?;
    if length == 0 {
        return Ok(Packet::End);
    }
    let mut buffer = vec![0; length];
    let mut control = nix::cmsg_space!(RawFd);
    let descriptor = {
        let mut parts = [IoSliceMut::new(&mut buffer)];
        retry(|| {
            // The borrow of `parts` ends with each attempt.
            recvmsg::<()>(socket.as_fd().as_raw_fd(), &mut parts, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)
                .map(|message| descriptor_in(&message))
        })?
    };
    let body = buffer.split_off(1);
    Ok(match buffer[0] {
        MESSAGE => Packet::Message(body, descriptor),
        number => Packet::Data(number, body),
    })
}

fn descriptor_in(message: &nix::sys::socket::RecvMsg<'_, '_, ()>) -> Option<OwnedFd> {
    let mut attached = message.cmsgs().ok()?;
    attached.find_map(|one| match one {
        ControlMessageOwned::ScmRights(list) => list.first().copied().map(crate::kernel::process::own),
        _ => None,
    })
}

/// ECONNRESET says, once, that the other end closed before it had read all that we sent. What it had sent before is still
/// in the queue behind that error: an exit code must not be lost because a last byte of input came too late. Nor because
/// the kernel had no memory for a moment.
fn retry<T>(mut attempt: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    let mut patience = 100;
    loop {
        match attempt() {
            Err(Errno::EINTR | Errno::ECONNRESET) => {}
            Err(Errno::ENOMEM | Errno::ENOBUFS) if patience > 0 => {
                patience -= 1;
                std::thread::sleep(Duration::from_millis(2));
            }
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_heard_from_one_who_did_not_listen() {
        let (ours, theirs) = pair().unwrap();
        send(&ours, &FromClient::InputEnded).unwrap();
        send(&theirs, &ToClient::Ended(Ended::Exited(3))).unwrap();
        drop(theirs);
        let Packet::Message(bytes, _) = receive(&ours).unwrap() else { panic!("no message") };
        assert!(matches!(Packet::parse(&bytes), Some(ToClient::Ended(Ended::Exited(3)))));
        assert!(matches!(receive(&ours), Ok(Packet::End)));
    }
}
