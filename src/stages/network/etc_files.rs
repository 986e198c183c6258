//! The three files of /etc that belong to the network and not to the image: Docker writes them for each container and
//! mounts them over whatever the image has. resolv.conf(5), hosts(5), hostname(5).
//!
//! Contents as moby makes them for its default bridge and for `--network none` (libnetwork/etchosts,
//! libnetwork/internal/resolvconf). That network has no name server of its own, so the host's are handed on, without
//! those that only the host can reach. A named network has one: [`super::resolver`].

use super::resolver::RESOLVER;
use super::{Lease, Mode, Wish};
use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Docker's fallback where the host names no server that a container could reach.
const FALLBACK: [&str; 2] = ["8.8.8.8", "8.8.4.4"];
/// Largest resolv.conf that we read, in bytes.
const LIMIT: usize = 64 * 1024;

/// What is written into the three files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtcFiles {
    /// `/etc/hosts`
    pub hosts: String,
    /// `/etc/hostname`
    pub hostname: String,
    /// `/etc/resolv.conf`
    pub resolv_conf: String,
}

/// What the three files are made from.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// `--network`.
    pub mode: &'a Mode,
    /// `--dns`, `--add-host` and their kind.
    pub wish: &'a Wish,
    /// The container's host name.
    pub hostname: &'a str,
    /// The same, and the domain that follows it.
    pub full_name: &'a str,
    /// Its addresses; none on `--network none` and `host`.
    pub leases: &'a [Lease],
}

/// The files of a container.
pub fn etc_files(names: &Names<'_>) -> EtcFiles {
    let (path, text) = host_resolv_conf();
    let resolv_conf = match names.mode {
        // It asks as this machine asks.
        Mode::Host if !names.wish.changes_names() => std::fs::read_to_string(RESOLV_CONF).unwrap_or(text),
        _ => resolv_conf(&text, path, names),
    };
    EtcFiles { hosts: hosts(names), hostname: format!("{}\n", names.hostname), resolv_conf }
}

fn hosts(names: &Names<'_>) -> String {
    let mut text = String::from(
        "127.0.0.1\tlocalhost\n\
         ::1\tlocalhost ip6-localhost ip6-loopback\n\
         fe00::\tip6-localnet\n\
         ff00::\tip6-mcastprefix\n\
         ff02::1\tip6-allnodes\n\
         ff02::2\tip6-allrouters\n",
    );
    if *names.mode == Mode::Host {
        text = std::fs::read_to_string("/etc/hosts").unwrap_or(text);
    }
    let gateway = names.leases.first().map_or(Ipv4Addr::LOCALHOST, |lease| lease.gateway);
    for (name, ip) in &names.wish.hosts {
        let ip = if ip == "host-gateway" { gateway.to_string() } else { ip.clone() };
        let _ = writeln!(text, "{ip}\t{name}");
    }
    names.leases.iter().fold(text, |text, lease| with_lease(text, names.full_name, lease))
}

/// The lines for one address: under its whole name, and under the part before the first dot.
fn lines_of(full_name: &str, lease: &Lease) -> String {
    let short = full_name.split_once('.').map(|(short, _)| format!(" {short}")).unwrap_or_default();
    let mut text = format!("{}\t{full_name}{short}\n", lease.ip);
    if let Some(six) = &lease.six {
        let _ = writeln!(text, "{}\t{full_name}{short}", six.ip);
    }
    text
}

/// `/etc/hosts` of a container that is on one network more; what somebody inside has written into it stays.
pub fn with_lease(mut hosts: String, full_name: &str, lease: &Lease) -> String {
    if !hosts.is_empty() && !hosts.ends_with('\n') {
        hosts.push('\n');
    }
    hosts + &lines_of(full_name, lease)
}

/// The same of one that is on one network less.
pub fn without_lease(hosts: &str, full_name: &str, lease: &Lease) -> String {
    let gone = lines_of(full_name, lease);
    hosts.split_inclusive('\n').filter(|line| !gone.split_inclusive('\n').any(|one| one == *line)).collect()
}

/// Whom the name server of a container asks what it does not know itself: `--dns`, or this machine's servers. It asks
/// from this machine, so that a server at 127.0.0.53 will do.
pub(super) fn upstream(wish: &Wish) -> Vec<IpAddr> {
    if !wish.dns.is_empty() {
        return wish.dns.iter().map(|ip| IpAddr::V4(*ip)).collect();
    }
    let text = read(Path::new(RESOLV_CONF));
    lines(&text).filter_map(|line| value(line, "nameserver")).filter_map(|ip| ip.parse().ok()).collect()
}

fn read(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&bytes[..bytes.len().min(LIMIT)]).into_owned()
}

/// systemd-resolved puts its own address, 127.0.0.53, into /etc/resolv.conf; what it asks itself stands elsewhere.
fn host_resolv_conf() -> (&'static Path, String) {
    let (usual, resolved) = (Path::new(RESOLV_CONF), Path::new("/run/systemd/resolve/resolv.conf"));
    let text = read(usual);
    let servers: Vec<&str> = lines(&text).filter_map(|line| value(line, "nameserver")).collect();
    if servers == ["127.0.0.53"] && resolved.exists() { (resolved, read(resolved)) } else { (usual, text) }
}

fn resolv_conf(host: &str, path: &Path, names: &Names<'_>) -> String {
    let wish = names.wish;
    let is_named = names.leases.iter().any(|lease| !lease.names.is_empty());
    let given: Vec<String> = wish.dns.iter().map(ToString::to_string).collect();
    let of_host = lines(host).filter_map(|line| value(line, "nameserver")).filter(|ip| reachable(ip));
    let kept: Vec<String> = if given.is_empty() { of_host.map(str::to_owned).collect() } else { given };
    let mut text = String::from("# Generated by explore, as Docker would; changes stay in this container.\n\n");
    let servers = match (is_named, kept.is_empty()) {
        (true, _) => vec![RESOLVER.to_string()],
        (false, true) => FALLBACK.map(str::to_owned).to_vec(),
        (false, false) => kept.clone(),
    };
    for server in servers {
        let _ = writeln!(text, "nameserver {server}");
    }
    // "domain" is the older word for "search"; the last of them counts, options add up.
    let search = lines(host).filter_map(|line| value(line, "search").or_else(|| value(line, "domain"))).next_back();
    let search =
        if wish.dns_search.is_empty() { search.unwrap_or_default().to_owned() } else { wish.dns_search.join(" ") };
    // `--dns-search .` means none.
    if !matches!(search.as_str(), "" | ".") {
        let _ = writeln!(text, "search {search}");
    }
    let of_host = || lines(host).filter_map(|line| value(line, "options")).map(str::to_owned).collect();
    let mut options: Vec<String> = if wish.dns_options.is_empty() { of_host() } else { wish.dns_options.clone() };
    if is_named && !options.iter().any(|option| option.contains("ndots:")) {
        options.push("ndots:0".into());
    }
    if !options.is_empty() {
        let _ = writeln!(text, "options {}", options.join(" "));
    }
    let known = ["nameserver", "search", "domain", "options"];
    for line in lines(host).filter(|line| known.iter().all(|word| value(line, word).is_none())) {
        let _ = writeln!(text, "{line}");
    }
    let how = if is_named { "internal resolver" } else { "legacy" };
    let _ = writeln!(text, "\n# Based on host file: '{}' ({how})", path.display());
    if kept.is_empty() && !is_named {
        text.push_str("# Used default nameservers.\n");
    }
    text
}

/// The lines that say something.
fn lines(text: &str) -> impl DoubleEndedIterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
}

fn value<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    rest.starts_with(char::is_whitespace).then(|| rest.trim())
}

/// 127.0.0.0/8 inside is the container itself, and our containers have no IPv6.
fn reachable(server: &str) -> bool {
    server.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4() && !ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::lease::tests::lease;
    use super::*;

    fn names<'a>(wish: &'a Wish, leases: &'a [Lease], hostname: &'a str) -> Names<'a> {
        Names { mode: &Mode::Bridge, wish, hostname, full_name: hostname, leases }
    }

    fn resolv_of(host: &str, wish: &Wish, leases: &[Lease]) -> String {
        let text = resolv_conf(host, Path::new(RESOLV_CONF), &names(wish, leases, "box"));
        text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect::<Vec<_>>().join("\n")
    }

    fn resolv(host: &str) -> String {
        resolv_of(host, &Wish::default(), &[])
    }

    #[test]
    fn a_name_server_that_only_the_host_can_reach_is_not_handed_on() {
        assert_eq!(resolv("nameserver 127.0.0.1\nnameserver 192.0.2.7\n"), "nameserver 192.0.2.7");
        assert_eq!(resolv("nameserver 127.0.0.1\nnameserver ::1\n"), "nameserver 8.8.8.8\nnameserver 8.8.4.4");
        assert_eq!(resolv(""), "nameserver 8.8.8.8\nnameserver 8.8.4.4");
    }

    #[test]
    fn search_options_and_unknown_words_are_handed_on() {
        let host =
            "; old\nsearch a\nnameserver 192.0.2.7\ndomain b c\noptions ndots:2\noptions rotate\nsortlist 10.0.0.0\n";
        assert_eq!(resolv(host), "nameserver 192.0.2.7\nsearch b c\noptions ndots:2 rotate\nsortlist 10.0.0.0");
    }

    #[test]
    fn what_was_typed_stands_instead_of_what_the_host_has() {
        let wish = Wish {
            dns: vec!["192.0.2.53".parse().unwrap()],
            dns_search: vec!["x".into(), "y".into()],
            dns_options: vec!["rotate".into()],
            ..Wish::default()
        };
        let host = "nameserver 192.0.2.7\nsearch a\noptions ndots:2\n";
        assert_eq!(resolv_of(host, &wish, &[]), "nameserver 192.0.2.53\nsearch x y\noptions rotate");
        let none = Wish { dns_search: vec![".".into()], ..Wish::default() };
        assert_eq!(resolv_of("nameserver 192.0.2.7\nsearch a\n", &none, &[]), "nameserver 192.0.2.7");
    }

    #[test]
    fn on_a_named_network_the_resolver_is_asked() {
        let named = Lease { names: vec!["box".into()], ..lease("172.30.0.2") };
        let host = "nameserver 192.0.2.7\nsearch a\n";
        assert_eq!(resolv_of(host, &Wish::default(), &[named]), "nameserver 127.0.0.11\nsearch a\noptions ndots:0");
    }

    #[test]
    fn only_a_container_with_an_address_stands_in_its_hosts_file() {
        let (wish, lease) = (Wish::default(), lease("172.30.0.2"));
        let last =
            |leases: &[Lease], name| hosts(&names(&wish, leases, name)).lines().last().map(str::to_owned).unwrap();
        let one = std::slice::from_ref(&lease);
        assert_eq!(last(one, "3f2a1b4c5d6e"), "172.30.0.2\t3f2a1b4c5d6e");
        assert_eq!(last(one, "box.example.org"), "172.30.0.2\tbox.example.org box");
        assert_eq!(last(&[], "box"), "ff02::2\tip6-allrouters");
        let wish = Wish { hosts: vec![("gate".into(), "host-gateway".into())], ..Wish::default() };
        let text = hosts(&names(&wish, one, "box"));
        assert!(text.contains("172.30.0.1\tgate\n"), "{text}");
    }
}
