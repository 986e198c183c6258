//! The socket of a container that runs, `<run>/containers/<id>/socket`: where a later command finds its supervisor, to
//! attach to it or to hear how it ended. Once docker's daemon has such connections, here each container has its own.

use super::message::{self, FromClient, Packet, ToClient};
use super::{StartError, running};
use crate::kernel::process::Ended;
use crate::state::Roots;
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, accept4, bind, connect, listen, socket};
use nix::sys::stat::Mode;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

const NAME: &str = "socket";

/// The listening end, in a folder that is there. Whoever may not look into the folder cannot connect either.
///
/// # Errors
/// Those of bind(2) and listen(2).
pub(super) fn open(folder: &Path) -> nix::Result<OwnedFd> {
    let socket = new(SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK)?;
    let (address, _folder) = address(folder)?;
    bind(socket.as_raw_fd(), &address)?;
    listen(&socket, Backlog::MAXCONN)?;
    Ok(socket)
}

/// The next one who has called.
pub(super) fn accept(listening: &OwnedFd) -> Option<OwnedFd> {
    accept4(listening.as_raw_fd(), SockFlag::SOCK_CLOEXEC).ok().map(crate::kernel::process::own)
}

/// A connection to the supervisor of a container that runs.
///
/// # Errors
/// Those of connect(2): ENOENT where none runs, ECONNREFUSED where its supervisor was killed.
pub fn call(roots: &Roots, id: &str) -> nix::Result<OwnedFd> {
    let socket = new(SockFlag::SOCK_CLOEXEC)?;
    let (address, _folder) = address(&running::folder(roots, id))?;
    while let Err(errno) = connect(socket.as_raw_fd(), &address) {
        if errno != Errno::EINTR {
            return Err(errno);
        }
    }
    Ok(socket)
}

/// Waits until the supervisor has taken everything back; `None` where it was killed before it could.
pub fn hear_end(connection: &OwnedFd) -> Option<Ended> {
    loop {
        match message::receive(connection) {
            Ok(Packet::Message(bytes, _)) => {
                if let Some(ToClient::Ended(ended)) = Packet::parse(&bytes) {
                    return Some(ended);
                }
            }
            Ok(Packet::Data(..)) => {}
            Ok(Packet::End) | Err(_) => return None,
        }
    }
}

/// Has the supervisor of a container that runs begin its name server, where it has none, and waits for that.
///
/// # Errors
/// What kept it from that. One that is ending needs no names.
pub fn serve_names(roots: &Roots, id: &str) -> Result<(), StartError> {
    let Ok(connection) = call(roots, id) else { return Ok(()) };
    if message::send(&connection, &FromClient::Joined).is_err() {
        return Ok(());
    }
    loop {
        match message::receive(&connection) {
            Ok(Packet::Message(bytes, _)) => match Packet::parse(&bytes) {
                Some(ToClient::Failed(failure)) => return Err(StartError::from(failure)),
                Some(ToClient::Served | ToClient::Ended(_)) => return Ok(()),
                _ => {}
            },
            Ok(Packet::Data(..)) => {}
            Ok(Packet::End) | Err(_) => return Ok(()),
        }
    }
}

fn new(flags: SockFlag) -> nix::Result<OwnedFd> {
    socket(AddressFamily::Unix, SockType::SeqPacket, flags, None)
}

/// A socket's name has 108 bytes at most (unix(7)), fewer than a path may have: the folder is opened, and called by the
/// number of its descriptor, which is to stay open until the name was used.
fn address(folder: &Path) -> nix::Result<(UnixAddr, OwnedFd)> {
    let held = nix::fcntl::open(folder, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let short = format!("/proc/self/fd/{}/{NAME}", held.as_raw_fd());
    Ok((UnixAddr::new(short.as_str())?, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_no_hindrance_and_who_called_in_time_is_answered() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("r".repeat(200));
        let roots = Roots { data: folder.path().join("d"), run };
        assert_eq!(call(&roots, "box").unwrap_err(), Errno::ENOENT);
        let place = running::folder(&roots, "box");
        std::fs::create_dir_all(&place).unwrap();
        let listening = open(&place).unwrap();
        let (early, late) = (call(&roots, "box").unwrap(), call(&roots, "box").unwrap());
        std::fs::remove_dir_all(&place).unwrap();
        let answered = accept(&listening).unwrap();
        message::send(&answered, &ToClient::Ended(Ended::Exited(3))).unwrap();
        drop((answered, listening));
        assert_eq!(hear_end(&early), Some(Ended::Exited(3)));
        assert_eq!(hear_end(&late), None, "its supervisor was killed");
    }
}
