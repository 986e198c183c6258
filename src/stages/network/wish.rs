//! What a container wants of the network, as docker's flags say it.

use super::publish::Publish;
use super::{NetworkError, Port};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// `--network`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Mode {
    /// A cable to a bridge of ours, an address, and NAT to the outside.
    #[default]
    Bridge,
    /// Only the loopback interface.
    None,
    /// No network namespace of its own: this machine's.
    Host,
    /// The network namespace of another container, by its name or ID.
    Container(String),
    /// A network that `network create` has made.
    Named(String),
}

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "bridge" | "default" => Self::Bridge,
            "none" => Self::None,
            "host" => Self::Host,
            _ => match text.strip_prefix("container:") {
                Some("") => return Err("it does not say which container: container:NAME".into()),
                Some(container) => Self::Container(container.to_owned()),
                None if super::definition::is_name(text) => Self::Named(text.to_owned()),
                None => return Err("bridge, none, host, container:NAME, or a network of `explore network ls`".into()),
            },
        })
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge => f.write_str("bridge"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl Mode {
    /// Whether it has a network namespace of its own, whose settings are its own too.
    pub fn is_own(&self) -> bool {
        !matches!(self, Self::Host | Self::Container(_))
    }

    /// The network of ours that it is connected to; `None` where it makes no cable.
    pub fn network(&self) -> Option<&str> {
        match self {
            Self::Bridge => Some(super::definition::DEFAULT),
            Self::Named(name) => Some(name),
            Self::None | Self::Host | Self::Container(_) => None,
        }
    }
}

/// Everything that a container wants of the network besides [`Mode`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// `-p`.
    pub publish: Vec<Publish>,
    /// `-P`: each exposed port at a free port of this machine.
    pub publish_all: bool,
    /// Ports that the image, or `--expose`, names.
    pub exposed: Vec<Port>,
    /// `--network-alias`: further names on its network.
    pub aliases: Vec<String>,
    /// `--ip`.
    pub ip: Option<Ipv4Addr>,
    /// `--ip6`.
    pub ip6: Option<Ipv6Addr>,
    /// `--mac-address`.
    pub mac: Option<[u8; 6]>,
    /// `--dns`: name servers instead of this machine's.
    pub dns: Vec<Ipv4Addr>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--dns-option`.
    pub dns_options: Vec<String>,
    /// `--add-host`: lines of /etc/hosts, name and address.
    pub hosts: Vec<(String, String)>,
    /// `--domainname`.
    pub domainname: Option<String>,
    /// What `network connect` has added to its network.
    pub also: Vec<Also>,
    /// `network disconnect` has taken it off the network of its mode, which stays its mode as in docker.
    pub left: bool,
}

/// A network that a container is on besides its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Also {
    /// Its name.
    pub network: String,
    /// `--alias`: further names there.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// `--ip`.
    #[serde(default)]
    pub ip: Option<Ipv4Addr>,
    /// `--ip6`.
    #[serde(default)]
    pub ip6: Option<Ipv6Addr>,
}

impl Wish {
    /// The network of the mode, as long as it is on it.
    pub fn own<'a>(&self, mode: &'a Mode) -> Option<&'a str> {
        mode.network().filter(|_| !self.left)
    }

    /// Its networks, its own first.
    pub fn networks<'a>(&'a self, mode: &'a Mode) -> impl Iterator<Item = &'a str> {
        self.own(mode).into_iter().chain(self.also.iter().map(|one| one.network.as_str()))
    }

    /// One network more, or other words for one that it is on.
    pub fn connect(&mut self, mode: &Mode, also: Also) {
        if self.own(mode) == Some(also.network.as_str()) {
            (self.aliases, self.ip, self.ip6) = (also.aliases, also.ip, also.ip6);
            return;
        }
        self.also.retain(|one| one.network != also.network);
        self.also.push(also);
    }

    /// Whether it is cut off: a network namespace of its own, and no cable in it.
    pub fn is_alone(&self, mode: &Mode) -> bool {
        mode.is_own() && self.networks(mode).next().is_none()
    }

    /// What `network connect` has said of a network.
    pub fn also_on(&self, network: &str) -> Option<&Also> {
        self.also.iter().find(|one| one.network == network)
    }

    /// `--domainname`, where it says anything.
    pub fn domain(&self) -> Option<&str> {
        self.domainname.as_deref().filter(|domain| !domain.is_empty())
    }

    /// What is to be published: `-p`, and with `-P` what is exposed and not among it.
    pub fn ports(&self) -> Vec<Publish> {
        let mut all = self.publish.clone();
        all.extend(self.exposed_ports());
        all
    }

    /// The second half of that: what `-P` adds, for which the image must be known.
    pub fn exposed_ports(&self) -> Vec<Publish> {
        let hidden = |port: &&Port| self.publish.iter().all(|one| one.to != **port);
        let others = self.exposed.iter().filter(|port| self.publish_all && hidden(port));
        others.map(|to| Publish { at: Ipv4Addr::UNSPECIFIED.into(), anywhere: true, from: None, to: *to }).collect()
    }

    /// Whether it says anything about /etc/resolv.conf.
    pub(super) fn changes_names(&self) -> bool {
        !(self.dns.is_empty() && self.dns_search.is_empty() && self.dns_options.is_empty())
    }

    /// Refuses what docker refuses, before anything is made: words that do not fit the mode.
    ///
    /// # Errors
    /// [`NetworkError::Conflict`].
    pub fn check(&self, mode: &Mode, hostname_given: bool) -> Result<(), NetworkError> {
        let conflict =
            |what: &str, mode: &str| Err(NetworkError::Conflict(format!("conflicting options: {what} and the {mode}")));
        let shared = "container type network mode";
        match mode {
            Mode::Container(_) => {
                if hostname_given || self.domain().is_some() {
                    return conflict("hostname", "network mode");
                }
                if !self.dns.is_empty() || !self.dns_search.is_empty() || !self.dns_options.is_empty() {
                    return conflict("dns", "network mode");
                }
                if !self.hosts.is_empty() {
                    return conflict("custom host-to-IP mapping", "network mode");
                }
                if self.mac.is_some() {
                    return conflict("mac-address", "network mode");
                }
                if !self.publish.is_empty() || self.publish_all {
                    return conflict("port publishing", shared);
                }
            }
            Mode::Host if self.mac.is_some() => return conflict("mac-address", "network mode"),
            _ => {}
        }
        let is_named = matches!(mode, Mode::Named(_));
        if (self.ip.is_some() || self.ip6.is_some()) && !is_named {
            return Err(NetworkError::Conflict(
                "user specified IP address is supported on user defined networks only".into(),
            ));
        }
        if !self.aliases.is_empty() && !is_named {
            return Err(NetworkError::Conflict(
                "network-scoped alias is supported only for containers in user defined networks".into(),
            ));
        }
        Ok(())
    }
}

/// `02:42:ac:11:00:02`, of one station: docker refuses others no earlier than the kernel does.
///
/// # Errors
/// A sentence.
pub fn parse_mac(text: &str) -> Result<[u8; 6], String> {
    let wrong = || format!("{text:?} is no address on the wire: six numbers such as 02:42:ac:11:00:02");
    let bytes: Vec<u8> = text
        .split([':', '-'])
        .map(|part| u8::from_str_radix(part, 16).map_err(|_| wrong()))
        .collect::<Result<_, _>>()?;
    let mac: [u8; 6] = bytes.try_into().map_err(|_| wrong())?;
    if mac[0] & 1 == 1 || mac == [0; 6] { Err(wrong()) } else { Ok(mac) }
}

/// `NAME:ADDRESS`, as `--add-host` takes it; `host-gateway` stands for this machine's end of the network.
///
/// # Errors
/// A sentence.
pub fn parse_host(text: &str) -> Result<(String, String), String> {
    let wrong = || format!("bad format for add-host: {text:?}: it is NAME:ADDRESS");
    let (name, ip) = text.split_once([':', '=']).filter(|(name, _)| !name.is_empty()).ok_or_else(wrong)?;
    let ip = ip.trim_start_matches('[').trim_end_matches(']');
    if ip != "host-gateway" && ip.parse::<std::net::IpAddr>().is_err() {
        return Err(format!("invalid IP address in add-host: {ip:?}"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong());
    }
    Ok((name.to_owned(), ip.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_is_written_as_it_is_typed() {
        for text in ["bridge", "none", "host", "container:web", "backend"] {
            assert_eq!(text.parse::<Mode>().unwrap().to_string(), text);
        }
        assert_eq!("default".parse(), Ok(Mode::Bridge));
        for bad in ["", "container:", "a b", "../x", "-x"] {
            assert!(bad.parse::<Mode>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_on_the_wire_is_of_one_station() {
        assert_eq!(parse_mac("02:42:ac:11:00:02"), Ok([2, 0x42, 0xac, 0x11, 0, 2]));
        for bad in ["", "02:42", "01:00:5e:00:00:01", "00:00:00:00:00:00", "02:42:ac:11:00:0g", "02:42:ac:11:00:02:03"]
        {
            assert!(parse_mac(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_host_line_names_an_address() {
        assert_eq!(parse_host("db:10.0.0.7"), Ok(("db".into(), "10.0.0.7".into())));
        assert_eq!(parse_host("six:[::1]"), Ok(("six".into(), "::1".into())));
        assert!(parse_host("me:host-gateway").is_ok());
        for bad in ["db", ":10.0.0.7", "db:ten", "d\nb:10.0.0.7"] {
            assert!(parse_host(bad).is_err(), "{bad:?}");
        }
    }
}
