//! `--console-socket`: whoever asks for a container with a terminal gets the master of it there, as a descriptor
//! (unix(7), SCM_RIGHTS; runc, docs/terminals.md).

use super::OciError;
use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use oci_spec::runtime::Process;
use std::io::IoSlice;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// A terminal without somebody to hold its master would end at once, and a socket without a terminal would wait for ever.
pub(super) fn check(process: Option<&Process>, socket: Option<&Path>) -> Result<(), OciError> {
    let terminal = process.and_then(Process::terminal) == Some(true);
    match (terminal, socket) {
        (true, None) => Err(OciError::Console { terminal, given: "no --console-socket takes its master" }),
        (false, Some(_)) => Err(OciError::Console { terminal, given: "--console-socket waits for its master" }),
        _ => Ok(()),
    }
}

/// Sends the master.
pub(super) fn pass(socket: Option<&Path>, master: &OwnedFd) -> Result<(), OciError> {
    let Some(path) = socket else { return Ok(()) };
    let stream = UnixStream::connect(path).map_err(OciError::file("connect to", path))?;
    // runc sends the name along; some who receive print it.
    let text = [IoSlice::new(b"/dev/ptmx")];
    let rights = [master.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&rights)];
    sendmsg::<()>(stream.as_raw_fd(), &text, &rights, MsgFlags::MSG_NOSIGNAL, None)
        .map(drop)
        .map_err(|errno| OciError::file("send a terminal to", path)(errno.into()))
}
