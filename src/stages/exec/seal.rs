//! Our own program, out of reach of the container.
//!
//! An image whose command is a script `#!/proc/self/exe` makes the kernel start *our* program inside the container, and
//! from there `/proc/PID/exe` leads back to our file on the host's disk, which root in the container could then write
//! (CVE-2019-5736). So the supervisor, and with it everything it clones, runs from a detached, read-only copy of the
//! mount that our file is on: opening it for writing answers EROFS, whoever asks. Where that is not to be had, from a
//! sealed copy in memory (memfd_create(2)).

use crate::kernel::{self, mount, process};
use nix::fcntl::{FcntlArg, OFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::{Mode, fstat};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

/// A descriptor of this program that cannot be opened for writing through.
///
/// # Errors
/// The last call that failed, when both ways did.
pub(super) fn sealed_program() -> kernel::Result<OwnedFd> {
    read_only_mount().or_else(|_| sealed_copy())
}

fn read_only_mount() -> kernel::Result<OwnedFd> {
    let path = std::fs::read_link("/proc/self/exe").unwrap_or_default();
    let name = CString::new(path.into_os_string().into_encoded_bytes()).unwrap_or_default();
    let copy = mount::copy_tree(mount::here(), &name, false, "our program, to be made read-only")?;
    // The path may lead to another file by now, or in this mount namespace: an update, a keeper's older view.
    if !is_this_program(&copy) {
        return Err(kernel::Error::quiet("open_tree", &format_args!("{name:?}"), nix::errno::Errno::ESTALE));
    }
    mount::set_attributes(
        &copy,
        libc::MOUNT_ATTR_RDONLY,
        false,
        "root inside must not write the program that made it",
    )?;
    Ok(copy)
}

fn is_this_program(copy: &OwnedFd) -> bool {
    let Ok(ours) = File::open("/proc/self/exe") else { return false };
    let identity = |fd: std::os::fd::BorrowedFd<'_>| fstat(fd).map(|found| (found.st_dev, found.st_ino));
    matches!((identity(copy.as_fd()), identity(ours.as_fd())), (Ok(a), Ok(b)) if a == b)
}

fn sealed_copy() -> kernel::Result<OwnedFd> {
    let failed = |call| move |errno| kernel::Error::quiet(call, &format_args!("\"explore\""), errno);
    let io = |error: std::io::Error| {
        kernel::Error::quiet(
            "copy_file_range",
            &format_args!("/proc/self/exe"),
            nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)),
        )
    };
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let memory = memfd_create(c"explore", flags).map_err(failed("memfd_create"))?;
    let mut target = File::from(memory);
    std::io::copy(&mut File::open("/proc/self/exe").map_err(io)?, &mut target).map_err(io)?;
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&target, FcntlArg::F_ADD_SEALS(seals)).map_err(failed("fcntl"))?;
    // A file that is open for writing cannot be executed (ETXTBSY): the descriptor to execute is opened anew.
    let path = format!("/proc/self/fd/{}", target.as_raw_fd());
    nix::fcntl::open(path.as_str(), OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty()).map_err(failed("openat"))
}

/// Becomes `explore supervise …` or `explore join …` from the sealed program; returns only why not.
pub(super) fn become_sealed(arguments: &[String]) -> kernel::Error {
    let program = match sealed_program() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let text = |text: String| CString::new(text).unwrap_or_default();
    let argv: Vec<CString> = arguments.iter().cloned().map(text).collect();
    process::exec_fd(
        program.as_fd(),
        &argv,
        &process::environment(),
        "the supervisor runs from a copy that cannot be written through",
    )
}
