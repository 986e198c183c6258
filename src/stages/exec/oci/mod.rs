//! The OCI runtime: what `docker run` and podman call to make a container, here by our own stages (`explore oci`).
//!
//! ```text
//! docker ──► dockerd ──► containerd ──► shim ──► runtime create   makes all of it, and leaves PID 1 waiting (`waiting`)
//!                                         │      runtime start    lets it become the program
//!                                         │      runtime kill, exec, ps, pause, resume, update
//!                                         │      runtime delete   takes back what create made
//!                                         └─ is the parent of PID 1, and owns its terminal, its log, its exit code
//! ```
//!
//! No supervisor of ours is here: the shim is one. All that a container is stands in its bundle's `config.json`
//! (runtime-spec, config.md); what that can ask for and we do not have is refused by name (`refuse`). How far a container
//! has come is a question to the kernel: whether its PID 1 lives, and whether it still reads its fifo (`record`).

mod beside;
mod bundle;
mod console;
mod control;
mod create;
mod error;
mod features;
mod follow;
mod record;
mod refuse;
mod remove;
mod run;
mod start;

pub use beside::{Beside, exec};
pub use bundle::{process, template};
pub use control::{kill, pause, processes, resume, update};
pub use create::groups;
pub use create::{Creating, Ground, create};
pub use error::OciError;
pub use features::features;
pub use record::{Status, View, list, view};
pub use remove::delete;
pub use run::{run, wait};
pub use start::start;

/// Becomes the same command again, from a copy of this program that cannot be written through (`seal`). Returns only why
/// not.
pub fn seal(arguments: &[String]) -> OciError {
    OciError::call("start from a sealed copy of explore")(super::seal::become_sealed(arguments))
}

/// Writes a PID where the caller looks for it, whole.
fn write_pid(path: &std::path::Path, pid: i32) -> Result<(), OciError> {
    let failed = |error| OciError::file("write", path)(error);
    let folder = path.parent().filter(|folder| *folder != std::path::Path::new(""));
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(std::path::Path::new("."))).map_err(failed)?;
    std::io::Write::write_all(&mut file, pid.to_string().as_bytes()).map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}

/// The version of the specification whose `config.json` is read here.
pub const VERSION: &str = "1.2.0";
