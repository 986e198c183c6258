//! `/sbin/modprobe` of a guest: what the kernel calls when somebody asks for what a module has (`request_module()`), and
//! what asks for the drivers at boot. A name or an alias in, its needs first, then itself.

use super::modules::{Module, plain};
use crate::kernel::{self, machine};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

/// The folder with the modules, a file each, and with their index.
pub(super) const FOLDER: &str = "usr/lib/explore-modules";

/// What each says of itself, by name: JSON.
pub(super) const INDEX: &str = "index.json";

/// Why a module is not there afterwards.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    /// This guest was made without it.
    #[error("this guest has no module {0}")]
    Unknown(String),
    /// The kernel says no.
    #[error(transparent)]
    Call(#[from] kernel::Error),
    /// The index or the module is not to be read.
    #[error("cannot read {0} in this guest")]
    Read(String, #[source] std::io::Error),
}

/// The modules that went along.
#[derive(Debug)]
pub(super) struct Index {
    modules: BTreeMap<String, Module>,
}

impl Index {
    /// Reads it, in a guest.
    pub(super) fn read() -> Result<Self, LoadError> {
        let path = Path::new("/").join(FOLDER).join(INDEX);
        let failed = |source| LoadError::Read(path.display().to_string(), source);
        let text = std::fs::read(&path).map_err(failed)?;
        let modules = serde_json::from_slice(&text).map_err(|error| failed(error.into()))?;
        Ok(Self { modules })
    }

    /// Loads what has this name or this alias, and before it all that it needs.
    pub(super) fn load(&self, wanted: &str) -> Result<(), LoadError> {
        let names = self.meant_by(wanted);
        if names.is_empty() {
            return Err(LoadError::Unknown(wanted.to_owned()));
        }
        names.into_iter().try_for_each(|name| self.load_one(&name, 0))
    }

    /// By its name one; several may have the same alias.
    fn meant_by(&self, wanted: &str) -> Vec<String> {
        let name = plain(wanted);
        if self.modules.contains_key(&name) {
            return vec![name];
        }
        let has = |module: &Module| module.aliases.iter().any(|alias| plain(alias) == name);
        self.modules.iter().filter(|(_, module)| has(module)).map(|(name, _)| name.clone()).collect()
    }

    fn load_one(&self, name: &str, depth: usize) -> Result<(), LoadError> {
        // What is not among them is built in; and no chain of needs is this long.
        let Some(module) = self.modules.get(name).filter(|_| depth < 20) else { return Ok(()) };
        if Path::new("/sys/module").join(name).join("initstate").exists() {
            return Ok(());
        }
        for need in &module.needs {
            self.load_one(need, depth + 1)?;
        }
        let path = Path::new("/").join(FOLDER).join(name);
        let file = File::open(&path).map_err(|source| LoadError::Read(path.display().to_string(), source))?;
        Ok(machine::load_module(&file, "a driver that somebody asks for")?)
    }
}

/// The program: flags are of no interest, every other word is loaded. 1 where one could not be, with a line for each.
pub(super) fn main(words: &[String]) -> u8 {
    let quiet = words.iter().any(|word| word == "-q" || word == "--quiet");
    let index = match Index::read() {
        Ok(index) => index,
        Err(error) => return complain(&error, quiet),
    };
    let names = words.iter().filter(|word| !word.starts_with('-'));
    names.map(|name| index.load(name).map_or_else(|error| complain(&error, quiet), |()| 0)).max().unwrap_or(0)
}

fn complain(error: &LoadError, quiet: bool) -> u8 {
    if !quiet {
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("modprobe: {error}\n").as_bytes());
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_found_by_its_name_its_other_spelling_and_its_aliases() {
        let overlay = Module { needs: vec![], aliases: vec!["fs-overlay".into()] };
        let index =
            Index { modules: [("overlay".to_owned(), overlay), ("nf_nat".to_owned(), Module::default())].into() };
        assert_eq!(index.meant_by("fs-overlay"), ["overlay"]);
        assert_eq!(index.meant_by("nf-nat"), ["nf_nat"]);
        assert!(index.meant_by("fs-nothing").is_empty());
    }
}
