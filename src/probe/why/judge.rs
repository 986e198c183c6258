//! One refusal, judged: the layers are asked in the order in which the kernel asks them, and the first that explains the
//! answer is named. A security module explains itself to nobody: it is named where it is there and no other layer says no.

use super::file::{self, Want};
use super::path::{self, Place};
use super::subject::Subject;
use super::verdict::{Layer, Verdict};
use super::{capability, delegation, filter, identity, limit, mount, namespace, network, sysctl};
use crate::kernel::trace::Call;
use crate::kernel::{Error, landlock};
use crate::probe::need::{Who, trial};
use libc::sock_filter;
use nix::errno::Errno;

/// What was seen of a process before.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// The filters that it, or a parent, laid under our eyes.
    pub(super) filters: Vec<Vec<sock_filter>>,
    /// It, or a parent, laid Landlock rules on itself.
    pub(super) landlocked: bool,
}

/// Errors by which a layer says no. Others are looked at as well, and told only where a rule explains them.
fn is_refusal(call: &Call, errno: Errno) -> bool {
    match errno {
        Errno::EPERM
        | Errno::EACCES
        | Errno::EROFS
        | Errno::ENOSYS
        | Errno::EMFILE
        | Errno::ENFILE
        | Errno::EDQUOT
        | Errno::EFBIG => true,
        Errno::ENOSPC | Errno::EUSERS => !matches!(call.name, Some("read" | "recvmsg")),
        _ => false,
    }
}

/// Errors that are worth a look at all.
pub(super) fn is_worth_a_look(call: &Call, errno: Errno) -> bool {
    let name = call.name.unwrap_or_default();
    is_refusal(call, errno)
        || match errno {
            Errno::EAGAIN => ["fork", "vfork", "clone", "clone3"].contains(&name) || name.starts_with("mlock"),
            Errno::ENOMEM => {
                ["fork", "vfork", "clone", "clone3", "mmap", "brk", "mremap"].contains(&name)
                    || name.starts_with("mlock")
            }
            Errno::EINVAL => {
                ["mount", "umount2", "pivot_root", "unshare", "setns", "write"].contains(&name)
                    || name.starts_with("set")
                    || name.contains("chown")
            }
            Errno::ENODEV => ["mount", "fsopen"].contains(&name),
            Errno::EBUSY if name == "pivot_root" => true,
            Errno::EBUSY | Errno::EOPNOTSUPP | Errno::ENOENT => name == "write" || name == "recvmsg",
            Errno::EAFNOSUPPORT => name == "socket",
            _ => false,
        }
}

/// Which layer said no; `None` where it is an ordinary failure.
pub(super) fn judge(subject: &Subject, past: &Past, call: &Call, errno: Errno) -> Option<Verdict> {
    filter::exact(&past.filters, call, errno)
        .or_else(|| (errno == Errno::ENOSYS).then(|| filter::no_such_call(subject, call)))
        .or_else(|| filter::inherited(subject, call, errno))
        .or_else(|| namespace::judge(subject, call, errno))
        .or_else(|| identity::judge(subject, call, errno))
        .or_else(|| mount::judge(subject, call, errno))
        .or_else(|| files(subject, call, errno))
        .or_else(|| descriptor(subject, call, errno))
        .or_else(|| limit::judge(subject, call, errno))
        .or_else(|| network::judge(subject, call, errno))
        .or_else(|| sysctl::judge(subject, call, errno))
        .or_else(|| capability::judge(subject, call, errno))
        .or_else(|| is_refusal(call, errno).then(|| module(subject, past, call)))
}

fn files(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let targets = file::targets(subject.pid, call);
    for target in &targets {
        let way = path::go(subject, target.folder, &target.path, target.follow);
        if let Some(found) = &way.found {
            let guarded = matches!(errno, Errno::EPERM | Errno::EACCES)
                && matches!(target.want, Want::Open(_) | Want::Look)
                && path::may(subject, &found.stat, if let Want::Open(bits) = target.want { bits } else { 0 }, false);
            let special = sysctl::hard_link(subject, found, call, errno)
                .or_else(|| guarded.then(|| sysctl::guarded(subject, found, call)).flatten());
            if special.is_some() {
                return special;
            }
        }
        if errno == Errno::ENOSPC {
            return way.found.or(way.folder).and_then(|place| limit::full(subject, &place));
        }
        if let Some(verdict) = file::judge(subject, target, errno) {
            return Some(verdict);
        }
        if let (Errno::EACCES, Some(folder), Some(found)) = (errno, &way.folder, &way.found)
            && let Some(verdict) = sysctl::in_shared_folder(subject, folder, found, call)
        {
            return Some(verdict);
        }
    }
    None
}

/// Calls by descriptor, and writes: what the file is decides.
fn descriptor(subject: &Subject, call: &Call, errno: Errno) -> Option<Verdict> {
    let want = file::by_descriptor(call)?;
    let place: Place = path::descriptor(subject, call.int(0))?;
    if errno == Errno::ENOSPC {
        return limit::full(subject, &place);
    }
    if want == Want::Open(2) {
        let own =
            identity::map(subject, &place, errno).or_else(|| delegation::write(subject, &place, errno)).or_else(|| {
                matches!(errno, Errno::EPERM | Errno::EACCES).then(|| sysctl::guarded(subject, &place, call)).flatten()
            });
        // The mode was asked when it was opened.
        return own.or_else(|| (errno == Errno::EROFS).then(|| mount::read_only(subject, &place)));
    }
    file::at(subject, &place, want, errno)
}

/// Nothing else explains it: a security module, if there is one.
fn module(subject: &Subject, past: &Past, call: &Call) -> Verdict {
    let ruled_out = "mode, mounts, capabilities, filters and limits allow it";
    if past.landlocked || rules_were_here() {
        let because =
            format!("{ruled_out}; the Landlock rules that the process, or one before it, laid on itself do not");
        let help = "they cannot be taken off: start it without them";
        return Verdict::new(Layer::Landlock, because, help, Who::You);
    }
    let profile = [subject.file("attr/apparmor/current"), subject.file("attr/current")];
    let profile = profile.iter().map(|text| text.trim_matches(['\0', '\n'])).find(|text| !text.is_empty());
    if let Ok("1") = std::fs::read_to_string("/sys/fs/selinux/enforce").as_deref().map(str::trim) {
        let because = format!("{ruled_out}; SELinux is enforcing, and its label is {}", profile.unwrap_or("not told"));
        return Verdict::new(
            Layer::Selinux,
            because,
            "ausearch -m avc -ts recent; in a container: --security-opt label=…",
            Who::Root,
        );
    }
    if let Some(profile) = profile.filter(|profile| !profile.starts_with("unconfined")) {
        let because = format!("{ruled_out}; AppArmor confines it with the profile {profile}");
        return Verdict::new(
            Layer::Apparmor,
            because,
            "dmesg tells the rule; in a container: --security-opt apparmor=…",
            Who::Root,
        );
    }
    let name = call.name.unwrap_or("the call");
    Verdict::bare(Layer::Unknown, format!("no layer that we know explains why {name} was refused"))
}

/// Whether Landlock rules were laid on us before we began; asked once.
fn rules_were_here() -> bool {
    use std::sync::OnceLock;
    static HERE: OnceLock<bool> = OnceLock::new();
    *HERE.get_or_init(|| {
        let layers = trial::attempt(|| {
            landlock::layers()
                .ok_or_else(|| Error::quiet("landlock_create_ruleset", &format_args!("..."), Errno::ENOSYS))
        });
        layers.is_ok_and(|layers| layers > 0)
    })
}
