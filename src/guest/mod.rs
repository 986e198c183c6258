//! A machine in a window: a QEMU microVM that boots a stock kernel and runs one command, for those whose own kernel cannot
//! or may not show what a lesson shows. It needs no root, no network and no disk image: it is made of this machine's own
//! programs, and leaves nothing.
//!
//! The host's side: [`Kernel`] is found, `archive` packs what it boots into, `machine` starts QEMU, and [`wire`] is
//! what both sides say. The guest's side is the same program: [`init`] is PID 1 there, and `modprobe` loads drivers.
//! What sets it apart from a container is one thing: another kernel answers in it.
//!
//! Left out: a network beyond loopback, folders of the host, and other processors than x86-64.

mod archive;
mod image;
pub mod init;
mod machine;
mod modprobe;
mod modules;
mod scratch;
pub mod wire;

pub use image::{Kernel, KernelError};
pub use machine::{Accelerator, Machine, Parts, Tried, emulator};

use crate::error::Explain;
use crate::exit::Exit;
use crate::image::demo::DemoError;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;

/// What a guest is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The command.
    pub argv: Vec<String>,
    /// Its variables, besides those that every login has.
    pub env: Vec<(String, String)>,
    /// Whether it gets a terminal.
    pub terminal: bool,
    /// Whether an ordinary user runs it, and not root.
    pub user: bool,
    /// Programs of this machine that are to be there, besides the usual ones.
    pub with: Vec<String>,
}

/// Why a guest cannot be made, or has ended before its command did.
#[derive(Debug, thiserror::Error)]
pub enum GuestError {
    /// No emulator.
    #[error("no {program} on this machine: a guest is a QEMU virtual machine")]
    NoQemu {
        /// What was looked for.
        program: &'static str,
    },
    /// No kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// Nothing to make it of.
    #[error("cannot make the guest of this machine's programs")]
    Programs(#[from] DemoError),
    /// A program that was asked for is not here.
    #[error("there is no program {0:?} here that could go along")]
    NoSuchProgram(String),
    /// A word that cannot go over.
    #[error("a guest's command line must be UTF-8, and {0:?} is not")]
    NotText(OsString),
    /// A module that is none.
    #[error("cannot read the kernel's modules in {folder}")]
    Modules {
        /// `lib/modules/RELEASE`.
        folder: String,
        /// Which, and why.
        source: io::Error,
    },
    /// Something of this machine.
    #[error("cannot {step}")]
    Step {
        /// To follow "cannot".
        step: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A system call.
    #[error("cannot {step}")]
    Call {
        /// To follow "cannot".
        step: &'static str,
        /// The call.
        source: crate::kernel::Error,
    },
    /// QEMU has ended, and not because the command had.
    #[error("the guest has ended before its command did{}", last_words(.said))]
    Died {
        /// The last lines of QEMU and of the guest's console.
        said: String,
    },
    /// It is up, and its init could not do its work.
    #[error("the guest could not start its command: {0}")]
    Init(String),
}

fn last_words(said: &str) -> String {
    if said.trim().is_empty() { String::new() } else { format!("; its last words:\n{}", said.trim_end()) }
}

impl Explain for GuestError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoQemu { .. } => "Debian and Ubuntu have it in the package qemu-system-x86 (apt-get install \
                --no-install-recommends qemu-system-x86)"
                .into(),
            Self::Kernel(error) => error.fix().into(),
            Self::NoSuchProgram(_) => "`--with` takes the name of a program in PATH (a script cannot go along)".into(),
            Self::Died { .. } => "`--memory` gives the guest more than it has; `--accel tcg` never asks for KVM".into(),
            _ => return None,
        })
    }

    fn exit(&self) -> Exit {
        Exit::Engine
    }
}

/// The names that this program has in a guest besides its own; `None` where it was called by none of them.
pub fn intercept(arguments: &[OsString]) -> Option<Exit> {
    let name = std::path::Path::new(arguments.first()?).file_name()?.to_str()?;
    match name {
        "init" if std::process::id() == 1 && init::is_guest() => Some(init::main()),
        "modprobe" if init::is_guest() => {
            let words: Vec<String> = arguments[1..].iter().map(|word| word.to_string_lossy().into_owned()).collect();
            Some(Exit::Container(modprobe::main(&words)))
        }
        _ => None,
    }
}
