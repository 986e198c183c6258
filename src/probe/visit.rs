//! What only a member can ask: the interfaces of a network namespace, the host name of a UTS namespace. A child joins
//! those two, asks the kernel, sends the answers through a pipe and leaves. Its caller stays where it is.

use super::Fact;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::netlink::{Interface, Socket};
use crate::kernel::{self, nsfs, process};
use crate::narrate::Role;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;

/// What uname(2) says. Node and domain name belong to the UTS namespace, the rest to the one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uname {
    /// Name of the kernel.
    pub sysname: String,
    /// The host name.
    pub nodename: String,
    /// Release of the kernel.
    pub release: String,
    /// When it was built, and how.
    pub version: String,
    /// The processor.
    pub machine: String,
    /// The NIS domain name.
    pub domainname: String,
}

impl Uname {
    /// As `uname -a` prints it.
    pub fn text(&self) -> String {
        let Self { sysname, nodename, release, version, machine, .. } = self;
        format!("{sysname} {nodename} {release} {version} {machine} GNU/Linux")
    }
}

/// What a visitor brings home.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) uname: Fact<Uname>,
    pub(super) links: Fact<Vec<Interface>>,
}

const WHY: &str = "to ask the kernel as a member would; only this short-lived child moves";
const CANNOT_JOIN: &str =
    "only one who has CAP_SYS_ADMIN in the user namespace that owns it may join and look (setns(2))";

/// Asks in the UTS and network namespace of `pid`; where they are our own, without moving.
pub(super) fn visit(pid: i32) -> Report {
    let doors = Doors { uts: door(pid, Kind::Uts), net: door(pid, Kind::Net) };
    if matches!((&doors.uts, &doors.net), (Fact::Known(None), Fact::Known(None))) {
        return doors.ask();
    }
    send_child(&doors).unwrap_or_else(|error| Report {
        uname: Fact::Unknown(error.to_string()),
        links: Fact::Unknown(error.to_string()),
    })
}

/// The namespaces to join; `None` where we are in it already.
struct Doors {
    uts: Fact<Option<OwnedFd>>,
    net: Fact<Option<OwnedFd>>,
}

fn door(pid: i32, kind: Kind) -> Fact<Option<OwnedFd>> {
    Fact::from(nsfs::open(pid, kind)).map(|theirs| {
        let ours = nsfs::open(std::process::id().cast_signed(), kind).and_then(|ours| nsfs::identity(&ours)).ok();
        (ours.is_none() || nsfs::identity(&theirs).ok() != ours).then_some(theirs)
    })
}

impl Doors {
    fn ask(&self) -> Report {
        Report { uname: behind(&self.uts, Kind::Uts, uname), links: behind(&self.net, Kind::Net, interfaces) }
    }
}

/// Joins, where there is something to join, and asks.
fn behind<T>(door: &Fact<Option<OwnedFd>>, kind: Kind, ask: impl FnOnce() -> kernel::Result<T>) -> Fact<T> {
    match door {
        Fact::Denied(why) => Fact::Denied(why.clone()),
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
        Fact::Known(None) => answer(ask()),
        Fact::Known(Some(target)) => match join(target, kind) {
            Ok(()) => answer(ask()),
            Err(error) if error.errno() == Errno::EPERM => Fact::Denied(CANNOT_JOIN.into()),
            Err(error) => Fact::Unknown(error.to_string()),
        },
    }
}

fn answer<T>(asked: kernel::Result<T>) -> Fact<T> {
    match asked {
        Ok(value) => Fact::Known(value),
        Err(error) => Fact::Unknown(error.to_string()),
    }
}

/// An ordinary user has no power over the namespaces that its own user namespace owns, until it has joined that one:
/// whoever made it has all capabilities there (user_namespaces(7)).
fn join(target: &OwnedFd, kind: Kind) -> kernel::Result<()> {
    match namespace::setns(target, &[kind], WHY) {
        Err(error) if error.errno() == Errno::EPERM => {}
        other => return other,
    }
    let owner = nsfs::owner(target)?;
    // EINVAL: we are in that user namespace already.
    match namespace::setns(&owner, &[Kind::User], WHY) {
        Err(error) if error.errno() != Errno::EINVAL => return Err(error),
        _ => {}
    }
    namespace::setns(target, &[kind], WHY)
}

fn interfaces() -> kernel::Result<Vec<Interface>> {
    Socket::open()?.interfaces("what the place can see of networks")
}

fn uname() -> kernel::Result<Uname> {
    let found =
        nix::sys::utsname::uname().map_err(|errno| kernel::Error::quiet("uname", &format_args!("..."), errno))?;
    let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
    Ok(Uname {
        sysname: text(found.sysname()),
        nodename: text(found.nodename()),
        release: text(found.release()),
        version: text(found.version()),
        machine: text(found.machine()),
        domainname: text(found.domainname()),
    })
}

fn send_child(doors: &Doors) -> kernel::Result<Report> {
    let broken = |errno| kernel::Error::quiet("pipe2", &format_args!("[...], O_CLOEXEC"), errno);
    let (home, away) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).map_err(broken)?;
    let mut pipe = Some(File::from(away));
    let child = process::fork(Role::Helper, "to visit the place in our stead and come back with data", || {
        let Some(mut pipe) = pipe.take() else { return 1 };
        serde_json::to_vec(&doors.ask()).map_or(1, |report| i32::from(pipe.write_all(&report).is_err()))
    })?;
    drop(pipe);
    let mut report = Vec::new();
    let read = File::from(home).read_to_end(&mut report);
    process::wait(child)?;
    let lost = || kernel::Error::quiet("read", &format_args!("the visitor's answer"), Errno::EPIPE);
    read.map_err(|_| lost())?;
    serde_json::from_slice(&report).map_err(|_| lost())
}
