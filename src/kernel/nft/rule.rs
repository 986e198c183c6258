//! One rule, put together as `nft` would: each word loads something into a register and compares it, in order, and the
//! last says what is done. `nft --debug=netlink` shows the same for what a person types.

use netlink_packet_core::DefaultNla;
use netlink_packet_netfilter::nftables::{
    Bitwise, Cmp, DataAttribute, Expressions, Immediate, Meta, MetaKey, Operator, Payload, Register, Verdict,
    VerdictAttribute,
};
use std::net::IpAddr;

/// Verdicts, which are also a chain's policies (linux/netfilter.h).
const NF_DROP: u32 = 0;
pub(super) const NF_ACCEPT: u32 = 1;
/// Keys of `ct` (linux/netfilter/nf_tables.h, nft_ct_keys).
const NFT_CT_STATE: u32 = 0;
const NFT_CT_STATUS: u32 = 2;
/// `ct state established,related`: the bits 1 << (state + 1) (linux/netfilter/nf_conntrack_common.h).
const ESTABLISHED_OR_RELATED: u32 = 0b110;
/// `ct status dnat`: somebody's rule has given the connection another destination (IPS_DST_NAT, same file).
const DNAT: u32 = 1 << 5;
/// Where the two addresses stand in a header of IPv4 (RFC 791) and of IPv6 (RFC 8200), and the destination port in one of
/// TCP or UDP.
const SOURCE: [u32; 2] = [12, 8];
const DESTINATION: [u32; 2] = [16, 24];
const PORT: u32 = 2;
/// NFT_PAYLOAD_NETWORK_HEADER and NFT_PAYLOAD_TRANSPORT_HEADER.
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;

/// A rule that is being put together.
#[derive(Debug, Default)]
pub(super) struct Rule(pub(super) Vec<Expressions>);

#[allow(clippy::wrong_self_convention)] // a builder: each word of the rule adds to it
impl Rule {
    /// `ip saddr NETWORK`, or `ip6 saddr NETWORK`
    pub(super) fn from(self, network: (IpAddr, u8)) -> Self {
        self.address(SOURCE, network)
    }

    /// `ip daddr NETWORK`
    pub(super) fn to(self, network: (IpAddr, u8)) -> Self {
        self.address(DESTINATION, network)
    }

    /// `fib daddr type local`: an address of this machine, whichever.
    pub(super) fn to_this_machine(self) -> Self {
        // NFTA_FIB_DREG = 1, NFTA_FIB_RESULT = 2 (of which 3 is the type), NFTA_FIB_FLAGS = 3 (of which 2 is daddr).
        let ask = expression("fib", vec![number(1, Register::Reg1.into()), number(2, 3), number(3, 2)]);
        // RTN_LOCAL (linux/rtnetlink.h)
        self.and([ask, compare(Operator::Equal, 2u32.to_ne_bytes().to_vec())])
    }

    /// `iifname LINK`, or `iifname != LINK`
    pub(super) fn enters_by(self, operator: Operator, link: &str) -> Self {
        self.link(MetaKey::Iifname, operator, link)
    }

    /// `oifname LINK`, or `oifname != LINK`
    pub(super) fn leaves_by(self, operator: Operator, link: &str) -> Self {
        self.link(MetaKey::Oifname, operator, link)
    }

    /// `tcp dport PORT`; `protocol` is its number in the IPv4 header.
    pub(super) fn to_port(self, protocol: u8, port: u16) -> Self {
        let kind = Expressions::Meta(vec![Meta::Key(MetaKey::L4Proto), Meta::DestinationRegister(Register::Reg1)]);
        self.and([
            kind,
            compare(Operator::Equal, vec![protocol]),
            load(TRANSPORT_HEADER, PORT, 2),
            compare(Operator::Equal, port.to_be_bytes().to_vec()),
        ])
    }

    /// `ct state ! established,related`: no answer, and nothing that belongs to one.
    pub(super) fn is_no_answer(self) -> Self {
        self.conntrack(NFT_CT_STATE, ESTABLISHED_OR_RELATED, Operator::Equal)
    }

    /// `ct status dnat`
    pub(super) fn was_redirected(self) -> Self {
        self.conntrack(NFT_CT_STATUS, DNAT, Operator::NotEqual)
    }

    /// `counter drop`
    pub(super) fn drop(self) -> Self {
        self.counted().verdict(NF_DROP)
    }

    /// `accept`: no later rule of this chain is asked; other chains are.
    pub(super) fn accept(self) -> Self {
        self.verdict(NF_ACCEPT)
    }

    /// `counter masquerade`
    pub(super) fn masquerade(self) -> Self {
        self.counted().and([expression("masq", Vec::new())])
    }

    /// `counter dnat to ADDRESS:PORT`
    pub(super) fn dnat(self, (ip, port): (IpAddr, u16)) -> Self {
        let put = |register, bytes: Vec<u8>| {
            Expressions::Immediate(vec![
                Immediate::DestinationRegister(register),
                Immediate::Data(DataAttribute::Value(bytes)),
            ])
        };
        // NFTA_NAT_TYPE = 1 (NFT_NAT_DNAT = 1), NFTA_NAT_FAMILY = 2 (NFPROTO_IPV4 = 2, NFPROTO_IPV6 = 10),
        // NFTA_NAT_REG_ADDR_MIN = 3, NFTA_NAT_REG_PROTO_MIN = 5 (linux/netfilter/nf_tables.h).
        let family = if ip.is_ipv4() { 2 } else { 10 };
        let nat = [number(1, 1), number(2, family), number(3, Register::Reg1.into()), number(5, Register::Reg2.into())];
        self.counted().and([
            put(Register::Reg1, bytes_of(ip)),
            put(Register::Reg2, port.to_be_bytes().to_vec()),
            expression("nat", nat.to_vec()),
        ])
    }

    fn and<const N: usize>(mut self, more: [Expressions; N]) -> Self {
        self.0.extend(more);
        self
    }

    fn counted(self) -> Self {
        self.and([expression("counter", Vec::new())])
    }

    /// Loads an address of the header and compares what the prefix leaves of it.
    fn address(self, offsets: [u32; 2], (network, prefix): (IpAddr, u8)) -> Self {
        let bytes = bytes_of(network);
        let (offset, length) = if network.is_ipv4() { (offsets[0], 4) } else { (offsets[1], 16) };
        let ones = |at: usize| u8::try_from(usize::from(prefix).saturating_sub(at * 8).min(8)).unwrap_or(8);
        let mask = (0..bytes.len()).map(|at| u8::MAX.checked_shl(8 - u32::from(ones(at))).unwrap_or(0)).collect();
        let equal = compare(Operator::Equal, bytes);
        self.and([load(NETWORK_HEADER, offset, length), masked(mask), equal])
    }

    fn link(self, key: MetaKey, operator: Operator, name: &str) -> Self {
        let load = Expressions::Meta(vec![Meta::Key(key), Meta::DestinationRegister(Register::Reg1)]);
        // Names are compared as the kernel keeps them: IFNAMSIZ bytes, the rest zero.
        let mut padded = name.as_bytes().to_vec();
        padded.resize(libc::IFNAMSIZ, 0);
        self.and([load, compare(operator, padded)])
    }

    /// What conntrack knows of the packet's connection: with `Equal` none of the bits is set, with `NotEqual` some is.
    fn conntrack(self, key: u32, bits: u32, operator: Operator) -> Self {
        // NFTA_CT_DREG = 1, NFTA_CT_KEY = 2
        let ask = expression("ct", vec![number(1, Register::Reg1.into()), number(2, key)]);
        self.and([ask, masked(bits.to_ne_bytes().to_vec()), compare(operator, vec![0; 4])])
    }

    fn verdict(self, code: u32) -> Self {
        let verdict = DataAttribute::Verdict(vec![VerdictAttribute::Code(Verdict::Other(code))]);
        self.and([Expressions::Immediate(vec![
            Immediate::DestinationRegister(Register::Verdict),
            Immediate::Data(verdict),
        ])])
    }
}

fn load(header: u32, offset: u32, length: u32) -> Expressions {
    Expressions::Payload(vec![
        Payload::DestinationRegister(Register::Reg1),
        Payload::Base(header),
        Payload::Offset(offset),
        Payload::Len(length),
    ])
}

fn bytes_of(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

fn masked(mask: Vec<u8>) -> Expressions {
    let length = if mask.len() == 4 { 4 } else { 16 };
    Expressions::Bitwise(vec![
        Bitwise::SourceRegister(Register::Reg1),
        Bitwise::DestinationRegister(Register::Reg1),
        Bitwise::Length(length),
        Bitwise::Xor(DataAttribute::Value(vec![0; mask.len()])),
        Bitwise::Mask(DataAttribute::Value(mask)),
    ])
}

fn compare(operator: Operator, value: Vec<u8>) -> Expressions {
    Expressions::Cmp(vec![
        Cmp::SourceRegister(Register::Reg1),
        Cmp::Op(operator),
        Cmp::Data(DataAttribute::Value(value)),
    ])
}

/// An expression that the crate has no type for.
fn expression(name: &str, attributes: Vec<DefaultNla>) -> Expressions {
    Expressions::Other { expression_type: name.to_owned(), attributes }
}

/// An attribute that is a number; nf_tables wants them in network order.
fn number(kind: u16, value: u32) -> DefaultNla {
    DefaultNla::new(kind, value.to_be_bytes().to_vec())
}

/// A comment as `nft` writes it into user data: type 0, length, text, NUL (libnftnl udata.h).
pub(super) fn comment(text: &str) -> Vec<u8> {
    let text = &text.as_bytes()[..text.len().min(127)];
    let length = u8::try_from(text.len() + 1).unwrap_or(u8::MAX);
    [&[0, length], text, &[0]].concat()
}
