//! Who a container's program is: `--user`, in every form, looked up in the image's own `/etc/passwd` and `/etc/group`.
//!
//! The kernel knows numbers only; a name is a line in a file, and the file is the *image's*. It is read as plain text
//! under a descriptor of the container's root. Never by getpwnam(3): that asks libraries which the image could bring
//! along, and they would run as us (CVE-2019-14271).
//!
//! The rules are docker's (moby/sys/user, `GetExecUser`). What is all digits is a number, even where a user has that
//! name (CVE-2016-3697), and what is no number as a whole is none: `1x` is a name, never uid 1 (CVE-2026-30892 was a
//! number cut short into uid 0).

mod files;

pub use files::Files;

use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel::{self, user};
use oci_spec::runtime::Process;
use serde::{Deserialize, Serialize};
use std::os::fd::BorrowedFd;

/// The largest id that docker takes: 2^31 - 1.
const LARGEST: u32 = i32::MAX as u32;
/// How many groups setgroups(2) takes (NGROUPS_MAX).
const MOST_GROUPS: usize = 65_536;

/// Who was asked for, as it was typed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// `--user`: a user, or a user and a group with ':' between, each a number or a name; empty is root.
    pub user: String,
    /// `--group-add`: more groups.
    pub groups: Vec<String>,
}

/// Who that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// The group that its files get.
    pub gid: u32,
    /// All its groups, the first one among them.
    pub groups: Vec<u32>,
    /// Where it is at home; `/` where no line says so.
    pub home: String,
}

/// Why it is not known who that is.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// No such name. The words are docker's.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoUser(String),
    /// No such name. The words are docker's.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoGroup(String),
    /// Too large, or negative. The words are docker's.
    #[error("uids and gids must be in range 0-{LARGEST}")]
    Range,
    /// More groups than the kernel takes.
    #[error("the user is in more than {MOST_GROUPS} groups, and the kernel takes no more")]
    TooManyGroups,
    /// Without root: a number that means nobody.
    #[error("{kind} {id} is not mapped in this user namespace, so nobody can become it")]
    Unmapped {
        /// `uid` or `gid`.
        kind: &'static str,
        /// The number.
        id: u32,
    },
    /// Without root: the list of groups cannot change.
    #[error("--group-add needs setgroups(2), and this user namespace denies it")]
    GroupsDenied,
    /// The image has something else there than a text file of reasonable size.
    #[error("cannot look up users in the image's {file}: {why}")]
    File {
        /// Which.
        file: &'static str,
        /// What is wrong.
        why: String,
    },
    /// It cannot be looked at.
    #[error("cannot look up users in the image's {file}")]
    Call {
        /// Which.
        file: &'static str,
        /// The call.
        source: kernel::Error,
    },
}

impl Explain for UserError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoUser(name) => {
                format!("{name:?} is no user of the image; a number needs no line in its /etc/passwd")
            }
            Self::NoGroup(name) => {
                format!("{name:?} is no group of the image; a number needs no line in its /etc/group")
            }
            Self::Unmapped { .. } => {
                "without root only uid 0 and gid 0 are there, which are you; as root all are".into()
            }
            Self::GroupsDenied => {
                "as root it is allowed; a group can deny a file to its members (user_namespaces(7))".into()
            }
            Self::Call { source, .. } => return kernel::hint(source),
            Self::Range | Self::TooManyGroups | Self::File { .. } => return None,
        })
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

impl Wanted {
    /// Looks them up.
    ///
    /// # Errors
    /// All of [`UserError`] but `File`.
    pub fn identify(&self, files: &Files) -> Result<Identity, UserError> {
        let (user, group) = self.user.split_once(':').unwrap_or((&self.user, ""));
        let user = if user.is_empty() { "0" } else { user };
        let entry = files.user(|one| match number(user) {
            Some(id) => i64::from(one.id) == id,
            None => one.name == user,
        });
        let uid = match (&entry, number(user)) {
            (Some(entry), _) => entry.id,
            (None, Some(id)) => in_range(id)?,
            (None, None) => return Err(UserError::NoUser(user.to_owned())),
        };
        let mut gid = entry.as_ref().map_or(0, |entry| entry.group);
        let mut further = Vec::new();
        if group.is_empty() {
            // The groups that list the user count where no group was named, as after login(1).
            further = entry.as_ref().map_or_else(Vec::new, |entry| files.groups_of(&entry.name));
        } else {
            gid = group_id(files, group)?;
        }
        for name in &self.groups {
            further.push(group_id(files, name)?);
        }
        // The first group is in the list as well (CVE-2022-36109: a group may *deny* its members something).
        let mut groups = vec![gid];
        groups.extend(further);
        if groups.len() > MOST_GROUPS {
            return Err(UserError::TooManyGroups);
        }
        let home = entry.map(|entry| entry.home).filter(|home| !home.is_empty()).unwrap_or_else(|| "/".to_owned());
        let identity = Identity { uid, gid, groups, home };
        self.check_mapped(&identity)?;
        Ok(identity)
    }

    /// In a user namespace most numbers stand for nobody: setuid(2) would answer EINVAL, and say no more.
    fn check_mapped(&self, identity: &Identity) -> Result<(), UserError> {
        if !user::in_user_namespace() {
            return Ok(());
        }
        if !user::is_mapped("uid_map", identity.uid) {
            return Err(UserError::Unmapped { kind: "uid", id: identity.uid });
        }
        if !user::is_mapped("gid_map", identity.gid) {
            return Err(UserError::Unmapped { kind: "gid", id: identity.gid });
        }
        if !self.groups.is_empty() && !user::groups_may_change() {
            return Err(UserError::GroupsDenied);
        }
        Ok(())
    }
}

impl Identity {
    /// Writes it into the process of a configuration: the ids, and no capabilities at once for one who is not root, for
    /// execve(2) would take them away anyway (capabilities(7)).
    pub fn apply(&self, process: &mut Process) {
        let mut user = process.user().clone();
        user.set_uid(self.uid);
        user.set_gid(self.gid);
        user.set_additional_gids(Some(self.groups.clone()));
        process.set_user(user);
        if let Some(mut sets) = process.capabilities().clone().filter(|_| self.uid != 0) {
            sets.set_effective(None).set_permitted(None).set_ambient(None).set_inheritable(None);
            process.set_capabilities(Some(sets));
        }
    }

    /// Adds HOME where nothing else says it.
    pub fn bring_home(&self, process: &mut Process) {
        if !has_home(process) {
            set_home(process, &self.home);
        }
    }
}

/// The same for a process whose number is known already: what its own files say, `/` where they say nothing.
pub fn bring_home(root: BorrowedFd<'_>, process: &mut Process) {
    if has_home(process) {
        return;
    }
    let uid = process.user().uid();
    let found = Files::under(root).ok().and_then(|files| files.user(|one| one.id == uid));
    let home = found.map(|one| one.home).filter(|home| !home.is_empty());
    set_home(process, home.as_deref().unwrap_or("/"));
}

fn has_home(process: &Process) -> bool {
    let says = |entry: &String| entry.strip_prefix("HOME=").is_some_and(|home| !home.is_empty());
    process.env().iter().flatten().any(says)
}

fn set_home(process: &mut Process, home: &str) {
    let mut env = process.env().clone().unwrap_or_default();
    env.retain(|entry| entry != "HOME=");
    env.push(format!("HOME={home}"));
    process.set_env(Some(env));
}

fn group_id(files: &Files, group: &str) -> Result<u32, UserError> {
    let found = files.group(|one| match number(group) {
        Some(id) => i64::from(one.id) == id,
        None => one.name == group,
    });
    match (found, number(group)) {
        (Some(found), _) => Ok(found.id),
        (None, Some(id)) => in_range(id),
        (None, None) => Err(UserError::NoGroup(group.to_owned())),
    }
}

/// A number as Go's Atoi reads it, which decides for docker what is a name: digits, with a sign or without. One that is
/// too long even for that is out of every range.
fn number(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(i64::MAX))
}

fn in_range(id: i64) -> Result<u32, UserError> {
    u32::try_from(id).ok().filter(|id| *id <= LARGEST).ok_or(UserError::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
        ann:x:1000:1001::/home/ann:/bin/sh\n\
        1000:x:7:7::/home/digits:/bin/sh\n\
        +nis\n\
        broken:x:many:1::/:/bin/sh\n\
        short:x:9\n\
        ann:x:0:0::/root:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nwheel:x:10:root,ann\naudio:x:29:ann\n29:x:77:\nbad:x:x:ann\n";

    fn identify(user: &str, groups: &[&str]) -> Result<(u32, u32, Vec<u32>, String), String> {
        let files = Files::of_texts(PASSWD, GROUP);
        let wanted = Wanted { user: user.into(), groups: groups.iter().map(|one| (*one).to_owned()).collect() };
        wanted.identify(&files).map(|one| (one.uid, one.gid, one.groups, one.home)).map_err(|error| error.to_string())
    }

    #[test]
    fn every_form_of_a_user_is_dockers() {
        type Found = (u32, u32, &'static [u32], &'static str);
        let table: [(&str, Found); 13] = [
            ("", (0, 0, &[0, 10], "/root")),
            ("root", (0, 0, &[0, 10], "/root")),
            ("0", (0, 0, &[0, 10], "/root")),
            ("00", (0, 0, &[0, 10], "/root")),
            ("1000", (1000, 1001, &[1001, 10, 29], "/home/ann")),
            ("ann", (1000, 1001, &[1001, 10, 29], "/home/ann")),
            ("ann:audio", (1000, 29, &[29], "/home/ann")),
            ("ann:5", (1000, 5, &[5], "/home/ann")),
            // A group of that name has another number: digits are a number.
            ("ann:29", (1000, 29, &[29], "/home/ann")),
            (":5", (0, 5, &[5], "/root")),
            ("4242", (4242, 0, &[0], "/")),
            ("4242:wheel", (4242, 10, &[10], "/")),
            ("ann:", (1000, 1001, &[1001, 10, 29], "/home/ann")),
        ];
        for (typed, (uid, gid, groups, home)) in table {
            assert_eq!(identify(typed, &[]), Ok((uid, gid, groups.to_vec(), home.to_owned())), "{typed:?}");
        }
        assert_eq!(identify("4242", &["wheel", "9"]), Ok((4242, 0, vec![0, 10, 9], "/".to_owned())));
    }

    #[test]
    fn what_is_no_number_is_a_name_and_an_unknown_name_is_nobody() {
        let user = |name: &str| Err(format!("unable to find user {name}: no matching entries in passwd file"));
        let group = |name: &str| Err(format!("unable to find group {name}: no matching entries in group file"));
        // A line whose numbers are none is no user: least of all uid 0.
        for name in ["1x", "0x0", " 0", "0 ", "0\n", "nosuch", "broken", "short", "+nis", "-", "ä"] {
            assert_eq!(identify(name, &[]), user(name), "{name:?}");
        }
        assert_eq!(identify("a:b", &[]), user("a"));
        assert_eq!(identify("ann:b", &[]), group("b"));
        assert_eq!(identify("ann:bad", &[]), group("bad"));
        assert_eq!(identify("ann:1:2", &[]), group("1:2"));
        assert_eq!(identify("ann", &["nosuch"]), group("nosuch"));
        for far in ["-1", "2147483648", "4294967296", "99999999999999999999", "0:-1", "0:4294967295"] {
            assert_eq!(identify(far, &[]), Err("uids and gids must be in range 0-2147483647".to_owned()), "{far}");
        }
    }
}
