//! What is done to containers: as `explore VERB`, and in docker's grouping `explore container VERB`.

use super::{
    Context, attach, commit, container, control, cp, diff, exec, inspect, lifecycle, logs, port, prune, ps, stats, top,
};
use crate::exit::Exit;
use clap::Subcommand;

/// Commands that are known by both names.
///
/// The arguments of each are built when it is the one that was typed: to build all of them took 1.2 ms of every start.
/// What the list of commands says of it stands here for that reason, and its own text wherever it has one is the same.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(super) enum Verb {
    /// Make a container, and do not start it
    #[command(display_order = 20)]
    Create(container::Create),
    /// Make a container and run a command in it
    #[command(display_order = 30)]
    Run(container::Run),
    /// Start a container that was made or has ended
    #[command(display_order = 31)]
    Start(container::Start),
    /// Run one more command in a running container, or in a place made by `ns create`
    #[command(display_order = 32)]
    Exec(exec::Args),
    /// Join this terminal to a container that runs
    #[command(display_order = 33)]
    Attach(attach::Attach),
    /// List containers
    #[command(display_order = 33, alias = "ls", alias = "list")]
    Ps(ps::Ps),
    /// Show the processes of a container, as this machine sees them
    #[command(display_order = 34)]
    Top(top::Top),
    /// Show which ports of this machine lead to a container
    #[command(display_order = 34)]
    Port(port::Args),
    /// Show what a container has said
    #[command(display_order = 34)]
    Logs(logs::Logs),
    /// Show what a container has added (A), changed (C) and deleted (D)
    #[command(display_order = 34)]
    Diff(diff::Args),
    /// Make an image of a container: its own image, and what it has written as one more layer
    #[command(display_order = 34)]
    Commit(commit::Args),
    /// Copy files from a container to this machine, or to a container; it need not run
    #[command(display_order = 34)]
    Cp(cp::Args),
    /// Show what containers use: processors, memory, network, disks, processes
    #[command(display_order = 35)]
    Stats(stats::Stats),
    /// Hold all processes of containers
    #[command(display_order = 36)]
    Pause(control::Pause),
    /// Let containers go on that were paused
    #[command(display_order = 37)]
    Unpause(control::Unpause),
    /// Change limits of containers, while they run too
    #[command(display_order = 38)]
    Update(control::Update),
    /// Give a container another name
    #[command(display_order = 39)]
    Rename(lifecycle::Rename),
    /// End containers: their stop signal, and SIGKILL if that does not help
    #[command(display_order = 40)]
    Stop(lifecycle::Stop),
    /// Stop containers and start them again
    #[command(display_order = 40)]
    Restart(lifecycle::Restart),
    /// Send a signal to PID 1 of containers: SIGKILL ends it, another one it may handle
    #[command(display_order = 40)]
    Kill(lifecycle::Kill),
    /// Wait until containers have ended, and print their exit codes
    #[command(display_order = 41)]
    Wait(lifecycle::Wait),
    /// Remove containers and what they have written
    #[command(display_order = 42)]
    Rm(lifecycle::Rm),
}

impl Verb {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self {
            Self::Create(args) => container::create(args, context),
            Self::Run(args) => container::run(args, context),
            Self::Start(args) => container::start(&args, context),
            Self::Exec(args) => exec::run(args, context),
            Self::Attach(args) => attach::run(&args, context),
            Self::Ps(args) => ps::run(&args, context),
            Self::Top(args) => top::run(&args, context),
            Self::Port(args) => port::run(&args, context),
            Self::Logs(args) => logs::run(&args, context),
            Self::Diff(args) => diff::run(&args, context),
            Self::Commit(args) => commit::run(&args, context),
            Self::Cp(args) => cp::run(&args, context),
            Self::Stats(args) => stats::run(&args, context),
            Self::Pause(args) => control::pause(&args, context),
            Self::Unpause(args) => control::unpause(&args, context),
            Self::Update(args) => control::update(&args, context),
            Self::Rename(args) => lifecycle::rename(&args, context),
            Self::Stop(args) => lifecycle::stop(&args, context),
            Self::Restart(args) => lifecycle::restart(&args, context),
            Self::Kill(args) => lifecycle::kill(&args, context),
            Self::Wait(args) => lifecycle::wait(&args, context),
            Self::Rm(args) => lifecycle::rm(&args, context),
        }
    }
}

/// The same commands as docker groups them: `explore container ls` is `explore ps`
#[derive(Debug, clap::Args)]
pub(super) struct Group {
    #[command(subcommand)]
    command: Grouped,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Grouped {
    #[command(flatten)]
    Verb(Box<Verb>),
    /// Show all that is known of containers, images, networks and volumes
    Inspect(inspect::Inspect),
    /// Remove all containers that do not run
    Prune(prune::Prune),
}

impl Group {
    pub(super) fn run(self, context: &mut Context) -> anyhow::Result<Exit> {
        match self.command {
            Grouped::Verb(verb) => verb.run(context),
            Grouped::Inspect(args) => inspect::run(&args.of_containers(), context),
            Grouped::Prune(args) => prune::run(&args, context),
        }
    }
}
