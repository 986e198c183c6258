//! A cable, a switch, address translation: each made in a network namespace of the trial's own.

use super::trial::{as_this_user, unshare};
use super::{Answer, Who};
use crate::kernel::namespace::Kind;
use crate::kernel::netlink::{Bridge, Socket, VethEnd};
use crate::kernel::nft;
use crate::state::Roots;
use std::net::Ipv4Addr;

const WHY: &str = "to see whether this kernel has it";

pub(super) fn veth(_: &Roots) -> Answer {
    as_this_user("a pair was made in a new network namespace", || {
        unshare(&[Kind::Net])?;
        let end = |name, last| VethEnd { name, mac: [2, 0, 0, 0, 0, last], netns: None, master: None };
        Socket::open()?.create_veth(end("one", 1), end("two", 2), WHY)
    })
}

pub(super) fn bridge(_: &Roots) -> Answer {
    as_this_user("one was made in a new network namespace", || {
        unshare(&[Kind::Net])?;
        Socket::open()?.create_bridge(Bridge { name: "switch", mac: [2, 0, 0, 0, 0, 1] }, WHY)
    })
}

pub(super) fn vxlan(_: &Roots) -> Answer {
    as_this_user("the end of a tunnel was made in a new network namespace", || {
        unshare(&[Kind::Net])?;
        Socket::open()?.create_vxlan("tunnel", 1, WHY)
    })
}

pub(super) fn nf_tables(_: &Roots) -> Answer {
    as_this_user("a table that masquerades was made in a new network namespace", || {
        unshare(&[Kind::Net])?;
        let network = (Ipv4Addr::new(192, 0, 2, 0).into(), 24);
        let wanted = nft::NetworkTable {
            table: "trial",
            mark: "trial",
            network,
            bridge: "switch",
            answers_only: &[],
            internal: false,
        };
        nft::Socket::open()?.create(&wanted, WHY)
    })
}

pub(super) fn tun(_: &Roots) -> Answer {
    match std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        Ok(_) => Answer::met("it can be opened"),
        Err(error) => Answer::unmet(error.to_string(), "modprobe tun; chmod 666 /dev/net/tun", Who::Root),
    }
}
