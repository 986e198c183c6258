//! What a process says on its way to its program, heard by whoever made it.

use super::super::message::{self, FromInit, Packet};
use super::super::supervisor;
use super::{OciError, console};
use std::os::fd::OwnedFd;
use std::path::Path;

/// Goes along with it until it has become its program, or waits for the start, or has said why not. `mounted` is called
/// when its root stands.
///
/// # Errors
/// What it said, or what the caller's side failed at meanwhile.
pub(super) fn follow(
    socket: &OwnedFd,
    console_socket: Option<&Path>,
    mut mounted: impl FnMut() -> Result<(), OciError>,
) -> Result<(), OciError> {
    let mut ready = false;
    loop {
        let (bytes, descriptor) = match message::receive(socket).map_err(supervisor::quiet("recvmsg"))? {
            Packet::Message(bytes, descriptor) => (bytes, descriptor),
            Packet::Data(..) => continue,
            // Its end closes when it has become its program or waits. It also closes when it is killed before.
            Packet::End if ready => return Ok(()),
            Packet::End => return Err(supervisor::killed().into()),
        };
        match (Packet::parse::<FromInit>(&bytes), descriptor) {
            (Some(FromInit::Terminal), Some(master)) => console::pass(console_socket, &master)?,
            (Some(FromInit::Mounted), _) => mounted()?,
            (Some(FromInit::Ready), _) => ready = true,
            (Some(FromInit::Failed(failure)), _) => return Err(failure.into()),
            _ => return Err(supervisor::killed().into()),
        }
    }
}
