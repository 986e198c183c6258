//! `ip address`, `ip link`, `ip route`, and the brief form of the first two. Words may be shortened as ip(8) allows.

use super::Output;
use crate::kernel::netlink::{Interface, Route, Socket};
use crate::probe::iproute;
use std::fmt::Write;
use std::net::IpAddr;

const WHY: &str = "to list what is here, as ip(8) does";
/// RT_TABLE_MAIN, the only table that `ip route` shows unasked.
const MAIN_TABLE: u32 = 254;

/// What was asked for.
#[derive(Debug, Default)]
struct Asked {
    brief: bool,
    /// 4 or 6.
    family: Option<u8>,
    device: Option<String>,
}

pub(super) fn run(arguments: &[String]) -> Output {
    let mut asked = Asked::default();
    let mut words = arguments.iter().map(String::as_str).peekable();
    while let Some(option) = words.next_if(|word| word.starts_with('-')) {
        match option.trim_start_matches('-') {
            "br" | "brief" => asked.brief = true,
            "4" => asked.family = Some(4),
            "6" => asked.family = Some(6),
            other => return Output::refused("ip", &format!("Option \"-{other}\" is unknown, try \"ip -help\"."), 255),
        }
    }
    let object = words.next().unwrap_or("help");
    let rest: Vec<&str> = words.collect();
    let is = |name: &str| name.starts_with(object);
    let shown = match object {
        _ if is("address") => show(&rest, asked, |_, all, asked| Ok(addresses(all, asked))),
        _ if is("link") => show(&rest, asked, |_, all, asked| Ok(links(all, asked))),
        _ if is("route") => show(&rest, asked, routes),
        _ => Err(Output::refused("ip", &format!("Object \"{object}\" is unknown, try \"ip help\"."), 1)),
    };
    shown.map_or_else(|refused| refused, Output::of)
}

/// `show`, `list`, `dev NAME`, or a name alone.
fn show(
    words: &[&str],
    mut asked: Asked,
    list: fn(&mut Socket, &[Interface], &Asked) -> crate::kernel::Result<String>,
) -> Result<String, Output> {
    let mut words = words.iter().copied();
    let mut word = words.next();
    if let Some(command) = word {
        if "show".starts_with(command) || "list".starts_with(command) || command == "lst" {
            word = words.next();
        } else if ["add", "del", "delete", "set", "flush", "change", "replace", "get"].contains(&command) {
            let text = format!("Command \"{command}\" changes things, or asks too much.");
            return Err(Output::refused("ip", &text, 1));
        }
    }
    if word == Some("dev") {
        word = words.next();
    }
    asked.device = word.map(str::to_owned);
    let failed = |error: crate::kernel::Error| Output::refused("ip", &error.to_string(), 2);
    let mut socket = Socket::open().map_err(failed)?;
    let all = socket.interfaces(WHY).map_err(failed)?;
    if let Some(device) = &asked.device
        && all.iter().all(|link| link.name != *device)
    {
        return Err(Output { err: format!("Device \"{device}\" does not exist.\n"), code: 1, ..Output::default() });
    }
    list(&mut socket, &all, &asked).map_err(failed)
}

impl Asked {
    fn wants(&self, link: &Interface) -> bool {
        self.device.as_ref().is_none_or(|device| *device == link.name)
    }

    fn wants_address(&self, address: IpAddr) -> bool {
        self.family.is_none_or(|family| (family == 6) == address.is_ipv6())
    }
}

fn addresses(all: &[Interface], asked: &Asked) -> String {
    let mut text = String::new();
    for link in all.iter().filter(|link| asked.wants(link)) {
        let mut link = link.clone();
        link.addresses.retain(|address| asked.wants_address(address.local));
        if asked.family.is_some() && link.addresses.is_empty() {
            continue;
        }
        if asked.brief {
            let addresses: String =
                link.addresses.iter().map(|address| iproute::brief_address(address) + " ").collect();
            let _ = writeln!(text, "{}{addresses}", brief_head(&link, all));
        } else {
            if asked.family == Some(6) {
                // Of a family the kernel tells less: for IPv6 no queueing, no group, no bridge.
                (link.qdisc, link.master) = (String::new(), None);
            }
            let mut lines = iproute::address_lines(&link, all);
            if asked.family.is_some() {
                lines.remove(1);
            }
            if asked.family == Some(6) {
                lines[0] = lines[0].replace(" group default", "");
            }
            text.extend(lines.into_iter().map(|line| line + "\n"));
        }
    }
    text
}

fn links(all: &[Interface], asked: &Asked) -> String {
    let mut text = String::new();
    for link in all.iter().filter(|link| asked.wants(link)) {
        if asked.brief {
            let address = iproute::hardware(&link.address, link.layer);
            let _ = writeln!(text, "{}{address} <{}> ", brief_head(link, all), iproute::flags(link, all));
        } else {
            text.extend(iproute::link_lines(link, all, true).into_iter().map(|line| line + "\n"));
        }
    }
    text
}

fn brief_head(link: &Interface, all: &[Interface]) -> String {
    format!("{:<16} {:<14} ", iproute::full_name(link, all), link.state.to_uppercase())
}

fn routes(socket: &mut Socket, all: &[Interface], asked: &Asked) -> crate::kernel::Result<String> {
    let name = |route: &Route| all.iter().find(|link| Some(link.index) == route.link).map(|link| link.name.clone());
    let found = socket.routes(WHY)?;
    let shown = found
        .iter()
        .filter(|route| route.table == MAIN_TABLE && route.unicast && asked.family != Some(6))
        .filter(|route| asked.device.is_none() || name(route) == asked.device);
    let skips_device = asked.device.is_some();
    Ok(shown.map(|route| route_line(route, name(route).filter(|_| !skips_device))).collect())
}

fn route_line(route: &Route, device: Option<String>) -> String {
    let mut text = match route.destination {
        None => "default ".to_owned(),
        Some(address) if route.prefix == 32 => format!("{address} "),
        Some(address) => format!("{address}/{} ", route.prefix),
    };
    if let Some(gateway) = route.gateway {
        let _ = write!(text, "via {gateway} ");
    }
    if let Some(device) = device {
        let _ = write!(text, "dev {device} ");
    }
    if route.protocol.to_lowercase() != "boot" {
        let _ = write!(text, "proto {} ", route.protocol.to_lowercase());
    }
    if !["universe", "global"].contains(&route.scope.to_lowercase().as_str()) {
        let _ = write!(text, "scope {} ", route.scope.to_lowercase());
    }
    if let Some(source) = route.source {
        let _ = write!(text, "src {source} ");
    }
    if let Some(metric) = route.metric {
        let _ = write!(text, "metric {metric} ");
    }
    text + "\n"
}
