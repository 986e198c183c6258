//! The way out without root: a program of this user's that speaks for the keeper's network namespace, where one is
//! installed. pasta(1), slirp4netns(1).
//!
//! ```text
//!   keeper's network namespace            the host's
//!   explore0 ── masquerade ── tap ═══════ pasta ── its own sockets ── the world
//! ```
//!
//! Nobody but root may lay a cable between the two. What anybody may: open sockets out here, and a tap device in there.
//! The program reads packets from the one and says the same through the other, as this user. One serves all containers,
//! for their bridge is in the keeper's namespace; it ends with the keeper, and the journal says so before it is begun.
//!
//! It is the way out only. What comes in comes through doors (`network::door`), with or without such a program.

use super::{Keeper, KeeperError};
use crate::kernel::netlink::Socket;
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Whose the program is in the journal.
pub(super) const OWNER: &str = "keeper/outside";
/// pasta takes a tenth of a second; what takes longer than this has failed.
const PATIENCE: Duration = Duration::from_secs(3);
const STEP: Duration = Duration::from_millis(3);
/// `none`: no program speaks for the containers.
const SWITCH: &str = "EXPLORE_WAY_OUT";

/// The programs that can, the better first. Neither lets a container reach what listens on this machine's loopback, and
/// neither opens a port.
const PROGRAMS: [&str; 2] = ["pasta", "slirp4netns"];

fn arguments(program: &str, keeper: i32) -> Vec<String> {
    let (net, user) = (format!("/proc/{keeper}/ns/net"), format!("/proc/{keeper}/ns/user"));
    let words: &[&str] = match program {
        "pasta" => &[
            "--foreground",
            "--quiet",
            "--config-net",
            "--no-map-gw",
            "--tcp-ports",
            "none",
            "--udp-ports",
            "none",
            "--tcp-ns",
            "none",
            "--udp-ns",
            "none",
            "--userns",
            &user,
            "--netns",
            &net,
        ],
        // Its sandbox is for one who is root in a user namespace already (setegid(2) fails here), as pasta's is not.
        _ => &[
            "--configure",
            "--mtu=65520",
            "--disable-host-loopback",
            "--enable-seccomp",
            "--netns-type=path",
            "--userns-path",
            &user,
            &net,
            "tap0",
        ],
    };
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The program that would speak for containers, where this user has one.
pub fn program() -> Option<PathBuf> {
    let folders: Vec<PathBuf> =
        std::env::split_paths(&std::env::var_os("PATH")?).filter(|one| one.is_absolute()).collect();
    PROGRAMS.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|path| path.is_file())
}

/// Begins it for a new keeper, seen from out here. Nothing is begun where there is no program, or no way out for
/// ourselves; that it is ready is waited for by who needs it ([`wait`]).
///
/// # Errors
/// Those of the journal. A program that does not start is as good as none.
pub(super) fn begin(roots: &Roots, keeper: &Keeper) -> Result<(), KeeperError> {
    if std::env::var_os(SWITCH).is_some_and(|word| word == "none") || !has_default_route() {
        return Ok(());
    }
    let Some(program) = program() else { return Ok(()) };
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    // The shell waits for a line that comes once it is in the journal, and becomes the program: the same process. A
    // group of its own, for Ctrl-C is for the command and not for this.
    let begun = Command::new("/bin/sh")
        .args(["-c", "read -r go && exec \"$@\" </dev/null", "explore"])
        .arg(&program)
        .args(arguments(name, keeper.process.pid))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .current_dir("/")
        .process_group(0)
        .spawn();
    let Ok(mut child) = begun else { return Ok(()) };
    let identity = i32::try_from(child.id()).ok().and_then(ProcessIdentity::of);
    if let (Some(identity), Some(mut go)) = (identity, child.stdin.take()) {
        let claim = Claim { owner: OWNER.into(), holder: Some(keeper.process) };
        Journal::at(roots.journal()).announce(&claim, Effect::Process(identity))?;
        let _ = go.write_all(b"go\n");
    }
    Ok(())
}

/// Waits until the program that was begun has made its interface, or has ended. For one who stands in the keeper's
/// namespaces and is about to look for a way out.
pub fn wait(roots: &Roots) {
    if nix::unistd::geteuid().is_root() && !crate::kernel::user::in_user_namespace() {
        return;
    }
    let entries = Journal::at(roots.journal()).entries_of(OWNER).unwrap_or_default();
    let speaks = |effect: &Effect| matches!(effect, Effect::Process(identity) if identity.is_alive());
    let begun = Instant::now();
    while !has_default_route() && begun.elapsed() < PATIENCE && entries.iter().any(|one| speaks(&one.effect)) {
        std::thread::sleep(STEP);
    }
}

/// Ends it, with its keeper.
pub(super) fn end(roots: &Roots) {
    let journal = Journal::at(roots.journal());
    for entry in journal.entries_of(OWNER).unwrap_or_default() {
        if let Effect::Process(identity) = entry.effect
            && crate::stages::place::kill(identity).is_ok()
        {
            journal.forget(&entry);
        }
    }
}

fn has_default_route() -> bool {
    let routes = Socket::open().and_then(|mut socket| socket.routes("is there a way out"));
    routes.is_ok_and(|routes| routes.iter().any(|route| route.unicast && route.prefix == 0))
}
