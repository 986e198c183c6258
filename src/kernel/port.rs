//! Holding a port: bound, so that nobody else can bind it, and used for nothing. ip(7), bind(2), listen(2).

use super::nft::Protocol;
use super::{Error, Result, netns};
use nix::sys::socket::{
    self, AddressFamily, Backlog, SockFlag, SockType, SockaddrIn, SockaddrIn6, SockaddrStorage, bind, setsockopt,
    socket, sockopt,
};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};

/// Connections that wait until somebody accepts them.
const BACKLOG: i32 = 128;

/// Binds a port of this network namespace.
///
/// A port on which connections have just ended is free again (SO_REUSEADDR), as it is for any server; but then the
/// kernel lets several sockets bind it as long as none listens, so ours does.
///
/// # Errors
/// EADDRINUSE: another has it. EADDRNOTAVAIL: it is no address of this machine. EACCES: below 1024, and not root.
pub fn hold(ip: IpAddr, port: u16, protocol: Protocol) -> Result<OwnedFd> {
    bound(ip, port, protocol, 0)
}

/// Listens at a port that nobody has.
///
/// Several sockets of one user may listen at one port where all of them say so (SO_REUSEPORT, socket(7)). This one says it
/// only once it has the port: nobody was there, and [`listen_beside`] can come later.
///
/// # Errors
/// As [`hold`].
pub fn listen(ip: IpAddr, port: u16, protocol: Protocol) -> Result<OwnedFd> {
    let socket = bound(ip, port, protocol, BACKLOG)?;
    share(&socket)?;
    Ok(socket)
}

/// Listens at a port where one of this user listens already ([`listen`]).
///
/// # Errors
/// As [`hold`].
pub fn listen_beside(ip: IpAddr, port: u16, protocol: Protocol) -> Result<OwnedFd> {
    let socket = open(ip, protocol).map_err(|errno| Error::quiet("socket", &format_args!("AF_INET"), errno))?;
    share(&socket)?;
    name(socket, ip, port, protocol, BACKLOG)
}

fn share(socket: &OwnedFd) -> Result<()> {
    let failed = |errno| Error::quiet("setsockopt", &format_args!("SO_REUSEPORT"), errno);
    setsockopt(socket, sockopt::ReusePort, &true).map_err(failed)
}

fn bound(ip: IpAddr, port: u16, protocol: Protocol, backlog: i32) -> Result<OwnedFd> {
    let socket = open(ip, protocol).map_err(|errno| Error::quiet("socket", &format_args!("AF_INET"), errno))?;
    name(socket, ip, port, protocol, backlog)
}

fn open(ip: IpAddr, protocol: Protocol) -> nix::Result<OwnedFd> {
    let kind = match protocol {
        Protocol::Tcp => SockType::Stream,
        Protocol::Udp => SockType::Datagram,
    };
    if ip.is_ipv4() {
        return socket(AddressFamily::Inet, kind, SockFlag::SOCK_CLOEXEC, None);
    }
    let socket = socket(AddressFamily::Inet6, kind, SockFlag::SOCK_CLOEXEC, None)?;
    // What comes by IPv4 is another socket's (ipv6(7)).
    setsockopt(&socket, sockopt::Ipv6V6Only, &true)?;
    Ok(socket)
}

fn name(held: OwnedFd, ip: IpAddr, port: u16, protocol: Protocol, backlog: i32) -> Result<OwnedFd> {
    let failed = |call: &'static str| {
        move |errno| {
            let shown = match ip {
                IpAddr::V4(ip) => format!("{{sin_port=htons({port}), sin_addr=inet_addr(\"{ip}\")}}"),
                IpAddr::V6(ip) => format!("{{sin6_port=htons({port}), inet_pton(AF_INET6, \"{ip}\")}}"),
            };
            Error::quiet(call, &format_args!("{shown}"), errno)
        }
    };
    if protocol == Protocol::Tcp {
        setsockopt(&held, sockopt::ReuseAddr, &true).map_err(failed("setsockopt"))?;
    }
    bind(held.as_raw_fd(), &SockaddrStorage::from(SocketAddr::new(ip, port))).map_err(failed("bind"))?;
    if protocol == Protocol::Tcp {
        socket::listen(&held, Backlog::new(backlog).map_err(failed("listen"))?).map_err(failed("listen"))?;
    }
    Ok(held)
}

/// Opens a socket in another network namespace, at a port that the kernel chooses.
///
/// # Errors
/// EADDRNOTAVAIL: it is no address of that namespace. The clone(2) or setns(2) that failed.
pub fn listen_in(netns: BorrowedFd<'_>, ip: IpAddr, protocol: Protocol, why: &str) -> Result<OwnedFd> {
    netns::fetch_from(netns, why, || bound(ip, 0, protocol, 16))
}

/// The port that a socket is bound to.
pub fn number_of(socket: &OwnedFd) -> Option<u16> {
    nix::sys::socket::getsockname::<SockaddrStorage>(socket.as_raw_fd()).ok().and_then(|address| {
        address.as_sockaddr_in().map(SockaddrIn::port).or(address.as_sockaddr_in6().map(SockaddrIn6::port))
    })
}
