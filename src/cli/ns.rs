//! `explore ns`: namespaces without an image.

mod profiles;

use super::{Context, explained};
use crate::exit::Exit;
use crate::stages::place::{Place, PlaceSpec};
use clap::Subcommand;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Make a place of new namespaces, held by a first process
    #[command(after_help = "Enter it with `explore exec NAME COMMAND`, compare it with `explore compare NAME`.\n\
        Without root a user namespace is always made as well: it is what gives the right to make the others.\n\
        --profile SYSTEM makes it as chroot, jail, vserver, zone, openvz, lxc, docker-0.1, docker or rootless would have; \
        `explore ns profiles` tells what each had.")]
    Create {
        /// Its name
        name: String,
        #[command(flatten)]
        spec: PlaceSpec,
    },
    /// List the places that stand
    Ls,
    /// List the systems that `create --profile` knows, and what each isolated
    Profiles,
    /// End a place and all processes in its PID namespace
    Rm {
        /// Its name, several at will
        #[arg(required = true)]
        names: Vec<String>,
    },
}

pub(super) fn run(args: Args, context: &mut Context) -> anyhow::Result<Exit> {
    match args.action {
        Action::Create { name, spec } => create(&name, &spec, context),
        Action::Ls => list(context),
        Action::Profiles => profiles::list(context),
        Action::Rm { names } => remove(&names, context),
    }
}

fn create(name: &str, spec: &PlaceSpec, context: &mut Context) -> anyhow::Result<Exit> {
    let place = Place::create(&context.roots()?, name, spec, None, None).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&place)?;
    } else {
        context.screen.line(&place.name)?;
    }
    Ok(Exit::Ok)
}

fn list(context: &mut Context) -> anyhow::Result<Exit> {
    let places = Place::list(&context.roots()?).map_err(explained)?;
    if context.screen.json {
        context.screen.data(&places)?;
        return Ok(Exit::Ok);
    }
    let row = |place: &Place| {
        let kinds: Vec<&str> = place.spec.kinds().iter().map(|kind| kind.link()).collect();
        let state = if place.init.is_alive() { "up" } else { "ended" };
        [place.name.clone(), place.init.pid.to_string(), state.to_owned(), kinds.join(",")]
    };
    let rows: Vec<[String; 4]> = places.iter().map(row).collect();
    context.screen.table(["NAME", "PID", "STATUS", "NAMESPACES"], &rows)?;
    Ok(Exit::Ok)
}

fn remove(names: &[String], context: &mut Context) -> anyhow::Result<Exit> {
    let roots = context.roots()?;
    for name in names {
        let place = Place::list(&roots).map_err(explained)?.into_iter().find(|place| place.name == *name);
        match place {
            Some(place) => place.remove(&roots).map_err(explained)?,
            None => drop(Place::find(&roots, name).map_err(explained)?),
        }
        context.screen.line(name)?;
    }
    Ok(Exit::Ok)
}
