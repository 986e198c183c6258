//! A range of addresses, of IPv4 or of IPv6: read, written, and asked what is in it. RFC 4632, RFC 4291.

use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What the two families differ in.
pub trait Family: Copy + Eq + Display + FromStr {
    /// Bits of an address.
    const BITS: u8;
    /// Bits that may name a network of containers.
    const PREFIXES: RangeInclusive<u8>;
    /// What one is to write.
    const EXAMPLE: &'static str;
    /// Whether the last address of a network is everybody's there.
    const HAS_BROADCAST: bool;

    /// The address as a number.
    fn number(self) -> u128;
    /// The address that a number is.
    fn of(number: u128) -> Self;
    /// Whether no container can have such an address, whatever the network.
    fn is_special(self) -> bool;
}

impl Family for Ipv4Addr {
    const BITS: u8 = 32;
    // Fewer than two hosts, or a twentieth of the Internet, is no network for containers.
    const PREFIXES: RangeInclusive<u8> = 8..=30;
    const EXAMPLE: &'static str = "an IPv4 network such as 10.9.0.0/24";
    const HAS_BROADCAST: bool = true;

    fn number(self) -> u128 {
        u32::from(self).into()
    }

    fn of(number: u128) -> Self {
        u32::try_from(number).unwrap_or(u32::MAX).into()
    }

    fn is_special(self) -> bool {
        false
    }
}

impl Family for Ipv6Addr {
    const BITS: u8 = 128;
    const PREFIXES: RangeInclusive<u8> = 16..=126;
    const EXAMPLE: &'static str = "an IPv6 network such as fd00:9::/64";
    const HAS_BROADCAST: bool = false;

    fn number(self) -> u128 {
        self.into()
    }

    fn of(number: u128) -> Self {
        number.into()
    }

    fn is_special(self) -> bool {
        self.is_multicast() || self.is_unicast_link_local() || self.is_loopback()
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String", bound(serialize = "A: Family", deserialize = "A: Family"))]
pub struct Range<A> {
    /// Its first address.
    pub ip: A,
    /// Bits that name it.
    pub prefix: u8,
}

/// A network of IPv4: `172.30.7.0/24`.
pub type Subnet = Range<Ipv4Addr>;
/// A network of IPv6: `fd00:9::/64`.
pub type SubnetOfSix = Range<Ipv6Addr>;

impl<A: Family> Range<A> {
    /// The range that an address with this prefix is in.
    pub fn around(ip: A, prefix: u8) -> Self {
        Self { ip: A::of(ip.number() & !Self::hosts(prefix)), prefix }
    }

    /// The bits that tell its addresses apart.
    fn hosts(prefix: u8) -> u128 {
        let all = u128::MAX >> (128 - u32::from(A::BITS));
        all.checked_shr(u32::from(prefix)).unwrap_or(0)
    }

    /// Whether `ip` may be given to somebody: in it, and neither its first address, which is the network's own or that of
    /// all its routers (RFC 4291, 2.6.1), nor its broadcast address.
    pub fn can_give(self, ip: A) -> bool {
        let last = self.ip.number() | Self::hosts(self.prefix);
        self.holds(ip) && ip != self.ip && (!A::HAS_BROADCAST || ip.number() != last)
    }

    /// All its addresses, in order.
    pub(super) fn addresses(self) -> impl Iterator<Item = A> {
        let first = self.ip.number();
        (first..=first | Self::hosts(self.prefix)).map(A::of)
    }

    /// Whether `ip` is in it.
    fn holds(self, ip: A) -> bool {
        Self::around(ip, self.prefix) == self
    }

    /// Whether all of another are in it.
    pub(super) fn contains(self, other: Self) -> bool {
        self.prefix <= other.prefix && self.holds(other.ip)
    }

    pub(super) fn meets(self, other: Self) -> bool {
        let shared = self.prefix.min(other.prefix);
        Self::around(self.ip, shared) == Self::around(other.ip, shared)
    }

    /// A part of a network: `--ip-range`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn part(text: &str) -> Result<Self, String> {
        Self::read("ip-range", text, *A::PREFIXES.start()..=A::BITS)
    }

    fn read(what: &str, text: &str, prefixes: RangeInclusive<u8>) -> Result<Self, String> {
        let wrong = || format!("invalid {what} {text}: {}", A::EXAMPLE);
        let (ip, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let (ip, prefix): (A, u8) = (ip.parse().map_err(|_| wrong())?, prefix.parse().map_err(|_| wrong())?);
        if !prefixes.contains(&prefix) {
            return Err(format!("invalid {what} {text}: from /{} to /{}", prefixes.start(), prefixes.end()));
        }
        if ip.is_special() {
            return Err(format!("invalid {what} {text}: these addresses cannot be given to containers"));
        }
        let range = Self::around(ip, prefix);
        if range.ip == ip { Ok(range) } else { Err(format!("invalid {what} {text}: it should be {range}")) }
    }
}

impl<A: Family> Display for Range<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix)
    }
}

impl<A: Family> From<Range<A>> for String {
    fn from(range: Range<A>) -> Self {
        range.to_string()
    }
}

impl<A: Family> TryFrom<String> for Range<A> {
    type Error = String;

    /// Of a record: also a part of a network, which was read as such.
    fn try_from(text: String) -> Result<Self, String> {
        Self::part(&text)
    }
}

impl<A: Family> FromStr for Range<A> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read("subnet", text, A::PREFIXES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_a_network_and_not_an_address_in_one() {
        let subnet: Subnet = "10.9.0.0/24".parse().unwrap();
        assert!(subnet.can_give("10.9.0.1".parse().unwrap()) && subnet.can_give("10.9.0.254".parse().unwrap()));
        for outside in ["10.9.0.0", "10.9.0.255", "10.9.1.1"] {
            assert!(!subnet.can_give(outside.parse().unwrap()), "{outside}");
        }
        assert_eq!(
            "10.9.0.7/24".parse::<Subnet>().unwrap_err(),
            "invalid subnet 10.9.0.7/24: it should be 10.9.0.0/24"
        );
        for bad in ["", "10.9.0.0", "10.9.0.0/31", "10.0.0.0/7", "10.9.0/24", "fd00::/64"] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_subnet_of_six_is_a_network_and_not_an_address_in_one() {
        let subnet: SubnetOfSix = "fd00:9::/64".parse().unwrap();
        assert!(subnet.can_give("fd00:9::1".parse().unwrap()) && subnet.can_give("fd00:9::ffff".parse().unwrap()));
        for outside in ["fd00:9::", "fd00:9:0:1::1", "::1"] {
            assert!(!subnet.can_give(outside.parse().unwrap()), "{outside}");
        }
        let told = "fd00:9::7/64".parse::<SubnetOfSix>().unwrap_err();
        assert_eq!(told, "invalid subnet fd00:9::7/64: it should be fd00:9::/64");
        for bad in ["", "fd00:9::", "fd00::/8", "fd00::/127", "fe80::/64", "ff02::/16", "10.0.0.0/24", "::/129"] {
            assert!(bad.parse::<SubnetOfSix>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn two_subnets_meet_when_one_is_in_the_other() {
        let of = |text: &str| text.parse::<Subnet>().unwrap();
        assert!(of("10.0.0.0/8").meets(of("10.9.0.0/24")) && of("10.9.0.0/24").meets(of("10.0.0.0/8")));
        assert!(of("10.0.0.0/8").contains(of("10.9.0.0/24")) && !of("10.9.0.0/24").contains(of("10.0.0.0/8")));
        assert!(!of("10.9.0.0/24").meets(of("10.9.1.0/24")));
    }

    #[test]
    fn a_part_of_a_network_may_be_one_address_and_is_kept_as_it_was_read() {
        let part = Subnet::part("10.9.0.7/32").unwrap();
        assert_eq!(part.addresses().collect::<Vec<_>>(), ["10.9.0.7".parse::<Ipv4Addr>().unwrap()]);
        assert_eq!(Subnet::try_from(String::from(part)), Ok(part));
        assert_eq!(Subnet::part("10.9.0.7/31").unwrap_err(), "invalid ip-range 10.9.0.7/31: it should be 10.9.0.6/31");
        let last = SubnetOfSix::part("fd00:9::fffe/127").unwrap();
        assert_eq!(last.addresses().map(|ip| ip.to_string()).collect::<Vec<_>>(), ["fd00:9::fffe", "fd00:9::ffff"]);
    }
}
