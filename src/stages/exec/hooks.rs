//! Programs that whoever wrote the configuration wants to run on the way (runtime-spec config.md, "POSIX-platform Hooks").
//!
//! | list | run by | in |
//! |---|---|---|
//! | prestart, createRuntime | `create`, before the root changes | the namespaces of the host |
//! | createContainer | PID 1 to be, before the root changes | those of the container; the path is the host's |
//! | startContainer | PID 1 to be, after the start | those of the container; so is the path |
//! | poststart, poststop | `start`, `delete` | the namespaces of the host |
//!
//! Each gets the state of the container on its standard input, and exactly the environment that it lists. Docker connects
//! its networks in a prestart hook.

use crate::kernel::{self, process};
use crate::stages::failure::Failure;
use nix::errno::Errno;
use nix::unistd::Pid;
use oci_spec::runtime::{ContainerState, Hook, State};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The lists, and what each hook is told.
#[derive(Debug, Clone)]
pub(super) struct Hooks {
    pub(super) lists: oci_spec::runtime::Hooks,
    pub(super) state: State,
}

#[allow(deprecated)] // prestart: the specification says so, and Docker still uses it
impl Hooks {
    /// The state as it is now, for a hook's standard input. `pid` as the hook would find it.
    pub(super) fn told(&self, status: ContainerState, pid: i32) -> String {
        let mut state = self.state.clone();
        state.set_status(status).set_pid(Some(pid));
        serde_json::to_string(&state).unwrap_or_default()
    }

    /// prestart and createRuntime.
    pub(super) fn create_runtime(&self) -> Vec<Hook> {
        let lists = [self.lists.prestart(), self.lists.create_runtime()];
        lists.into_iter().flatten().flatten().cloned().collect()
    }

    pub(super) fn create_container(&self) -> &[Hook] {
        self.lists.create_container().as_deref().unwrap_or_default()
    }

    pub(super) fn start_container(&self) -> &[Hook] {
        self.lists.start_container().as_deref().unwrap_or_default()
    }

    pub(super) fn poststart(&self) -> &[Hook] {
        self.lists.poststart().as_deref().unwrap_or_default()
    }

    pub(super) fn poststop(&self) -> &[Hook] {
        self.lists.poststop().as_deref().unwrap_or_default()
    }
}

/// Runs them one after the other; the first that fails ends it.
///
/// # Errors
/// Which one, and what it said on standard error.
pub(super) fn run(kind: &str, hooks: &[Hook], state: &str) -> Result<(), Failure> {
    hooks.iter().enumerate().try_for_each(|(number, hook)| {
        run_one(hook, state).map_err(|(why, errno)| {
            let step = format!("run hooks.{kind}[{number}] ({}): {why}", hook.path().display());
            let path = hook.path().display();
            Failure::at(&step)(kernel::Error::quiet("execve", &format_args!("\"{path}\""), errno))
        })
    })
}

type Why = (String, Errno);

fn run_one(hook: &Hook, state: &str) -> Result<(), Why> {
    let io = |error: std::io::Error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        ("it does not start".to_owned(), errno)
    };
    let mut command = Command::new(hook.path());
    if let Some((name, rest)) = hook.args().as_deref().and_then(<[String]>::split_first) {
        command.arg0(name).args(rest);
    }
    let variables = hook.env().iter().flatten().filter_map(|one| one.split_once('='));
    command.env_clear().envs(variables);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(io)?;
    // One that does not read what it is told has its reasons.
    if let Some(mut input) = child.stdin.take() {
        let _ = input.write_all(state.as_bytes());
    }
    if let Some(seconds) = hook.timeout().and_then(|seconds| u64::try_from(seconds).ok())
        && !ends_within(&child, seconds)
    {
        let _ = child.kill();
        let _ = child.wait();
        return Err((format!("it has not ended after {seconds} s"), Errno::ETIMEDOUT));
    }
    let output = child.wait_with_output().map_err(io)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err((format!("it ended with {}, and said {said:?}", output.status), Errno::ECANCELED))
}

fn ends_within(child: &Child, seconds: u64) -> bool {
    let pid = Pid::from_raw(child.id().cast_signed());
    let Ok(handle) = process::pidfd_open(pid, "to wait for a hook no longer than it may take") else { return true };
    process::ends_within(handle.as_fd(), seconds.saturating_mul(1000))
}
