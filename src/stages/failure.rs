//! A failure on the far side of a fork. It crosses as data (which step, which call, which errno), never as text: the
//! near side decides how it is said, and which exit code it gives.

use crate::exit::Exit;
use crate::kernel;
use nix::errno::Errno;
use serde::{Deserialize, Serialize};

/// What a child could not do.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("cannot {step}")]
pub struct Failure {
    /// What was being done, to follow "cannot".
    pub step: String,
    /// Set where the step was to become this program.
    pub program: Option<String>,
    /// The system call.
    #[source]
    pub error: kernel::Error,
}

impl Failure {
    /// For `map_err`: the call failed in this step.
    pub fn at(step: &str) -> impl FnOnce(kernel::Error) -> Self {
        let step = step.to_owned();
        move |error| Self { step, program: None, error }
    }

    /// What a child sent; what cannot be understood is a failure too.
    pub fn read(bytes: &[u8]) -> Self {
        serde_json::from_slice(bytes).unwrap_or_else(|_| Self {
            step: "understand what the new process says".into(),
            program: None,
            error: kernel::Error::quiet("read", &format_args!("{} bytes", bytes.len()), Errno::EBADMSG),
        })
    }

    /// For sending.
    pub fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// 127 where the program is not there, 126 where it cannot be run, else 125: as docker-run(1) has it.
    pub fn exit(&self) -> Exit {
        match (&self.program, self.error.errno()) {
            (None, _) => Exit::Engine,
            (Some(_), Errno::ENOENT | Errno::ENOTDIR) => Exit::NotFound,
            (Some(_), _) => Exit::NotExecutable,
        }
    }

    /// What the reader can do.
    pub fn hint(&self) -> Option<String> {
        let Some(program) = &self.program else { return kernel::hint(&self.error) };
        Some(match self.error.errno() {
            Errno::ENOENT if program.contains('/') => {
                format!("{program} is not in it, or the interpreter that it names is not")
            }
            Errno::ENOENT | Errno::ENOTDIR => format!("no folder of PATH in it has a program {program}"),
            Errno::EACCES => format!("{program} is a folder, or is not marked as executable"),
            Errno::ENOEXEC => format!("{program} is neither a program for this machine nor a script with #!"),
            _ => return kernel::hint(&self.error),
        })
    }
}
