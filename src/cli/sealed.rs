//! Two commands that nobody types: what a start and an exec continue as, from a sealed copy of this program.

use crate::exit::Exit;
use crate::kernel::process;
use crate::stages::exec::{self, Joining, Orders};
use crate::state::Roots;
use std::path::PathBuf;

/// What [`exec::start`] and [`exec::exec`] hand on.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    id: String,
    client: i32,
    sink: String,
    data: PathBuf,
    run: PathBuf,
    what: String,
}

impl Args {
    fn orders(&self, attached_to: Option<i32>) -> Orders {
        Orders {
            id: self.id.clone(),
            client: process::own(self.client),
            roots: Roots { data: self.data.clone(), run: self.run.clone() },
            narrate: self.sink.parse().ok().map(process::own),
            attached_to,
        }
    }
}

pub(super) fn supervise(args: &Args) -> Exit {
    let client = args.what.parse().ok().filter(|pid| *pid != 0);
    code(exec::supervise(args.orders(client)))
}

pub(super) fn join(args: &Args) -> Exit {
    let joining: Joining = serde_json::from_str(&args.what).unwrap_or_default();
    code(exec::join(args.orders(None), &joining))
}

fn code(status: i32) -> Exit {
    Exit::Container(u8::try_from(status).unwrap_or(125))
}
