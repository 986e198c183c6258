//! Sockets, ports and netlink. socket(7), ip(7), packet(7), netlink(7).

use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use super::{file, path};
use crate::kernel::namespace::Kind;
use crate::kernel::trace::{self, Call};
use crate::probe::need::Who;
use nix::errno::Errno;

/// What decides over interfaces and raw packets.
const NETWORK: Over = Over::Namespace(Kind::Net);

/// Which layer refused it; `None` where it is no such call.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    match (call.name?, errno) {
        ("socket", _) => socket(subject, call, errno),
        ("bind", Errno::EACCES) => port(subject, call),
        ("connect" | "sendto" | "sendmsg", Errno::EACCES | Errno::EPERM) => unix(subject, call, errno),
        ("ioctl", Errno::EPERM) if !(0x8900..0x8a00).contains(&call.args[1]) => None,
        ("ioctl" | "setsockopt" | "recvmsg" | "recvfrom", Errno::EPERM | Errno::EACCES) => {
            needs(subject, "CAP_NET_ADMIN")
        }
        ("recvmsg" | "recvfrom", Errno::EOPNOTSUPP) => Some(Verdict::new(
            Layer::KernelLacks,
            "this kernel has no interface of that kind (or its module is not loaded)",
            "modprobe veth bridge, or a kernel that has them",
            Who::Root,
        )),
        _ => None,
    }
}

fn needs(subject: &Subject, capability: &str) -> Option<Verdict> {
    subject.lacks(capability, NETWORK).map(|_| super::capability::missing(subject, capability, NETWORK))
}

fn socket(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let [family, kind, protocol] = [call.int(0), call.int(1), call.int(2)];
    let inet = family == libc::AF_INET || family == libc::AF_INET6;
    match errno {
        Errno::EACCES
            if inet
                && kind & 0xf == libc::SOCK_DGRAM
                && [libc::IPPROTO_ICMP, libc::IPPROTO_ICMPV6].contains(&protocol) =>
        {
            let because = "net.ipv4.ping_group_range of this network namespace has no group of this user";
            let help = "sysctl -w net.ipv4.ping_group_range='0 2147483647'";
            Some(Verdict::new(Layer::Sysctl, because, help, Who::Root))
        }
        Errno::EPERM | Errno::EACCES => needs(subject, "CAP_NET_RAW"),
        Errno::EAFNOSUPPORT => Some(Verdict::new(
            Layer::KernelLacks,
            format!("this kernel has no sockets of family {family}"),
            "load its module, or a kernel that has it",
            Who::Admin,
        )),
        _ => None,
    }
}

/// A port below those that everybody may take (ip(7), `ip_unprivileged_port_start`, each network namespace its own).
fn port(subject: &Subject, call: &Call) -> Option<Verdict> {
    let address = trace::memory(subject.pid, call.args[1], 4);
    let [a, b, high, low] = <[u8; 4]>::try_from(address).ok()?;
    let family = i32::from(u16::from_ne_bytes([a, b]));
    if family == libc::AF_UNIX {
        return unix(subject, call, Errno::EACCES);
    }
    let port = u16::from_be_bytes([high, low]);
    let capability = subject.lacks("CAP_NET_BIND_SERVICE", NETWORK)?;
    let mut verdict = super::capability::missing(subject, "CAP_NET_BIND_SERVICE", NETWORK);
    if capability == super::subject::Lack::NotHeld && subject.fsuid() != 0 {
        let because = format!(
            "port {port} lies below net.ipv4.ip_unprivileged_port_start, and {} has no CAP_NET_BIND_SERVICE",
            subject.who()
        );
        let help = format!("a port from 1024 on, or sysctl -w net.ipv4.ip_unprivileged_port_start={port}");
        verdict = Verdict::new(Layer::Sysctl, because, help, Who::Root);
    }
    Some(verdict)
}

/// A socket with a path is a file, and to connect is to write it (unix(7)).
fn unix(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let bytes = trace::memory(subject.pid, call.args[1], usize::try_from(call.args[2].min(110)).unwrap_or(0));
    let (family, name) = bytes.split_first_chunk::<2>()?;
    let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
    if i32::from(u16::from_ne_bytes(*family)) != libc::AF_UNIX || name.is_empty() {
        return None;
    }
    let making = call.name == Some("bind");
    let want = if making { file::Want::Entry { removes: false } } else { file::Want::Open(2) };
    let target = file::Target { folder: libc::AT_FDCWD, path: name, want, follow: !making };
    file::judge(subject, &target, errno)
}

/// A netlink answer that says no: the message is in the buffer, the call itself succeeded.
pub(super) fn netlink_errno(subject: &Subject, call: &Call, received: i64) -> Option<Errno> {
    const ERROR: u16 = 2;
    let received = usize::try_from(received).ok().filter(|length| *length >= 20)?;
    let buffer = match call.name? {
        "recvfrom" | "read" => call.args[1],
        // msghdr: name, its length, then the address of the first iovec.
        "recvmsg" => pointer(subject, pointer(subject, call.args[1] + 16)?)?,
        _ => return None,
    };
    let bytes = trace::memory(subject.pid, buffer, received.min(20));
    let kind = u16::from_ne_bytes(bytes.get(4..6)?.try_into().ok()?);
    let answer = i32::from_ne_bytes(bytes.get(16..20)?.try_into().ok()?);
    let descriptor = path::descriptor(subject, call.int(0))?;
    (kind == ERROR && answer < 0 && is_netlink(subject, descriptor.stat.st_ino)).then(|| Errno::from_raw(-answer))
}

fn pointer(subject: &Subject, address: u64) -> Option<u64> {
    trace::memory(subject.pid, address, 8).try_into().ok().map(u64::from_ne_bytes)
}

fn is_netlink(subject: &Subject, inode: u64) -> bool {
    let inode = inode.to_string();
    subject.file("net/netlink").lines().any(|line| line.split_whitespace().next_back() == Some(&inode))
}
