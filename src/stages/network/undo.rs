//! Taking back: each effect is looked at before it is removed, because a name alone may be somebody else's by then.

use super::mark::{comment_of_table, is_ours};
use super::{NetworkError, forward};
use crate::kernel::netlink::{Socket, delete_link};
use crate::kernel::nft;
use crate::state::{Effect, Entry, Journal, Roots};
use nix::errno::Errno;

/// Undoes one effect of this stage: a link, a table, a setting. Nothing happens where it is gone, or not ours; entries
/// of other stages are left to them.
///
/// # Errors
/// [`NetworkError::Undo`], [`NetworkError::Look`].
pub fn undo(entry: &Entry) -> Result<(), NetworkError> {
    undo_with(entry, &mut None)
}

/// `filter` is opened at need and kept: the kernel lets go of a socket to the packet filter only when the memory of
/// the last removed table is free (`nft_rcv_nl_event`), 10 to 20 ms in which the next effect can be undone.
fn undo_with(entry: &Entry, filter: &mut Option<nft::Socket>) -> Result<(), NetworkError> {
    match &entry.effect {
        Effect::Link { name, alias } => remove_link(name, alias),
        Effect::NftTable { name } => remove_table(name, filter),
        Effect::Sysctl { path, before, after } => forward::put_back(path, before, after),
        _ => Ok(()),
    }
}

/// Undoes all network effects of one owner, newest first; an entry that fails stays in the journal.
pub(super) fn all_of(roots: &Roots, owner: &str) -> Result<(), NetworkError> {
    some_of(roots, owner, |effect| {
        matches!(effect, Effect::Link { .. } | Effect::NftTable { .. } | Effect::Sysctl { .. })
    })
}

/// Undoes those effects of one owner that are wanted. Settings go last, even one that was announced after the bridge
/// because its link came later: while a bridge stands, its alias says that the setting is needed.
pub(super) fn some_of(roots: &Roots, owner: &str, wanted: impl Fn(&Effect) -> bool) -> Result<(), NetworkError> {
    let journal = Journal::at(roots.journal());
    let (mut failed, mut filter) = (Vec::new(), None);
    let mut entries = journal.entries_of(owner)?;
    entries.retain(|entry| wanted(&entry.effect));
    entries.sort_by_key(|entry| matches!(entry.effect, Effect::Sysctl { .. }));
    for entry in &entries {
        match undo_with(entry, &mut filter) {
            Ok(()) => journal.forget(entry),
            Err(error) => failed.push(error),
        }
    }
    NetworkError::collected(failed)
}

/// Undoes a container's cable to one network, which carries `alias`, and its published ports where they go with it.
pub(super) fn of_network(roots: &Roots, container: &str, alias: &str, ports: bool) -> Result<(), NetworkError> {
    let wanted = |effect: &Effect| match effect {
        Effect::Link { alias: found, .. } => found == alias,
        Effect::NftTable { .. } => ports,
        _ => false,
    };
    some_of(roots, container, wanted)
}

fn remove_link(name: &str, alias: &str) -> Result<(), NetworkError> {
    let failed = |source| NetworkError::Undo { what: format!("the link {name}"), source };
    let mut socket = Socket::open().map_err(failed)?;
    let Some(link) = socket.link_named(name, "is it still there").map_err(failed)? else { return Ok(()) };
    if !is_ours(&link, alias) {
        return Ok(());
    }
    match delete_link(link.index, "nobody needs it any more") {
        Err(error) if error.errno() == Errno::ENODEV => Ok(()),
        other => other.map_err(failed),
    }
}

fn remove_table(name: &str, filter: &mut Option<nft::Socket>) -> Result<(), NetworkError> {
    let failed = |source| NetworkError::Undo { what: format!("the nf_tables table {name}"), source };
    if filter.is_none() {
        *filter = match nft::Socket::open() {
            Err(error) if error.errno() == Errno::EPROTONOSUPPORT => return Ok(()),
            other => Some(other.map_err(failed)?),
        };
    }
    let Some(socket) = filter else { return Ok(()) };
    let found = match socket.comment_of(name, "is it still there") {
        Err(error) if error.errno() == Errno::EOPNOTSUPP => return Ok(()),
        other => other.map_err(failed)?,
    };
    if found.is_none() || found != comment_of_table(name) {
        return Ok(());
    }
    match socket.remove(name, "nobody needs it any more") {
        Err(error) if error.errno() == Errno::ENOENT => Ok(()),
        other => other.map_err(failed),
    }
}
