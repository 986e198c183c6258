//! `--oom-score-adj`: whom the kernel ends first when memory runs out (proc_pid_oom_score_adj(5)).

use crate::kernel::{self, fs};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use oci_spec::runtime::Process;
use std::path::Path;

/// Takes the score that the configuration asks for, before the right to do so is given up.
pub(super) fn adjust(process: &Process) -> Result<(), Failure> {
    let Some(wanted) = process.oom_score_adj() else { return Ok(()) };
    let file = Path::new("/proc/self/oom_score_adj");
    let inherited = fs::contents(file).unwrap_or_default();
    if inherited.trim() == wanted.to_string() {
        return Ok(());
    }
    let written = fs::write_file(file, &wanted.to_string(), "whom the kernel ends first when memory runs out");
    written.or_else(|error: kernel::Error| match (error.errno(), wanted) {
        // Docker's default where the caller's own score is lower or the right is missing: nothing that anybody asked for.
        (Errno::EACCES | Errno::EPERM, 0) => Ok(()),
        (Errno::EACCES | Errno::EPERM, _) => {
            let step = format!(
                "obey --oom-score-adj {wanted}: a lower score than {} needs CAP_SYS_RESOURCE, which is missing here",
                inherited.trim()
            );
            Err(Failure { step, program: None, error })
        }
        _ => Err(Failure::at("set its OOM score")(error)),
    })
}
