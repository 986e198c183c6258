//! `explore exec`: one more process in a place or a container.

use super::{Context, explained};
use crate::exit::Exit;
use crate::kernel::process;
use crate::stages::place::{Place, Program, Stdio};
use std::os::fd::AsFd;

/// Run one more command in a running container, or in a place made by `ns create`
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name of the place, or name or ID of the container
    container: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(super) fn run(args: Args, context: &mut Context) -> anyhow::Result<Exit> {
    let place = Place::find(&context.roots()?, &args.container).map_err(explained)?;
    let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    let stdio = Stdio {
        stdin: copy(std::io::stdin().as_fd())?,
        stdout: copy(std::io::stdout().as_fd())?,
        stderr: copy(std::io::stderr().as_fd())?,
    };
    let program = Program { argv: args.command, env: std::env::vars().collect(), cwd: None };
    let child = place.spawn(&program, stdio).map_err(explained)?;
    let ended = process::wait(child.pid).map_err(explained)?;
    Ok(Exit::Container(ended.code()))
}
