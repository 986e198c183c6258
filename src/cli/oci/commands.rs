//! The commands of a runtime, each a call of `stages::exec::oci`.

use super::{Context, refused};
use crate::cli::{Screen, explained};
use crate::exit::Exit;
use crate::kernel::process::Ended;
use crate::stages::exec::oci::{self, Beside, Creating, OciError};
use crate::stages::exit::Signal;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Command {
    /// Make a container from a bundle; its program waits for `start`
    Create(Create),
    /// Let the program of a container begin
    Start(One),
    /// Tell how far a container has come, as JSON
    State(One),
    /// Send a signal to a container's first process
    Kill(Kill),
    /// Take back what `create` made
    Delete(Delete),
    /// Run one more process in a container
    Exec(Exec),
    /// Create, start, wait, delete
    Run(Run),
    /// List containers
    List(List),
    /// List the processes of a container
    Ps(Ps),
    /// Hold all processes of a container
    Pause(One),
    /// Let them go on
    Resume(One),
    /// Change the limits of a container
    Update(Update),
    /// Tell what this runtime has, as JSON
    Features,
    /// Write a config.json to begin with
    Spec(Spec),
}

#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The container
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Create {
    /// The folder with config.json
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
    /// The socket that gets the master of its terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Where to write the number of its first process
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Pass on N descriptors from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// Leave it the keys of the caller's session
    #[arg(long)]
    no_new_keyring: bool,
    /// Refused: without pivot_root(2) the host's files stay within reach
    #[arg(long)]
    no_pivot: bool,
    /// Its name
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Run {
    #[command(flatten)]
    create: Create,
    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Kill {
    /// To all of its processes
    #[arg(short, long)]
    all: bool,
    /// The container
    id: String,
    /// Name or number
    #[arg(default_value = "TERM")]
    signal: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Delete {
    /// End it first; one that is not there is no error
    #[arg(short, long)]
    force: bool,
    /// The container
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Exec {
    /// A file with the process, as `process` of config.json
    #[arg(short, long, value_name = "FILE")]
    process: Option<PathBuf>,
    /// The socket that gets the master of its terminal
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,
    /// Where to write its number
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// Do not wait for its end
    #[arg(short, long)]
    detach: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Set a variable: NAME=VALUE
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Where it starts
    #[arg(long, value_name = "FOLDER")]
    cwd: Option<PathBuf>,
    /// Pass on N descriptors from 3 on
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,
    /// The container
    id: String,
    /// The command and its arguments, without --process
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required_unless_present = "process")]
    command: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

#[derive(Debug, clap::Args)]
pub(super) struct List {
    /// A table, or JSON
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Names only
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Ps {
    /// A table, or JSON
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// The container
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Update {
    /// A file with the limits, as `linux.resources` of config.json; - is standard input
    #[arg(short, long, value_name = "FILE")]
    resources: PathBuf,
    /// The container
    id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Spec {
    /// The folder to write it into
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    bundle: PathBuf,
}

impl Command {
    /// Its program has not begun when this ends.
    pub(super) fn leaves_one_waiting(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    /// What it clones stands in a container.
    pub(super) fn makes_processes(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Run(_) | Self::Exec(_))
    }
}

pub(super) fn run(command: Command, context: &Context) -> anyhow::Result<Exit> {
    let root = context.root.as_path();
    let mut screen = Screen::stdout(true);
    match command {
        Command::Create(args) => drop(oci::create(&creating(args, root)?).map_err(explained)?),
        Command::Start(args) => told(context, oci::start(root, &args.id))?,
        Command::State(args) => screen.data(&oci::view(root, &args.id).map_err(explained)?)?,
        Command::Kill(args) => {
            let signal: Signal = args.signal.parse().map_err(explained)?;
            oci::kill(root, &args.id, signal, args.all).map_err(explained)?;
        }
        Command::Delete(args) => told(context, oci::delete(root, &args.id, args.force))?,
        Command::Exec(args) => return exec(args, root),
        Command::Run(args) => {
            let ended = oci::run(&creating(args.create, root)?, args.detach).map_err(explained)?;
            return Ok(code(ended));
        }
        Command::List(args) => list(&args, root, &mut screen)?,
        Command::Ps(args) => processes(&args, root, &mut screen)?,
        Command::Pause(args) => oci::pause(root, &args.id).map_err(explained)?,
        Command::Resume(args) => oci::resume(root, &args.id).map_err(explained)?,
        Command::Update(args) => update(&args, root)?,
        Command::Features => screen.data(&oci::features())?,
        Command::Spec(args) => spec(&args.bundle)?,
    }
    Ok(Exit::Ok)
}

fn creating(args: Create, root: &Path) -> anyhow::Result<Creating> {
    if args.no_pivot {
        return Err(refused("--no-pivot", "without pivot_root(2) the host's files stay within reach"));
    }
    Ok(Creating {
        root: root.to_owned(),
        id: args.id,
        bundle: args.bundle,
        pid_file: args.pid_file,
        console_socket: args.console_socket,
        preserved: args.preserve_fds,
        keyring: !args.no_new_keyring,
        ground: oci::Ground::Host,
    })
}

/// A hook that comes too late to stop anything is told all the same.
fn told(context: &Context, done: Result<Option<OciError>, OciError>) -> anyhow::Result<()> {
    if let Some(warning) = done.map_err(explained)? {
        context.log.warning(&explained(warning));
    }
    Ok(())
}

fn exec(args: Exec, root: &Path) -> anyhow::Result<Exit> {
    let process = args.process.as_deref().map(oci::process).transpose().map_err(explained)?;
    let order = Beside {
        root: root.to_owned(),
        id: args.id,
        process,
        argv: args.command,
        env: args.env,
        cwd: args.cwd,
        terminal: args.tty,
        pid_file: args.pid_file,
        console_socket: args.console_socket,
        preserved: args.preserve_fds,
    };
    let child = oci::exec(&order).map_err(explained)?;
    let ended = if args.detach { None } else { Some(oci::wait(&child).map_err(explained)?) };
    Ok(code(ended))
}

fn code(ended: Option<Ended>) -> Exit {
    ended.map_or(Exit::Ok, |ended| Exit::Container(ended.code()))
}

fn list(args: &List, root: &Path, screen: &mut Screen) -> anyhow::Result<()> {
    let all = oci::list(root).map_err(explained)?;
    if args.quiet {
        return Ok(all.iter().try_for_each(|one| screen.line(&one.id))?);
    }
    if args.format == Format::Json {
        return Ok(screen.data(&all)?);
    }
    let row = |one: &oci::View| {
        [&one.id, &one.pid.to_string(), one.status.word(), &one.bundle.display().to_string(), &one.created]
            .map(str::to_owned)
    };
    let rows: Vec<[String; 5]> = all.iter().map(row).collect();
    Ok(screen.table(["ID", "PID", "STATUS", "BUNDLE", "CREATED"], &rows)?)
}

fn processes(args: &Ps, root: &Path, screen: &mut Screen) -> anyhow::Result<()> {
    let all = oci::processes(root, &args.id).map_err(explained)?;
    if args.format == Format::Json {
        return Ok(screen.data(&all)?);
    }
    let command = |pid: i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&words).trim_end_matches('\0').replace('\0', " ")
    };
    let rows: Vec<[String; 2]> = all.iter().map(|pid| [pid.to_string(), command(*pid)]).collect();
    Ok(screen.table(["PID", "CMD"], &rows)?)
}

fn update(args: &Update, root: &Path) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    if args.resources == Path::new("-") {
        std::io::stdin().take(1 << 20).read_to_end(&mut bytes)?;
    } else {
        let path = args.resources.clone();
        bytes = std::fs::read(&path).map_err(|source| explained(OciError::File { verb: "read", path, source }))?;
    }
    oci::update(root, &args.id, &bytes).map_err(explained)
}

/// One that is there already is somebody's work.
fn spec(bundle: &Path) -> anyhow::Result<()> {
    let path = bundle.join("config.json");
    let failed = |source| explained(OciError::File { verb: "write", path: path.clone(), source });
    let mut text = serde_json::to_vec_pretty(&oci::template())?;
    text.push(b'\n');
    std::fs::File::create_new(&path).and_then(|mut file| file.write_all(&text)).map_err(failed)
}
