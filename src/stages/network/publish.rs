//! Published ports: what `-p` says, and which port of this machine it becomes.
//!
//! A port is **held** as long as it is published: a socket of ours is bound to it and listens, so that no other program
//! takes it for its own and then waits for visitors that never come. Nobody speaks to that socket: the packet filter
//! sends them on before they reach it ([`crate::kernel::nft::PortTable`]).

use super::NetworkError;
use super::lease::{Published, Record};
use crate::kernel::nft::Protocol;
use crate::kernel::port;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::OwnedFd;
use std::str::FromStr;

/// Where the free ports are that the kernel itself gives out.
const LOCAL_RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
/// The same, where it cannot be read (RFC 6335).
const DYNAMIC: (u16, u16) = (49152, 65535);

/// A port of a container, as an image names it: `80/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Port {
    /// Its number.
    pub number: u16,
    /// TCP or UDP.
    pub protocol: Protocol,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol.name())
    }
}

/// One port that is to be published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// At which address of this machine; 0.0.0.0 for all, :: for all of IPv6.
    pub at: IpAddr,
    /// Whether nobody has named an address.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anywhere: bool,
    /// Which of its ports may be taken, first and last; `None`: whichever is free.
    pub from: Option<(u16, u16)>,
    /// The container's.
    pub to: Port,
}

/// `80`, `80-82`, as `--expose` and an image's EXPOSE have it, with `/tcp` or `/udp`.
///
/// # Errors
/// A sentence, in docker's words.
pub fn ports(text: &str) -> Result<Vec<Port>, String> {
    let (range, protocol) = split_protocol(text)?;
    let (first, last) = range_of(range).filter(|(first, _)| *first > 0).ok_or_else(|| wrong("containerPort", range))?;
    Ok((first..=last).map(|number| Port { number, protocol }).collect())
}

/// `[IP:][HOST-PORT[-LAST]]:PORT[-LAST][/PROTOCOL]`, or `PORT` alone; or `published=HOST-PORT,target=PORT`.
///
/// # Errors
/// A sentence, in docker's words (docker/go-connections, nat/nat.go).
pub fn parse(text: &str) -> Result<Vec<Publish>, String> {
    if text.contains('=') {
        return parse(&short(text)?);
    }
    let mut parts = text.rsplitn(3, ':');
    let container = parts.next().unwrap_or_default();
    let host = parts.next().unwrap_or_default();
    let ip = parts.next().unwrap_or_default();
    let wrong_ip = || format!("invalid IP address: {ip}");
    let at = match ip.strip_prefix('[').map(|ip| ip.strip_suffix(']').ok_or_else(wrong_ip)).transpose()? {
        Some(ip) => IpAddr::V6(ip.parse().map_err(|_| wrong_ip())?),
        None if ip.is_empty() => Ipv4Addr::UNSPECIFIED.into(),
        None => ip.parse().map_err(|_| wrong_ip())?,
    };
    if container.is_empty() || container.starts_with('/') {
        return Err(format!("no port specified: {text}<empty>"));
    }
    let (inside, anywhere) = (ports(container)?, ip.is_empty());
    if host.is_empty() {
        return Ok(inside.into_iter().map(|to| Publish { at, anywhere, from: None, to }).collect());
    }
    let (first, last) = range_of(host).ok_or_else(|| wrong("hostPort", host))?;
    if inside.len() > 1 && usize::from(last - first) + 1 != inside.len() {
        return Err(format!("invalid ranges specified for container and host Ports: {container} and {host}"));
    }
    let one = |to: Port, from: (u16, u16)| Publish { at, anywhere, from: (from.0 > 0).then_some(from), to };
    if let [to] = inside[..] {
        return Ok(vec![one(to, (first, last))]);
    }
    Ok(inside.into_iter().zip(first..=last).map(|(to, port)| one(to, (port, port))).collect())
}

/// The short form of the one with names, as docker's client makes it (cli/command/container/opts.go).
fn short(text: &str) -> Result<String, String> {
    let (mut published, mut target, mut protocol) = ("", "", "tcp");
    for word in text.split(',') {
        let pair = word.split_once('=');
        let (name, value) =
            pair.ok_or_else(|| format!("invalid publish opts format (should be name=value but got '{word}')"))?;
        match name {
            "published" => published = value,
            "target" => target = value,
            "protocol" => protocol = value,
            _ => {}
        }
    }
    Ok(format!("{published}:{target}/{protocol}"))
}

fn split_protocol(text: &str) -> Result<(&str, Protocol), String> {
    match text.split_once('/') {
        None => Ok((text, Protocol::Tcp)),
        Some((range, name)) if name.eq_ignore_ascii_case("tcp") => Ok((range, Protocol::Tcp)),
        Some((range, name)) if name.eq_ignore_ascii_case("udp") => Ok((range, Protocol::Udp)),
        Some((_, name)) => Err(format!("invalid proto: {name}")),
    }
}

fn wrong(what: &str, text: &str) -> String {
    format!("invalid {what}: {text}")
}

fn range_of(text: &str) -> Option<(u16, u16)> {
    let number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit()).then(|| u16::from_str(part).ok())?;
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// Finds and holds a port of this machine for each wish. `record` says what other containers hold.
///
/// # Errors
/// [`NetworkError::PortAllocated`], [`NetworkError::PortInUse`]: nothing is held then.
pub(super) fn take(
    wanted: &[Publish],
    six: bool,
    record: &Record,
) -> Result<(Vec<Published>, Vec<OwnedFd>), NetworkError> {
    let (mut published, mut held): (Vec<Published>, Vec<OwnedFd>) = (Vec::new(), Vec::new());
    for wish in wanted {
        if wish.at.is_ipv6() && !six {
            let text = format!("-p at {} needs a container with IPv6: a network that was made with --ipv6", wish.at);
            return Err(NetworkError::Conflict(text));
        }
        // At all addresses means those of IPv6 too, where the container has one: the same port there.
        let all = six && wish.at == IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let at: Vec<IpAddr> = [wish.at].into_iter().chain(all.then_some(Ipv6Addr::UNSPECIFIED.into())).collect();
        let others = || record.leases.iter().flat_map(|lease| &lease.published);
        let is_taken = |ip, port| others().chain(&published).any(|one| one.holds(ip, port, wish.to.protocol));
        let (port, sockets) = take_one(wish, &at, is_taken)?;
        published.extend(at.iter().map(|at| Published {
            protocol: wish.to.protocol,
            at: *at,
            port,
            to: wish.to.number,
        }));
        held.extend(sockets);
    }
    Ok((published, held))
}

/// The first port of those that will do; what was wrong with the first of them, where none does.
fn take_one(
    wish: &Publish,
    at: &[IpAddr],
    is_taken: impl Fn(IpAddr, u16) -> bool,
) -> Result<(u16, Vec<OwnedFd>), NetworkError> {
    let protocol = wish.to.protocol;
    let (first, last) = wish.from.unwrap_or_else(local_range);
    let one = |ip: IpAddr, port: u16| {
        if is_taken(ip, port) {
            return Err(NetworkError::PortAllocated { ip, port });
        }
        port::hold(ip, port, protocol).map_err(|source| NetworkError::PortInUse { ip, port, protocol, source })
    };
    let mut failure = None;
    for port in first..=last {
        match at.iter().map(|ip| one(*ip, port)).collect() {
            Ok(sockets) => return Ok((port, sockets)),
            Err(error) => _ = failure.get_or_insert(error),
        }
    }
    Err(failure.unwrap_or(NetworkError::PortAllocated { ip: wish.at, port: first }))
}

/// Holds again what `network up` has published and could not hold, since that command has ended.
///
/// # Errors
/// [`NetworkError::PortInUse`].
pub(super) fn hold(published: &[Published]) -> Result<Vec<OwnedFd>, NetworkError> {
    let one = |one: &Published| {
        port::hold(one.at, one.port, one.protocol).map_err(|source| NetworkError::PortInUse {
            ip: one.at,
            port: one.port,
            protocol: one.protocol,
            source,
        })
    };
    published.iter().map(one).collect()
}

pub(super) fn local_range() -> (u16, u16) {
    let text = std::fs::read_to_string(LOCAL_RANGE).unwrap_or_default();
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse().ok());
    match (numbers.next(), numbers.next()) {
        (Some(first), Some(last)) if first <= last => (first, last),
        _ => DYNAMIC,
    }
}

/// What docker would say of a port that cannot be bound.
pub(super) fn reason(errno: Errno) -> &'static str {
    match errno {
        Errno::EADDRINUSE => "address already in use",
        Errno::EADDRNOTAVAIL => "cannot assign requested address",
        Errno::EACCES => "permission denied",
        other => other.desc(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(publish: &Publish) -> String {
        let from = publish.from.map(|(first, last)| format!("{first}-{last}")).unwrap_or_default();
        format!("{}:{from}:{}", publish.at, publish.to)
    }

    fn parsed(given: &str) -> Vec<String> {
        parse(given).unwrap().iter().map(text).collect()
    }

    #[test]
    fn every_form_of_docker_is_read() {
        assert_eq!(parsed("80"), ["0.0.0.0::80/tcp"]);
        assert_eq!(parsed("8080:80"), ["0.0.0.0:8080-8080:80/tcp"]);
        assert_eq!(parsed("0:80/udp"), ["0.0.0.0::80/udp"]);
        assert_eq!(parsed("127.0.0.1::53/UDP"), ["127.0.0.1::53/udp"]);
        assert_eq!(parsed("127.0.0.1:5353:53/udp"), ["127.0.0.1:5353-5353:53/udp"]);
        assert_eq!(parsed("8000-8001:80-81"), ["0.0.0.0:8000-8000:80/tcp", "0.0.0.0:8001-8001:81/tcp"]);
        assert_eq!(parsed("8000-8010:80"), ["0.0.0.0:8000-8010:80/tcp"]);
        assert_eq!(parsed("[::1]:8080:80"), ["::1:8080-8080:80/tcp"]);
        assert_eq!(parsed("[::]::53/udp"), ["::::53/udp"]);
        assert_eq!(parsed("published=8080,target=80"), ["0.0.0.0:8080-8080:80/tcp"]);
        assert_eq!(parsed("target=53,protocol=udp,mode=host"), ["0.0.0.0::53/udp"]);
        assert_eq!(parsed("80-81"), ["0.0.0.0::80/tcp", "0.0.0.0::81/tcp"]);
    }

    #[test]
    fn what_is_wrong_is_said_as_docker_says_it() {
        for (given, says) in [
            ("", "no port specified: <empty>"),
            ("8080:", "no port specified: 8080:<empty>"),
            ("x:80", "invalid hostPort: x"),
            ("80:x", "invalid containerPort: x"),
            ("80:0", "invalid containerPort: 0"),
            ("65536:80", "invalid hostPort: 65536"),
            ("+1:80", "invalid hostPort: +1"),
            ("80:80/icmp", "invalid proto: icmp"),
            ("1.2.3:80:80", "invalid IP address: 1.2.3"),
            ("[::1:80:80", "invalid IP address: [::1"),
            ("[1.2.3.4]:80:80", "invalid IP address: [1.2.3.4]"),
            ("1-2:80-82", "invalid ranges specified for container and host Ports: 80-82 and 1-2"),
            ("9-8:80", "invalid hostPort: 9-8"),
            ("published=80,x", "invalid publish opts format (should be name=value but got 'x')"),
            ("published=80", "no port specified: 80:/tcp<empty>"),
        ] {
            assert_eq!(parse(given).unwrap_err(), says, "{given:?}");
        }
    }
}
