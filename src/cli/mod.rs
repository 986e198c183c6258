//! The command line: clap types, a file per command. Turns results into text or JSON; decides nothing.

mod applet;
mod archive;
mod attach;
mod book;
mod bringing;
mod clean;
mod columns;
mod commit;
pub mod compare;
mod completion;
mod container;
mod context;
mod control;
mod cp;
mod diff;
mod doctor;
mod exec;
mod format;
mod guest;
mod help;
mod images;
mod inspect;
mod kit;
mod layer;
mod lesson;
mod lifecycle;
mod limits;
mod logs;
mod map;
mod moment;
mod mounts;
mod narrator;
mod network;
mod ns;
mod oci;
mod port;
mod privileges;
mod program;
mod progress;
mod prune;
mod ps;
mod pull;
mod pulling;
mod push;
mod refused;
mod registry;
mod report;
mod screen;
mod sealed;
mod several;
mod spaces;
mod stats;
mod template;
mod top;
mod typed;
mod verbs;
mod volume;
mod walk;
mod why;
mod without;

pub use context::Context;
#[cfg(test)]
pub(crate) use help::texts as help_texts;
pub use report::{Explained, explained};
pub use screen::Screen;

use crate::exit::Exit;
use crate::lesson::catalog::Language;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// What every command takes.
#[derive(Debug, Clone, clap::Args)]
pub struct Global {
    /// Keep all state below DIR instead of the usual folders
    #[arg(long, global = true, value_name = "DIR", env = "EXPLORE_ROOT", hide_env = true, help_heading = "Everywhere")]
    pub root: Option<PathBuf>,
    /// Print data for programs instead of text for people
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub json: bool,
    /// Tell every system call that isolates something, with its reason, on standard error
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub narrate: bool,
    /// Language of lessons and messages (en, zh-CN); the locale decides without it
    #[arg(long, global = true, value_name = "LANG", help_heading = "Everywhere")]
    pub lang: Option<String>,
}

/// Learn what a Linux container really is: `docker run`, stage by stage, on your own kernel.
#[derive(Debug, Parser)]
#[command(name = "explore", version, max_term_width = 100, propagate_version = true, args_override_self = true)]
#[command(after_help = "Start with `explore walk`, then `explore lesson`. What can run here: `explore doctor`.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    #[command(flatten)]
    Verb(Box<verbs::Verb>),
    /// The same commands as docker groups them: `explore container ls` is `explore ps`
    #[command(display_order = 44)]
    Container(verbs::Group),
    /// Show all that is known of containers, images, networks and volumes
    #[command(display_order = 44)]
    Inspect(inspect::Inspect),
    /// Lessons that run on this machine, and that the kernel marks.
    #[command(display_order = 2)]
    Lesson(lesson::Lesson),
    /// What you have answered so far; kept on this machine only.
    #[command(display_order = 3)]
    Progress(progress::ProgressArgs),
    /// Read the book that a release carries: on loopback in your browser, until ^C, or written into a folder
    ///
    /// It goes with the lessons and needs no Internet. The commands below are for those who build and translate it.
    #[command(display_order = 90)]
    Book(book::Book),
    /// Show a place beside this one: namespaces, uname, processes, interfaces
    #[command(display_order = 60)]
    Compare(compare::Compare),
    /// Take one thing away from a container, and see which facts change
    #[command(display_order = 62)]
    Without(without::Args),
    /// Take each thing away in turn, and show which facts each one buys
    #[command(display_order = 63)]
    Matrix(without::MatrixArgs),
    /// Draw what is there: layers, namespaces, the network, groups, a run by system call
    #[command(display_order = 64)]
    Map(map::Args),
    /// The final layer of a container: mount it, look at it, take it away
    #[command(display_order = 21)]
    Layer(layer::Args),
    /// The network of containers: bridge, cable, address, route, NAT
    #[command(display_order = 24)]
    Network(network::Args),
    /// Volumes: folders that outlive containers
    #[command(display_order = 22)]
    Volume(volume::Args),
    /// Take back what a killed explore has left on this machine
    #[command(display_order = 43)]
    Clean(clean::Args),
    /// Walk through `docker run`, one stage after the other, and look at what each one changes
    #[command(display_order = 1)]
    Walk(walk::Args),
    /// Make namespaces without an image, and stand in them
    #[command(display_order = 61)]
    Ns(ns::Args),
    /// Run a lesson, or any command, in a virtual machine with a kernel of its own: no root, no network, nothing stays
    ///
    /// `explore guest lesson cgroup-memory` runs a command of explore in it, `explore guest -- uname -a` any program of this
    /// machine; without either there is a shell. The machine is QEMU, made on the spot of this machine's programs and a stock
    /// kernel: what `--kernel` names, else the newest of /boot, else the folder `guest` beside this program.
    #[command(display_order = 62)]
    Guest(guest::Guest),
    /// Fetch an image and unpack its layers. `demo` is made from this machine and needs no network
    #[command(display_order = 10)]
    Pull(pull::Pull),
    /// List the images that are here
    #[command(display_order = 11)]
    Images(images::Images),
    /// Remove images that no container stands on
    #[command(display_order = 12)]
    Rmi(images::Rmi),
    /// Say what can run on this machine, and what helps where something cannot
    ///
    /// Before a workshop: `explore doctor --class` says it in one line, with a code that whoever leads it collects and reads
    /// back with `explore doctor --read`.
    #[command(display_order = 61)]
    Doctor(doctor::Args),
    /// Run a command, and say which layer of the kernel refused it what
    ///
    /// File mode, capability, seccomp filter, mount flag, cgroup, limit, security module: the error that a program prints is the
    /// same for many of them. Here each system call is watched, and for one that is refused the layer is found out. What was
    /// found goes to standard error; the exit code is the command's own.
    #[command(display_order = 62)]
    Why(why::Args),
    /// Send an image to the registry that its name says
    #[command(display_order = 11)]
    Push(push::Push),
    /// Give an image one more name
    #[command(display_order = 12)]
    Tag(images::Tag),
    /// Show how an image was made, the newest step first
    #[command(display_order = 12)]
    History(images::History),
    /// Images as docker groups them: `explore image ls` is `explore images`
    #[command(display_order = 12)]
    Image(images::Group),
    /// Load images from a file: what docker save writes, an OCI archive, an OCI layout folder
    #[command(display_order = 13)]
    Load(archive::Load),
    /// Save images to a file that docker load and OCI tools read
    #[command(display_order = 14)]
    Save(archive::Save),
    /// Answer as a registry for the images that are here: on loopback, read-only, until it is ended
    #[command(display_order = 15)]
    Registry(registry::Args),
    /// Make the folder for a workshop's stick: all that laptops without Internet need
    ///
    /// This program and those of other architectures, the book, images, a kernel for `explore guest`, QEMU as Debian packages,
    /// boxes for Vagrant, a leaflet, checksums, and a README for whoever has the stick. What is not in it is said, with what
    /// helps. The folder is new, and is there only when it is whole.
    #[command(display_order = 90)]
    Kit(kit::Kit),
    /// Print the script with which a shell completes commands and flags
    ///
    /// For bash, for everybody here: explore completion bash >/etc/bash_completion.d/explore
    #[command(display_order = 91)]
    Completion(completion::Completion),
    /// Write the manual pages, one for each command, into DIR
    #[command(display_order = 92)]
    Man(completion::Man),
    /// Be an OCI runtime: what dockerd, containerd and podman call to make containers
    #[command(display_order = 70, disable_help_flag = true)]
    Oci {
        /// A command line of its own: `explore oci --help`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
        words: Vec<OsString>,
    },
}

/// The whole program.
pub fn main() -> ExitCode {
    crate::kernel::process::draw_no_stacks();
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let english = |end| report::finish(end, Language::English);
    if let Some(end) = crate::guest::intercept(&arguments) {
        return english(Ok(end));
    }
    if let Some(end) = applet::run(&arguments) {
        return english(end);
    }
    if let Some(end) = applet::init(&arguments) {
        return english(Ok(end));
    }
    if let Some(end) = sealed::run(&arguments) {
        return english(Ok(end));
    }
    if let Some(end) = crate::without::intercept(&arguments) {
        return english(Ok(if end == 0 { Exit::Ok } else { Exit::Failed }));
    }
    if let Some(end) = oci::intercept(&arguments) {
        return end;
    }
    let cli = match typed::parse(&arguments) {
        Ok(cli) => cli,
        Err(error) => return report::usage(&error, &arguments),
    };
    let global = cli.global.clone();
    report::finish(run(cli), global.language())
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    Language::choose(cli.global.lang.as_deref(), |_| None).map_err(explained)?;
    let context = &mut Context::new(cli.global);
    let narrator = narrator::start(&context.global)?;
    let result = dispatch(cli.command, context);
    context.leave();
    if let Some(narrator) = narrator {
        narrator.finish();
    }
    result
}

fn dispatch(command: Command, context: &mut Context) -> anyhow::Result<Exit> {
    match command {
        Command::Verb(verb) => verb.run(context),
        Command::Container(group) => group.run(context),
        Command::Inspect(args) => inspect::run(&args, context),
        Command::Lesson(lesson) => lesson.run(context),
        Command::Progress(progress) => progress.run(context),
        Command::Book(book) => book.run(context),
        Command::Compare(compare) => compare::run(&compare, context),
        Command::Without(args) => without::run(&args, context),
        Command::Matrix(args) => without::matrix(&args, context),
        Command::Map(args) => map::run(&args, context),
        Command::Layer(args) => layer::run(&args, context),
        Command::Clean(args) => clean::run(&args, context),
        Command::Walk(args) => walk::run(&args, context),
        Command::Network(args) => network::run(args, context),
        Command::Volume(args) => volume::run(args, context),
        Command::Ns(args) => ns::run(args, context),
        Command::Guest(guest) => guest.run(context),
        Command::Pull(args) => pull::run(&args, context),
        Command::Images(args) => images::run(&args, context),
        Command::Rmi(args) => images::remove(&args, context),
        Command::Push(args) => push::run(&args, context),
        Command::Tag(args) => images::tag(&args, context),
        Command::History(args) => images::history(&args, context),
        Command::Image(args) => args.run(context),
        Command::Doctor(args) => doctor::run(&args, context),
        Command::Why(args) => why::run(&args, context),
        Command::Load(args) => archive::load(&args, context),
        Command::Save(args) => archive::save(&args, context),
        Command::Registry(args) => registry::run(&args, context),
        Command::Kit(args) => args.run(context),
        Command::Completion(args) => args.run(context),
        Command::Man(args) => args.run(context),
        // With a flag of ours before it: it has its own.
        Command::Oci { .. } => {
            anyhow::bail!("`explore oci` takes its flags after that word; its own --help lists them")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cli;
    use clap::{Command, CommandFactory};

    /// By name: what the list above a command says of it.
    fn listed(command: &Command) -> Vec<(String, String)> {
        let about = |one: &Command| one.get_about().map(ToString::to_string).unwrap_or_default();
        command.get_subcommands().map(|one| (one.get_name().to_owned(), about(one))).collect()
    }

    #[test]
    fn the_list_of_commands_says_what_each_says_of_itself() {
        let mut built = Cli::command();
        let container = |command: &Command| listed(command.find_subcommand("container").unwrap());
        let listed_first = listed(&built);
        built.build();
        for (first, then) in [(listed_first, listed(&built)), (listed(&built), container(&built))] {
            for (name, about) in first {
                let own = then.iter().find(|(other, _)| *other == name);
                assert!(own.is_none_or(|(_, own)| *own == about && !own.is_empty()), "{name}: {about:?}, {own:?}");
            }
        }
    }
}
