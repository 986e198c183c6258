//! The command line: clap types, a file per command. Turns results into text or JSON; decides nothing.

mod applet;
mod archive;
mod attach;
mod book;
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
mod guest;
mod images;
mod inspect;
mod layer;
mod lesson;
mod lifecycle;
mod limits;
mod logs;
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
mod registry;
mod report;
mod screen;
mod sealed;
mod several;
mod spaces;
mod stats;
mod template;
mod top;
mod verbs;
mod volume;
mod walk;
mod why;
mod without;

pub use context::Context;
pub use report::{Explained, explained};
pub use screen::Screen;

use crate::exit::Exit;
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
#[command(name = "explore", version, max_term_width = 100, propagate_version = true)]
#[command(after_help = "Start with `explore walk`, then `explore lesson`. What can run here: `explore doctor`.")]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(flatten)]
    Verb(Box<verbs::Verb>),
    #[command(display_order = 44)]
    Container(verbs::Group),
    #[command(display_order = 44)]
    Inspect(inspect::Inspect),
    #[command(display_order = 2)]
    Lesson(lesson::Lesson),
    #[command(display_order = 3)]
    Progress(progress::ProgressArgs),
    #[command(display_order = 90)]
    Book(book::Book),
    /// Show a place beside this one: namespaces, uname, processes, interfaces
    #[command(display_order = 60)]
    Compare(compare::Compare),
    #[command(display_order = 62)]
    Without(without::Args),
    #[command(display_order = 63)]
    Matrix(without::MatrixArgs),
    #[command(display_order = 21)]
    Layer(layer::Args),
    Network(network::Args),
    #[command(display_order = 22)]
    Volume(volume::Args),
    #[command(display_order = 43)]
    Clean(clean::Args),
    #[command(display_order = 1)]
    Walk(walk::Args),
    #[command(display_order = 61)]
    Ns(ns::Args),
    #[command(display_order = 62)]
    Guest(guest::Guest),
    #[command(display_order = 10)]
    Pull(pull::Pull),
    #[command(display_order = 11)]
    Images(images::Images),
    #[command(display_order = 12)]
    Rmi(images::Rmi),
    /// Say what can run on this machine, and what helps where something cannot
    #[command(display_order = 61)]
    Doctor,
    #[command(display_order = 62)]
    Why(why::Args),
    #[command(display_order = 11)]
    Push(push::Push),
    #[command(display_order = 12)]
    Tag(images::Tag),
    #[command(display_order = 12)]
    History(images::History),
    #[command(display_order = 12)]
    Image(images::Group),
    #[command(display_order = 13)]
    Load(archive::Load),
    #[command(display_order = 14)]
    Save(archive::Save),
    #[command(display_order = 15)]
    Registry(registry::Args),
    #[command(display_order = 91)]
    Completion(completion::Completion),
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
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(end) = crate::guest::intercept(&arguments) {
        return report::finish(Ok(end));
    }
    if let Some(end) = applet::run(&arguments) {
        return report::finish(end);
    }
    if let Some(end) = sealed::run(&arguments) {
        return report::finish(Ok(end));
    }
    if let Some(end) = crate::without::intercept(&arguments) {
        return report::finish(Ok(if end == 0 { Exit::Ok } else { Exit::Failed }));
    }
    if let Some(end) = oci::intercept(&arguments) {
        return end;
    }
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return report::usage(&error, &arguments),
    };
    report::finish(run(cli))
}

fn run(cli: Cli) -> anyhow::Result<Exit> {
    let context = &mut Context::new(cli.global);
    let narrator = context.global.narrate.then(|| narrator::start(context.global.json)).transpose()?;
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
        Command::Doctor => doctor::run(context),
        Command::Why(args) => why::run(&args, context),
        Command::Load(args) => archive::load(&args, context),
        Command::Save(args) => archive::save(&args, context),
        Command::Registry(args) => registry::run(&args, context),
        Command::Completion(args) => args.run(context),
        Command::Man(args) => args.run(context),
        // With a flag of ours before it: it has its own.
        Command::Oci { .. } => {
            anyhow::bail!("`explore oci` takes its flags after that word; its own --help lists them")
        }
    }
}
