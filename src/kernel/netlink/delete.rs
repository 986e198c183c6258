//! Removing a link without waiting for its memory.
//!
//! RTM_DELLINK answers when the last reader anywhere in the kernel can no longer hold the link: two RCU grace periods,
//! 20 to 40 ms. The link is out of the namespace, and its name free, long before that, and the kernel says so to all
//! who listen (RTNLGRP_LINK). So a child asks and waits; we leave with the news. (`netdev_run_todo` and
//! `unregister_netdevice_many_notify` in net/core/dev.c.)

use super::wire;
use crate::kernel::{Error, Result, process};
use crate::narrate::{self, Role};
use netlink_packet_core::NetlinkBuffer;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// The news of a link that goes is a kilobyte or two.
const LARGEST_NEWS: usize = 32 * 1024;

/// Removes the link with this number; of a veth pair both ends, of a bridge only itself. When this returns, no one
/// finds it any more.
///
/// # Errors
/// ENODEV: there is none with this number. The fork(2) that failed.
pub fn delete_link(index: u32, why: &str) -> Result<()> {
    let failed = |call: &'static str| move |errno| Error::quiet(call, &format_args!("..."), errno);
    let news = wire::listen_to_links()?;
    let (answer, theirs) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(failed("pipe2"))?;
    // Forked twice: nobody has to collect the one who stays behind.
    let go_between = process::fork(Role::Helper, why, || {
        let stays = process::fork(Role::Helper, why, || ask(index, &theirs, why));
        i32::from(stays.is_err())
    })?;
    drop(theirs);
    process::wait(go_between)?;
    match wait_for(index, &news, &answer).map_err(failed("poll"))? {
        Some(answer) => answer,
        // Killed before it could ask, perhaps; or after: then there is nothing left to remove.
        None => match super::Socket::open()?.delete(index, why) {
            Err(error) if error.errno() == Errno::ENODEV => Ok(()),
            other => other,
        },
    }
}

/// What the child does: nothing else of ours may be kept open by it, or whoever waits for an end of file waits for it.
fn ask(index: u32, answer: &OwnedFd, why: &str) -> i32 {
    let answer = answer.as_raw_fd();
    process::close_all_but(&[Some(answer), narrate::sink()]);
    let result = super::Socket::open().and_then(|mut socket| socket.delete(index, why));
    let text = serde_json::to_vec(&result).unwrap_or_default();
    // SAFETY: the one descriptor that was kept open for this; it is borrowed until the process leaves.
    let answer = unsafe { std::os::fd::BorrowedFd::borrow_raw(answer) };
    let _ = nix::unistd::write(answer, &text);
    0
}

/// Waits for the news, or for the child's answer, whichever comes first. None: the child ended without an answer, and
/// nobody knows whether it asked.
fn wait_for(index: u32, news: &OwnedFd, answer: &OwnedFd) -> nix::Result<Option<Result<()>>> {
    let mut room = vec![0; LARGEST_NEWS];
    loop {
        let mut both = [PollFd::new(news.as_fd(), PollFlags::POLLIN), PollFd::new(answer.as_fd(), PollFlags::POLLIN)];
        match poll(&mut both, PollTimeout::from(10_000u16)) {
            Err(Errno::EINTR) => continue,
            Ok(0) => return Err(Errno::ETIMEDOUT),
            other => other?,
        };
        if both[1].any() == Some(true) {
            let length = nix::unistd::read(answer, &mut room)?;
            if length == 0 {
                return Ok(None);
            }
            return serde_json::from_slice(&room[..length]).map(Some).map_err(|_| Errno::EIO);
        }
        match recv(news.as_raw_fd(), &mut room, MsgFlags::MSG_DONTWAIT) {
            Ok(length) if tells_of(&room[..length], index) => return Ok(Some(Ok(()))),
            // ENOBUFS: some news were lost; the child's answer comes all the same.
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR | Errno::ENOBUFS) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// Whether one of the messages says that the link is gone. The same type with family AF_BRIDGE says only that it left
/// a bridge.
fn tells_of(mut bytes: &[u8], index: u32) -> bool {
    while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
        // struct ifinfomsg: family, padding, type (2 bytes), index (4 bytes), …
        if let (libc::RTM_DELLINK, [family, _, _, _, a, b, c, d, ..]) = (message.message_type(), message.payload())
            && i32::from(*family) == libc::AF_UNSPEC
            && u32::from_ne_bytes([*a, *b, *c, *d]) == index
        {
            return true;
        }
        let length = (message.length() as usize).next_multiple_of(4);
        bytes = bytes.get(length..).unwrap_or_default();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(kind: u16, family: u8, index: u32) -> Vec<u8> {
        let mut bytes = Vec::from(32u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend([0; 10]);
        bytes.extend([family, 0, 0, 0]);
        bytes.extend(index.to_ne_bytes());
        bytes.extend([0; 8]);
        bytes
    }

    #[test]
    fn a_port_that_leaves_its_bridge_is_not_a_link_that_is_gone() {
        let left = news(libc::RTM_DELLINK, libc::AF_BRIDGE as u8, 7);
        assert!(!tells_of(&left, 7));
        assert!(!tells_of(&news(libc::RTM_NEWLINK, 0, 7), 7) && !tells_of(&news(libc::RTM_DELLINK, 0, 8), 7));
        assert!(tells_of(&[left, news(libc::RTM_DELLINK, 0, 7)].concat(), 7));
    }
}
