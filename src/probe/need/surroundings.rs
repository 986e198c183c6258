//! What is around us: a terminal, a locale, programs.

use super::{Answer, Who};
use crate::guest;
use crate::state::Roots;
use std::io::IsTerminal;
use std::path::PathBuf;

/// What the demo image is assembled from, besides `ps` and `ip`.
const DEMO: [&str; 12] =
    ["sh", "uname", "hostname", "ls", "cat", "id", "mount", "touch", "rm", "sleep", "grep", "unshare"];

/// Where a program is, by PATH, and where programs usually are.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/local/sbin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(usual)
        .map(|folder| folder.join(name))
        .find(|file| nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok() && file.is_file())
}

pub(super) fn terminal(_: &Roots) -> Answer {
    if std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        return Answer::met("input and output are a terminal");
    }
    Answer::unmet("input or output is no terminal", "start explore from a terminal, or use --yes", Who::You)
}

pub(super) fn locale(_: &Roots) -> Answer {
    let mut said =
        ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(|name| Some((name, std::env::var(name).ok()?)));
    match said.find(|(_, value)| !value.is_empty()) {
        Some((name, value)) if value.to_lowercase().replace('-', "").contains("utf8") => {
            Answer::met(format!("{name}={value}"))
        }
        Some((name, value)) => {
            Answer::unmet(format!("{name}={value}: signs are ASCII only"), "export LC_ALL=C.UTF-8", Who::You)
        }
        None => Answer::unmet("no locale is set: signs are ASCII only", "export LC_ALL=C.UTF-8", Who::You),
    }
}

fn program(name: &str, package: &str, without: &str) -> Answer {
    find_program(name).map_or_else(
        || Answer::unmet(format!("no {name} here{without}"), format!("apt-get install {package}"), Who::Root),
        |path| Answer::met(path.display().to_string()),
    )
}

/// The demo image has one in any case.
const STAND_IN: &str = "; explore stands in for it in the demo image";

pub(super) fn ps(_: &Roots) -> Answer {
    program("ps", "procps", STAND_IN)
}

pub(super) fn ip(_: &Roots) -> Answer {
    program("ip", "iproute2", STAND_IN)
}

pub(super) fn nft(_: &Roots) -> Answer {
    program("nft", "nftables", "")
}

pub(super) fn perl(_: &Roots) -> Answer {
    program("perl", "perl-base", "")
}

/// Who speaks for containers where nobody may lay a cable (`stages::keeper::outside`).
pub(super) fn way_out(_: &Roots) -> Answer {
    if nix::unistd::geteuid().is_root() {
        return Answer::met("root lays a cable");
    }
    match ["pasta", "slirp4netns"].into_iter().find_map(find_program) {
        Some(path) => Answer::met(format!("{} speaks for them", path.display())),
        None => Answer::unmet(
            "neither pasta nor slirp4netns is here: containers reach one another, and nothing else",
            "apt-get install passt",
            Who::Root,
        ),
    }
}

/// gVisor's runtime.
pub(super) fn runsc(_: &Roots) -> Answer {
    program("runsc", "runsc", "")
}

/// What `explore guest` is made of.
pub(super) fn guest(_: &Roots) -> Answer {
    let emulator = guest::emulator();
    match (emulator, guest::Kernel::find(None)) {
        (Some(_), Ok(kernel)) => Answer::met(format!("explore guest: {}", kernel.image.display())),
        (None, _) => {
            Answer::unmet("no QEMU here", "apt-get install --no-install-recommends qemu-system-x86", Who::Root)
        }
        (_, Err(error)) => {
            let fix = error.fix();
            Answer::unmet(error.to_string(), fix, Who::You)
        }
    }
}

pub(super) fn demo_image(_: &Roots) -> Answer {
    let missing: Vec<&str> = DEMO.into_iter().filter(|name| find_program(name).is_none()).collect();
    let awk = ["awk", "mawk", "gawk"].into_iter().any(|name| find_program(name).is_some());
    match (missing.as_slice(), awk) {
        ([], true) => Answer::met("all of them are on this machine"),
        ([], false) => Answer::unmet("awk is missing", "apt-get install mawk", Who::Root),
        _ => Answer::unmet(
            format!("missing: {}", missing.join(", ")),
            "apt-get install dash coreutils hostname mount grep util-linux",
            Who::Root,
        ),
    }
}
