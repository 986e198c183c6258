//! `--init` in the bundle, for runtimes that know no such flag: a program of ours is mounted into the container, and becomes
//! the command's parent.
//!
//! Docker does so for runc: its `docker-init` is bound to /sbin/docker-init, and the command becomes `/sbin/docker-init --
//! COMMAND` (moby daemon/oci_linux.go, `withCommonOptions`). For that the runtime makes a mount point, an empty file in the
//! container's layer, and `docker diff` shows it. Here it lies in /dev, a filesystem that goes with the container, as podman
//! had it (`/dev/init`): `cp`, `diff` and `commit` find nothing of it.
//!
//! The program is a copy in the bundle and not our own file: through /proc/1/exe root inside could reach that one
//! (CVE-2019-5736). Inside there may be no library that it could load, so it has to be static.

use super::{Container, CreateError, alone, folder, spec};
use crate::state::{RecordError, Roots, write_record};
use goblin::elf::Elf;
use oci_spec::runtime::{Mount, Spec};
use serde_json::json;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where it is inside, and what it is called there.
pub const INIT: &str = "/dev/explore-init";
/// Between its name and the command.
pub const DASHES: &str = "--";
/// Its file in the bundle.
const FILE: &str = "explore-init";

/// Why a bundle has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoInit {
    /// This program loads libraries, which are not there inside.
    NotStatic,
    /// The container has a /dev of somebody else, into which nothing is to be written.
    OtherDev,
}

/// Puts an init into the bundle of a container with `--init`, or says why not.
///
/// # Errors
/// [`CreateError::Folder`], [`CreateError::Record`].
pub fn bundle_init(roots: &Roots, container: &Container) -> Result<Option<NoInit>, CreateError> {
    if !container.program.init {
        return Ok(None);
    }
    let (_alone, container) = alone(roots, &container.id)?;
    let (bundle, mut spec) = (folder(roots, &container.id), spec(roots, &container.id)?);
    let why_not = refusal(&bundle, &spec)?;
    if why_not.is_none() {
        add(&mut spec, &bundle.join(FILE))?;
    }
    write_record(&bundle.join("config.json"), &spec, !container.remove)?;
    Ok(why_not)
}

/// Takes it out of the bundle again.
///
/// # Errors
/// [`CreateError::Folder`], [`CreateError::Record`].
pub fn unbundle_init(roots: &Roots, container: &Container) -> Result<(), CreateError> {
    if !container.program.init {
        return Ok(());
    }
    let (_alone, container) = alone(roots, &container.id)?;
    let bundle = folder(roots, &container.id);
    write_record(&bundle.join("config.json"), &spec(roots, &container.id)?, !container.remove)?;
    // It may never have been there.
    let _ = std::fs::remove_file(bundle.join(FILE));
    Ok(())
}

/// The configuration as it is for our own start, whose PID 1 is the init by itself (`exec::stand_in`).
pub(super) fn without_init(spec: &mut Spec) {
    if let Some(mounts) = spec.mounts_mut() {
        mounts.retain(|mount| mount.destination() != Path::new(INIT));
    }
    let Some(process) = spec.process_mut() else { return };
    if let Some([name, dashes, command @ ..]) = process.args().as_deref()
        && (name.as_str(), dashes.as_str()) == (INIT, DASHES)
    {
        let command = command.to_vec();
        process.set_args(Some(command));
    }
}

/// Copies this program into the bundle, unless it is of no use there.
fn refusal(bundle: &Path, spec: &Spec) -> Result<Option<NoInit>, CreateError> {
    let of_kernel = |mount: &Mount| mount.destination() == Path::new("/dev") && mount.typ().as_deref() == Some("tmpfs");
    if !spec.mounts().iter().flatten().any(of_kernel) {
        return Ok(Some(NoInit::OtherDev));
    }
    let own = PathBuf::from("/proc/self/exe");
    let program = std::fs::read(&own).map_err(|source| RecordError::Read { path: own, source })?;
    if !is_static(&program) {
        return Ok(Some(NoInit::NotStatic));
    }
    let path = bundle.join(FILE);
    place(bundle, &path, &program).map_err(|source| RecordError::Write { path, source })?;
    Ok(None)
}

/// Whether the kernel runs it by itself: it names no interpreter (elf(5), PT_INTERP).
fn is_static(program: &[u8]) -> bool {
    Elf::parse(program).is_ok_and(|elf| elf.interpreter.is_none())
}

/// By rename: one that another runtime runs at this moment cannot be written (ETXTBSY).
fn place(bundle: &Path, path: &Path, program: &[u8]) -> std::io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(bundle)?;
    file.write_all(program)?;
    file.as_file().set_permissions(Permissions::from_mode(0o755))?;
    file.persist(path)?;
    Ok(())
}

fn add(spec: &mut Spec, program: &Path) -> Result<(), CreateError> {
    let options = ["bind", "rprivate", "ro", "nosuid", "nodev"];
    let bind = json!({ "destination": INIT, "type": "bind", "source": program, "options": options });
    let bind: Mount = serde_json::from_value(bind).map_err(CreateError::Spec)?;
    spec.mounts_mut().get_or_insert_default().push(bind);
    if let Some(process) = spec.process_mut() {
        let words = [INIT, DASHES].map(str::to_owned).into_iter();
        let words = words.chain(process.args().iter().flatten().cloned()).collect();
        process.set_args(Some(words));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_into_a_configuration_is_taken_out_of_it_again() {
        let mut spec = Spec::default();
        let before = spec.clone();
        add(&mut spec, Path::new("/bundle/explore-init")).unwrap();
        let words = spec.process().as_ref().unwrap().args().clone().unwrap();
        assert_eq!(words[..3], [INIT, DASHES, "sh"]);
        let mount = spec.mounts().as_ref().unwrap().last().unwrap();
        assert_eq!(mount.destination(), Path::new(INIT));
        assert!(mount.options().as_ref().unwrap().contains(&"ro".to_owned()));
        without_init(&mut spec);
        assert_eq!(spec, before);
        without_init(&mut spec);
        assert_eq!(spec, before);
    }

    #[test]
    fn a_program_is_static_that_was_linked_so_and_a_script_is_not() {
        assert!(!is_static(b"#!/bin/sh\n"));
        let this_test = std::fs::read("/proc/self/exe").unwrap();
        assert_eq!(is_static(&this_test), cfg!(target_feature = "crt-static"));
    }
}
