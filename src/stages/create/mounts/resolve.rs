//! What was asked for, found on this machine: which volumes there are, which must be made, what the image wants besides.

use super::{MountError, MountPoint, Wanted, What, bind, clean};
use crate::image::{self, Image};
use crate::stages::create::{CreateError, find, init_layer, names};
use crate::stages::layer::Below;
use crate::stages::volume::{self, VolumeError};
use crate::state::{Claim, Effect, Entry, Journal, Lock, ProcessIdentity, Roots};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The mounts of a container that is being made, and its volumes; those that were made for it go again with this value,
/// unless it is [`Brought::keep`]t.
#[derive(Debug)]
pub(in crate::stages::create) struct Brought<'a> {
    roots: &'a Roots,
    /// By depth, and then by name: in the order in which they are mounted.
    pub(in crate::stages::create) mounts: Vec<MountPoint>,
    made: Vec<(Entry, String)>,
    /// While it is held, nobody removes a volume that no record names yet.
    alone: Option<Lock>,
}

impl Brought<'_> {
    /// The container is there, and has them.
    pub(in crate::stages::create) fn keep(mut self) {
        self.forget();
    }

    fn forget(&mut self) {
        let journal = Journal::at(self.roots.journal());
        for (entry, _) in self.made.drain(..) {
            journal.forget(&entry);
        }
    }
}

impl Drop for Brought<'_> {
    fn drop(&mut self) {
        for (_, name) in &self.made {
            // What stays is in the journal, and the next command tries again.
            if volume::discard_locked(self.roots, name).is_err() {
                return;
            }
        }
        self.forget();
    }
}

/// Finds and makes all of it, for the container `id`.
///
/// # Errors
/// [`CreateError::Mount`], [`CreateError::NoSuchContainer`]; volumes that were made are gone again then.
pub(in crate::stages::create) fn resolve<'a>(
    roots: &'a Roots,
    wanted: &Wanted,
    image: &Image,
    id: &str,
) -> Result<Brought<'a>, CreateError> {
    let mounts = collect(roots, wanted, image)?;
    let has_volumes = mounts.iter().any(|one| one.volume().is_some());
    let alone = if has_volumes { Some(volume::lock(roots).map_err(MountError::from)?) } else { None };
    let mut brought = Brought { roots, mounts, made: Vec::new(), alone };
    if brought.alone.is_some() {
        brought.volumes(image, id)?;
    }
    Ok(brought)
}

/// In docker's order (moby daemon/volumes.go, `registerMountPoints`): what other containers have; over it what was typed,
/// where nothing may be twice; then, where room is left, what the image asks for.
fn collect(roots: &Roots, wanted: &Wanted, image: &Image) -> Result<Vec<MountPoint>, CreateError> {
    let mut mounts: BTreeMap<PathBuf, MountPoint> = BTreeMap::new();
    for from in &wanted.from {
        // Memory is not shared: each would have its own.
        let all = find(roots, &from.container)?.mounts;
        for mut mount in all.into_iter().filter(|one| !matches!(one.what, What::Tmpfs { .. })) {
            mount.read_only |= from.read_only;
            mounts.insert(mount.target.clone(), mount);
        }
    }
    let (anonymous, typed): (Vec<_>, Vec<_>) = wanted.mounts.iter().partition(|one| is_short_anonymous(one));
    let mut seen: Vec<&Path> = Vec::new();
    for mount in typed {
        if seen.contains(&mount.target.as_path()) {
            return Err(MountError::Duplicate(mount.target.clone()).into());
        }
        seen.push(&mount.target);
        if let What::Bind { source, propagation, .. } = &mount.what {
            bind::check(source, *propagation)?;
        }
        mounts.insert(mount.target.clone(), mount.clone());
    }
    let listed = image.config.config().as_ref().and_then(|config| config.volumes().clone()).unwrap_or_default();
    let of_image = listed.iter().map(|path| clean(path)).filter(|path| path.is_absolute() && path != Path::new("/"));
    for target in anonymous.into_iter().map(|one| one.target.clone()).chain(of_image) {
        mounts.entry(target.clone()).or_insert_with(|| MountPoint {
            target,
            read_only: false,
            what: What::Volume { name: String::new(), anonymous: true, copy: true, labels: Vec::new() },
        });
    }
    let mut mounts: Vec<MountPoint> = mounts.into_values().collect();
    mounts.sort_by_key(MountPoint::depth);
    Ok(mounts)
}

/// `-v /inside`, which is as if the image had asked for it.
fn is_short_anonymous(mount: &MountPoint) -> bool {
    matches!(&mount.what, What::Volume { name, anonymous: true, copy: true, .. } if name.is_empty())
}

impl Brought<'_> {
    fn volumes(&mut self, image: &Image, id: &str) -> Result<(), CreateError> {
        // What will be the lower layers of its union: the image's, and the mount points that they lack.
        let mut lowers = vec![init_layer::of_image(self.roots, image)?];
        lowers.extend(image::layers::lowers(&image.layers));
        let failed = |inside: &Path| {
            let inside = inside.to_owned();
            move |source| MountError::from(VolumeError::Fill { name: String::new(), inside, source })
        };
        let below = Below::root(&lowers).map_err(failed(Path::new("/")))?;
        for at in 0..self.mounts.len() {
            let MountPoint { target, what, .. } = &self.mounts[at];
            let What::Volume { name, anonymous, copy, labels } = what.clone() else { continue };
            let target = target.clone();
            if name.is_empty() && volume::is_file(&below, &target).map_err(failed(&target))? {
                return Err(MountError::OverFile(target).into());
            }
            let volume = self.volume(&name, anonymous, labels, id)?;
            if copy {
                volume::fill(self.roots, &volume, &below, &target).map_err(MountError::from)?;
            }
            if let What::Volume { name, .. } = &mut self.mounts[at].what {
                *name = volume.name;
            }
        }
        Ok(())
    }

    /// The volume of that name, or a new one, of which the journal was told before.
    fn volume(
        &mut self,
        name: &str,
        anonymous: bool,
        labels: Vec<(String, String)>,
        id: &str,
    ) -> Result<volume::Volume, CreateError> {
        let name = if name.is_empty() { names::random_id().map_err(CreateError::Random)? } else { name.to_owned() };
        match volume::find(self.roots, &name) {
            Err(VolumeError::NoSuch(_)) => {}
            found => return Ok(found.map_err(MountError::from)?),
        }
        let claim = Claim { owner: id.to_owned(), holder: Some(ProcessIdentity::myself()) };
        let entry = Journal::at(self.roots.journal()).announce(&claim, Effect::Volume { name: name.clone() })?;
        self.made.push((entry, name.clone()));
        let labels = labels.into_iter().collect();
        Ok(volume::make(self.roots, &name, anonymous, labels).map_err(MountError::from)?)
    }
}
