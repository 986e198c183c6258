//! `explore why`: runs a command, and names the layer of the kernel that refused it something.

use super::columns::wrap;
use super::doctor::helps;
use super::{Context, explained};
use crate::error::Explain;
use crate::exit::Exit;
use crate::kernel;
use crate::lesson::catalog::Catalog;
use crate::probe::why::{self, Findings, Refusal};
use serde::Serialize;
use std::ffi::{CString, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};

#[derive(Debug, clap::Args)]
#[command(after_help = "For example: explore why -- unshare --uts hostname box\n\
    An ordinary user's set-user-ID programs (sudo, su) get no new rights while they are watched, and are let go instead.")]
pub(super) struct Args {
    /// Run it in this running container, as `explore exec` does
    #[arg(long = "in", value_name = "CONTAINER")]
    container: Option<String>,
    /// Show the refusals too that a command went on after which succeeded
    #[arg(long)]
    all: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

#[derive(Debug, thiserror::Error)]
enum WhyError {
    #[error("there is no program {0:?} in the PATH")]
    NotFound(String),
    #[error("cannot watch {0}")]
    Run(String, #[source] kernel::Error),
    #[error("{0:?} has a NUL in it, and no argument of a program can")]
    Nul(String),
}

impl Explain for WhyError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotFound(_) => Some("a path with a slash is taken as it is".into()),
            Self::Run(_, error) if error.call == "ptrace" => {
                Some("a filter or kernel.yama.ptrace_scope forbids tracing here; `explore doctor` needs none".into())
            }
            Self::Run(_, error) => kernel::hint(error),
            Self::Nul(_) => None,
        }
    }

    fn exit(&self) -> Exit {
        match self {
            Self::NotFound(_) => Exit::NotFound,
            Self::Run(..) => Exit::NotExecutable,
            Self::Nul(_) => Exit::Usage,
        }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    command: Vec<String>,
    #[serde(flatten)]
    findings: &'a Findings,
}

pub(super) fn run(args: &Args, context: &mut Context) -> anyhow::Result<Exit> {
    let findings = watch(args, context.global.root.as_deref(), context.screen.json)?;
    if context.screen.json {
        let command = args.command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        context.screen.data(&Report { schema: 1, command, findings: &findings })?;
    } else {
        std::io::stderr().write_all(render(&findings, args.all, context.screen.width, context.catalog()).as_bytes())?;
    }
    Ok(Exit::Container(findings.code))
}

fn watch(args: &Args, root: Option<&std::path::Path>, json: bool) -> anyhow::Result<Findings> {
    let mut words = args.command.clone();
    if let Some(container) = &args.container {
        let mut before: Vec<OsString> = vec!["/proc/self/exe".into()];
        if let Some(root) = root {
            before.extend(["--root".into(), root.into()]);
        }
        before.extend(["exec".into(), container.into()]);
        words.splice(0..0, before);
    }
    let text = |word: &OsString| {
        CString::new(word.as_bytes()).map_err(|_| explained(WhyError::Nul(word.to_string_lossy().into_owned())))
    };
    let command = words.iter().map(text).collect::<anyhow::Result<Vec<_>>>()?;
    let pair = |(name, value): (OsString, OsString)| {
        CString::new([name.into_vec(), b"=".to_vec(), value.into_vec()].concat()).ok()
    };
    let env: Vec<CString> = std::env::vars_os().filter_map(pair).collect();
    let _elsewhere = json.then(OutputElsewhere::begin).transpose()?;
    why::watch(&command, &env, args.container.is_some()).map_err(|error| {
        let name = args.command[0].to_string_lossy().into_owned();
        explained(match error {
            kernel::Error { errno: libc::ENOENT, ref call, .. } if call == "execve" => WhyError::NotFound(name),
            error => WhyError::Run(name, error),
        })
    })
}

/// With `--json` our output is data, and the command's goes to standard error.
struct OutputElsewhere(std::os::fd::OwnedFd);

impl OutputElsewhere {
    fn begin() -> anyhow::Result<Self> {
        let kept = nix::unistd::dup(std::io::stdout())?;
        nix::unistd::dup2_stdout(std::io::stderr())?;
        Ok(Self(kept))
    }
}

impl Drop for OutputElsewhere {
    fn drop(&mut self) {
        let _ = nix::unistd::dup2_stdout(&self.0);
    }
}

fn render(findings: &Findings, all: bool, width: usize, catalog: &Catalog) -> String {
    let mut text = String::new();
    let mut say = |line: &str, indent: usize| {
        for line in wrap(&catalog.sentence(line), width, indent) {
            text.push_str(&line);
            text.push('\n');
        }
    };
    if let Some(path) = &findings.unseen {
        let line = format!(
            "why: {path} is a set-user-ID program: watched it would get no new rights, so it was let go; root can watch it"
        );
        say(&line, 5);
    }
    let others = findings.others.len();
    match &findings.refused {
        Some(refused) => tell(refused, &mut say),
        None if others == 0 && findings.unseen.is_none() => say("why: nothing was refused", 5),
        None => {}
    }
    let shown = if all || findings.refused.is_some() { others } else { 0 };
    for other in findings.others.iter().rev().take(shown.min(if all { others } else { 3 })) {
        let (program, call, layer) = (&other.program, &other.call, other.verdict.layer.name());
        say(&format!("also: {program} {call}: {layer}"), 6);
    }
    if findings.refused.is_none() && others > 0 && !all {
        let line = match others {
            1 => "why: one call was refused on the way, and the command went on: --all shows them".to_owned(),
            more => format!("why: {more} calls were refused on the way, and the command went on: --all shows them"),
        };
        say(&line, 5);
    }
    text
}

fn tell(refused: &Refusal, say: &mut impl FnMut(&str, usize)) {
    let verdict = &refused.verdict;
    say(&format!("why: {} was refused {}", refused.program, refused.call), 5);
    let (layer, because) = (verdict.layer.name(), &verdict.because);
    say(&format!("said no: {layer}: {because}"), 5);
    if let Some(help) = &verdict.help {
        say(&helps(help, verdict.who), 5);
    }
    if let Some(lesson) = verdict.lesson {
        say(&format!("lesson: explore lesson {lesson}"), 5);
    }
}
