//! The keeper's own life: born, mapped, let go, waiting.

use super::{Keeper, KeeperError, OWNER, idmap, record};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::netlink::Socket;
use crate::kernel::{mount, process};
use crate::narrate::Role;
use crate::stages::failure::Failure;
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots, write_record};
use nix::mount::MsFlags;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

/// Starts a keeper.
pub(super) fn start(roots: &Roots) -> Result<Keeper, KeeperError> {
    let pipe = || std::io::pipe().map_err(|source| KeeperError::File { path: roots.run.clone(), source });
    let ((go_read, mut go), (mut told, told_write)) = (pipe()?, pipe()?);
    let hidden = [go.as_raw_fd(), told.as_raw_fd()];
    let flags = namespace::bits(&[Kind::User, Kind::Mnt, Kind::Net]);
    let why = "a user namespace gives all capabilities over what is made in it";
    let child = process::clone(Role::Keeper, flags, None, why, || {
        for fd in hidden {
            let _ = nix::unistd::close(fd);
        }
        keep(go_read, told_write)
    })
    .map_err(Failure::at("make a user namespace"))?;
    let identity = ProcessIdentity::of(child.pid.as_raw()).ok_or(KeeperError::Died)?;
    let journal = Journal::at(roots.journal());
    let entry = journal.announce(&Claim { owner: OWNER.into(), holder: None }, Effect::Process(identity))?;
    let tier = idmap::map(child.pid).map_err(Failure::at("map its users"))?;
    let keeper = Keeper { schema: 1, process: identity, tier };
    write_record(&record(roots), &keeper, false)?;
    let _ = go.write_all(b"g");
    drop(go);
    let mut answer = Vec::new();
    let heard = told.read_to_end(&mut answer);
    if heard.is_ok() && answer.is_empty() && identity.is_alive() {
        return Ok(keeper);
    }
    journal.forget(&entry);
    let _ = process::wait(child.pid);
    let _ = std::fs::remove_file(record(roots));
    Err(if answer.is_empty() { KeeperError::Died } else { Failure::read(&answer).into() })
}

/// Prepares the namespaces and waits for ever.
fn keep(mut go: PipeReader, mut told: PipeWriter) -> i32 {
    let mut byte = [0];
    // End of file: whoever was to map our ids has died.
    if go.read(&mut byte).unwrap_or(0) == 0 {
        return 1;
    }
    process::set_name(c"explore: keeper");
    if let Err(failure) = prepare() {
        let _ = told.write_all(&failure.bytes());
        return 1;
    }
    let _ = nix::unistd::setsid();
    process::restore_signals();
    process::silence_stdio();
    crate::narrate::silence();
    // The end of `told` says that all is ready.
    drop((go, told));
    process::close_from(3);
    i32::from(process::reap_for_ever().is_err())
}

fn prepare() -> Result<(), Failure> {
    let how = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount::set_propagation(Path::new("/"), how, "what is mounted here stays here; the host's new mounts still come in")
        .map_err(Failure::at("separate its mounts"))?;
    Socket::open()
        .and_then(|mut socket| socket.loopback_up("127.0.0.1 works here too"))
        .map_err(Failure::at("switch its loopback on"))
}
