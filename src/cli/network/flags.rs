//! The flags of `create` and `run` that speak of the network, named as docker names them.

use crate::stages::network::{Mode, Port, Publish, Wish, parse_host, parse_mac, publish};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Everything after `Network` in `explore run --help`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NetworkFlags {
    /// How it is connected: bridge, none, host, container:NAME, or a network of `explore network ls`
    #[arg(long, visible_alias = "net", value_name = "NETWORK", default_value = "bridge", help_heading = "Network")]
    pub(in crate::cli) network: Mode,
    /// Let a port of this machine lead to one of its own: `[ADDRESS:][PORT:]PORT[/udp]`
    #[arg(short, long, value_name = "PORTS", value_parser = several(publish::parse), help_heading = "Network")]
    publish: Vec<Listed<Publish>>,
    /// The same for each port that the image exposes, at free ports of this machine
    #[arg(short = 'P', long, help_heading = "Network")]
    publish_all: bool,
    /// A port to expose besides those of the image
    #[arg(long, value_name = "PORTS", value_parser = several(publish::ports), help_heading = "Network")]
    expose: Vec<Listed<Port>>,
    /// A further name on its network
    #[arg(long, visible_alias = "net-alias", value_name = "NAME", help_heading = "Network")]
    network_alias: Vec<String>,
    /// Its address, on a network with a --subnet
    #[arg(long, value_name = "ADDRESS", help_heading = "Network")]
    ip: Option<Ipv4Addr>,
    /// Its address of IPv6, on a network with --ipv6
    #[arg(long, value_name = "ADDRESS", help_heading = "Network")]
    ip6: Option<Ipv6Addr>,
    /// Its address on the wire
    #[arg(long, value_name = "ADDRESS", value_parser = parse_mac, help_heading = "Network")]
    mac_address: Option<[u8; 6]>,
    /// A name server to ask, instead of this machine's
    #[arg(long, value_name = "ADDRESS", help_heading = "Network")]
    dns: Vec<Ipv4Addr>,
    /// Where to look for names without a dot
    #[arg(long, value_name = "DOMAIN", help_heading = "Network")]
    dns_search: Vec<String>,
    /// An option of resolv.conf(5)
    #[arg(long, visible_alias = "dns-opt", value_name = "OPTION", help_heading = "Network")]
    dns_option: Vec<String>,
    /// A line of its /etc/hosts: NAME:ADDRESS, or NAME:host-gateway
    #[arg(long, value_name = "HOST", value_parser = parse_host, help_heading = "Network")]
    add_host: Vec<(String, String)>,
    /// What follows its host name
    #[arg(long, value_name = "DOMAIN", help_heading = "Network")]
    domainname: Option<String>,
}

/// What one flag lists: a range is several.
#[derive(Debug, Clone)]
struct Listed<T>(Vec<T>);

fn several<T: Clone + Send + Sync + 'static>(
    parse: fn(&str) -> Result<Vec<T>, String>,
) -> impl Fn(&str) -> Result<Listed<T>, String> + Clone + Send + Sync + 'static {
    move |text| parse(text).map(Listed)
}

impl NetworkFlags {
    /// The mode, and all the rest.
    pub(in crate::cli) fn into_wish(self) -> (Mode, Wish) {
        let wish = Wish {
            publish: self.publish.into_iter().flat_map(|listed| listed.0).collect(),
            publish_all: self.publish_all,
            exposed: self.expose.into_iter().flat_map(|listed| listed.0).collect(),
            aliases: self.network_alias,
            ip: self.ip,
            ip6: self.ip6,
            mac: self.mac_address,
            dns: self.dns,
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            hosts: self.add_host,
            domainname: self.domainname,
            also: Vec::new(),
        };
        (self.network, wish)
    }
}
