//! Becoming another program: execve(2), execveat(2).

use super::super::{Error, Result, call};
use nix::errno::Errno;
use std::ffi::{CStr, CString, OsString};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;

/// Becomes another program. `argv[0]` without a slash is looked for in the folders of `PATH` of `env`, as execvp(3)
/// does: a folder without it is passed over, one that may not be run is remembered.
///
/// Returns only if nothing could be run: EACCES where something was there, else ENOENT.
pub fn exec(argv: &[CString], env: &[CString], why: &str) -> Error {
    let Some(program) = argv.first() else { return Error::quiet("execve", &format_args!("[]"), Errno::EINVAL) };
    let mut refused = None;
    if program.is_empty() {
        // Each folder of the PATH would be found, and none can be run.
        return Error::quiet("execve", &format_args!("{program:?}, {argv:?}"), Errno::ENOENT);
    }
    for candidate in candidates(program, env) {
        let error = execve(&candidate, argv, env, why);
        match error.errno() {
            Errno::ENOENT | Errno::ENOTDIR => refused = refused.or(Some(error)),
            // What is there and must not be run says more than what is not there.
            Errno::EACCES => refused = Some(error),
            _ => return error,
        }
    }
    refused.unwrap_or_else(|| Error::quiet("execve", &format_args!("{program:?}, {argv:?}"), Errno::ENOENT))
}

/// This process's environment (environ(7)), for [`exec`]: bytes, which need not be text.
pub fn environment() -> Vec<CString> {
    let entry = |(name, value): (OsString, OsString)| [name.as_bytes(), b"=", value.as_bytes()].concat();
    std::env::vars_os().filter_map(|both| CString::new(entry(both)).ok()).collect()
}

/// Looks whether [`exec`] would find a program, without becoming it: for one who has to say so long before.
///
/// # Errors
/// EACCES where something is there that may not be run, else ENOENT.
pub fn find_program(argv: &[CString], env: &[CString]) -> Result<()> {
    let Some(program) = argv.first() else { return Err(Error::quiet("execve", &format_args!("[]"), Errno::EINVAL)) };
    let mut refused = Errno::ENOENT;
    for candidate in candidates(program, env) {
        let found = nix::sys::stat::stat(candidate.as_c_str()).and_then(|found| {
            let folder = found.st_mode & libc::S_IFMT == libc::S_IFDIR;
            let how = nix::unistd::AccessFlags::X_OK;
            if folder { Err(Errno::EACCES) } else { nix::unistd::eaccess(candidate.as_c_str(), how) }
        });
        match found {
            Ok(()) => return Ok(()),
            Err(errno @ (Errno::EACCES | Errno::ENOTDIR)) if refused != Errno::EACCES => refused = errno,
            Err(_) => {}
        }
    }
    Err(Error::quiet("execve", &format_args!("{program:?}, {argv:?}, [/* {} vars */]", env.len()), refused))
}

fn execve(path: &CStr, argv: &[CString], env: &[CString], why: &str) -> Error {
    let answer = call(why, "execve", format_args!("{path:?}, {argv:?}, [/* {} vars */]", env.len()), || {
        nix::unistd::execve(path, argv, env).map(|never| match never {})
    });
    match answer {
        Ok(()) => unreachable!("execve does not return when it works"),
        Err(error) => error,
    }
}

fn candidates(program: &CStr, env: &[CString]) -> Vec<CString> {
    if program.to_bytes().contains(&b'/') {
        return vec![program.to_owned()];
    }
    let path = env.iter().find_map(|entry| entry.to_bytes().strip_prefix(b"PATH=")).unwrap_or(b"/bin:/usr/bin");
    let in_folder = |folder: &[u8]| {
        let folder = if folder.is_empty() { b"." } else { folder };
        CString::new([folder, b"/", program.to_bytes()].concat()).ok()
    };
    path.split(|&byte| byte == b':').filter_map(in_folder).collect()
}

/// Becomes the program that `program` is open on, whatever happened to its path meanwhile (execveat(2)).
pub fn exec_fd(program: BorrowedFd<'_>, argv: &[CString], env: &[CString], why: &str) -> Error {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (arguments, variables) = (pointers(argv), pointers(env));
    let answer = call(
        why,
        "execveat",
        format_args!("{}, \"\", {argv:?}, [/* {} vars */], AT_EMPTY_PATH", program.as_raw_fd(), env.len()),
        || {
            // SAFETY: both lists end with NULL, and their texts live as long as `argv` and `env`.
            let answer = unsafe {
                libc::syscall(
                    libc::SYS_execveat,
                    program.as_raw_fd(),
                    c"".as_ptr(),
                    arguments.as_ptr(),
                    variables.as_ptr(),
                    libc::AT_EMPTY_PATH,
                )
            };
            Errno::result(answer).map(drop)
        },
    );
    match answer {
        Ok(()) => unreachable!("execveat does not return when it works"),
        Err(error) => error,
    }
}
