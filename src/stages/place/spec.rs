//! The words of `explore ns create`: which namespaces, and what is made in them.

use super::{PlaceError, Profile};
use crate::kernel::namespace::Kind;
use clap::Parser;
use serde::{Deserialize, Serialize};

/// Which namespaces are new, and what is prepared in them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is one word of the command line
#[serde(default)]
pub struct PlaceSpec {
    /// New process numbers: the first process is PID 1
    #[arg(long)]
    pub pid: bool,
    /// An own table of mounts, a copy of this one
    #[arg(long)]
    pub mount: bool,
    /// An own host name
    #[arg(long)]
    pub uts: bool,
    /// Own System V objects and message queues
    #[arg(long)]
    pub ipc: bool,
    /// Own interfaces, addresses, routes and sockets: only `lo`, and that is down
    #[arg(long)]
    pub net: bool,
    /// Own user and group numbers, and all capabilities inside
    #[arg(long)]
    pub user: bool,
    /// An own root of the cgroup tree as it is seen
    #[arg(long)]
    pub cgroup: bool,
    /// Own offsets of the boot and monotonic clocks
    #[arg(long)]
    pub time: bool,
    /// A fresh /proc that shows the new process numbers (needs --pid and --mount)
    #[arg(long)]
    pub proc: bool,
    /// A fresh /sys that shows the new interfaces (needs --net and --mount)
    #[arg(long)]
    pub sys: bool,
    /// As a system of history had it: its namespaces, a root, capabilities, a filter (`explore ns profiles`)
    #[arg(long, value_enum, hide_possible_values = true, value_name = "SYSTEM")]
    pub profile: Option<Profile>,
    /// Seconds by which the boot clock is ahead in the new time namespace
    #[arg(long, value_name = "SECONDS", requires = "time", allow_negative_numbers = true)]
    pub boottime: Option<i64>,
}

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Words {
    #[command(flatten)]
    spec: PlaceSpec,
}

impl PlaceSpec {
    /// Reads the words as the command line would.
    ///
    /// # Errors
    /// [`PlaceError::Words`], [`PlaceError::Needs`].
    pub fn parse(words: &str) -> Result<Self, PlaceError> {
        let words = Words::try_parse_from(words.split_whitespace()).map_err(|error| {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            PlaceError::Words(first.trim_start_matches("error: ").to_owned())
        })?;
        words.spec.validate()?;
        Ok(words.spec)
    }

    /// The kinds of namespace that were asked for, by their own words or by a profile's.
    pub fn kinds(&self) -> Vec<Kind> {
        let of_profile = self.profile.map_or(&[][..], |profile| profile.isolation().kinds);
        let asked = [
            (self.uts, Kind::Uts),
            (self.pid, Kind::Pid),
            (self.mount, Kind::Mnt),
            (self.net, Kind::Net),
            (self.ipc, Kind::Ipc),
            (self.user, Kind::User),
            (self.cgroup, Kind::Cgroup),
            (self.time, Kind::Time),
        ];
        asked.into_iter().filter_map(|(wanted, kind)| (wanted || of_profile.contains(&kind)).then_some(kind)).collect()
    }

    /// The kinds that the others need: what is mounted for a root would be mounted on the machine, and without root a user
    /// namespace gives the right to make the rest.
    pub(super) fn helpers(&self, rootless: bool) -> Vec<Kind> {
        let asked = self.kinds();
        let needed = [(self.profile.is_some(), Kind::Mnt), (rootless, Kind::User)];
        needed.into_iter().filter_map(|(needed, kind)| (needed && !asked.contains(&kind)).then_some(kind)).collect()
    }

    /// Refuses what the kernel cannot give, before anything is made.
    pub(super) fn validate(&self) -> Result<(), PlaceError> {
        let needs = |asked, needed, why| Err(PlaceError::Needs { asked, needed, why });
        match self {
            Self { proc: true, mount: false, .. } => {
                needs("--proc", "--mount", "it would be mounted over the /proc of the whole machine")
            }
            Self { proc: true, pid: false, .. } => {
                needs("--proc", "--pid", "it would show the same processes as the one that is there")
            }
            Self { sys: true, mount: false, .. } => {
                needs("--sys", "--mount", "it would be mounted over the /sys of the whole machine")
            }
            Self { sys: true, net: false, .. } => {
                needs("--sys", "--net", "it would show the same interfaces as the one that is there")
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_command_line() {
        let spec = PlaceSpec::parse("--pid --mount --proc").unwrap();
        assert_eq!(spec.kinds(), [Kind::Pid, Kind::Mnt]);
        assert!(spec.proc);
        let error = PlaceSpec::parse("--pidd").unwrap_err().to_string();
        assert!(error.contains("--pidd"), "{error}");
    }

    #[test]
    fn a_proc_over_the_machines_own_is_refused() {
        assert!(matches!(PlaceSpec::parse("--pid --proc"), Err(PlaceError::Needs { needed: "--mount", .. })));
    }
}
