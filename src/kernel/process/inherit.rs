//! What a program inherits from the process that it replaces: descriptors, and what is done about signals.

use nix::errno::Errno;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// Says once that no error is to carry a picture of the stack, whatever RUST_BACKTRACE says. The program that is handed out
/// has no tables to draw one from (`.ci/no-unwinding.ld`), and gcc's library that tries it all the same ends the process.
/// The environment stays as it was inherited: a container may be given it.
pub fn draw_no_stacks() {
    const WORD: &str = "RUST_LIB_BACKTRACE";
    let before = std::env::var_os(WORD);
    if !cfg!(panic = "abort") || before.is_none() && std::env::var_os("RUST_BACKTRACE").is_none() {
        return;
    }
    // SAFETY: the first thing that a process of ours does, with one thread: nobody reads the environment meanwhile.
    unsafe { std::env::set_var(WORD, "0") };
    // What it finds the first time holds from then on.
    let _ = std::backtrace::Backtrace::capture();
    match before {
        // SAFETY: as above.
        Some(value) => unsafe { std::env::set_var(WORD, value) },
        // SAFETY: as above.
        None => unsafe { std::env::remove_var(WORD) },
    }
}

/// What an engine's files may be used for by others: docker's daemon has this umask, whatever the shell of who asks it.
const USUAL: u32 = 0o022;

/// The umask of this process is the usual one from here on (umask(2)); says which it was.
pub fn take_usual_umask() -> nix::sys::stat::Mode {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(USUAL))
}

/// The same for as long as this lives: of what a command writes for its user, that user's umask decides.
#[derive(Debug)]
pub struct UsualUmask {
    before: nix::sys::stat::Mode,
}

impl UsualUmask {
    /// From here on.
    pub fn take() -> Self {
        Self { before: take_usual_umask() }
    }
}

impl Drop for UsualUmask {
    fn drop(&mut self) {
        nix::sys::stat::umask(self.before);
    }
}

/// Where a process stands, for one that is about to be moved: joining a mount namespace leads to its root (setns(2)).
#[derive(Debug)]
pub struct WorkingFolder {
    name: Option<std::path::PathBuf>,
    /// One that has been removed has no name, and nothing else may be taken for it.
    nameless: Option<OwnedFd>,
}

impl WorkingFolder {
    /// Where it stands now.
    pub fn remember() -> Self {
        let name = std::env::current_dir().ok();
        let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_CLOEXEC;
        let open = || nix::fcntl::open(".", flags, nix::sys::stat::Mode::empty()).ok();
        Self { nameless: if name.is_none() { open() } else { None }, name }
    }

    /// Back by its name, as the mounts here have it; where that leads nowhere it stays where it is.
    pub fn go_back(&self) {
        if let Some(name) = &self.name {
            let _ = nix::unistd::chdir(name);
        } else if let Some(nameless) = &self.nameless {
            let _ = nix::unistd::fchdir(nameless);
        }
    }
}

/// Closes every descriptor from `first` on; one by one where close_range(2) (Linux 5.9) is missing. One that stayed open
/// would keep its reader waiting for ever.
pub fn close_from(first: u32) {
    // SAFETY: only a process that will touch none of them again calls this: it waits and reaps from here on.
    let answer = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if answer != 0 {
        for descriptor in super::super::fs::descriptors_from(first) {
            // SAFETY: as above; the one that listed them is closed already and answers EBADF.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// Closes every descriptor but these: close_range(2), Linux 5.9; where it is missing nothing is closed, and an end of file comes a little later.
pub fn close_all_but(kept: &[Option<i32>]) {
    let mut kept: Vec<u32> = kept.iter().flatten().map(|fd| *fd as u32).collect();
    kept.sort_unstable();
    let mut first = 0;
    for last in kept.into_iter().map(Some).chain([None]) {
        let end = last.map_or(u32::MAX, |fd| fd.saturating_sub(1));
        if first <= end && last != Some(0) {
            // SAFETY: this process has no other thread, and uses none of its descriptors but the kept ones from here.
            unsafe { libc::syscall(libc::SYS_close_range, first, end, 0) };
        }
        first = last.map_or(0, |fd| fd + 1);
    }
}

/// Takes ownership of a descriptor that the kernel has just installed for us, such as one received by SCM_RIGHTS.
pub fn own(descriptor: i32) -> OwnedFd {
    // SAFETY: callers pass a number that a system call has just given to this process alone.
    unsafe { OwnedFd::from_raw_fd(descriptor) }
}

/// A descriptor that stays open for the whole life of this process, as a borrow.
pub fn borrow(descriptor: i32) -> BorrowedFd<'static> {
    // SAFETY: callers pass a descriptor that nobody closes before the process becomes another program.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// The signals of a terminal, and a hang-up, are not for a supervisor: it ends when its container does. Nor are those of a hard
/// limit that it has inherited: a log that may not grow is an error of write(2) then, and no end.
pub fn ignore_callers_signals() {
    let of_a_terminal = [libc::SIGHUP, libc::SIGINT, libc::SIGQUIT, libc::SIGTERM, libc::SIGTSTP, libc::SIGPIPE];
    for number in of_a_terminal.into_iter().chain([libc::SIGXFSZ, libc::SIGXCPU]) {
        // SAFETY: SIG_IGN is a valid disposition for each of them.
        unsafe { libc::signal(number, libc::SIG_IGN) };
    }
}

/// Descriptors 0, 1 and 2 become /dev/null: what outlives a command must not keep its terminal or its pipes.
pub fn silence_stdio() {
    if let Ok(null) = nix::fcntl::open(
        "/dev/null",
        nix::fcntl::OFlag::O_RDWR | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    ) {
        let _ = take_stdio([null.as_raw_fd(); 3]);
    }
}

/// Makes these three, in this order, descriptors 0, 1 and 2.
///
/// # Errors
/// The dup2(2) that failed.
pub fn take_stdio(three: [i32; 3]) -> nix::Result<()> {
    for (number, fd) in (0..).zip(three) {
        // SAFETY: dup2 takes two numbers; 0, 1 and 2 are owned by nobody but this process as a whole.
        Errno::result(unsafe { libc::dup2(fd, number) })?;
    }
    Ok(())
}

/// Every signal as a new program expects it: Rust ignores SIGPIPE, and a blocked signal stays blocked across execve.
pub fn restore_signals() {
    // SAFETY: SIG_DFL is a valid disposition, and an empty set a valid mask.
    unsafe {
        for number in 1..=libc::SIGRTMAX() {
            libc::signal(number, libc::SIG_DFL);
        }
    }
    let _ = nix::sys::signal::SigSet::empty().thread_set_mask();
}
