//! What the host can see of us, counted before and after.

use super::{Learner, nft};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What ends a moment after its command (a process being collected) has this long to be gone.
const SETTLING: Duration = Duration::from_secs(10);

/// Folders on the host in which a program leaves things.
const SHARED_FOLDERS: [&str; 5] = ["/tmp", "/run", "/var/lib", "/var/tmp", "/dev/shm"];

/// Everything that must be as it was. While one exists, no other test looks at the host.
#[derive(Debug)]
pub(crate) struct HostState {
    learner: Learner,
    parts: Parts,
    alone: Arc<explore::state::Lock>,
}

/// A heading, and lines below it; a line may be there more than once.
type Parts = BTreeMap<&'static str, Vec<String>>;

impl HostState {
    /// The state of the learner's machine now.
    pub(crate) fn of(learner: &Learner) -> Self {
        let lock = Path::new(env!("CARGO_TARGET_TMPDIR")).join("host.lock");
        let alone = explore::state::Lock::wait(&lock).unwrap();
        Self { parts: look(learner), learner: learner.clone(), alone: Arc::new(alone) }
    }

    /// The state of one more machine, for a test that has several. It and its folders are there before this is called.
    pub(crate) fn of_another(&self, learner: &Learner) -> Self {
        Self { parts: look(learner), learner: learner.clone(), alone: Arc::clone(&self.alone) }
    }

    /// Makes the state now the one that is compared with.
    pub(crate) fn take_again(&mut self) {
        self.parts = look(&self.learner);
    }

    /// Fails with the difference where the machine is not as it was.
    #[track_caller]
    pub(crate) fn assert_unchanged(&self) {
        self.assert_unchanged_but(&[]);
    }

    /// As [`HostState::assert_unchanged`], without some of its headings.
    #[track_caller]
    pub(crate) fn assert_unchanged_but(&self, headings: &[&str]) {
        let mut differences = self.differences(SETTLING);
        differences.retain(|line| !headings.iter().any(|heading| line.starts_with(&format!("{heading}: "))));
        assert!(differences.is_empty(), "the host is not as it was before:\n{}", differences.join("\n"));
    }

    /// What differs, once what was ending has had so long to end.
    pub(crate) fn differences(&self, settling: Duration) -> Vec<String> {
        let until = Instant::now() + settling;
        loop {
            let found = differences(&self.parts, &look(&self.learner));
            if found.is_empty() || Instant::now() > until {
                return found;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

fn differences(before: &Parts, after: &Parts) -> Vec<String> {
    let mut found = Vec::new();
    for (heading, old) in before {
        let new = &after[heading];
        let lines: BTreeSet<&String> = old.iter().chain(new).collect();
        for line in lines {
            let count = |list: &[String]| list.iter().filter(|one| *one == line).count();
            let (was, is) = (count(old), count(new));
            if was != is {
                found.push(format!("{heading}: {line} (was there {was} times, now {is})"));
            }
        }
    }
    found
}

fn look(learner: &Learner) -> Parts {
    let own_machine = learner.inner.machine.is_some();
    let tag = learner.tag();
    let mut parts = learner.at_machine(|| {
        // On a machine of the test's own, PID 1 stands for it: this thread is not in its PID namespace.
        let someone = if own_machine { "/proc/1" } else { "/proc/thread-self" };
        BTreeMap::from([
            ("mount", mounts(someone)),
            ("link", links(someone)),
            ("address or route", routes(someone)),
            ("IPv6 address", lines(&format!("{someone}/net/if_inet6"))),
            ("IPv6 route", first_fields(&format!("{someone}/net/ipv6_route"), 1)),
            ("nft table", nft::tables()),
            ("sysctl", sysctls()),
            ("host name", vec![nix::unistd::gethostname().unwrap().to_string_lossy().into_owned()]),
            ("process", processes(own_machine)),
            ("namespace", if own_machine { namespaces() } else { Vec::new() }),
        ])
    });
    parts.insert("cgroup", cgroups_of(&tag));
    parts.insert("file", files(learner));
    parts
}

fn lines(path: &str) -> Vec<String> {
    read_to_string(path).unwrap_or_default().lines().map(|line| line.trim().to_owned()).collect()
}

/// The leaves of the tree; how the kernel has grouped them (`+--`) depends on what was there in between.
fn routes(someone: &str) -> Vec<String> {
    let mut found = lines(&format!("{someone}/net/fib_trie"));
    found.retain(|line| !line.starts_with("+--"));
    found
}

fn first_fields(path: &str, count: usize) -> Vec<String> {
    let short = |line: String| line.split_whitespace().take(count).collect::<Vec<_>>().join(" ");
    lines(path).into_iter().map(short).collect()
}

/// Place, type and source; the numbers of mounts are never the same again.
fn mounts(someone: &str) -> Vec<String> {
    let short = |line: String| {
        let (left, right) = line.split_once(" - ")?;
        let place = left.split(' ').nth(4)?;
        Some(format!("{place} {}", right.rsplit_once(' ')?.0))
    };
    lines(&format!("{someone}/mountinfo")).into_iter().filter_map(short).collect()
}

fn links(someone: &str) -> Vec<String> {
    let name = |line: String| line.split_once(':').map(|(name, _)| name.trim().to_owned());
    lines(&format!("{someone}/net/dev")).into_iter().filter_map(name).collect()
}

/// The values that a container engine is tempted to change.
fn sysctls() -> Vec<String> {
    let mut paths: Vec<PathBuf> = vec!["/proc/sys/net/ipv4/ip_forward".into()];
    for folder in ["net/ipv4/conf/all", "net/ipv4/conf/default", "net/ipv6/conf/all", "net/bridge", "user"] {
        paths.extend(entries(&Path::new("/proc/sys").join(folder)));
    }
    let value = |path: PathBuf| Some(format!("{} = {}", path.display(), read_to_string(&path).ok()?.trim()));
    paths.into_iter().filter_map(value).collect()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = read_dir(folder).into_iter().flatten().filter_map(|one| Some(one.ok()?.path())).collect();
    found.sort();
    found
}

/// The numbers of processes in a proc filesystem.
pub(crate) fn pids_in(proc: &str) -> Vec<i32> {
    let number = |path: PathBuf| path.file_name()?.to_str()?.parse().ok();
    entries(Path::new(proc)).into_iter().filter_map(number).collect()
}

/// On a machine of the test's own: all that run. On the host: those that are `explore`. The dead do not count.
fn processes(own_machine: bool) -> Vec<String> {
    let told = |pid: i32| {
        let stat = read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        let ours = own_machine || name.starts_with("explore");
        (ours && !rest.trim_start().starts_with(['Z', 'X'])).then(|| format!("{pid} {name}"))
    };
    pids_in("/proc").into_iter().filter_map(told).collect()
}

fn namespaces() -> Vec<String> {
    let mut found = BTreeSet::new();
    for pid in pids_in("/proc") {
        let links = entries(&PathBuf::from(format!("/proc/{pid}/ns")));
        found.extend(links.iter().filter_map(|link| Some(std::fs::read_link(link).ok()?.display().to_string())));
    }
    found.into_iter().collect()
}

/// Folders of ours in any hierarchy: other programs come and go there too.
pub(crate) fn cgroups_of(tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = left.pop() {
        for path in entries(&folder).into_iter().filter(|path| path.is_dir() && !path.is_symlink()) {
            if path.to_string_lossy().contains(tag) {
                found.push(path.display().to_string());
            }
            left.push(path);
        }
    }
    found.sort();
    found
}

/// In the folders that all share: what is named after us. In the learner's own: everything but the state.
fn files(learner: &Learner) -> Vec<String> {
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains("explore"));
    let mut found: Vec<PathBuf> = SHARED_FOLDERS.iter().flat_map(|folder| entries(Path::new(folder))).collect();
    found.retain(ours);
    found.extend(entries(&learner.tmp()));
    found.extend(entries(&learner.work()));
    found.iter().map(|path| path.display().to_string()).collect()
}
