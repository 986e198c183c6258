//! What is done to containers: as `explore VERB`, and in docker's grouping `explore container VERB`.

use super::{
    Context, attach, commit, container, control, cp, diff, exec, inspect, lifecycle, logs, port, prune, ps, stats, top,
};
use crate::exit::Exit;
use clap::Subcommand;

/// Commands that are known by both names.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    #[command(display_order = 20)]
    Create(container::Create),
    #[command(display_order = 30)]
    Run(container::Run),
    #[command(display_order = 31)]
    Start(container::Start),
    #[command(display_order = 32)]
    Exec(exec::Args),
    #[command(display_order = 33)]
    Attach(attach::Attach),
    #[command(display_order = 33, alias = "ls", alias = "list")]
    Ps(ps::Ps),
    #[command(display_order = 34)]
    Top(top::Top),
    #[command(display_order = 34)]
    Port(port::Args),
    #[command(display_order = 34)]
    Logs(logs::Logs),
    #[command(display_order = 34)]
    Diff(diff::Args),
    #[command(display_order = 34)]
    Commit(commit::Args),
    #[command(display_order = 34)]
    Cp(cp::Args),
    #[command(display_order = 35)]
    Stats(stats::Stats),
    #[command(display_order = 36)]
    Pause(control::Pause),
    #[command(display_order = 37)]
    Unpause(control::Unpause),
    #[command(display_order = 38)]
    Update(control::Update),
    #[command(display_order = 39)]
    Rename(lifecycle::Rename),
    #[command(display_order = 40)]
    Stop(lifecycle::Stop),
    #[command(display_order = 40)]
    Restart(lifecycle::Restart),
    #[command(display_order = 40)]
    Kill(lifecycle::Kill),
    #[command(display_order = 41)]
    Wait(lifecycle::Wait),
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
enum Grouped {
    #[command(flatten)]
    Verb(Box<Verb>),
    Inspect(inspect::Inspect),
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
