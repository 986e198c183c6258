//! The network of a container as text: a word for the part, then what there is.

use crate::cli::columns::pad;
use crate::kernel::netlink::Link;
use crate::lesson::catalog::Catalog;
use crate::stages::network::{Lease, Outside, View};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Columns of the words on the left.
const LABEL: usize = 12;

/// What `network up` has given.
pub(super) fn lease(lease: &Lease, width: usize, catalog: &Catalog) -> String {
    let mut page = Page::of(width, catalog);
    page.row("inside", &format!("{}   {}/{}   {}", lease.interface, lease.ip, lease.prefix, mac(&lease.mac)));
    page.row("", &format!("default via {}", lease.gateway));
    page.row("outside", &format!("{}, a port of {}", lease.host_link, lease.bridge));
    page.end(lease)
}

/// What `network show` sees.
pub(super) fn view(view: &View, width: usize, catalog: &Catalog) -> String {
    let mut page = Page::of(width, catalog);
    let lease = &view.lease;
    if let Some(number) = view.namespace {
        page.row("namespace", &format!("net:[{number}]"));
    }
    if view.links.is_empty() {
        page.row("inside", "its network namespace is not kept, and no process of it is known");
    }
    for link in &view.links {
        page.row(
            "inside",
            &format!("{}   {}   {}   {}", ends(link), addresses(view, link), mac(&link.mac), link.state),
        );
    }
    for route in &view.routes {
        let to = route.destination.map_or("default".to_owned(), |ip| format!("{ip}/{}", route.prefix));
        let via = route.gateway.map(|ip| format!(" via {ip}")).unwrap_or_default();
        page.row("", &format!("{to}{via}"));
    }
    match &view.host_link {
        Some(link) => page.row("outside", &format!("{}, a port of {}   {}", ends(link), lease.bridge, link.state)),
        None => page.row("outside", &format!("{} is gone", lease.host_link)),
    }
    match &view.bridge {
        Some(link) => {
            page.row("bridge", &format!("{}   {}/{}   {}", link.name, lease.gateway, lease.prefix, link.state));
        }
        None => page.row("bridge", &format!("{} is gone", lease.bridge)),
    }
    for setting in &view.forwarding {
        let (name, value) = (&setting.name, &setting.value);
        let told = if setting.ours { format!("{name} = {value} (0 before)") } else { format!("{name} = {value}") };
        page.row("forwarding", &told);
    }
    match &view.nat {
        Some(nat) => {
            page.row("NAT", &format!("table ip {}", nat.table));
            page.row("", &nat.rule);
        }
        None => page.row("NAT", "none"),
    }
    page.end(lease)
}

/// `2: eth0@if7` as `ip link` has it: number 2 here, and the other end is number 7 in another namespace.
fn ends(link: &Link) -> String {
    match link.peer {
        Some(peer) if link.peer_is_elsewhere => format!("{}: {}@if{peer}", link.index, link.name),
        _ => format!("{}: {}", link.index, link.name),
    }
}

fn addresses(view: &View, link: &Link) -> String {
    let of_link = view.addresses.iter().filter(|address| address.link == link.index);
    let texts: Vec<String> = of_link.map(|address| format!("{}/{}", address.ip, address.prefix)).collect();
    if texts.is_empty() { "no address".into() } else { texts.join(" ") }
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

/// Rows under each other; what does not fit goes on below, indented.
struct Page<'a> {
    catalog: &'a Catalog,
    text: String,
    width: usize,
    label: String,
}

impl<'a> Page<'a> {
    fn of(width: usize, catalog: &'a Catalog) -> Self {
        Self { catalog, text: String::new(), width: width.max(40), label: String::new() }
    }

    fn label_of(&self, word: &str) -> String {
        // The word alone is an entry of the glossary, with the English of it behind.
        let known = if word == "namespace" { self.catalog.find("its namespace") } else { None };
        known.unwrap_or_else(|| self.catalog.sentence(word))
    }

    fn row(&mut self, label: &str, text: &str) {
        // A word that was just said is not repeated.
        let shown = if label == self.label { "" } else { label };
        if !label.is_empty() {
            label.clone_into(&mut self.label);
        }
        let mut line = pad(&self.label_of(shown), LABEL);
        let mut room = self.width - LABEL;
        for word in self.catalog.sentence(text).split(' ') {
            let length = word.width() + 1;
            if room < length && room < self.width - LABEL {
                let _ = writeln!(self.text, "{}", line.trim_end());
                line = " ".repeat(LABEL);
                room = self.width - LABEL;
            }
            line = format!("{line}{word} ");
            room = room.saturating_sub(length);
        }
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn end(mut self, lease: &Lease) -> String {
        for one in &lease.published {
            self.row("published", &format!("{} -> {}/{}", one.here(), one.to, one.protocol.name()));
        }
        match &lease.outside {
            Outside::Reachable => self.row("beyond", "what this machine reaches, with its address"),
            Outside::NoUplink(why) => self.row("beyond", &format!("nothing: {why}")),
        }
        for note in &lease.notes {
            self.row("note", note);
        }
        self.text
    }
}
