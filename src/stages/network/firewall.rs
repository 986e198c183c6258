//! Firewalls of others. One that drops what it does not know stands in our way: it is named, with the one rule that
//! helps, and it is never touched. In netfilter every chain of a hook is asked, and one that drops is enough: nothing
//! that we write into a table of our own could let a packet pass theirs.
//!
//! Docker is such a firewall (it sets the policy of FORWARD to DROP). It leaves a chain, DOCKER-USER, for what the
//! machine's owner wants to let pass, and keeps it when it starts again. Seen are iptables-nft and nft; rules of the
//! older iptables-legacy are another mechanism, whose policies this does not see.

use super::NetworkError;
use super::lease::{Lease, Outside};
use crate::kernel::nft::{self, ForwardChain};
use nix::errno::Errno;

/// What keeps a container of this network from getting out.
pub(super) fn for_containers(lease: &Lease) -> Result<Vec<String>, NetworkError> {
    if lease.outside != Outside::Reachable {
        return Ok(Vec::new());
    }
    // By the connection's first packet, so that the same rule lets the answers pass.
    notes(lease, "let containers out", "--ctorigsrc", "ct original ip saddr")
}

/// What keeps visitors from its published ports.
pub(super) fn for_visitors(lease: &Lease) -> Result<Vec<String>, NetworkError> {
    // By who answers: that is the container, whatever address its visitor has asked for.
    notes(lease, "let visitors in", "--ctreplsrc", "ct reply ip saddr")
}

fn notes(lease: &Lease, purpose: &str, iptables: &str, nft: &str) -> Result<Vec<String>, NetworkError> {
    let subnet = lease.subnet();
    let one = |chain: &ForwardChain, all: &[ForwardChain]| {
        let ForwardChain { family, table, name, .. } = chain;
        let rule = if (family.as_str(), table.as_str(), name.as_str()) == ("ip", "filter", "FORWARD") {
            let is_docker = all.iter().any(|one| one.table == "filter" && one.name == "DOCKER-USER");
            let chain = if is_docker { "DOCKER-USER" } else { "FORWARD" };
            format!("iptables -I {chain} -m conntrack {iptables} {subnet} -j ACCEPT")
        } else {
            format!("nft insert rule {family} {table} {name} {nft} {subnet} accept")
        };
        format!("the chain {name} of the table {family} {table} drops what it does not know; to {purpose}: {rule}")
    };
    let all = chains()?;
    Ok(all.iter().filter(|chain| chain.drops).map(|chain| one(chain, &all)).collect())
}

fn chains() -> Result<Vec<ForwardChain>, NetworkError> {
    let found =
        nft::Socket::open().and_then(|mut socket| socket.forward_chains("does another firewall drop what we forward"));
    match found {
        Err(error) if matches!(error.errno(), Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT | Errno::EINVAL) => {
            Ok(Vec::new())
        }
        other => other.map_err(|source| NetworkError::Look { what: "packet filter", source }),
    }
}
