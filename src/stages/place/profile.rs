//! What systems before Docker isolated, and Docker then and now: each as the namespaces, the root, the capabilities and the
//! filter that come nearest to it on today's Linux.
//!
//! None of them is here itself: jails and zones are other kernels, VServer and OpenVZ were patches that never were merged.
//! LXC alone can be installed, and `tests/probe/profiles.rs` lays the real one beside ours. What a *mechanism* did not cover then is not covered here, and that is what there is to
//! see. What has no counterpart is said in [`Isolation::apart`].

use crate::kernel::capability::Set;
use crate::kernel::namespace::Kind;
use crate::kernel::seccomp::{self, Filter, ProfileError};
use crate::kernel::{capability, feature};
use crate::stages::create::CAPABILITIES;
use serde::{Deserialize, Serialize};

/// A system whose isolation is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// chroot(2)
    Chroot,
    /// FreeBSD jails as of 4.0
    Jail,
    /// Linux-VServer, and FreeVPS after it
    Vserver,
    /// Solaris Zones as of Solaris 10
    Zone,
    /// OpenVZ
    Openvz,
    /// LXC as of 5.0
    Lxc,
    /// Docker 0.1, which called LXC
    #[serde(rename = "docker-0.1")]
    #[value(name = "docker-0.1")]
    FirstDocker,
    /// Docker as it is now
    Docker,
    /// Docker or Podman without root
    Rootless,
}

/// How the files of the machine are put out of sight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Root {
    /// chroot(2): the path `/` of a process; the mounts of the machine are all there still.
    Chroot,
    /// pivot_root(2): nothing else is mounted.
    Pivot,
}

/// Which capabilities root has inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Power {
    All,
    Without(&'static str),
    Only(&'static str),
    /// The fourteen of Docker.
    Docker,
}

/// Which system calls are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Calls {
    None,
    /// A short list of what is refused.
    Refused(&'static str),
    /// Docker's long list of what is allowed.
    Docker,
}

/// What a profile consists of.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Isolation {
    /// Which.
    pub profile: Profile,
    /// When it was released first.
    pub year: &'static str,
    /// The namespaces that stand for what it separated.
    pub kinds: &'static [Kind],
    /// How its root is made.
    pub root: Root,
    /// Whether parts of /proc are covered and others read-only.
    pub covers: bool,
    /// What it had otherwise, or where the likeness ends. A sentence.
    pub apart: &'static str,
    /// Where it says of itself what it does.
    pub source: &'static str,
    #[serde(skip)]
    power: Power,
    #[serde(skip)]
    calls: Calls,
}

// The root of a jail, and that of VServer with its barrier, could not be left. That is pivot_root(2) here; their mount
// namespace is a helper, for they had no table of mounts of their own.

/// FreeBSD: no nodes, mounts, modules, raw sockets, addresses, clock, and nothing of the kernel's tables.
const NOT_IN_A_JAIL: &str = "audit_control audit_read bpf checkpoint_restore linux_immutable mac_admin mac_override mknod \
    net_admin net_raw perfmon syslog sys_admin sys_boot sys_module sys_pacct sys_rawio sys_time";

/// Solaris: the same, and no priority over other zones.
const NOT_IN_A_ZONE: &str = "audit_control audit_read bpf checkpoint_restore ipc_lock linux_immutable mac_admin mac_override \
    mknod net_admin net_raw perfmon syslog sys_admin sys_boot sys_module sys_nice sys_pacct sys_rawio \
    sys_time";

/// The default of util-vserver, but for SYS_BOOT, which there meant the guest.
const OF_VSERVER: &str = "audit_write chown dac_override dac_read_search fowner fsetid kill lease net_bind_service setgid \
    setuid sys_chroot sys_ptrace sys_tty_config";

/// Off by default in a container of Virtuozzo; what is younger than it is off too.
const NOT_IN_OPENVZ: &str = "audit_control audit_read bpf checkpoint_restore net_admin perfmon setpcap syslog sys_admin \
    sys_module sys_rawio sys_time";

/// `lxc.cap.drop` of LXC's common.conf.
const NOT_IN_LXC: &str = "mac_admin mac_override sys_module sys_rawio sys_time";

/// LXC's common.seccomp: a list of what is refused, all else goes.
const REFUSED_BY_LXC: &str = r#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"action": "SCMP_ACT_ERRNO", "names":
    ["kexec_load", "open_by_handle_at", "init_module", "finit_module", "delete_module"]}]}"#;

/// `lxc.cap.drop` of lxc_template.go in early 2013.
const NOT_IN_DOCKER_0_1: &str = "audit_control audit_write mac_admin mac_override mknod net_raw setfcap setpcap sys_admin sys_boot \
    sys_module sys_nice sys_pacct sys_rawio sys_resource sys_time sys_tty_config";

const PROCESSES: &[Kind] = &[Kind::Uts, Kind::Pid, Kind::Ipc];
const MOUNTS_TOO: &[Kind] = &[Kind::Uts, Kind::Pid, Kind::Mnt, Kind::Ipc];
const NETWORK_TOO: &[Kind] = &[Kind::Uts, Kind::Pid, Kind::Mnt, Kind::Net, Kind::Ipc];
const USERS_TOO: &[Kind] = &[Kind::Uts, Kind::Pid, Kind::Mnt, Kind::Net, Kind::Ipc, Kind::User];

const NOTHING: Isolation = Isolation {
    profile: Profile::Chroot,
    year: "",
    kinds: &[],
    root: Root::Pivot,
    covers: false,
    apart: "",
    source: "",
    power: Power::All,
    calls: Calls::None,
};

/// All of them, in the order of [`Profile`].
const SYSTEMS: [Isolation; 9] = [
    Isolation {
        profile: Profile::Chroot,
        year: "1979",
        kinds: &[],
        root: Root::Chroot,
        power: Power::All,
        apart: "It was made to build systems, and not to lock anybody in.",
        source: "chroot(2)",
        ..NOTHING
    },
    Isolation {
        profile: Profile::Jail,
        year: "2000",
        kinds: PROCESSES,
        root: Root::Pivot,
        power: Power::Without(NOT_IN_A_JAIL),
        apart: "A jail had one address of the machine's and could use no other; here all can be used. Its \
        processes kept their numbers.",
        source: "Kamp and Watson, Jails: Confining the omnipotent root, SANE 2000; jail(8) of FreeBSD",
        ..NOTHING
    },
    Isolation {
        profile: Profile::Vserver,
        year: "2001",
        kinds: PROCESSES,
        root: Root::Pivot,
        power: Power::Only(OF_VSERVER),
        apart: "Every process and every file had the number of a context, and addresses were given out as in a \
        jail. FreeVPS did the same for hosters.",
        source: "linux-vserver.org, util-vserver: Capabilities and Flags; freevps.com",
        ..NOTHING
    },
    Isolation {
        profile: Profile::Zone,
        year: "2004",
        kinds: MOUNTS_TOO,
        root: Root::Pivot,
        power: Power::Without(NOT_IN_A_ZONE),
        apart: "Pools and shares of processors were given to zones, and a zone had addresses of the machine's; \
        it could mount inside, for which Linux has no smaller right than CAP_SYS_ADMIN.",
        source: "Price and Tucker, Solaris Zones, LISA 2004; zones(5) of Solaris 10",
        ..NOTHING
    },
    Isolation {
        profile: Profile::Openvz,
        year: "2005",
        kinds: NETWORK_TOO,
        root: Root::Pivot,
        power: Power::Without(NOT_IN_OPENVZ),
        apart: "What a container used was counted, by two dozen beancounters, and it could be moved while it \
        ran. Today's cgroups count.",
        source: "wiki.openvz.org; Parallels Server user's guide, Linux-Specific Capabilities",
        ..NOTHING
    },
    Isolation {
        profile: Profile::Lxc,
        year: "2008",
        kinds: NETWORK_TOO,
        root: Root::Pivot,
        power: Power::Without(NOT_IN_LXC),
        calls: Calls::Refused(REFUSED_BY_LXC),
        apart: "Put together as LXC's common.conf says. LXC itself adds groups, and a cgroup namespace since 2016.",
        source: "lxc.container.conf(5); config/templates/common.conf.in and common.seccomp of LXC 5.0",
        ..NOTHING
    },
    Isolation {
        profile: Profile::FirstDocker,
        year: "2013",
        kinds: NETWORK_TOO,
        root: Root::Pivot,
        power: Power::Without(NOT_IN_DOCKER_0_1),
        apart: "It was LXC with more capabilities dropped, and device rules; its files were AUFS layers.",
        source: "moby/moby, lxc_template.go of early 2013",
        ..NOTHING
    },
    Isolation {
        profile: Profile::Docker,
        year: "2014 to now",
        kinds: NETWORK_TOO,
        root: Root::Pivot,
        power: Power::Docker,
        covers: true,
        calls: Calls::Docker,
        apart: "Without an image, groups and a network. `explore run` has all of it.",
        source: "moby/moby, daemon/pkg/oci and profiles/seccomp of 29",
    },
    Isolation {
        profile: Profile::Rootless,
        year: "2018",
        kinds: USERS_TOO,
        root: Root::Pivot,
        power: Power::Docker,
        covers: true,
        calls: Calls::Docker,
        apart: "Capabilities count for what the user namespace owns, and for nothing else.",
        source: "user_namespaces(7); rootlesscontaine.rs",
    },
];

impl Profile {
    /// What it consists of.
    pub fn isolation(self) -> Isolation {
        SYSTEMS[self as usize]
    }
}

impl Isolation {
    /// What root may have inside, at most.
    pub fn capabilities(&self) -> Set {
        let all = Set::of(&capability::NAMES);
        match self.power {
            Power::All => all,
            Power::Without(names) => Set(all.0 & !listed(names).0),
            Power::Only(names) => listed(names),
            Power::Docker => Set::of(&CAPABILITIES),
        }
    }

    /// Its filter, as a program.
    ///
    /// # Errors
    /// [`ProfileError`], if what is built in were damaged.
    pub(super) fn filter(&self) -> Result<Option<Filter>, ProfileError> {
        let profile = match self.calls {
            Calls::None => return Ok(None),
            Calls::Refused(text) => seccomp::Profile::parse(text)?,
            Calls::Docker => seccomp::Profile::docker()?,
        };
        let names: Vec<String> = self.capabilities().names().into_iter().map(str::to_owned).collect();
        let rules = profile.resolve(seccomp::Place { capabilities: &names, kernel: feature::release() })?;
        Ok(rules.map(|rules| seccomp::compile(&rules)).transpose()?)
    }

    /// Whether it has a filter on system calls.
    pub fn has_filter(&self) -> bool {
        self.calls != Calls::None
    }
}

/// Capabilities as lxc.container.conf(5) writes them: `sys_admin sys_time`.
fn listed(names: &str) -> Set {
    Set::of(&names.split(' ').map(|name| format!("CAP_{}", name.to_uppercase())).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_name_is_a_capability_and_every_filter_a_program() {
        for profile in Profile::value_variants() {
            let isolation = profile.isolation();
            assert_eq!(isolation.profile, *profile);
            if let Power::Without(names) | Power::Only(names) = isolation.power {
                assert_eq!(listed(names).names().len(), names.split(' ').count(), "{profile:?}");
            }
            assert_eq!(isolation.filter().unwrap().is_some(), isolation.has_filter(), "{profile:?}");
            assert!(!isolation.source.is_empty() && isolation.apart.ends_with('.'), "{profile:?}");
        }
    }

    #[test]
    fn what_came_later_takes_more_away() {
        let left = |profile: Profile| profile.isolation().capabilities().0.count_ones();
        assert_eq!(left(Profile::Chroot), 41);
        assert!(left(Profile::Lxc) > left(Profile::FirstDocker) && left(Profile::FirstDocker) > left(Profile::Docker));
    }
}
