//! What is said about a refusal: the layer, a sentence, what helps, who can do that, and the lesson about it.

use crate::probe::need::Who;
use serde::Serialize;

/// A layer of the kernel that can say no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is told by its lesson and its row in book/src/why-not.md")]
pub enum Layer {
    FileMode,
    FileOwner,
    StickyBit,
    Immutable,
    AppendOnly,
    MountReadOnly,
    FilesystemReadOnly,
    FilesystemFull,
    MountNoexec,
    MountNodev,
    MountNosuid,
    MountLocked,
    MountKind,
    ProcCovered,
    PivotRoot,
    Capability,
    NamespaceOwner,
    NoNewPrivileges,
    Seccomp,
    Landlock,
    Apparmor,
    Selinux,
    DeviceCgroup,
    CgroupPids,
    CgroupMemory,
    CgroupDelegation,
    Rlimit,
    Sysctl,
    NamespaceLimit,
    NamespaceDepth,
    Chroot,
    Threads,
    IdUnmapped,
    IdMap,
    SetgroupsDenied,
    ProcessOwner,
    PidNamespaceEnded,
    KernelLacks,
    Tracing,
    Unknown,
}

impl Layer {
    /// Its name, as JSON has it.
    pub fn name(self) -> String {
        serde_json::to_value(self).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The lesson that shows this layer at work.
    pub fn lesson(self) -> Option<&'static str> {
        Some(match self {
            Self::Capability
            | Self::FileMode
            | Self::FileOwner
            | Self::StickyBit
            | Self::ProcessOwner
            | Self::Immutable
            | Self::AppendOnly => "capabilities",
            Self::NamespaceOwner | Self::NamespaceLimit | Self::NamespaceDepth => "user-namespace",
            Self::IdUnmapped | Self::IdMap | Self::SetgroupsDenied => "id-maps",
            Self::MountReadOnly | Self::FilesystemReadOnly | Self::MountNoexec => "volumes",
            Self::MountNodev => "escapes",
            Self::DeviceCgroup => "cgroup-devices",
            Self::MountNosuid | Self::NoNewPrivileges => "no-new-privs",
            Self::MountLocked | Self::MountKind => "mount-namespace",
            Self::ProcCovered => "masked-paths",
            Self::PivotRoot => "pivot-root",
            Self::Seccomp => "seccomp",
            Self::Landlock | Self::Apparmor | Self::Selinux => "lsm",
            Self::CgroupPids | Self::Rlimit => "cgroup-pids",
            Self::CgroupMemory => "cgroup-memory",
            Self::CgroupDelegation => "cgroup-hierarchy",
            Self::Sysctl => "what-is-not-isolated",
            Self::Chroot => "chroot-escape",
            Self::Threads => "three-calls",
            Self::PidNamespaceEnded => "pid-namespace",
            Self::KernelLacks => "container-or-vm",
            Self::FilesystemFull | Self::Tracing | Self::Unknown => return None,
        })
    }
}

/// What was found out about one refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Which layer.
    pub layer: Layer,
    /// What it is that it says no to, as half a sentence.
    pub because: String,
    /// What helps; `None` where nothing does.
    pub help: Option<String>,
    /// Who can do that.
    pub who: Option<Who>,
    /// The lesson about it.
    pub lesson: Option<&'static str>,
}

impl Verdict {
    pub(super) fn new(layer: Layer, because: impl Into<String>, help: impl Into<String>, who: Who) -> Self {
        let (help, who) = (Some(help.into()), Some(who));
        Self { layer, because: because.into(), help, who, lesson: layer.lesson() }
    }

    /// One that nothing helps against.
    pub(super) fn bare(layer: Layer, because: impl Into<String>) -> Self {
        Self { layer, because: because.into(), help: None, who: None, lesson: layer.lesson() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lesson::library::Library;

    #[test]
    fn each_layer_points_to_a_lesson_that_is_there() {
        let library = Library::built_in();
        let mut linked = 0;
        for layer in [
            Layer::FileMode,
            Layer::NamespaceOwner,
            Layer::IdMap,
            Layer::MountNoexec,
            Layer::MountNodev,
            Layer::MountNosuid,
            Layer::MountLocked,
            Layer::ProcCovered,
            Layer::PivotRoot,
            Layer::Seccomp,
            Layer::Landlock,
            Layer::Rlimit,
            Layer::CgroupMemory,
            Layer::CgroupDelegation,
            Layer::DeviceCgroup,
            Layer::Sysctl,
            Layer::Chroot,
            Layer::Threads,
            Layer::PidNamespaceEnded,
            Layer::KernelLacks,
        ] {
            let lesson = layer.lesson().unwrap();
            assert!(library.find(lesson).is_ok(), "{layer:?}: {lesson}");
            linked += 1;
        }
        assert_eq!(linked, 20);
    }
}
