//! Calls about files: the layers in the order in which the kernel asks them.

use super::path::{self, Place, Way};
use super::subject::{Over, Subject};
use super::verdict::{Layer, Verdict};
use crate::kernel::attribute;
use crate::kernel::trace::{self, Call};
use crate::probe::need::Who;
use nix::errno::Errno;
use nix::sys::statvfs::FsFlags;
use std::os::fd::AsFd;

/// What is to be done with what a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Nothing but to get there.
    Look,
    /// Bits of 4 read, 2 write.
    Open(u32),
    Execute,
    /// A name is made, removed or moved in the folder.
    Entry {
        removes: bool,
    },
    /// What only the owner may: mode, times, attributes.
    Owner,
    /// Owner or group.
    Chown,
    /// A node is made.
    Node,
}

/// The paths of a call: the folder's descriptor, the path, what is wanted, and whether a link at its end is followed.
pub(super) struct Target {
    pub(super) folder: i32,
    pub(super) path: Vec<u8>,
    pub(super) want: Want,
    pub(super) follow: bool,
}

/// What a call names; none where it is no call about files.
pub(super) fn targets(process: nix::unistd::Pid, call: &Call) -> Vec<Target> {
    const HERE: i32 = libc::AT_FDCWD;
    let args = call.args;
    let number = |index: usize| call.int(index);
    let target = |folder: i32, address: usize, want: Want, follow: bool| {
        trace::text(process, args[address]).map(|path| Target { folder, path, want, follow })
    };
    let one = |folder, address, want, follow| target(folder, address, want, follow).into_iter().collect::<Vec<_>>();
    let (makes, removes) = (Want::Entry { removes: false }, Want::Entry { removes: true });
    match call.name.unwrap_or_default() {
        "open" => one(HERE, 0, opens(call.int(1)), follows(call.int(1))),
        "creat" | "truncate" => one(HERE, 0, Want::Open(2), true),
        "openat" => one(number(0), 1, opens(call.int(2)), follows(call.int(2))),
        "openat2" => {
            let how = trace::memory(process, args[2], 4).try_into().map_or(0, i32::from_ne_bytes);
            one(number(0), 1, opens(how), follows(how))
        }
        "execve" => one(HERE, 0, Want::Execute, true),
        "execveat" => one(number(0), 1, Want::Execute, true),
        "stat" | "chdir" | "statfs" | "getxattr" | "chroot" | "acct" | "inotify_add_watch" => {
            one(HERE, 0, Want::Look, true)
        }
        "lstat" | "readlink" => one(HERE, 0, Want::Look, false),
        "access" => one(HERE, 0, accesses(call.word(1)), true),
        "faccessat" | "faccessat2" => one(number(0), 1, accesses(call.word(2)), true),
        "newfstatat" | "statx" | "readlinkat" => one(number(0), 1, Want::Look, false),
        "mkdir" => one(HERE, 0, makes, false),
        "mkdirat" => one(number(0), 1, makes, false),
        "rmdir" | "unlink" => one(HERE, 0, removes, false),
        "unlinkat" => one(number(0), 1, removes, false),
        "mknod" => one(HERE, 0, Want::Node, false),
        "mknodat" => one(number(0), 1, Want::Node, false),
        "symlink" => one(HERE, 1, makes, false),
        "symlinkat" => one(number(1), 2, makes, false),
        "link" => target(HERE, 1, makes, false).into_iter().chain(target(HERE, 0, Want::Look, false)).collect(),
        "linkat" => {
            target(number(2), 3, makes, false).into_iter().chain(target(number(0), 1, Want::Look, false)).collect()
        }
        "rename" => target(HERE, 0, removes, false).into_iter().chain(target(HERE, 1, removes, false)).collect(),
        "renameat" | "renameat2" => {
            target(number(0), 1, removes, false).into_iter().chain(target(number(2), 3, removes, false)).collect()
        }
        "chmod" | "setxattr" | "removexattr" | "utime" | "utimes" => one(HERE, 0, Want::Owner, true),
        "fchmodat" | "fchmodat2" => one(number(0), 1, Want::Owner, true),
        "utimensat" if args[1] != 0 => one(number(0), 1, Want::Owner, true),
        "chown" => one(HERE, 0, Want::Chown, true),
        "lchown" => one(HERE, 0, Want::Chown, false),
        "fchownat" => one(number(0), 1, Want::Chown, call.int(4) & libc::AT_SYMLINK_NOFOLLOW == 0),
        _ => Vec::new(),
    }
}

/// What a call by descriptor wants of it.
pub(super) fn by_descriptor(call: &Call) -> Option<Want> {
    Some(match call.name? {
        "fchmod" | "fsetxattr" | "fremovexattr" | "utimensat" => Want::Owner,
        "fchown" => Want::Chown,
        "write" | "pwrite64" | "writev" | "ftruncate" | "fallocate" | "fsync" => Want::Open(2),
        _ => return None,
    })
}

fn opens(flags: i32) -> Want {
    let writes = flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
    Want::Open(match flags & libc::O_ACCMODE {
        libc::O_RDONLY if !writes => 4,
        libc::O_RDONLY | libc::O_RDWR => 6,
        _ => 2,
    })
}

fn follows(flags: i32) -> bool {
    flags & libc::O_NOFOLLOW == 0
}

fn accesses(mode: u32) -> Want {
    match mode & 7 {
        0 => Want::Look,
        1 => Want::Execute,
        bits => Want::Open(bits & 6),
    }
}

/// Which layer said no; `None` where none of these did.
pub(super) fn judge(subject: &Subject, target: &Target, errno: Errno) -> Option<Verdict> {
    let Way { closed, folder, found } = path::go(subject, target.folder, &target.path, target.follow);
    if let Some(closed) = closed {
        return (errno == Errno::EACCES).then(|| mode(subject, &closed, 1));
    }
    let entry = matches!(target.want, Want::Entry { .. } | Want::Node);
    // A file that is not there is made in its folder.
    let making = found.is_none() && matches!(target.want, Want::Open(bits) if bits & 2 != 0);
    match (entry || making, found, folder) {
        (true, found, Some(folder)) => in_folder(subject, &folder, found.as_ref(), target.want, errno),
        (_, Some(found), _) => at(subject, &found, target.want, errno),
        _ => None,
    }
}

/// What is there and is to be used.
pub(super) fn at(subject: &Subject, place: &Place, want: Want, errno: Errno) -> Option<Verdict> {
    let bits = match want {
        Want::Open(bits) => bits,
        Want::Execute => 1,
        _ => 0,
    };
    let device = place.is(libc::S_IFCHR) || place.is(libc::S_IFBLK);
    match errno {
        Errno::EROFS => Some(super::mount::read_only(subject, place)),
        Errno::EACCES if want == Want::Execute && place.flags().contains(FsFlags::ST_NOEXEC) => {
            Some(super::mount::flag(subject, place, Layer::MountNoexec, "noexec", "no program is run from it"))
        }
        Errno::EACCES if device && super::mount::is_nodev(subject, place) => {
            Some(super::mount::flag(subject, place, Layer::MountNodev, "nodev", "no device is opened on it"))
        }
        Errno::EACCES if !path::may(subject, &place.stat, bits, place.is(libc::S_IFDIR)) => {
            Some(super::delegation::group(subject, place).unwrap_or_else(|| mode(subject, place, bits)))
        }
        Errno::EPERM | Errno::EACCES => marked(place)
            .or_else(|| owner(subject, place, want))
            .or_else(|| (device && errno == Errno::EPERM).then(|| super::limit::device(subject, place))),
        _ => None,
    }
}

fn in_folder(subject: &Subject, folder: &Place, found: Option<&Place>, want: Want, errno: Errno) -> Option<Verdict> {
    match errno {
        Errno::EROFS => return Some(super::mount::read_only(subject, folder)),
        Errno::EACCES if !path::may(subject, &folder.stat, 3, true) => {
            return Some(super::delegation::group(subject, folder).unwrap_or_else(|| mode(subject, folder, 2)));
        }
        Errno::EPERM | Errno::EACCES => {}
        _ => return None,
    }
    if let Some(verdict) = marked(folder).or_else(|| found.and_then(marked)) {
        return Some(verdict);
    }
    let sticky = folder.stat.st_mode & libc::S_ISVTX != 0;
    if let (true, Want::Entry { removes: true }, Some(found)) = (sticky, want, found)
        && found.stat.st_uid != subject.fsuid()
        && folder.stat.st_uid != subject.fsuid()
        && (!subject.holds("CAP_FOWNER") || !path::is_mapped(subject, &found.stat))
    {
        let because = format!(
            "{} has the sticky bit: only the owner of a file, here {}, may remove or rename it there",
            folder.path,
            crate::probe::user_name(found.stat.st_uid)
        );
        return Some(Verdict::new(Layer::StickyBit, because, "let its owner do it, or root", Who::Root));
    }
    if want == Want::Node && subject.lacks("CAP_MKNOD", Over::Machine).is_some() {
        return Some(super::capability::missing(subject, "CAP_MKNOD", Over::Machine));
    }
    (want == Want::Node).then(|| super::limit::device(subject, folder))
}

/// chattr(1): the marks that hold for root too.
fn marked(place: &Place) -> Option<Verdict> {
    let marks = attribute::marks(place.handle.as_fd())?;
    let said = |layer, letter: char, what: &str| {
        let because = format!("{} is marked {what} (lsattr shows {letter})", place.path);
        Verdict::new(layer, because, format!("chattr -{letter} {}", place.path), Who::Root)
    };
    if marks.immutable {
        return Some(said(Layer::Immutable, 'i', "immutable: nobody changes it, root included"));
    }
    marks.append_only.then(|| said(Layer::AppendOnly, 'a', "append-only: what is in it stays"))
}

/// What only the owner may do.
fn owner(subject: &Subject, place: &Place, want: Want) -> Option<Verdict> {
    let capability = match want {
        Want::Owner if place.stat.st_uid != subject.fsuid() => "CAP_FOWNER",
        Want::Chown => "CAP_CHOWN",
        _ => return None,
    };
    let mapped = path::is_mapped(subject, &place.stat);
    if subject.holds(capability) && mapped {
        return None;
    }
    if subject.holds(capability) {
        return Some(super::identity::file_unmapped(subject, place));
    }
    let name = crate::probe::user_name(place.stat.st_uid);
    if want == Want::Chown {
        let mut verdict = super::capability::missing(subject, capability, Over::Own);
        verdict.because = format!("to give a file away takes CAP_CHOWN, and {}", subject.capabilities());
        return Some(verdict);
    }
    let because = format!("only the owner of {}, {name}, may do that, or one with {capability}", place.path);
    Some(Verdict::new(Layer::FileOwner, because, format!("let {name} do it, or root"), Who::Root))
}

/// Mode and owner said no: and why no capability went over them.
pub(super) fn mode(subject: &Subject, place: &Place, wanted: u32) -> Verdict {
    let folder = place.is(libc::S_IFDIR);
    if subject.holds("CAP_DAC_OVERRIDE") && !path::is_mapped(subject, &place.stat) {
        return super::identity::file_unmapped(subject, place);
    }
    let verb = match (wanted, folder) {
        (1, true) => "search",
        (1, false) => "execute",
        (2, _) => "write",
        (4, _) => "read",
        _ => "read and write",
    };
    let who = subject.who();
    if subject.fsuid() == 0 && (folder || wanted != 1) {
        let because = format!(
            "{}, and {who} goes over that only with CAP_DAC_OVERRIDE, which it does not hold",
            place.described()
        );
        let help = "leave it that capability: --cap-add DAC_OVERRIDE (in a container)";
        return Verdict::new(Layer::Capability, because, help, Who::Admin);
    }
    let letter = match wanted {
        1 => "x",
        2 => "w",
        4 => "r",
        _ => "rw",
    };
    let acl = attribute::has_acl(place.handle.as_fd());
    let acl = if acl { "; it has an ACL as well (getfacl)" } else { "" };
    if place.stat.st_uid == subject.fsuid() {
        let because = format!("{}: {who} may not {verb} it, for u+{letter} is missing{acl}", place.described());
        return Verdict::new(Layer::FileMode, because, format!("chmod u+{letter} {}", place.path), Who::You);
    }
    let group = crate::probe::group_name(place.stat.st_gid);
    let (class, which) = if subject.is_in_group(place.stat.st_gid) { ('g', "in that group") } else { ('o', "neither") };
    let because = format!(
        "{}, group {group}: {who} is {which} and may not {verb} it, for {class}+{letter} is missing{acl}",
        place.described()
    );
    Verdict::new(Layer::FileMode, because, who_may(place, wanted, verb, &group), Who::Root)
}

/// For whom the mode is as it should be: another's file is not opened to all because one was refused.
fn who_may(place: &Place, wanted: u32, verb: &str, group: &str) -> String {
    let lets = |shift: u32| place.stat.st_mode >> shift & wanted == wanted;
    let owner = crate::probe::user_name(place.stat.st_uid);
    // root is let in by what it holds; as an owner it is named once.
    let named = [(lets(6) && place.stat.st_uid != 0).then(|| owner.clone()), lets(3).then(|| format!("group {group}"))];
    let looks_only = wanted == 4 || wanted == 1 && place.is(libc::S_IFDIR);
    let capability = if looks_only { "CAP_DAC_READ_SEARCH" } else { "CAP_DAC_OVERRIDE" };
    // Of a program it asks for one x at least, whosever.
    let by_capability = looks_only || wanted != 1 || place.stat.st_mode & 0o111 != 0;
    let root = by_capability.then(|| format!("root ({capability})"));
    let all: Vec<String> = named.into_iter().flatten().chain(root).collect();
    match all.split_last() {
        None => format!("nobody may {verb} it, until {owner}, whose it is, changes its mode"),
        Some((only, [])) => format!("only {only} may {verb} it; it is {owner}'s to let others in"),
        Some((last, others)) => {
            format!("{} and {last} may {verb} it; it is {owner}'s to let others in", others.join(", "))
        }
    }
}
