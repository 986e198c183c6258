//! Calls that change who one is, and ids that are nobody in a user namespace. user_namespaces(7).

use super::path::Place;
use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::trace::Call;
use crate::probe::need::Who;
use nix::errno::Errno;

/// An id of -1 means "leave it".
const LEAVE: u32 = u32::MAX;

/// Which layer refused it; `None` where it is no such call.
pub(super) fn judge(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let args = [call.word(0), call.word(1), call.word(2)];
    let (ids, file, capability) = match call.name? {
        "setuid" | "setfsuid" => (args[..1].to_vec(), "uid_map", "CAP_SETUID"),
        "setreuid" => (args[..2].to_vec(), "uid_map", "CAP_SETUID"),
        "setresuid" => (args[..3].to_vec(), "uid_map", "CAP_SETUID"),
        "setgid" | "setfsgid" => (args[..1].to_vec(), "gid_map", "CAP_SETGID"),
        "setregid" => (args[..2].to_vec(), "gid_map", "CAP_SETGID"),
        "setresgid" => (args[..3].to_vec(), "gid_map", "CAP_SETGID"),
        "setgroups" => (groups(subject, call), "gid_map", "CAP_SETGID"),
        "chown" | "lchown" | "fchown" | "fchownat" if errno == Errno::EINVAL => return chown(subject, call),
        _ => return None,
    };
    let unmapped = ids.into_iter().find(|id| *id != LEAVE && !subject.maps_inside(file, *id));
    match (errno, unmapped) {
        (Errno::EINVAL, Some(id)) => Some(nobody(file, id)),
        (Errno::EPERM, _) if call.name == Some("setgroups") && subject.file("setgroups").trim() == "deny" => {
            let because = "/proc/self/setgroups says deny: whoever mapped the groups of this user namespace without privilege had to give that up";
            let help = "a map written by newgidmap(1), for a range in /etc/subgid";
            Some(Verdict::new(Layer::SetgroupsDenied, because, help, Who::Root))
        }
        (Errno::EPERM, _) => Some(super::capability::missing(subject, capability, Over::Own)),
        _ => None,
    }
}

fn groups(subject: &Subject, call: &Call) -> Vec<u32> {
    let bytes =
        crate::kernel::trace::memory(subject.pid, call.args[1], usize::try_from(call.args[0].min(64)).unwrap_or(0) * 4);
    bytes.chunks_exact(4).filter_map(|four| four.try_into().ok().map(u32::from_ne_bytes)).collect()
}

fn chown(subject: &Subject, call: &Call) -> Option<Verdict> {
    let at = if call.name == Some("fchownat") { 2 } else { 1 };
    let pairs = [("uid_map", call.word(at)), ("gid_map", call.word(at + 1))];
    pairs
        .into_iter()
        .find(|(file, id)| *id != LEAVE && !subject.maps_inside(file, *id))
        .map(|(file, id)| nobody(file, id))
}

fn nobody(file: &str, id: u32) -> Verdict {
    let what = if file == "uid_map" { "uid" } else { "gid" };
    let because = format!("{what} {id} is nobody in this user namespace: /proc/self/{file} has no line for it");
    let help = "map a range: a line in /etc/subuid and /etc/subgid, and newuidmap(1)";
    Verdict::new(Layer::IdUnmapped, because, help, Who::Root)
}

/// A capability does not reach a file whose owner is nobody here.
pub(super) fn file_unmapped(subject: &Subject, place: &Place) -> Verdict {
    let because = format!(
        "{}, and that owner or group is nobody in this user namespace ({}): no capability held in it reaches the file",
        place.described(),
        subject.file("uid_map").split_whitespace().collect::<Vec<_>>().join(" ")
    );
    Verdict::new(Layer::IdUnmapped, because, "map the owner too, or change the mode outside", Who::Root)
}

/// A write to `uid_map` or `gid_map` was refused.
pub(super) fn map(subject: &Subject, place: &Place, errno: Errno) -> Option<Verdict> {
    let file = place.path.rsplit('/').next()?;
    if !["uid_map", "gid_map", "setgroups"].contains(&file) || !place.path.starts_with("/proc/") {
        return None;
    }
    let groups = std::fs::read_to_string(place.path.replace(file, "setgroups")).unwrap_or_default();
    let because = match (file, errno) {
        ("gid_map", Errno::EPERM) if groups.trim() == "allow" && !subject.holds("CAP_SETGID") => {
            return Some(before_denied());
        }
        ("gid_map", Errno::EPERM)
            if groups.trim() == "allow" && subject.lacks("CAP_SETGID", Over::Machine).is_some() =>
        {
            return Some(before_denied());
        }
        (_, Errno::EPERM | Errno::EACCES) => {
            "a map is written once; one without CAP_SETUID or CAP_SETGID outside maps one id, his own"
        }
        (_, Errno::EINVAL) => "a line of a map is `inside outside length`, and no ranges overlap",
        _ => return None,
    };
    let help = "one line for one's own id, or newuidmap(1) and newgidmap(1) for ranges of /etc/subuid";
    Some(Verdict::new(Layer::IdMap, because, help, Who::You))
}

fn before_denied() -> Verdict {
    let because = "an ordinary user writes gid_map only after /proc/PID/setgroups says deny (CVE-2014-8989: a group that shuts its members out could be dropped)";
    Verdict::new(Layer::IdMap, because, "echo deny >/proc/PID/setgroups first", Who::You)
}
