//! `create`, `run` and `start`: from a wish to a container that runs.

use super::attach::{self, DetachKeys, Joined, Wanted};
use super::bringing::IdFile;
use super::program::ProgramFlags;
use super::pull::Known;
use super::several;
use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::create::{self, Container, Network, Privileges, Request};
use crate::stages::network::door::{Before, Door};
use crate::stages::{exec, exit};
use crate::state::Roots;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What `create` and `run` share, named as docker names it.
#[derive(Debug, clap::Args)]
#[allow(clippy::struct_excessive_bools)] // each is a flag of docker's
pub(super) struct Wish {
    /// Keep its standard input open
    #[arg(short, long)]
    interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,
    /// Remove it when it ends
    #[arg(long)]
    rm: bool,
    /// Its name; one is drawn without
    #[arg(long)]
    name: Option<String>,
    /// Its host name; the first 12 digits of its ID without
    #[arg(short = 'h', long)]
    hostname: Option<String>,
    /// Note something of it: NAME=VALUE
    #[arg(short, long, value_name = "LABEL", value_parser = labelled)]
    label: Vec<String>,
    /// Note what a file lists, NAME=VALUE a line
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,
    /// Be joined to these only: stdin, stdout, stderr
    #[arg(short, long, value_name = "STREAM", ignore_case = true)]
    attach: Vec<Joined>,
    /// Write its ID into a new file
    #[arg(long, value_name = "FILE")]
    cidfile: Option<OsString>,
    #[command(flatten)]
    bringing: super::bringing::Bringing,
    /// Set a variable: NAME=VALUE, or NAME for this shell's value
    #[arg(short, long, value_name = "VARIABLE")]
    env: Vec<String>,
    /// Where the command starts
    #[arg(short, long, value_name = "FOLDER")]
    workdir: Option<String>,
    #[command(flatten)]
    mounts: super::mounts::MountFlags,
    #[command(flatten)]
    network: super::network::flags::NetworkFlags,
    /// Set a setting of its namespaces: `net.core.somaxconn=1024`
    #[arg(long, value_name = "NAME=VALUE")]
    sysctl: Vec<String>,
    #[command(flatten)]
    spaces: super::spaces::SpaceFlags,
    #[command(flatten)]
    limits: super::limits::LimitFlags,
    #[command(flatten)]
    privileges: super::privileges::Flags,
    #[command(flatten)]
    program: ProgramFlags,
    /// Print help
    #[arg(long, action = clap::ArgAction::HelpLong, help_heading = "Everywhere")]
    help: Option<bool>,
    /// The image: `demo` is made from this machine; `oci:FOLDER:TAG`, `oci-archive:FILE`, `docker-archive:FILE` lie there
    image: String,
    /// The command and its arguments; the image's own without
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

/// A label has a name.
pub(super) fn labelled(text: &str) -> Result<String, String> {
    let name = text.split('=').next().unwrap_or_default();
    if name.trim().is_empty() { Err(format!("invalid label '{text}': empty name")) } else { Ok(text.to_owned()) }
}

/// How `run`, `start` and `attach` are joined to a container.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = None)]
pub(super) struct Attaching {
    /// What is typed to leave it running: `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS")]
    detach_keys: Option<DetachKeys>,
    /// Whether a signal for this command is passed on to it
    #[arg(long, default_value_t = true, num_args = 0..=1, require_equals = true, default_missing_value = "true",
        action = clap::ArgAction::Set, hide_default_value = true, hide_possible_values = true, value_name = "BOOL")]
    sig_proxy: bool,
}

impl Attaching {
    pub(super) fn wanted(&self, input: bool, terminal: bool) -> Wanted {
        let keys = Some(self.detach_keys.clone().unwrap_or_default());
        Wanted { input, terminal, keys, pass_signals: self.sig_proxy, output: [true; 2] }
    }
}

impl Wish {
    /// An empty name is none.
    fn cidfile(&self) -> Option<&Path> {
        self.cidfile.as_deref().filter(|path| !path.is_empty()).map(Path::new)
    }

    /// What `-a` leaves of it: which streams this command is joined to.
    fn joined(&self, mut all: Wanted) -> Wanted {
        if !self.attach.is_empty() {
            all.output = [Joined::Stdout, Joined::Stderr].map(|one| self.attach.contains(&one));
        }
        all
    }
}

// What every command takes is there first, since the rest is built late (`verbs`): back to the end of --help with it.
/// Make a container, and do not start it
#[derive(Debug, clap::Args)]
#[command(mut_arg("root", |it| it), mut_arg("json", |it| it), mut_arg("narrate", |it| it), mut_arg("lang", |it| it))]
#[command(disable_help_flag = true)] // -h is the host name, as docker has it
pub(super) struct Create {
    #[command(flatten)]
    wish: Wish,
}

/// Make a container and run a command in it
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code: the command's own; 128+n if signal n ended it; 125 if explore failed; 126 if the \
    command cannot be run; 127 if it is not there.")]
#[command(mut_arg("root", |it| it), mut_arg("json", |it| it), mut_arg("narrate", |it| it), mut_arg("lang", |it| it))]
#[command(disable_help_flag = true)] // -h is the host name, as docker has it
pub(super) struct Run {
    /// Run in the background and print the ID
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    attaching: Attaching,
    #[command(flatten)]
    wish: Wish,
}

/// Start a container that was made or has ended
#[derive(Debug, clap::Args)]
pub(super) struct Start {
    /// Show its output, and wait for its end
    #[arg(short, long)]
    attach: bool,
    /// Pass on this terminal's input as well
    #[arg(short, long)]
    interactive: bool,
    #[command(flatten)]
    attaching: Attaching,
    /// Names or IDs
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(super) fn create(args: Create, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let (bringing, file) = (args.wish.bringing.clone(), IdFile::of(args.wish.cidfile())?);
    let container = make(&roots, request(args.wish, true)?, &bringing, context).map_err(super::report::refused)?;
    file.keep(&container.id)?;
    if context.screen.json {
        context.screen.data(&container)?;
    } else {
        context.screen.line(&container.id)?;
    }
    Ok(Exit::Ok)
}

pub(super) fn run(args: Run, context: &mut Context) -> anyhow::Result<Exit> {
    if args.detach && !args.wish.attach.is_empty() {
        anyhow::bail!("conflicting options: cannot specify both --attach and --detach");
    }
    let wanted = args.wish.joined(args.attaching.wanted(args.wish.interactive && !args.detach, args.wish.tty));
    attach::check(&wanted)?;
    run_checked(args, &wanted, context).map_err(super::report::engine)
}

fn run_checked(args: Run, wanted: &Wanted, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let (bringing, file) = (args.wish.bringing.clone(), IdFile::of(args.wish.cidfile())?);
    let request = request(args.wish, !args.detach)?;
    let (network, wish) = (request.network.clone(), request.wish.clone());
    let mut doors = Door::open(&roots, (&network, &wish), &wish.publish, Before::Nothing).map_err(explained)?;
    let request = bring(&roots, request, &bringing, context, &mut |image| {
        let wish = create::with_exposed(wish.clone(), image).map_err(explained)?;
        let exposed = wish.exposed_ports();
        doors.extend(Door::open(&roots, (&network, &wish), &exposed, Before::Nothing).map_err(explained)?);
        Ok(())
    })?;
    let id = create::random_id().map_err(create::CreateError::Random).map_err(explained)?;
    // It begins while we write the container down: both take a while, and most machines have two processors.
    let ahead = exec::ahead(&roots, &id, !args.detach, &doors, &network).map_err(explained)?;
    let container = create::create_as(&roots, &request, id).map_err(explained)?;
    let begun = file.keep(&container.id).and_then(|()| begin(ahead, &roots, &container, !args.detach, &doors));
    if begun.is_err() && container.remove {
        // It never ran; the first error is the one to tell.
        let _ = exit::remove(&roots, &container, true, exit::Volumes::Anonymous);
    }
    let attachment = begun?;
    if args.detach {
        context.screen.line(&container.id)?;
        return Ok(Exit::Ok);
    }
    Ok(attach::attach(&attachment, wanted)?.exit())
}

/// Starts what has been written down.
fn begin(
    ahead: exec::Ahead,
    roots: &Roots,
    container: &Container,
    attached: bool,
    doors: &[Door],
) -> anyhow::Result<exec::Attachment> {
    if attached {
        attach::hold_signals()?;
    }
    ahead.start(roots, container, attached, doors).map_err(explained)
}

pub(super) fn start(args: &Start, context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    let doors = doors(&roots, &args.containers, Again::Started)?;
    context.enter(&roots)?;
    let attached = args.attach || args.interactive;
    if attached && args.containers.len() > 1 {
        anyhow::bail!("you cannot start and attach multiple containers at once");
    }
    let mut exit = Exit::Ok;
    let mut doors = doors.iter();
    let all = several::each(&args.containers, |name| {
        let doors = doors.next().map_or(&[][..], Vec::as_slice);
        let container = create::find(&roots, name).map_err(explained)?;
        let wanted = args.attaching.wanted(args.interactive && container.interactive, container.terminal);
        attach::check(&wanted)?;
        if attached {
            attach::hold_signals()?;
        }
        let attachment = exec::start(&roots, &container, attached, doors).map_err(explained)?;
        if attached {
            exit = attach::attach(&attachment, &wanted)?.exit();
            return Ok(());
        }
        Ok(context.screen.line(name)?)
    })?;
    Ok(if attached { exit } else { all })
}

/// What is about to become of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Again {
    /// Those that do not run are started.
    Started,
    /// All are ended, and started.
    Restarted,
}

/// The doors of containers that are about to be started, for one who is still out here.
pub(super) fn doors(roots: &Roots, names: &[String], again: Again) -> anyhow::Result<Vec<Vec<Door>>> {
    let of = |name: &String| match create::find(roots, name) {
        Ok(one) if again == Again::Restarted || exec::running(roots, &one.id).is_none() => {
            let before = Before::of(roots, &one.id).map_err(explained)?;
            Door::open(roots, (&one.network, &one.wish), &one.wish.ports(), before).map_err(explained)
        }
        // Whoever starts it says what is wrong.
        _ => Ok(Vec::new()),
    };
    names.iter().map(of).collect()
}

/// What was typed, as the stage takes it.
fn request(wish: Wish, attached: bool) -> anyhow::Result<Request> {
    let mounts = wish.mounts.wanted().map_err(explained)?;
    let limits = wish.limits.limits().map_err(explained)?;
    let privileges: Privileges = wish.privileges.into();
    privileges.check().map_err(explained)?;
    let labels = create::labels_in(&wish.label_file).map_err(explained)?.into_iter().chain(wish.label).collect();
    let (network, networking) = wish.network.into_wish();
    Ok(Request {
        image: wish.image,
        command: wish.command,
        // As docker takes them: a name as `inspect` writes it, and an empty one for "not said".
        name: wish.name.map(|name| name.strip_prefix('/').map_or(name.clone(), str::to_owned)).filter(said),
        hostname: wish.hostname.filter(|name| !name.is_empty()),
        labels,
        env: wish.env,
        program: wish.program.program(),
        env_files: wish.program.env_file,
        workdir: wish.workdir.filter(said).map(plain),
        mounts,
        network,
        wish: networking,
        terminal: wish.tty,
        interactive: wish.interactive,
        remove: wish.rm,
        attached,
        spaces: wish.spaces.into(),
        sysctls: wish.sysctl,
        limits,
        privileges,
    })
}

#[allow(clippy::ptr_arg)] // what Option::filter hands on
fn said(text: &String) -> bool {
    !text.is_empty()
}

/// A path from the root on without `.`, `..` and doubled slashes, as docker writes it down (Go's path.Clean).
fn plain(path: String) -> String {
    use std::path::{Component, Path, PathBuf};
    if !path.starts_with('/') {
        return path;
    }
    let mut plain = PathBuf::from("/");
    for part in Path::new(&path).components() {
        match part {
            Component::Normal(name) => plain.push(name),
            Component::ParentDir => drop(plain.pop()),
            _ => {}
        }
    }
    plain.to_string_lossy().into_owned()
}

fn make(
    roots: &Roots,
    request: Request,
    bringing: &super::bringing::Bringing,
    context: &mut Context,
) -> anyhow::Result<Container> {
    let request = bring(roots, request, bringing, context, &mut |_| Ok(()))?;
    create::create(roots, &request).map_err(explained)
}

/// Sees to it that the image is here.
fn bring(
    roots: &Roots,
    mut request: Request,
    bringing: &super::bringing::Bringing,
    context: &mut Context,
    known: &mut Known<'_>,
) -> anyhow::Result<Request> {
    request.image = bringing.image(roots, &request.image, context, known)?;
    context.enter(roots)?;
    if let Some(warning) = warning(&request) {
        writeln!(std::io::stderr(), "{}", context.say(&format!("explore: warning: {warning}")))?;
    }
    Ok(request)
}

/// What becomes of `-p` where it does not do what it usually does.
fn warning(request: &Request) -> Option<&'static str> {
    let publishes = !request.wish.publish.is_empty() || request.wish.publish_all;
    match request.network {
        _ if !publishes => None,
        Network::Host => Some("published ports are discarded when using host network mode"),
        Network::None => Some("published ports are discarded without a network"),
        _ => None,
    }
}
