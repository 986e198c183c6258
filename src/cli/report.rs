//! The end of the program: an error is printed once, as a chain, with what the reader can do about it.

use crate::error::Explain;
use crate::exit::Exit;
use crate::lesson::catalog::{Catalog, Language};
use crate::lesson::words::HINT;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Commands that docker has: a wrong flag answers 125 there (docker-run(1)); our own commands answer 2.
const LIKE_DOCKER_RUN: &[&str] = &[
    "run",
    "create",
    "exec",
    "start",
    "ps",
    "images",
    "pull",
    "logs",
    "rm",
    "stats",
    "pause",
    "unpause",
    "update",
    "kill",
    "stop",
    "wait",
    "diff",
    "attach",
    "container",
    "inspect",
    "top",
    "rename",
    "restart",
    "commit",
    "cp",
    "tag",
    "history",
    "image",
    "push",
    "port",
    "rmi",
    "save",
    "load",
];

/// What docker's `network` has; the rest of ours is our own.
const LIKE_DOCKER_NETWORK: [&str; 7] = ["create", "ls", "rm", "inspect", "connect", "disconnect", "prune"];

/// The same of its `volume`.
const LIKE_DOCKER_VOLUME: [&str; 5] = ["create", "ls", "rm", "inspect", "prune"];

/// Between the errors of several containers, which come up as one.
pub(super) const SEVERAL: &str = "\nexplore: ";

/// An error with its hint and its exit code, as anyhow carries it up to main.
#[derive(Debug)]
pub struct Explained {
    error: Box<dyn std::error::Error + Send + Sync>,
    hint: Option<String>,
    exit: Exit,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Explain for Explained {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}

impl std::error::Error for Explained {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

/// Carries a stage's error up: `.map_err(explained)?`.
pub fn explained<E: Explain + Send + Sync + 'static>(error: E) -> anyhow::Error {
    let (hint, exit) = (error.hint(), error.exit());
    Explained { error: Box::new(error), hint, exit }.into()
}

/// `docker create` answers 125 to a wrong flag only, and 1 to what the daemon refuses; `docker run` 125 to both.
pub(super) fn refused(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Explained>() {
        Ok(Explained { error, hint, exit: Exit::Engine }) => Explained { error, hint, exit: Exit::Failed }.into(),
        Ok(other) => other.into(),
        Err(error) => error,
    }
}

/// For `exec`, whose program docker calls one that cannot be run, whatever kept it from that.
pub(super) fn not_run(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Explained>() {
        Ok(mut explained) => {
            if explained.exit.code() == Exit::Engine.code() {
                explained.exit = Exit::NotExecutable;
            }
            explained.into()
        }
        Err(error) => error,
    }
}

/// For what docker answers 125 to whatever was wrong, such as `run`: a failure that has no code of its own.
pub(super) fn engine(error: anyhow::Error) -> anyhow::Error {
    if is_closed_pipe(&error) {
        return error;
    }
    match error.downcast::<Explained>() {
        Ok(mut explained) => {
            if explained.exit == Exit::Failed {
                explained.exit = Exit::Engine;
            }
            explained.into()
        }
        Err(other) => Explained { error: other.into(), hint: None, exit: Exit::Engine }.into(),
    }
}

/// Prints the error, if there is one, in the reader's language, and turns the end into an exit code.
pub(super) fn finish(result: anyhow::Result<Exit>, language: Language) -> ExitCode {
    let exit = result.unwrap_or_else(|error| {
        if is_closed_pipe(&error) {
            return Exit::Signal(libc::SIGPIPE);
        }
        let explained = error.downcast_ref::<Explained>();
        let hint = explained.and_then(|one| one.hint.as_deref());
        let _ = std::io::stderr().write_all(told(&links(&error), hint, language).as_bytes());
        explained.map_or(Exit::Failed, |one| one.exit)
    });
    if let Exit::Signal(number) = exit {
        crate::kernel::process::die_by(number);
    }
    exit.into()
}

/// What is printed of an error: its links, each put into the language by itself, and the hint below.
fn told(links: &[String], hint: Option<&str>, language: Language) -> String {
    if language == Language::English {
        let hint = hint.map_or(String::new(), |hint| format!("hint: {hint}\n"));
        return harmless(&format!("explore: {}\n{hint}", links.join(": ")));
    }
    let catalog = Catalog::of(language);
    // Errors of several containers come as one.
    let each = |link: &String| link.split(SEVERAL).map(|one| catalog.sentence(one)).collect::<Vec<_>>().join(SEVERAL);
    let hint = hint.map(|hint| catalog.say(HINT, &[("hint", &catalog.sentence(hint))]) + "\n");
    harmless(&format!(
        "explore: {}\n{}",
        links.iter().map(each).collect::<Vec<_>>().join("："),
        hint.unwrap_or_default()
    ))
}

/// A message with nothing in it that a terminal would obey: a name from an archive may say anything (CVE-2021-25743 was this in
/// kubectl). What does is shown as Rust writes it, `\u{1b}`.
fn harmless(message: &str) -> String {
    let shown = |one: char| match one {
        '\n' | '\t' => one.to_string(),
        _ if one.is_control() => one.escape_default().to_string(),
        _ => one.to_string(),
    };
    message.chars().map(shown).collect()
}

/// The error and its causes; a cause that repeats what was said is left out.
pub(super) fn chain(error: &anyhow::Error) -> String {
    links(error).join(": ")
}

fn links(error: &anyhow::Error) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for part in error.chain().map(ToString::to_string) {
        if !links.join(": ").ends_with(&part) || links.is_empty() {
            links.push(part);
        }
    }
    links
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|cause| cause.kind() == std::io::ErrorKind::BrokenPipe)
}

/// A command line that clap refused, or `--help` and `--version`, which it also answers this way.
pub(super) fn usage(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let asked = !error.use_stderr();
    let words: Vec<&str> = command_words(arguments).collect();
    if let Some((why, hint)) = super::refused::of(error, &words) {
        let _ = std::io::stderr().write_all(told(&[why], Some(hint), language_of(arguments)).as_bytes());
    } else if printed(error, arguments).is_err() {
        return finish(Ok(Exit::Signal(libc::SIGPIPE)), Language::English);
    }
    if asked {
        return Exit::Ok.into();
    }
    let mut words = words.into_iter();
    let like_docker = match (words.next(), words.next()) {
        (Some("volume"), verb) => verb.is_some_and(|verb| LIKE_DOCKER_VOLUME.contains(&verb)),
        (Some("network"), verb) => verb.is_some_and(|verb| LIKE_DOCKER_NETWORK.contains(&verb)),
        (command, _) => command.is_some_and(|command| LIKE_DOCKER_RUN.contains(&command)),
    };
    match (like_docker, is_wrong_number(error)) {
        (true, true) => Exit::Failed.into(),
        (true, false) => Exit::Engine.into(),
        (false, _) => Exit::Usage.into(),
    }
}

/// Docker's client counts arguments after it has read the flags, and answers 1 to too few and too many.
fn is_wrong_number(error: &clap::Error) -> bool {
    use clap::error::{ContextKind, ContextValue, ErrorKind};
    match error.kind() {
        ErrorKind::MissingRequiredArgument => true,
        ErrorKind::UnknownArgument => match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(word)) => !word.starts_with('-'),
            _ => false,
        },
        _ => false,
    }
}

/// What clap answers, in the language that the line asks for.
fn printed(error: &clap::Error, arguments: &[OsString]) -> std::io::Result<()> {
    match super::help::answer(error, language_of(arguments)) {
        Some(other) => other.print(),
        None => error.print(),
    }
}

/// The language that a line which clap refused asks for.
fn language_of(arguments: &[OsString]) -> Language {
    let mut words = arguments.iter().filter_map(|argument| argument.to_str());
    let asked = words.by_ref().find_map(|word| match word.strip_prefix("--lang")? {
        "" => Some(None),
        joined => joined.strip_prefix('=').map(Some),
    });
    super::context::language(asked.and_then(|joined| joined.or_else(|| words.next())))
}

/// The words of a line that clap refused that are no options, nor the values of those that stand before the command.
fn command_words(arguments: &[OsString]) -> impl Iterator<Item = &str> {
    let mut words = arguments.iter().skip(1).filter_map(|argument| argument.to_str());
    std::iter::from_fn(move || {
        loop {
            match words.next()? {
                "--root" | "--lang" => _ = words.next(),
                word if word.starts_with('-') => {}
                word => return Some(word),
            }
        }
    })
}
