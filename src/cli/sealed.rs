//! Two commands that nobody types: what a start and an exec continue as, from a sealed copy of this program.
//!
//! They are not clap's: to build all of the command line for seven words that we have written ourselves took 1.8 ms of
//! each start.

use crate::exit::Exit;
use crate::kernel::process;
use crate::stages::exec::{self, Joining, Orders, Told};
use crate::state::Roots;
use std::ffi::OsString;
use std::path::PathBuf;

/// What [`exec::start`] and [`exec::exec`] hand on, in this order.
#[derive(Debug)]
struct Args {
    id: String,
    client: i32,
    sink: String,
    data: PathBuf,
    run: PathBuf,
    what: String,
}

/// Runs the command, if that is what the arguments say.
pub(super) fn run(arguments: &[OsString]) -> Option<Exit> {
    let [_, verb, id, client, sink, data, run, what] = arguments else { return None };
    let text = |word: &OsString| word.to_str().map(str::to_owned);
    let args = Args {
        id: text(id)?,
        client: text(client)?.parse().ok()?,
        sink: text(sink)?,
        data: data.into(),
        run: run.into(),
        what: text(what)?,
    };
    match verb.to_str()? {
        "supervise" => Some(supervise(&args)),
        "join" => Some(join(&args)),
        _ => None,
    }
}

impl Args {
    fn orders(&self, told: &Told) -> Orders {
        Orders {
            id: self.id.clone(),
            client: process::own(self.client),
            roots: Roots { data: self.data.clone(), run: self.run.clone() },
            narrate: self.sink.parse().ok().map(process::own),
            attached_to: told.client,
            doors: told.doors.iter().map(|door| door.take()).collect(),
            begins_network: told.begins_network,
        }
    }
}

fn supervise(args: &Args) -> Exit {
    let told: Told = serde_json::from_str(&args.what).unwrap_or_default();
    code(exec::supervise(args.orders(&told)))
}

fn join(args: &Args) -> Exit {
    let joining: Joining = serde_json::from_str(&args.what).unwrap_or_default();
    code(exec::join(args.orders(&Told::default()), &joining))
}

fn code(status: i32) -> Exit {
    Exit::Container(u8::try_from(status).unwrap_or(125))
}
