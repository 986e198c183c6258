//! What the kernel was asked, told while it happens.
//!
//! Every system call that isolates something goes through `kernel/` and is emitted here twice: before it is made
//! ([`Phase::Enter`]) and after it has answered ([`Phase::Exit`]). A process that has just been cloned must be able
//! to tell too, so an event crosses as one record of fixed size in one `send(2)`, composed on the stack. The reader
//! ([`Reader`]) is a process of its own; nothing here waits for it.
//!
//! A successful `execve(2)` never returns: its record has an Enter and no Exit, and the close-on-exec socket says
//! the rest.

mod event;
mod reader;
mod render;

pub use event::{Event, Heard, Phase, RECORD_SIZE, Role};
pub use reader::{Reader, socket_pair};
pub(crate) use render::errno_text;
pub use render::{json_line, text_line};

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicI32, AtomicU8, Ordering};

/// The socket that records are sent to; -1 where nobody listens.
static SINK: AtomicI32 = AtomicI32::new(-1);
/// Which process of the story this is. A forked child inherits it and then says who it is itself.
static ROLE: AtomicU8 = AtomicU8::new(Role::Cli as u8);

/// Sends all further events of this process, and of those it forks, to `socket` (a seqpacket socket).
pub fn listen_on(socket: BorrowedFd<'_>) {
    SINK.store(socket.as_raw_fd(), Ordering::Relaxed);
}

/// Stops telling.
pub fn silence() {
    SINK.store(-1, Ordering::Relaxed);
}

/// The socket in use, to hand it to a program that this process is about to become.
pub fn sink() -> Option<RawFd> {
    let fd = SINK.load(Ordering::Relaxed);
    (fd >= 0).then_some(fd)
}

/// Says which process of the story this is from now on.
pub fn set_role(role: Role) {
    ROLE.store(role as u8, Ordering::Relaxed);
}

/// Which process of the story this is.
pub fn role() -> Role {
    Role::from_byte(ROLE.load(Ordering::Relaxed))
}

/// Sends one event. Costs nothing but a load where nobody listens; never fails and never allocates.
pub fn emit(event: &Event<'_>) {
    let Some(fd) = sink() else { return };
    let record = event.encode();
    // MSG_NOSIGNAL: a reader that has died must not kill the one who tells.
    let _ = nix::sys::socket::send(fd, &record, nix::sys::socket::MsgFlags::MSG_NOSIGNAL);
}
