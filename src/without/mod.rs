//! Take one away: the same container whole, and with one thing missing; which facts have changed is what that thing buys.
//!
//! Each container stands on a host of its own (`stand_in`), so that what it reaches without its guard is never the
//! machine. Nothing here is known beforehand: a fact is what was seen of a process (`facts`).

mod drawing;
mod error;
mod facts;
mod matrix;
mod mechanism;
mod stand_in;

pub use drawing::draw;
pub use error::{There, WithoutError};
pub use facts::Fact;
pub use matrix::Matrix;
pub use mechanism::{Build, Mechanism};

use self::stand_in::Order;
use crate::kernel::{process, user};
use crate::stages::exec::oci;
use crate::stages::exit;
use crate::stages::place::{Place, PlaceSpec, Program, Stdio};
use crate::state::{Claim, Effect, Journal, ProcessIdentity, Roots};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// Version of the shape of [`Comparison`] and [`Matrix`] as JSON.
pub const SCHEMA: u32 = 1;

/// What a container was seen to be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// In the order in which they are shown.
    pub facts: Vec<Fact>,
    /// Where it was given a command.
    pub said: Option<Said>,
}

/// What a command did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Its exit code, as a shell counts.
    pub status: u8,
    /// Both of its streams.
    pub output: String,
}

/// One fact in both containers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name in JSON.
    pub code: String,
    /// Its name for people.
    pub title: String,
    /// In the whole container.
    pub whole: String,
    /// In the one that lacks something.
    pub without: String,
    /// Whether the two differ.
    pub changed: bool,
}

/// A whole container beside one that lacks one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What is missing.
    pub missing: Mechanism,
    /// Every fact.
    pub facts: Vec<Row>,
    /// What the command did in each.
    pub said: Option<[Said; 2]>,
}

/// What is made, and where.
#[derive(Debug, Clone)]
pub struct Laboratory {
    /// The state folders.
    pub roots: Roots,
    /// An image that is here.
    pub image: String,
    /// What runs; nothing where it is empty.
    pub command: Vec<String>,
}

impl Laboratory {
    /// The same container whole, and without one thing.
    ///
    /// # Errors
    /// All of [`WithoutError`]; nothing is left then.
    pub fn compare(&self, missing: Mechanism) -> Result<Comparison, WithoutError> {
        let limits = facts::limits_can_be_set();
        if !self.command.is_empty() && missing.guards_the_machine() && !user::in_user_namespace() {
            return Err(WithoutError::Unsafe(missing));
        }
        if missing == Mechanism::CgroupLimits && !limits {
            return Err(WithoutError::NoLimits);
        }
        let whole = Build { user: missing == Mechanism::User, limits, missing: None };
        let (first, second) = (self.run(whole)?, self.run(Build { missing: Some(missing), ..whole })?);
        Ok(Comparison {
            schema: SCHEMA,
            missing,
            facts: rows(&first.facts, &second.facts),
            said: first.said.zip(second.said).map(|(first, second)| [first, second]),
        })
    }

    /// One container on a host of its own.
    fn run(&self, build: Build) -> Result<Outcome, WithoutError> {
        let me = ProcessIdentity::myself();
        let id = format!("without-{}", me.pid);
        let order = Order {
            data: self.roots.data.clone(),
            run: self.roots.run.clone(),
            image: self.image.clone(),
            command: self.command.clone(),
            build,
            id: id.clone(),
        };
        std::fs::create_dir_all(self.roots.containers()).map_err(io("make the folder of containers"))?;
        announce(&self.roots, &id, me)?;
        let answer = ask(&self.roots, &id, me, &order);
        let undone = exit::undo_all(&self.roots, &id);
        let outcome = answer?;
        undone?;
        outcome.map_err(WithoutError::There)
    }
}

fn rows(whole: &[Fact], without: &[Fact]) -> Vec<Row> {
    let row = |(whole, without): (&Fact, &Fact)| Row {
        code: whole.code.clone(),
        title: whole.title.clone(),
        whole: whole.value.clone(),
        without: without.value.clone(),
        changed: whole.value != without.value,
    };
    whole.iter().zip(without).map(row).collect()
}

/// The cgroup of a container in an experiment, as the OCI configuration has it.
fn cgroups_path(roots: &Roots, id: &str) -> PathBuf {
    PathBuf::from(format!("/{}/{id}", roots.cgroup()))
}

/// The only thing that the machine will have of it.
fn announce(roots: &Roots, id: &str, me: ProcessIdentity) -> Result<(), WithoutError> {
    let claim = Claim { owner: id.to_owned(), holder: Some(me) };
    let paths = oci::groups(&cgroups_path(roots, id), id).map_err(|error| WithoutError::There(There::of(&error)))?;
    Journal::at(roots.journal()).announce(&claim, Effect::Cgroups { paths })?;
    Ok(())
}

/// Has a stand-in made, and hears what it has seen.
fn ask(roots: &Roots, id: &str, me: ProcessIdentity, order: &Order) -> Result<Result<Outcome, There>, WithoutError> {
    let text = serde_json::to_string(order).unwrap_or_default();
    let argv = ["/proc/self/exe", "stand-in", "open", &text].map(str::to_owned).into();
    let program = Program { argv, env: vec![("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())], cwd: None };
    let (mut hear, tell) = std::io::pipe().map_err(io("make a pipe"))?;
    let null = std::fs::File::open("/dev/null").map_err(io("open /dev/null"))?;
    let stderr = nix::unistd::dup(std::io::stderr()).map_err(|errno| io("copy standard error")(errno.into()))?;
    let stdio = Stdio { stdin: null.into(), stdout: OwnedFd::from(tell), stderr };
    let spec =
        PlaceSpec { pid: true, mount: true, uts: true, ipc: true, net: true, proc: true, ..PlaceSpec::default() };
    let place = Place::create(roots, id, &spec, Some((program, stdio)), Some(me))?;
    let mut told = Vec::new();
    let read = hear.read_to_end(&mut told);
    let removed = place.remove(roots);
    let _ = process::wait(Pid::from_raw(place.init.pid));
    read.map_err(io("hear from the stand-in"))?;
    removed?;
    serde_json::from_slice(&told).map_err(|_| WithoutError::Silent)
}

fn io(step: &'static str) -> impl FnOnce(std::io::Error) -> WithoutError {
    move |source| WithoutError::Io { step, source }
}

/// What nobody types: the first process of a stand-in, if that is what the arguments say. It first becomes a copy of this
/// program that cannot be written through, for a container without its guards could reach it.
pub fn intercept(arguments: &[OsString]) -> Option<i32> {
    let [_, verb, seal, order] = arguments else { return None };
    if verb != "stand-in" {
        return None;
    }
    let text = order.to_str()?;
    let answer = match (seal.to_str()?, serde_json::from_str::<Order>(text)) {
        ("open", Ok(_)) => Err(There::of(&oci::seal(&["explore", "stand-in", "sealed", text].map(str::to_owned)))),
        ("sealed", Ok(order)) => return Some(stand(&order)),
        _ => return None,
    };
    Some(say(&mut std::io::stdout(), &answer))
}

fn stand(order: &Order) -> i32 {
    // The container will have descriptor 1.
    let Ok(answers) = nix::unistd::dup(std::io::stdout()) else { return 1 };
    if crate::kernel::fs::close_on_exec(&answers).is_err() {
        return 1;
    }
    say(&mut std::fs::File::from(answers), &stand_in::run(order))
}

fn say(to: &mut impl Write, answer: &Result<Outcome, There>) -> i32 {
    let text = serde_json::to_vec(answer).unwrap_or_default();
    i32::from(to.write_all(&text).is_err())
}
