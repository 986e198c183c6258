//! The flags of `create` and `run` that say which namespaces a container shares, named as docker names them.

use crate::stages::create::{Ipc, Sharing, Spaces};
use std::str::FromStr;

/// Everything after `Namespaces` in `explore run --help`.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Namespaces")]
pub(super) struct SpaceFlags {
    /// Whose processes it sees: those of this `host`, or of `container:NAME`; its own without
    #[arg(long, value_name = "MODE", default_value = "", hide_default_value = true)]
    pid: Sharing,
    /// Whose message queues and shared memory it has: private, shareable, none, host, or container:NAME
    #[arg(long, value_name = "MODE", default_value = "", hide_default_value = true)]
    ipc: Ipc,
    /// `host`: this machine's host name is its own
    #[arg(long, value_name = "MODE", value_parser = uts)]
    uts: Option<bool>,
    /// `host`: this machine's user namespace, which it has anyway
    #[arg(long, value_name = "MODE", value_parser = userns)]
    userns: Option<bool>,
    /// `private`: its own group is the top for it; `host`: it sees where in the tree it is
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<Cgroupns>,
}

fn uts(text: &str) -> Result<bool, &'static str> {
    match text {
        "" | "host" => Ok(text == "host"),
        _ => Err("invalid UTS mode: host"),
    }
}

fn userns(text: &str) -> Result<bool, &'static str> {
    match text {
        "" | "host" => Ok(text == "host"),
        _ => Err("invalid USER mode: host"),
    }
}

/// Whether it has one; nothing where docker's own choice is wanted.
#[derive(Debug, Clone, Copy)]
struct Cgroupns(Option<bool>);

impl FromStr for Cgroupns {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(Self(None)),
            "private" | "host" => Ok(Self(Some(text == "private"))),
            _ => Err("invalid CGROUP mode: private, or host"),
        }
    }
}

impl From<SpaceFlags> for Spaces {
    fn from(flags: SpaceFlags) -> Self {
        Self {
            pid: flags.pid,
            ipc: flags.ipc,
            uts_of_host: flags.uts.unwrap_or(false),
            user_of_host: flags.userns.unwrap_or(false),
            own_cgroup: flags.cgroupns.and_then(|mode| mode.0),
        }
    }
}
