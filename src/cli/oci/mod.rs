//! `explore oci`: the command line of an OCI runtime, as containerd's shim and podman's conmon type it (runc's words).
//! It is a command line of its own: its flags stand before the command, and `--root` and `--log` are its caller's.

mod commands;
mod log;

use self::log::Log;
use super::{narrator, report};
use crate::error::Explain;
use crate::exit::Exit;
use crate::stages::exec::oci::{self, OciError};
use crate::state::Roots;
use clap::Parser;
use clap::error::ErrorKind;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// The name under which the whole program is this command: for callers that take a path and no words.
const NAME: &str = "explore-oci";

/// Be an OCI runtime: what dockerd, containerd and podman call to make containers
#[derive(Debug, Parser)]
#[command(name = "explore oci", bin_name = "explore oci", max_term_width = 100)]
#[command(version, long_version = concat!(env!("CARGO_PKG_VERSION"), "\nspec: 1.2.0"))]
#[command(
    after_help = "`dockerd --add-runtime explore=/path/explore-oci` (a link to explore under that name), then `docker run \
    --runtime explore …`; `podman --runtime /path/explore-oci …`. With --narrate-to FILE in between, FILE tells each call."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: commands::Command,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Where containers are remembered between commands
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Append errors and warnings to FILE, too
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// What a line of the log looks like
    #[arg(long, value_enum, default_value_t = log::Format::Text)]
    log_format: log::Format,
    /// Append to FILE each system call that isolates something, with its reason
    #[arg(long, value_name = "FILE")]
    narrate_to: Option<PathBuf>,
    /// Refused: cgroups are made by hand, not by systemd
    #[arg(long)]
    systemd_cgroup: bool,
    /// Taken and without effect: --narrate-to tells more
    #[arg(long, hide = true)]
    debug: bool,
    /// This process runs from a sealed copy of the program already
    #[arg(long, hide = true)]
    sealed: bool,
}

/// What a command needs besides its own arguments.
struct Context {
    root: PathBuf,
    log: Log,
}

/// Runs it, if the command line is one of it.
pub(super) fn intercept(arguments: &[OsString]) -> Option<ExitCode> {
    let name = std::path::Path::new(arguments.first()?).file_name()?;
    let own_name = name == NAME;
    let words = match arguments.get(1) {
        _ if own_name => arguments.get(1..)?,
        Some(word) if word == "oci" => arguments.get(2..)?,
        _ => return None,
    };
    Some(run(words))
}

/// Parses, runs, says the error once.
pub(super) fn run(words: &[OsString]) -> ExitCode {
    let line = std::iter::once(OsString::from(NAME)).chain(words.iter().cloned());
    let cli = match Cli::try_parse_from(line) {
        Ok(cli) => cli,
        Err(error) => {
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            let _ = error.print();
            return if asked { Exit::Ok.into() } else { Exit::Failed.into() };
        }
    };
    let log = Log { file: cli.global.log.clone(), format: cli.global.log_format };
    let result = begin(cli, words, &log);
    let exit = result.unwrap_or_else(|error| {
        log.error(&error);
        error.downcast_ref::<super::Explained>().map_or(Exit::Failed, super::Explained::exit)
    });
    report::finish(Ok(exit), crate::lesson::catalog::Language::English)
}

fn begin(cli: Cli, words: &[OsString], log: &Log) -> anyhow::Result<Exit> {
    if cli.global.systemd_cgroup {
        return Err(refused(
            "--systemd-cgroup",
            "explore makes cgroups by hand; dockerd and podman have cgroupfs for it",
        ));
    }
    if cli.command.makes_processes() && !cli.global.sealed {
        return Err(seal(words));
    }
    let narrator = match &cli.global.narrate_to {
        Some(path) => narrator::append_to(path).map(|()| None)?,
        None => narrator::start_for_a_lesson()?,
    };
    let root = match cli.global.root {
        Some(root) => root,
        None => Roots::find(std::env::var_os("EXPLORE_ROOT").map(PathBuf::from).as_deref())
            .map_err(super::explained)?
            .run
            .join("oci"),
    };
    let leaves_one_waiting = cli.command.leaves_one_waiting();
    let result = commands::run(cli.command, &Context { root, log: log.clone() });
    match narrator {
        Some(narrator) if !leaves_one_waiting => narrator.finish(),
        // Whoever waits for `start` has something to tell until then.
        narrator => std::mem::forget(narrator),
    }
    result
}

/// Becomes the same command again, from a copy of this program that cannot be written through: what it clones stands in
/// a container that nobody trusts (CVE-2019-5736). Returns only why not.
fn seal(words: &[OsString]) -> anyhow::Error {
    let lead = ["explore", "oci", "--sealed"].into_iter().map(str::to_owned);
    let rest = words.iter().map(|word| word.to_string_lossy().into_owned());
    let arguments: Vec<String> = lead.chain(rest).collect();
    super::explained(oci::seal(&arguments))
}

fn refused(flag: &'static str, why: &'static str) -> anyhow::Error {
    super::explained(OciError::Flag { flag, why })
}

/// One line for the log: the chain of causes, without the hint.
fn hint_of(error: &anyhow::Error) -> Option<String> {
    error.downcast_ref::<super::Explained>().and_then(Explain::hint)
}
