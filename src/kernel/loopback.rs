//! The interface `lo`: in a new network namespace it is there and down. netdevice(7).

use super::{Result, call};
use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::os::fd::AsRawFd;

/// Brings up `lo` of this process's network namespace; the kernel then gives it 127.0.0.1 by itself. The old ioctl does
/// it: for one flag of one interface no netlink message is needed.
///
/// # Errors
/// The socket(2) or ioctl(2) that failed: EPERM without CAP_NET_ADMIN over this network namespace.
pub fn up(why: &str) -> Result<()> {
    let name = c"lo";
    let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)
        .map_err(|errno| super::Error::quiet("socket", &format_args!("AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0"), errno))?;
    // SAFETY: ifreq is plain data, for which all zeroes are valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.to_bytes()) {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    let shown = "{ifr_name=\"lo\", ifr_flags=IFF_UP|IFF_RUNNING}";
    call(why, "ioctl", format_args!("{}, SIOCSIFFLAGS, {shown}", socket.as_raw_fd()), || {
        // SAFETY: the request is an ifreq that lives until the call is over, as SIOCSIFFLAGS wants it.
        Errno::result(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) }).map(drop)
    })
}
