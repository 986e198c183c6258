//! The listening end: a seqpacket socket on which the kernel attaches the sender's credentials.
//!
//! PID 1 of a container believes that it is PID 1. The listener is outside, and `SO_PASSCRED` (unix(7)) makes the
//! kernel attach the sender's PID *as the receiver's PID namespace numbers it*: the same translation that
//! pid_namespaces(7) describes for every PID that crosses a border.

use super::event::{Heard, RECORD_SIZE};
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixCredentials, recvmsg, setsockopt, socketpair,
    sockopt,
};
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

/// The reader's end and the teller's end. Both close on exec.
///
/// # Errors
/// Those of socketpair(2) and setsockopt(2).
pub fn socket_pair() -> nix::Result<(Reader, OwnedFd)> {
    let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    setsockopt(&ours, sockopt::PassCred, &true)?;
    Ok((Reader { socket: ours }, theirs))
}

/// Hears what others tell.
#[derive(Debug)]
pub struct Reader {
    socket: OwnedFd,
}

impl Reader {
    /// Waits for the next event. `None` when every teller is gone, or has become another program.
    ///
    /// # Errors
    /// Those of recvmsg(2).
    pub fn next_event(&self) -> nix::Result<Option<Heard>> {
        loop {
            let mut record = [0; RECORD_SIZE];
            let mut credentials = nix::cmsg_space!(UnixCredentials);
            let mut parts = [IoSliceMut::new(&mut record)];
            let received =
                recvmsg::<()>(self.socket.as_raw_fd(), &mut parts, Some(&mut credentials), MsgFlags::MSG_CMSG_CLOEXEC);
            let (length, pid) = match received {
                Ok(message) => (message.bytes, sender(&message)),
                Err(nix::errno::Errno::EINTR) => continue,
                Err(errno) => return Err(errno),
            };
            if length == 0 {
                return Ok(None);
            }
            if let Some(heard) = Heard::decode(&record[..length], pid) {
                return Ok(Some(heard));
            }
        }
    }
}

impl AsFd for Reader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The sender's PID, 0 where it is not visible from here (a sender outside the reader's PID namespace).
fn sender(message: &nix::sys::socket::RecvMsg<'_, '_, ()>) -> i32 {
    let Ok(mut attached) = message.cmsgs() else { return 0 };
    attached
        .find_map(|one| match one {
            ControlMessageOwned::ScmCredentials(who) => Some(who.pid()),
            _ => None,
        })
        .unwrap_or(0)
}
