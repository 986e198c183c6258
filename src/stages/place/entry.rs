//! The two ways into a place: being born there, and joining.

use super::profile::Isolation;
use super::root::{self, Fresh};
use super::{PlaceError, PlaceSpec, Profile, Program, Stdio};
use crate::kernel::capability::{self, Set};
use crate::kernel::namespace::{self, Kind};
use crate::kernel::process::{self, Child};
use crate::kernel::{self, mount, seccomp, user, uts};
use crate::narrate::Role;
use crate::stages::failure::Failure;
use crate::stages::sibling::{Elsewhere, Memory, in_helper};
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::unistd::{Gid, Pid, Uid};
use std::ffi::CString;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// What the first process needs to know.
pub(super) struct Plan<'a> {
    pub(super) name: &'a str,
    /// The folder of the place.
    pub(super) home: PathBuf,
    pub(super) spec: &'a PlaceSpec,
    pub(super) rootless: bool,
    pub(super) dies_with_caller: bool,
    pub(super) init: Option<(Program, Stdio)>,
}

/// Clones the first process of a place. It waits for a byte from `go` and tells `told` why it fails.
pub(super) fn clone_place(
    plan: Plan<'_>,
    (go, ours): (PipeReader, &PipeWriter),
    told: PipeWriter,
) -> Result<Child, PlaceError> {
    let ours = ours.as_raw_fd();
    let mut kinds = plan.spec.kinds();
    kinds.extend(plan.spec.helpers(plan.rootless));
    let (uid, gid) = (nix::unistd::geteuid(), nix::unistd::getegid());
    let made = in_helper("to make namespaces without leaving our own", Memory::Copied, || {
        // With a copy of the writing end the place would never see the end of file of a maker that died.
        let _ = nix::unistd::close(ours);
        if kinds.contains(&Kind::Time) {
            set_clocks(&mut kinds, plan.spec.boottime, (uid, gid))?;
        }
        let flags = namespace::bits(&kinds) | libc::CLONE_PARENT as u64;
        let mapped = kinds.contains(&Kind::User);
        let child = process::clone(Role::Init, flags, None, "a process that is born inside", || first(plan, go, told))
            .map_err(Failure::at("make the namespaces"))?;
        if mapped {
            user::map_single(child.pid, uid, gid).map_err(Failure::at("map its users"))?;
        }
        Ok(child.pid.as_raw())
    })?;
    Ok(made)
}

/// Makes the time namespace of our next child, and takes it off the list. Offsets can be set only while nobody is in it.
/// The right to do that comes with the user namespace, if there is to be one, so we move there first.
fn set_clocks(kinds: &mut Vec<Kind>, boottime: Option<i64>, ids: (Uid, Gid)) -> Result<(), Failure> {
    if kinds.contains(&Kind::User) {
        namespace::unshare(&[Kind::User], "its owner may set the clocks of the next child")
            .map_err(Failure::at("make a user namespace"))?;
        user::map_single(Pid::this(), ids.0, ids.1).map_err(Failure::at("map its users"))?;
    }
    namespace::unshare(&[Kind::Time], "our next child gets its own clocks")
        .map_err(Failure::at("make a time namespace"))?;
    kinds.retain(|kind| !matches!(kind, Kind::Time | Kind::User));
    set_boot_clock(boottime).map_err(Failure::at("set its boot clock"))
}

fn set_boot_clock(seconds: Option<i64>) -> kernel::Result<()> {
    let Some(seconds) = seconds else { return Ok(()) };
    let path = Path::new("/proc/self/timens_offsets");
    kernel::fs::write_file(path, &format!("boottime {seconds} 0"), "the boot clock inside is ahead by this")
}

/// The life of the first process, from its birth to its program.
fn first(plan: Plan<'_>, mut go: PipeReader, mut told: PipeWriter) -> i32 {
    let mut byte = [0];
    // End of file: whoever was to let us go has died.
    if go.read(&mut byte).unwrap_or(0) == 0 {
        return 1;
    }
    drop(go);
    let Err(failure) = become_first(plan, &told) else { return 0 };
    let _ = told.write_all(&failure.bytes());
    127
}

fn become_first(plan: Plan<'_>, told: &PipeWriter) -> Result<(), Failure> {
    if plan.dies_with_caller {
        process::die_with_parent("who made the place holds it").map_err(Failure::at("tie it to its maker"))?;
    }
    match plan.spec.profile.map(Profile::isolation) {
        Some(isolation) => isolate(&isolation, &plan)?,
        None => furnish(plan.spec)?,
    }
    let Some((program, stdio)) = plan.init else {
        return Err(wait_for_ever(told));
    };
    // A session of its own: a signal to the terminal's group is not for it.
    let _ = nix::unistd::setsid();
    Err(become_program(&program, &stdio))
}

/// Makes the place what the profile says; what is given up comes last, since making takes it.
fn isolate(isolation: &Isolation, plan: &Plan<'_>) -> Result<(), Failure> {
    let how = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount::set_propagation(Path::new("/"), how, "mounts made inside stay inside")
        .map_err(Failure::at("separate its mounts"))?;
    let kinds = plan.spec.kinds();
    if kinds.contains(&Kind::Uts) {
        uts::sethostname(plan.name, "a system has a name of its own").map_err(Failure::at("name it"))?;
    }
    let fresh = Fresh { proc: kinds.contains(&Kind::Pid), sys: kinds.contains(&Kind::Net) };
    root::enter(isolation, &fresh, &plan.home)?;
    give_up(isolation)
}

/// The filter first, since attaching one needs CAP_SYS_ADMIN.
fn give_up(isolation: &Isolation) -> Result<(), Failure> {
    let step = || Failure::at("give up privileges");
    let filter = isolation.filter().map_err(|error| Failure {
        step: format!("follow its filter: {error}"),
        program: None,
        error: kernel::Error::quiet("seccomp", &format_args!("SECCOMP_SET_MODE_FILTER, …"), Errno::EINVAL),
    })?;
    if let Some(filter) = filter {
        seccomp::install(&filter, "each system call is now looked up in its rules").map_err(step())?;
    }
    let ours = capability::permitted().map_err(step())?;
    let kept = Set(isolation.capabilities().0 & ours.0);
    capability::bound(kept, "no program inside can ever get it back").map_err(step())?;
    capability::set(kept, kept, "root inside keeps what it had there").map_err(step())
}

/// Mounts what shows the new namespaces. A copied table of mounts still shows the old ones.
fn furnish(spec: &PlaceSpec) -> Result<(), Failure> {
    if spec.mount {
        let how = MsFlags::MS_REC | MsFlags::MS_SLAVE;
        mount::set_propagation(Path::new("/"), how, "mounts made inside stay inside")
            .map_err(Failure::at("separate its mounts"))?;
    }
    let quiet = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if spec.proc {
        let why = "a proc shows the PID namespace of the one who mounts it";
        mount::mount("proc", Path::new("/proc"), "proc", quiet, "", why).map_err(Failure::at("mount its own /proc"))?;
    }
    if spec.sys {
        let why = "a sysfs shows the network namespace of the one who mounts it";
        mount::mount("sysfs", Path::new("/sys"), "sysfs", quiet, "", why).map_err(Failure::at("mount its own /sys"))?;
    }
    Ok(())
}

/// The first process of a place that was given no program: it holds the namespaces, and collects what is orphaned to
/// it, as every PID 1 must.
fn wait_for_ever(told: &PipeWriter) -> Failure {
    process::set_name(c"explore: place");
    let _ = nix::unistd::setsid();
    process::silence_stdio();
    crate::narrate::silence();
    // End of file tells the maker that all is well; so does it free every other descriptor of the maker.
    let _ = told;
    process::close_from(3);
    process::reap_for_ever().map_or_else(Failure::at("wait"), |never| match never {})
}

/// Joins every namespace of process `target` that is not ours already, and starts `program` there, with no more than the
/// profile leaves.
pub(super) fn join(
    target: i32,
    profile: Option<Profile>,
    program: &Program,
    stdio: &Stdio,
) -> Result<Child, PlaceError> {
    let (mut told_read, told_write) = std::io::pipe().map_err(super::io("make a pipe"))?;
    // The end of the pipe that goes into it has to be closed here: in our memory it would be closed there alone.
    let child = in_helper("to join without leaving our own namespaces", Memory::Copied, || {
        let root = profile.map(|_| root::of_process(target)).transpose()?;
        Elsewhere::of_number(target)?.enter()?;
        root.as_ref().map_or(Ok(()), root::stand_in)?;
        // The namespace of PIDs and that of clocks take only children.
        let child = process::clone(Role::Exec, libc::CLONE_PARENT as u64, None, "a process that is a member", || {
            let mut told = told_write;
            let given_up = profile.map_or(Ok(()), |profile| give_up(&profile.isolation()));
            let failure = given_up.err().unwrap_or_else(|| become_program(program, stdio));
            let _ = told.write_all(&failure.bytes());
            127
        })
        .map_err(Failure::at("fork in it"))?;
        Ok(child.pid.as_raw())
    })?;
    let mut answer = Vec::new();
    told_read.read_to_end(&mut answer).map_err(super::io("hear from the new process"))?;
    if answer.is_empty() {
        return Ok(child);
    }
    let _ = process::wait(child.pid);
    Err(Failure::read(&answer).into())
}

/// Takes the three descriptors and becomes the program; returns only why not.
fn become_program(program: &Program, stdio: &Stdio) -> Failure {
    let name = program.argv.first().cloned().unwrap_or_default();
    let failed = |error| Failure { step: format!("start {name:?}"), program: Some(name.clone()), error };
    if let Err(errno) = take_stdio(stdio) {
        return failed(kernel::Error::quiet("dup3", &format_args!(""), errno));
    }
    if let Some(folder) = &program.cwd
        && let Err(errno) = nix::unistd::chdir(folder)
    {
        return failed(kernel::Error::quiet("chdir", &format_args!("{:?}", folder.display()), errno));
    }
    let texts = |list: &mut dyn Iterator<Item = String>| list.map(CString::new).collect::<Result<Vec<_>, _>>();
    let argv = texts(&mut program.argv.iter().cloned());
    let env = texts(&mut program.env.iter().map(|(name, value)| format!("{name}={value}")));
    match (argv, env) {
        (Ok(argv), Ok(env)) => {
            process::restore_signals();
            if let Err(error) = kernel::fs::close_on_exec_from(3, "nothing of ours is inherited") {
                return failed(error);
            }
            failed(process::exec(&argv, &env, "the program takes over"))
        }
        _ => {
            failed(kernel::Error::quiet("execve", &format_args!("an argument holds a NUL"), nix::errno::Errno::EINVAL))
        }
    }
}

fn take_stdio(stdio: &Stdio) -> nix::Result<()> {
    // A source may itself be 0, 1 or 2: copies above them first.
    let above = |fd: &OwnedFd| nix::fcntl::fcntl(fd.as_fd(), nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(3));
    let (input, output, error) = (above(&stdio.stdin)?, above(&stdio.stdout)?, above(&stdio.stderr)?);
    process::take_stdio([input, output, error])
}
