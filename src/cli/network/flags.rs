//! The flags of `create` and `run` that speak of the network, named as docker names them.

use crate::stages::network::{Mode, Port, Publish, Wish, parse_host, parse_mac, publish};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Everything after `Network` in `explore run --help`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct NetworkFlags {
    /// How it is connected: bridge, none, host, container:NAME, or a network of `explore network ls`
    #[arg(long, visible_alias = "net", value_name = "NETWORK", default_value = "bridge", value_parser = joined, help_heading = "Network")]
    network: Joined,
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

/// What `--network` says: how, and with docker's names of fields what the flags beside it say too.
#[derive(Debug, Clone)]
struct Joined {
    mode: Mode,
    aliases: Vec<String>,
    ip: Option<Ipv4Addr>,
    ip6: Option<Ipv6Addr>,
    mac: Option<[u8; 6]>,
}

/// `back`, or `name=back,alias=store,ip=10.9.0.7` (docker/cli opts/network.go).
fn joined(text: &str) -> Result<Joined, String> {
    let mut all = Joined { mode: Mode::Bridge, aliases: Vec::new(), ip: None, ip6: None, mac: None };
    if !text.contains('=') {
        all.mode = if text.is_empty() { Mode::Bridge } else { text.parse()? };
        return Ok(all);
    }
    let mut name = None;
    for field in text.split(',') {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("invalid field {field}"))?;
        let wrong = || format!("invalid field {field}");
        match key.trim().to_ascii_lowercase().as_str() {
            "name" => name = Some(value),
            "alias" => all.aliases.push(value.to_owned()),
            "ip" => all.ip = Some(value.parse().map_err(|_| wrong())?),
            "ip6" => all.ip6 = Some(value.parse().map_err(|_| wrong())?),
            "mac-address" => all.mac = Some(parse_mac(value)?),
            key => return Err(format!("invalid field key {key}")),
        }
    }
    all.mode = name.ok_or("network name/id is not specified")?.parse()?;
    Ok(all)
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
        let mut network = self.network;
        network.aliases.extend(self.network_alias);
        let wish = Wish {
            publish: self.publish.into_iter().flat_map(|listed| listed.0).collect(),
            publish_all: self.publish_all,
            exposed: self.expose.into_iter().flat_map(|listed| listed.0).collect(),
            aliases: network.aliases,
            ip: self.ip.or(network.ip),
            ip6: self.ip6.or(network.ip6),
            mac: self.mac_address.or(network.mac),
            dns: self.dns,
            dns_search: self.dns_search,
            dns_options: self.dns_option,
            hosts: self.add_host,
            domainname: self.domainname,
            also: Vec::new(),
            left: false,
        };
        (network.mode, wish)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_named_shortly_or_with_fields() {
        let all = joined("name=back,alias=one,alias=two,ip=10.9.0.7").unwrap();
        assert_eq!((all.mode, all.aliases.join(" ")), (Mode::Named("back".into()), "one two".into()));
        assert_eq!(all.ip, Some(Ipv4Addr::new(10, 9, 0, 7)));
        assert_eq!(joined("").unwrap().mode, Mode::Bridge);
        for (wrong, says) in [
            ("alias=x", "network name/id is not specified"),
            ("name=back,x=y", "invalid field key x"),
            ("name=back,x", "invalid field x"),
            ("name=back,ip=x", "invalid field ip=x"),
        ] {
            assert_eq!(joined(wrong).unwrap_err(), says);
        }
    }
}
