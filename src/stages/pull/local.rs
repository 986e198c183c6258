//! `demo`: our own registry runs, on loopback, for just as long as the pull takes.
//!
//! It is a process of its own, so that what goes between the two is HTTP over a socket and nothing else. The port is
//! any that is free: twenty learners on one machine do not meet. Where loopback is down (a network namespace in which
//! nobody has brought it up, see network_namespaces(7)), client and registry go together into a new network namespace
//! with a loopback of its own.

use super::download::{Downloaded, download_from};
use super::{Options, Progress, PullError, Step};
use crate::error::Explain;
use crate::image::demo;
use crate::image::layout::Layout;
use crate::image::reference::Name;
use crate::image::registry::server;
use crate::kernel::namespace::{self, Kind};
use crate::kernel::{self, netlink, process};
use crate::narrate::Role;
use crate::state::{Claim, Effect, Entry, Journal, ProcessIdentity, Roots};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

/// Assembles the demo image if need be, and downloads it from the loopback registry.
pub(super) fn download_demo(
    roots: &Roots,
    name: &Name,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Downloaded, PullError> {
    let mut tell = |done, total| progress.step(Step::Assembling { done, total });
    let layout = demo::prepare(roots, &options.recipe, &mut tell)?;
    match listen(0) {
        Ok(listener) => pull_from(roots, listener, &layout, name, options, progress),
        Err(_) => in_a_network_of_its_own(|| {
            netlink::Socket::open()?.loopback_up("a new network namespace has a loopback interface, but it is down")?;
            let listener = listen(0).map_err(PullError::Listen)?;
            pull_from(roots, listener, &layout, name, options, progress)
        }),
    }
}

/// A port on loopback (0: any that is free) that is reachable: with loopback down, binding or connecting fails.
///
/// # Errors
/// Those of bind(2) and connect(2).
pub fn listen(port: u16) -> std::io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let address = listener.local_addr()?;
    let probe = TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
    let (accepted, _) = listener.accept()?;
    drop((probe, accepted));
    Ok(listener)
}

fn pull_from(
    roots: &Roots,
    listener: TcpListener,
    layout: &Layout,
    name: &Name,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<Downloaded, PullError> {
    let address = listener.local_addr().map_err(PullError::Listen)?;
    let registry = Registry::start(roots, listener, layout)?;
    let result = download_from(roots, &address.to_string(), name, options, progress);
    registry.stop();
    result
}

/// The registry process. It ends with this value, and with the process that holds it.
struct Registry {
    pid: Pid,
    journal: Journal,
    entry: Entry,
}

impl Registry {
    fn start(roots: &Roots, listener: TcpListener, layout: &Layout) -> Result<Self, PullError> {
        let (go, tell) = std::io::pipe().map_err(PullError::Listen)?;
        let parent = nix::unistd::getpid();
        let why = "the registry is a process of its own: what goes between the two is HTTP and nothing else";
        let mut hold = Some(tell);
        let pid = process::fork(Role::Helper, why, || {
            drop(hold.take());
            serve(go, parent, listener, layout)
        })?;
        let journal = Journal::at(roots.journal());
        let identity = ProcessIdentity::of(pid.as_raw()).unwrap_or(ProcessIdentity { pid: pid.as_raw(), start: 0 });
        let claim = Claim { owner: "registry".to_owned(), holder: Some(ProcessIdentity::myself()) };
        let entry = journal.announce(&claim, Effect::Process(identity))?;
        let registry = Self { pid, journal, entry };
        if let Some(mut tell) = hold.take() {
            tell.write_all(b"!").map_err(PullError::Listen)?;
        }
        Ok(registry)
    }

    fn stop(self) {
        drop(self);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Our own child, not waited for yet: the number cannot be anybody else's.
        let _ = nix::sys::signal::kill(self.pid, nix::sys::signal::Signal::SIGKILL);
        let _ = process::wait(self.pid);
        self.journal.forget(&self.entry);
    }
}

/// The child: waits until it is in the journal (end of file means that it never will be), then serves.
fn serve(mut go: PipeReader, parent: Pid, listener: TcpListener, layout: &Layout) -> i32 {
    process::set_name(c"explore-registry");
    let tied = process::die_with_parent("the registry must not outlive the pull, however that ends");
    // The parent may have ended before the kernel was asked.
    if tied.is_err() || nix::unistd::getppid() != parent || go.read_exact(&mut [0]).is_err() {
        return 1;
    }
    i32::from(server::serve(listener, layout, &mut |_| Ok(())).is_err())
}

/// What crosses from the child: the download, or its error in words.
#[derive(Serialize, Deserialize)]
enum Told {
    Downloaded(Box<Downloaded>),
    Failed { message: String, hint: Option<String> },
}

/// Runs `work` in a child with a new network namespace (and a user namespace, where we may not make one otherwise).
fn in_a_network_of_its_own(work: impl FnOnce() -> Result<Downloaded, PullError>) -> Result<Downloaded, PullError> {
    let (mut hear, tell) = std::io::pipe().map_err(PullError::Listen)?;
    let why = "loopback is down here; a child gets a network of its own, and we keep ours";
    let mut hold = Some(tell);
    let child = process::fork(Role::Helper, why, || {
        let told = match enter_new_network().map_err(PullError::from).and_then(|()| work()) {
            Ok(downloaded) => Told::Downloaded(Box::new(downloaded)),
            Err(error) => Told::Failed { message: chain(&error), hint: error.hint() },
        };
        hold.take().map_or(1, |tell| answer(tell, &told))
    })?;
    drop(hold.take());
    let mut text = String::new();
    let read = hear.read_to_string(&mut text);
    let ended = process::wait(child)?;
    read.map_err(PullError::Listen)?;
    match serde_json::from_str(&text) {
        Ok(Told::Downloaded(downloaded)) => Ok(*downloaded),
        Ok(Told::Failed { message, hint }) => Err(PullError::There { message, hint }),
        Err(_) => Err(PullError::There { message: format!("the pulling process ended: {ended:?}"), hint: None }),
    }
}

fn answer(mut tell: PipeWriter, told: &Told) -> i32 {
    let sent = serde_json::to_vec(told).map_err(std::io::Error::from).and_then(|bytes| tell.write_all(&bytes));
    i32::from(sent.is_err())
}

fn enter_new_network() -> kernel::Result<()> {
    let parent = nix::unistd::getppid();
    process::die_with_parent("a pull must not go on when nobody waits for it")?;
    if parent != nix::unistd::getppid() {
        return Err(kernel::Error::quiet("getppid", &format_args!(""), nix::errno::Errno::ESRCH));
    }
    let why = "registry and client need a loopback that is up";
    match namespace::unshare(&[Kind::Net], why) {
        Err(error) if error.errno == libc::EPERM => {
            namespace::unshare(&[Kind::User, Kind::Net], "who is not root may do it within a user namespace")
        }
        other => other,
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(one) = cause {
        let part = one.to_string();
        if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
        cause = one.source();
    }
    text
}
