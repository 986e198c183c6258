//! Which machine a program is for: its ELF header says so (elf(5)).

use super::KitError;
use goblin::elf::{Elf, header, program_header::PT_INTERP};
use std::path::{Path, PathBuf};

/// A program that goes into a kit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) from: PathBuf,
    /// As `uname -m` says it.
    pub(super) architecture: &'static str,
    pub(super) is_static: bool,
    /// `explore-0.1.0-x86_64`: what a release calls it, and what the Vagrantfile looks for.
    pub(super) name: String,
}

/// One for each architecture; `own` where none is given for its own.
pub(super) fn choose(own: &Path, given: &[PathBuf]) -> Result<Vec<Program>, KitError> {
    let mut chosen: Vec<Program> = Vec::new();
    for path in given {
        let program = look(path)?;
        if let Some(other) = chosen.iter().find(|other| other.architecture == program.architecture) {
            let (first, second) = (other.from.clone(), program.from);
            return Err(KitError::TwoPrograms { first, second, architecture: program.architecture });
        }
        chosen.push(program);
    }
    let own = look(own)?;
    if chosen.iter().all(|one| one.architecture != own.architecture) {
        chosen.insert(0, own);
    }
    Ok(chosen)
}

fn look(path: &Path) -> Result<Program, KitError> {
    let bytes = std::fs::read(path).map_err(KitError::read(path))?;
    let none = || KitError::NotAProgram(path.to_owned());
    let elf = Elf::parse(&bytes).map_err(|_| none())?;
    let architecture = match elf.header.e_machine {
        header::EM_X86_64 => "x86_64",
        header::EM_AARCH64 => "aarch64",
        header::EM_RISCV => "riscv64",
        _ => return Err(none()),
    };
    if elf.is_lib && elf.interpreter.is_none() && elf.entry == 0 {
        return Err(none());
    }
    let is_static = elf.program_headers.iter().all(|header| header.p_type != PT_INTERP);
    let name = format!("explore-{}-{architecture}", env!("CARGO_PKG_VERSION"));
    Ok(Program { from: path.to_owned(), architecture, is_static, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head of a program for a machine of that number, with nothing in it.
    fn head(folder: &Path, name: &str, machine: u16) -> PathBuf {
        let mut bytes = vec![0; 64];
        bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
        bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[20] = 1;
        bytes[52] = 64;
        std::fs::write(folder.join(name), bytes).unwrap();
        folder.join(name)
    }

    #[test]
    fn each_kind_of_machine_gets_one_program_and_this_one_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let [own, other, arm] =
            [("own", 62), ("other", 62), ("arm", 183)].map(|(name, machine)| head(folder.path(), name, machine));
        let chosen = |given: &[&PathBuf]| {
            let given: Vec<PathBuf> = given.iter().map(|path| (*path).clone()).collect();
            choose(&own, &given).map(|all| all.into_iter().map(|one| (one.architecture, one.from)).collect::<Vec<_>>())
        };
        assert_eq!(chosen(&[]).unwrap(), [("x86_64", own.clone())]);
        assert_eq!(chosen(&[&arm]).unwrap(), [("x86_64", own.clone()), ("aarch64", arm.clone())]);
        assert_eq!(chosen(&[&other]).unwrap(), [("x86_64", other.clone())]);
        assert!(matches!(chosen(&[&other, &own]), Err(KitError::TwoPrograms { .. })));
        std::fs::write(&arm, "#!/bin/sh\n").unwrap();
        assert!(matches!(chosen(&[&arm]), Err(KitError::NotAProgram(_))));
        assert!(matches!(chosen(&[&head(folder.path(), "m68k", 4)]), Err(KitError::NotAProgram(_))));
    }

    #[test]
    fn a_program_with_a_loader_is_not_static() {
        let me = look(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!(me.is_static, cfg!(target_feature = "crt-static"));
    }
}
