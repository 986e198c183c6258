//! `explore exec`: one more process in a place or a container.

use super::attach::{self, DetachKeys, Wanted};
use super::{Context, explained};
use crate::exit::Exit;
use crate::kernel::process;
use crate::stages::create;
use crate::stages::exec::{self, Joining};
use crate::stages::place::{Place, PlaceError, Program, Stdio};
use std::ffi::OsString;
use std::os::fd::AsFd;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's
pub(super) struct Args {
    /// Keep its standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Set a variable: NAME=VALUE
    #[arg(short, long, value_name = "VARIABLE", value_parser = variable)]
    env: Vec<String>,
    /// Set the variables that a file lists, NAME=VALUE a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,
    /// Where the command starts
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    /// Give it all capabilities; the filter on system calls stays
    #[arg(long)]
    privileged: bool,
    /// Who it is, as in `run`; the container's own user without
    #[arg(short, long)]
    user: Option<String>,
    /// Run it in the background
    #[arg(short, long)]
    detach: bool,
    /// What is typed to leave it running: `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    /// Name of the place, or name or ID of the container
    container: String,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// A variable has a name.
fn variable(text: &str) -> Result<String, String> {
    let is_good = !text.is_empty() && !text.starts_with('=');
    if is_good { Ok(text.to_owned()) } else { Err(format!("invalid environment variable: {text}")) }
}

pub(super) fn run(mut args: Args, context: &mut Context) -> anyhow::Result<Exit> {
    let of_files = create::variables_in(&args.env_file).map_err(explained).map_err(super::report::engine)?;
    args.env.splice(0..0, of_files);
    match Place::find(&context.roots()?, &args.container) {
        Ok(place) => in_place(&place, args),
        Err(PlaceError::NotFound(_) | PlaceError::Name(_)) => in_container(args, context),
        Err(error) => Err(explained(error)),
    }
}

/// A place has this terminal, this environment and this folder; only its namespaces are others.
fn in_place(place: &Place, args: Args) -> anyhow::Result<Exit> {
    let copy = |fd: std::os::fd::BorrowedFd<'_>| fd.try_clone_to_owned();
    let stdio = Stdio {
        stdin: copy(std::io::stdin().as_fd())?,
        stdout: copy(std::io::stdout().as_fd())?,
        stderr: copy(std::io::stderr().as_fd())?,
    };
    let typed = args.env.iter().filter_map(|entry| entry.split_once('='));
    // What is not text cannot be written down for another process, as in `-e NAME`.
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    let inherited = std::env::vars_os().filter_map(text);
    let env = inherited.chain(typed.map(|(name, value)| (name.to_owned(), value.to_owned()))).collect();
    let program = Program { argv: args.command, env, cwd: args.workdir.map(Into::into) };
    let child = place.spawn(&program, stdio).map_err(explained)?;
    let ended = process::wait(child.pid).map_err(explained)?;
    Ok(Exit::Container(ended.code()))
}

fn in_container(args: Args, context: &mut Context) -> anyhow::Result<Exit> {
    let wanted = Wanted {
        input: args.interactive && !args.detach,
        terminal: args.tty,
        keys: Some(args.detach_keys.unwrap_or_default()),
        pass_signals: true,
        output: [true; 2],
    };
    attach::check(&wanted)?;
    let roots = context.container_roots()?;
    let container = create::find(&roots, &args.container).map_err(explained)?;
    let joining = Joining {
        argv: args.command,
        terminal: args.tty,
        interactive: args.interactive,
        env: args.env,
        workdir: args.workdir,
        privileged: args.privileged,
        user: args.user,
        detach: args.detach,
    };
    attach::hold_signals()?;
    let attachment = exec::exec(&roots, &container, &joining).map_err(explained).map_err(super::report::not_run)?;
    if args.detach {
        return Ok(Exit::Ok);
    }
    attach::attach(&attachment, &wanted)?.exit_or_detached()
}
