//! Which programs of this machine go into the image, and which libraries they load.

use super::tree::Tree;
use super::{DemoError, Recipe};
use lddtree::{DependencyAnalyzer, DependencyTree};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Without these the image is none.
const NEEDED: [&str; 4] = ["sh", "ls", "cat", "sleep"];

/// Where a lesson or the walk calls them, they must be there; a machine that lacks one has an image that lacks it.
const WANTED: &str = "
    awk base64 basename bash capsh cat chmod chown chgrp chroot clear cp cut date dd df diff dirname dmesg du echo env expr
    false file find findmnt flock free getcap getent getopt getpcaps grep groups gzip head hexdump hostname id
    install ip ipcmk ipcrm ipcs kill less ln ls lsns lsof mkdir mkfifo mknod mktemp more mount mountpoint mv nc nice
    nohup nproc nsenter numfmt od paste pgrep ping pkill printf prlimit ps pwd readlink realpath renice rev rm rmdir
    script sed seq setpriv setsid sh sha256sum sleep sort ss stat stty su sync sysctl tail tar taskset tc tee test
    timeout top touch tr true truncate tty umount uname uniq unshare uptime wc whoami xargs xxd yes [
";

/// `explore` stands in for these where they are missing, or where there is only BusyBox's, with other columns.
pub(super) const STAND_INS: [&str; 2] = ["ps", "ip"];
const STAND_IN: &str = "usr/libexec/explore";

/// Where a loader looks without being told, on the systems that we know (ld.so(8)).
const LIBRARY_FOLDERS: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// What readline looks up to know the keys of a terminal.
const TERMINALS: [&str; 9] =
    ["xterm", "xterm-256color", "screen", "screen-256color", "tmux", "tmux-256color", "linux", "vt100", "dumb"];

/// What was found, and what was not.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Folders in which programs were found, in the order of the search.
    pub(super) folders: Vec<PathBuf>,
    /// Programs that this machine has not got.
    pub(super) absent: Vec<String>,
}

/// Puts all programs and their libraries into the tree, and with them `more` programs, where this machine has them.
pub(super) fn collect(tree: &mut Tree, recipe: &Recipe, more: &[&str]) -> Result<Found, DemoError> {
    let mut found = Found::default();
    let mut libraries = Libraries::default();
    for top in ["/bin", "/sbin", "/lib", "/lib64"] {
        // Only where it is a link: then it belongs to the form of this machine, and scripts count on it.
        if Path::new(top).is_symlink() {
            tree.copy_with_links(Path::new(top))?;
        }
    }
    for name in wanted().chain(more.iter().copied()) {
        let Some(program) = find(name, recipe) else {
            if let Some(name) = NEEDED.into_iter().find(|needed| *needed == name) {
                let looked = recipe.search.iter().map(|folder| folder.display().to_string()).collect();
                return Err(DemoError::Missing { name, looked });
            }
            found.absent.push(name.to_owned());
            continue;
        };
        let folder = program.parent().unwrap_or(Path::new("/")).to_owned();
        if !found.folders.contains(&folder) {
            found.folders.push(folder);
        }
        let file = tree.copy_with_links(&program)?;
        libraries.add(tree, &file)?;
    }
    if Path::new("/bin/sh").exists() {
        tree.copy_with_links(Path::new("/bin/sh"))?;
    } else {
        tree.link("bin/sh", "/usr/bin/sh");
    }
    stand_in(tree, &mut libraries, &found, recipe)?;
    libraries.add_name_service(tree)?;
    terminals(tree)?;
    Ok(found)
}

/// Our own program, in place of what is missing.
fn stand_in(tree: &mut Tree, libraries: &mut Libraries, found: &Found, recipe: &Recipe) -> Result<(), DemoError> {
    let absent = STAND_INS.into_iter().filter(|name| found.absent.iter().any(|one| one == name));
    let absent: Vec<&str> = absent.collect();
    if absent.is_empty() {
        return Ok(());
    }
    tree.copy(&recipe.program, Path::new(STAND_IN))?;
    libraries.add(tree, &recipe.program)?;
    for name in absent {
        tree.link(&format!("usr/bin/{name}"), format!("/{STAND_IN}"));
    }
    Ok(())
}

/// Our own program at a place of its own, and what it loads.
pub(super) fn add_own(tree: &mut Tree, recipe: &Recipe, place: &str) -> Result<(), DemoError> {
    tree.copy(&recipe.program, Path::new(place))?;
    Libraries::default().add(tree, &recipe.program)
}

fn wanted<'a>() -> impl Iterator<Item = &'a str> {
    WANTED.split_whitespace()
}

/// Where a program is on this machine.
pub(super) fn find(name: &str, recipe: &Recipe) -> Option<PathBuf> {
    let mut places = recipe.search.iter().map(|folder| folder.join(name));
    places.find(|path| is_program(path)).filter(|path| !is_replaced(name, path))
}

/// A file that may be run and that the kernel runs by itself: no script, whose interpreter would be missing.
fn is_program(path: &Path) -> bool {
    let mut start = [0; 4];
    std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start == *b"\x7fELF"
}

fn is_replaced(name: &str, path: &Path) -> bool {
    let is_busybox = || std::fs::read_link(path).is_ok_and(|target| target.ends_with("busybox"));
    STAND_INS.contains(&name) && is_busybox()
}

/// Libraries that are in the tree already, so that each is looked at once.
#[derive(Debug, Default)]
struct Libraries {
    seen: BTreeSet<PathBuf>,
    loaded: BTreeSet<PathBuf>,
    c_library: Option<PathBuf>,
}

impl Libraries {
    /// Adds what `program` loads, its interpreter included, without running it (ldd(1) would, in a way).
    fn add(&mut self, tree: &mut Tree, program: &Path) -> Result<(), DemoError> {
        if !self.seen.insert(program.to_owned()) {
            return Ok(());
        }
        let Ok(needs) = analyze(program) else { return Ok(()) };
        let interpreter = needs.interpreter.iter().map(PathBuf::from);
        let loaded = needs.libraries.values().filter(|library| library.found()).map(|library| library.path.clone());
        for path in interpreter.chain(loaded) {
            if path.ends_with("libc.so.6") {
                self.c_library = Some(path.clone());
            }
            if self.loaded.insert(path.clone()) {
                tree.copy_with_links(&path)?;
            }
        }
        Ok(())
    }

    /// glibc before 2.34 finds users in a library that no program names.
    fn add_name_service(&mut self, tree: &mut Tree) -> Result<(), DemoError> {
        let beside = self.c_library.as_ref().and_then(|library| library.parent());
        if let Some(path) = beside.map(|folder| folder.join("libnss_files.so.2")).filter(|path| path.exists()) {
            tree.copy_with_links(&path)?;
        }
        let is_usual = |path: &PathBuf| LIBRARY_FOLDERS.iter().any(|folder| path.starts_with(folder));
        // Where the loader finds libraries outside the folders that it has built in.
        if Path::new("/etc/ld.so.cache").is_file() && !self.loaded.iter().all(is_usual) {
            tree.copy_with_links(Path::new("/etc/ld.so.cache"))?;
        }
        Ok(())
    }
}

fn analyze(program: &Path) -> Result<DependencyTree, lddtree::Error> {
    DependencyAnalyzer::new(PathBuf::from("/")).analyze(program)
}

fn terminals(tree: &mut Tree) -> Result<(), DemoError> {
    for name in TERMINALS {
        let first = &name[..1];
        let places = ["/etc/terminfo", "/lib/terminfo", "/usr/share/terminfo"];
        let found = places.iter().map(|place| Path::new(place).join(first).join(name)).find(|path| path.is_file());
        if let Some(path) = found {
            tree.copy_with_links(&path)?;
        }
    }
    Ok(())
}
