//! `/etc/passwd` and `/etc/group` of a container: passwd(5), group(5).

use super::UserError;
use crate::kernel;
use crate::kernel::fs::{self, Links};
use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::stat::SFlag;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// More than this is no list of users but an attack on our memory.
const LARGEST: u64 = 8 << 20;

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Both files, as text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Files {
    passwd: String,
    group: String,
}

/// A line of `/etc/passwd`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) id: u32,
    pub(super) group: u32,
    pub(super) home: String,
}

/// A line of `/etc/group`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) id: u32,
    members: String,
}

/// Why a file cannot be read: what it is, or the call that failed.
enum Why {
    Is(String),
    Call(kernel::Error),
}

impl Why {
    fn no_file() -> Self {
        Self::Is("it is no plain file".to_owned())
    }

    fn of(self, file: &'static str) -> UserError {
        match self {
            Self::Is(why) => UserError::File { file, why },
            Self::Call(source) => UserError::Call { file, source },
        }
    }
}

impl Files {
    /// Those of a root. Links are followed, and end inside. A file that is missing has no lines.
    ///
    /// # Errors
    /// [`UserError::File`].
    pub fn under(root: BorrowedFd<'_>) -> Result<Self, UserError> {
        Self::by(|path| open(root, path))
    }

    /// Those that the union of these layers, topmost first, will show.
    ///
    /// # Errors
    /// [`UserError::File`].
    pub fn in_layers(layers: &[OwnedFd]) -> Result<Self, UserError> {
        Self::by(|path| {
            for layer in layers {
                match fs::resolve(layer.as_fd(), Path::new(path), Links::Inside) {
                    // A whiteout: what is below was deleted.
                    Ok(found) if fs::is_whiteout(&found) => return Ok(None),
                    Ok(_) => return open(layer.as_fd(), path),
                    Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) => {}
                    Err(error) => return Err(Why::Call(error)),
                }
            }
            Ok(None)
        })
    }

    fn by(open: impl Fn(&str) -> Result<Option<File>, Why>) -> Result<Self, UserError> {
        let text = |file| open(file).and_then(read).map_err(|why| why.of(file));
        Ok(Self { passwd: text(PASSWD)?, group: text(GROUP)? })
    }

    /// The first user that fits: where two lines say the same, the first one counts.
    pub(super) fn user(&self, fits: impl Fn(&User) -> bool) -> Option<User> {
        self.passwd.lines().filter_map(user).find(|one| fits(one))
    }

    /// The first group that fits.
    pub(super) fn group(&self, fits: impl Fn(&Group) -> bool) -> Option<Group> {
        self.group.lines().filter_map(group).find(|one| fits(one))
    }

    /// The groups that list this user.
    pub(super) fn groups_of(&self, name: &str) -> Vec<u32> {
        let lists = |one: &Group| one.members.split(',').any(|member| member == name);
        self.group.lines().filter_map(group).filter(lists).map(|one| one.id).collect()
    }

    #[cfg(test)]
    pub(super) fn of_texts(passwd: &str, group: &str) -> Self {
        Self { passwd: passwd.to_owned(), group: group.to_owned() }
    }
}

/// `name:password:uid:gid:comment:home:shell`. Docker reads a number that is none as 0; here the line is none.
fn user(line: &str) -> Option<User> {
    let mut fields = line.trim().split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let id = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some(User { name, id, group, home: fields.nth(1).unwrap_or_default().to_owned() })
}

/// `name:password:gid:member,member`.
fn group(line: &str) -> Option<Group> {
    let mut fields = line.trim().split(':');
    let name = fields.next().filter(|name| !name.is_empty())?.to_owned();
    let id = fields.nth(1)?.parse().ok()?;
    Some(Group { name, id, members: fields.next().unwrap_or_default().to_owned() })
}

/// Looked at before it is opened: to open a device is to use it, and a fifo would keep us waiting.
fn open(root: BorrowedFd<'_>, path: &str) -> Result<Option<File>, Why> {
    let name = Path::new(path);
    let is_file = |fd: &OwnedFd| fs::file_type(fd) == Ok(SFlag::S_IFREG);
    match fs::resolve(root, name, Links::Inside) {
        Ok(found) if is_file(&found) => {}
        Ok(_) => return Err(Why::no_file()),
        Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ENOTDIR) => return Ok(None),
        Err(error) => return Err(Why::Call(error)),
    }
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let opened = fs::open_inside(root, name, flags, Links::Inside).map_err(Why::Call)?;
    // In a container that runs it may have changed meanwhile.
    if is_file(&opened) { Ok(Some(File::from(opened))) } else { Err(Why::no_file()) }
}

fn read(file: Option<File>) -> Result<String, Why> {
    let Some(file) = file else { return Ok(String::new()) };
    let mut bytes = Vec::with_capacity(4096);
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| Why::Is(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(Why::Is(format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(fill: impl FnOnce(&Path)) -> Result<Files, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("etc")).unwrap();
        fill(&folder.path().join("etc"));
        let root = File::open(folder.path()).unwrap();
        Files::under(root.as_fd()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_link_to_the_hosts_users_finds_nobody() {
        let found = files(|etc| std::os::unix::fs::symlink("../../../../../etc/group", etc.join("passwd")).unwrap());
        assert_eq!(found, Ok(Files::default()));
    }

    #[test]
    fn what_is_no_file_is_refused_and_never_opened() {
        let fifo = files(|etc| nix::unistd::mkfifo(&etc.join("passwd"), nix::sys::stat::Mode::S_IRWXU).unwrap());
        assert_eq!(fifo, Err("cannot look up users in the image's /etc/passwd: it is no plain file".to_owned()));
        let folder = files(|etc| std::fs::create_dir(etc.join("group")).unwrap());
        assert_eq!(folder, Err("cannot look up users in the image's /etc/group: it is no plain file".to_owned()));
    }

    #[test]
    fn a_file_without_an_end_is_refused() {
        let endless = files(|etc| File::create(etc.join("passwd")).unwrap().set_len(1 << 40).unwrap());
        assert_eq!(endless, Err("cannot look up users in the image's /etc/passwd: it is larger than 8 MiB".to_owned()));
    }

    #[test]
    fn the_layer_on_top_counts() {
        let (above, below) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for (folder, uid) in [(&above, 5), (&below, 6)] {
            std::fs::create_dir(folder.path().join("etc")).unwrap();
            std::fs::write(folder.path().join("etc/passwd"), format!("me:x:{uid}:0::/:\n")).unwrap();
        }
        let open = |folder: &tempfile::TempDir| OwnedFd::from(File::open(folder.path()).unwrap());
        let me = |files: Files| files.user(|one| one.name == "me").unwrap().id;
        assert_eq!(me(Files::in_layers(&[open(&above), open(&below)]).unwrap()), 5);
        std::fs::remove_file(above.path().join("etc/passwd")).unwrap();
        assert_eq!(me(Files::in_layers(&[open(&above), open(&below)]).unwrap()), 6);
    }
}
