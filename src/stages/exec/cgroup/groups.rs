//! Which groups a container gets, and where they can be made.

use super::super::StartFailure;
use super::super::running::Running;
use super::setting::Setting;
use crate::kernel::cgroup::{self, Hierarchy, Version, delegation};
use crate::kernel::{self, user};
use crate::stages::failure::Failure;
use crate::state::{Claim, Effect, Entry, Journal, Roots};
use nix::errno::Errno;
use std::path::{Component, Path, PathBuf};

/// What other engines expect of a group of version 2: runc switches all of these on.
const OF_V2: [&str; 8] = ["cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma"];

/// Owner, in the journal, of what containers share: controllers that were handed on for them.
const SHARED: &str = "cgroup";

/// Where in a tree a container's group is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::stages::exec) struct Place {
    /// The groups above it, below where groups of ours may be made.
    above: Vec<String>,
    /// Its own name.
    name: String,
    /// Relative: begins where this process itself is.
    from_own: bool,
    /// In every tree, also where nothing is asked of it: other engines look for their containers in all of them.
    everywhere: bool,
}

impl Place {
    /// Of a container of ours.
    pub(in crate::stages::exec) fn ours(roots: &Roots, id: &str) -> Self {
        Self { above: vec![roots.cgroup()], name: id.to_owned(), from_own: false, everywhere: false }
    }

    /// What `linux.cgroupsPath` says; without it, a group by the container's own name.
    pub(in crate::stages::exec) fn of_path(path: Option<&Path>, id: &str) -> Self {
        let path = path.filter(|path| !path.as_os_str().is_empty());
        let normal = |part: Component<'_>| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        };
        let mut above: Vec<String> = path.into_iter().flat_map(Path::components).filter_map(normal).collect();
        let name = above.pop().unwrap_or_else(|| id.to_owned());
        Self { above, name, from_own: path.is_some_and(Path::is_relative), everywhere: true }
    }

    /// The folders above it that are not there yet, outermost first.
    ///
    /// # Errors
    /// The look at the trees that failed.
    pub(in crate::stages::exec) fn missing_above(&self) -> kernel::Result<Vec<PathBuf>> {
        let mut missing = Vec::new();
        for tree in cgroup::hierarchies()? {
            let Some(mut folder) = self.base(&tree) else { continue };
            for name in &self.above {
                folder.push(name);
                missing.extend(Some(folder.clone()).filter(|folder| !folder.exists()));
            }
        }
        Ok(missing)
    }

    /// Its own folder in each tree in which it can be made.
    ///
    /// # Errors
    /// The look at the trees that failed.
    pub(in crate::stages::exec) fn folders(&self) -> kernel::Result<Vec<PathBuf>> {
        Ok(cgroup::hierarchies()?.iter().filter_map(|tree| self.base(tree)).map(|base| self.folder(&base)).collect())
    }

    /// Its own folder, below that in which its first part is made.
    fn folder(&self, base: &Path) -> PathBuf {
        self.above.iter().fold(base.to_owned(), |above, name| above.join(name)).join(&self.name)
    }

    /// The folder in which its first part is made.
    fn base(&self, tree: &Hierarchy) -> Option<PathBuf> {
        let base = delegation::base(tree)?;
        Some(if self.from_own {
            Some(delegation::own(tree)).filter(|own| own.starts_with(&base)).unwrap_or(base)
        } else {
            base
        })
    }
}

/// A group that was made for this container.
#[derive(Debug, Clone)]
pub(in crate::stages::exec) struct Joined {
    pub(in crate::stages::exec) tree: Hierarchy,
    pub(in crate::stages::exec) folder: PathBuf,
}

/// A tree in which a group is needed.
struct Wanted<'s> {
    tree: Hierarchy,
    /// For these controllers.
    names: Vec<&'static str>,
    /// What is to be written there; where nothing is, it can do without.
    asked: Vec<&'s Setting>,
}

/// The groups of one container, made at need.
pub(super) struct Groups<'a> {
    journal: &'a Journal,
    claim: Claim,
    place: Place,
    trees: Vec<Hierarchy>,
    /// What is there.
    pub(super) made: Vec<Joined>,
    /// Whose processes are moved along into a new group of version 1.
    moving: bool,
}

/// Those of a container that runs: its supervisor holds what is made now, too.
pub(super) fn of_running<'a>(
    place: Place,
    journal: &'a Journal,
    running: &Running,
) -> Result<Groups<'a>, StartFailure> {
    let claim = Claim { owner: place.name.clone(), holder: Some(running.supervisor) };
    let mut groups = Groups::new(place, journal, &claim)?;
    // A tree that nobody has mounted any more holds nothing that could be changed.
    let tree_of = |folder: &Path| groups.trees.iter().find(|tree| folder.starts_with(&tree.mount)).cloned();
    let joined = |folder: &PathBuf| Some(Joined { tree: tree_of(folder)?, folder: folder.clone() });
    groups.made = running.cgroups.iter().filter_map(|(_, folder)| joined(folder)).collect();
    groups.moving = true;
    Ok(groups)
}

impl<'a> Groups<'a> {
    pub(super) fn new(place: Place, journal: &'a Journal, claim: &Claim) -> Result<Self, StartFailure> {
        let trees = cgroup::hierarchies().map_err(Failure::at("find the cgroup trees"))?;
        Ok(Self { journal, claim: claim.clone(), place, trees, made: Vec::new(), moving: false })
    }

    /// As `running.json` has them.
    pub(super) fn records(&self) -> Vec<(Version, PathBuf)> {
        self.made.iter().map(|one| (one.tree.version, one.folder.clone())).collect()
    }

    /// Makes what `always` and `settings` need. What nobody asked for is left out where it cannot be had.
    pub(super) fn have(&mut self, always: &[&'static str], settings: &[Setting]) -> Result<(), StartFailure> {
        let nowhere = |one: &&Setting| !self.trees.iter().any(|tree| tree.has(one.controller_in(tree.version)));
        if let Some(one) = settings.iter().find(nowhere) {
            return Err(no_controller(one));
        }
        let mut wanted = Vec::new();
        for tree in self.trees.clone() {
            let name = |one: &Setting| one.controller_in(tree.version);
            let asked: Vec<&Setting> = settings.iter().filter(|one| tree.has(name(one))).collect();
            let mut names: Vec<&'static str> = always.iter().copied().filter(|one| tree.has(one)).collect();
            names.extend(asked.iter().map(|one| name(one)));
            names.sort_unstable();
            names.dedup();
            if self.place.everywhere && tree.version == Version::V2 {
                names.extend(OF_V2.iter().copied().filter(|one| tree.has(one)));
                names.sort_unstable();
                names.dedup();
            }
            if !names.is_empty() || self.place.everywhere || self.only_freezes(&tree) {
                wanted.push(Wanted { tree, names, asked });
            }
        }
        self.have_all(&wanted)
    }

    /// The groups in these trees. All that are new stand in one entry of the journal: to write four costs as much as to
    /// make the groups.
    fn have_all(&mut self, wanted: &[Wanted<'_>]) -> Result<(), StartFailure> {
        let before = self.made.len();
        let new: Vec<PathBuf> = wanted
            .iter()
            .filter_map(|one| Some(self.place.folder(&self.place.base(&one.tree)?)))
            .filter(|folder| !self.made.iter().any(|one| one.folder == *folder))
            .collect();
        let announced = new.len();
        let entry =
            (announced > 0).then(|| self.journal.announce(&self.claim, Effect::Cgroups { paths: new })).transpose()?;
        for one in wanted {
            self.have_in(one)?;
        }
        let made: Vec<PathBuf> = self.made[before..].iter().map(|one| one.folder.clone()).collect();
        match entry {
            Some(entry) if made.is_empty() => self.journal.forget(&entry),
            // What is not ours to write has none.
            Some(entry) if made.len() < announced => {
                self.journal.amend(&Entry { effect: Effect::Cgroups { paths: made }, ..entry })?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a group without any of these controllers is wanted in a tree. Each of version 2 can be frozen, and where the
    /// freezer of version 1 is not to be had, nothing else can. It is made before the container runs: of one that is in no
    /// group of ours nobody could tell which processes to move.
    fn only_freezes(&self, tree: &Hierarchy) -> bool {
        let of_v1 = || self.tree_of("freezer").is_some_and(|tree| self.place.base(tree).is_some());
        tree.version == Version::V2 && !self.moving && !of_v1()
    }

    /// The group in one tree, which stands in the journal.
    fn have_in(&mut self, Wanted { tree, names, asked }: &Wanted<'_>) -> Result<(), StartFailure> {
        let refuse = |why: Refusal<'_>| asked.first().map_or(Ok(()), |one| Err(why.told(one)));
        let Some(base) = self.place.base(tree) else { return refuse(Refusal::NotDelegated(tree.version)) };
        let mut names = names.clone();
        if tree.version == Version::V2 {
            let (off, lacking) = delegation::missing(&base, &names);
            if let Some(one) = asked.iter().find(|one| lacking.contains(&one.controller_in(Version::V2))) {
                return Err(Refusal::NotHandedOn(&base).told(one));
            }
            names.retain(|name| !lacking.contains(name));
            self.hand_on(&base, &off)?;
        }
        let folder = self.place.folder(&base);
        let why = "what the container uses is counted and limited here";
        match self.create(tree.version, &base, &names, why) {
            // Not EROFS: a tree that is mounted read-only has no place for us (`Place::base`) and was left out above.
            Err(error) if asked.is_empty() && matches!(error.errno, libc::EACCES | libc::EPERM) => {
                // The one above may have been made before that one was refused.
                let _ = folder.parent().map(std::fs::remove_dir);
                return Ok(());
            }
            made => made.map_err(Failure::at(&format!("make a cgroup for {}", names.join(", "))))?,
        };
        if tree.has("cpuset") && tree.version == Version::V1 {
            fill_cpuset(&base, &folder)?;
        }
        if !self.made.iter().any(|one| one.folder == folder) {
            self.adopt(Joined { tree: tree.clone(), folder })?;
        }
        Ok(())
    }

    /// The group, and those above it.
    fn create(&self, version: Version, base: &Path, names: &[&str], why: &str) -> kernel::Result<PathBuf> {
        let mut parent = base.to_owned();
        // `cgroup::create` makes the folder of the group and the one above.
        for name in self.place.above.iter().take(self.place.above.len().saturating_sub(1)) {
            parent = cgroup::create(version, &parent, name, names, "above it")?;
        }
        let above = self.place.above.last().map_or(parent.clone(), |last| parent.join(last));
        cgroup::create(version, &above, &self.place.name, names, why)
    }

    /// A new group is one of the container's; one that runs already moves into it.
    fn adopt(&mut self, new: Joined) -> Result<(), StartFailure> {
        if let Some(old) = self.made.first().filter(|_| self.moving) {
            let why = "the container is limited here from now on";
            move_along(&old.folder, &new.folder, why).map_err(Failure::at("move it into a new cgroup"))?;
        }
        self.made.push(new);
        Ok(())
    }

    /// The group that can be frozen: any of version 2, one with the freezer controller in version 1.
    pub(super) fn freezable(&mut self) -> Result<PathBuf, StartFailure> {
        let has = |one: &&Joined| ["freezer.state", "cgroup.freeze"].iter().any(|file| one.folder.join(file).exists());
        if let Some(one) = self.made.iter().find(has) {
            return Ok(one.folder.clone());
        }
        let Some(tree) = self.tree_of("freezer").cloned() else {
            let v1 = self.trees.iter().any(|tree| tree.version == Version::V1);
            return Err(Refusal::NotDelegated(if v1 { Version::V1 } else { Version::V2 }).told(&Setting::pause()));
        };
        let setting = Setting::pause();
        self.have_all(&[Wanted { tree, names: vec!["freezer"], asked: vec![&setting] }])?;
        let found = self.made.iter().find(has).map(|one| one.folder.clone());
        found.ok_or_else(|| no_controller(&setting))
    }

    fn tree_of(&self, controller: &str) -> Option<&Hierarchy> {
        self.trees.iter().find(|tree| tree.has(controller))
    }

    /// Version 2: what the groups above ours have not handed on. The journal knows what to take back once our last group
    /// is gone.
    fn hand_on(&self, base: &Path, off: &[&str]) -> Result<(), StartFailure> {
        if off.is_empty() {
            return Ok(());
        }
        // Only the top of the tree may have members and children with controllers.
        let leaf = base.join("cgroup.type").exists().then(|| base.join(delegation::LEAF));
        let shared = Claim { owner: SHARED.to_owned(), holder: None };
        let names = off.iter().map(|name| (*name).to_owned()).collect();
        self.journal.announce(&shared, Effect::Controllers { folder: base.to_owned(), names, leaf: leaf.clone() })?;
        let step = || Failure::at("share out what was delegated");
        if let Some(leaf) = leaf {
            let why = "a group with members hands nothing on: they move to a leaf";
            cgroup::make_folder(&leaf, why).map_err(step())?;
            delegation::move_members(base, &leaf, why).map_err(step())?;
        }
        delegation::hand_on(base, off, "a controller works below only where it is switched on").map_err(step())?;
        Ok(())
    }
}

/// Moves every process of the container, also those that it starts meanwhile.
fn move_along(from: &Path, to: &Path, why: &str) -> kernel::Result<()> {
    for _ in 0..1000 {
        let there = cgroup::members(to);
        let left: Vec<i32> = cgroup::members(from).into_iter().filter(|pid| !there.contains(pid)).collect();
        if left.is_empty() {
            break;
        }
        for pid in left {
            match cgroup::join(to, nix::unistd::Pid::from_raw(pid), why) {
                Err(error) if error.errno == libc::ESRCH => {}
                other => other?,
            }
        }
    }
    Ok(())
}

/// Version 1 takes no member into a cpuset that says nothing (cpuset(7)): it begins as the group above.
fn fill_cpuset(base: &Path, folder: &Path) -> Result<(), StartFailure> {
    let below: Vec<&Path> = folder.ancestors().take_while(|one| *one != base).collect();
    for group in below.into_iter().rev() {
        let above = group.parent().unwrap_or(base);
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let read = |folder: &Path| std::fs::read_to_string(folder.join(file)).unwrap_or_default();
            if read(group).trim().is_empty() {
                cgroup::limit(group, file, read(above).trim(), "an empty set takes no members")
                    .map_err(Failure::at("fill its cpuset"))?;
            }
        }
    }
    Ok(())
}

/// Why there is no group for what was asked.
enum Refusal<'a> {
    NotDelegated(Version),
    NotHandedOn(&'a Path),
}

impl Refusal<'_> {
    fn told(&self, asked: &Setting) -> StartFailure {
        let (flag, controller) = (asked.flag, asked.controller_in(Version::V2));
        let (text, hint) = match self {
            Self::NotDelegated(_) if !user::in_user_namespace() => (
                format!("{flag} needs a cgroup, and the trees that are mounted here cannot be written"),
                "inside a container, start that one with its cgroups writable; or leave the limit out".to_owned(),
            ),
            Self::NotDelegated(Version::V1) => (
                format!("{flag} needs a cgroup, and none is delegated to this user"),
                "version 1 is for root alone: run it as root, or leave the limit out".to_owned(),
            ),
            Self::NotDelegated(Version::V2) => (
                format!("{flag} needs a cgroup, and none is delegated to this user"),
                "systemd delegates one: `systemd-run --user --scope -p Delegate=yes explore …`; or run it as root"
                    .into(),
            ),
            Self::NotHandedOn(base) => (
                format!("{flag} needs the {controller} controller, which {} was not given", base.display()),
                format!("root can: `systemctl edit user@.service`, [Service], Delegate=cpu {controller} memory pids"),
            ),
        };
        StartFailure::Told { chain: vec![text], hint: Some(hint), code: 125 }
    }
}

fn no_controller(asked: &Setting) -> StartFailure {
    let error = kernel::Error::quiet("openat", &format_args!("{:?}", asked.controller), Errno::ENOENT);
    let step = format!("obey {}: this machine has no {} controller", asked.flag, asked.controller);
    Failure::at(&step)(error).into()
}
