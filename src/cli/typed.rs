//! From what was typed to a [`Cli`].

use super::{Cli, Global};
use clap::{Args, CommandFactory, FromArgMatches, Parser};
use std::ffi::OsString;

/// Parses the command line.
///
/// Sixty commands are known, and clap hands the flags that hold everywhere on to each of them before it looks at the first
/// word: 0.27 of 1.2 million instructions of an `exec`'s command. So the one that was typed is asked alone. Where that has no answer (a flag
/// before the command, a mistake, `--help`), all of them are asked, and the answer is theirs.
///
/// # Errors
/// clap's; `--help` and `--version` among them.
pub(super) fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    alone(arguments).map_or_else(|| Cli::try_parse_from(arguments), Ok)
}

fn alone(arguments: &[OsString]) -> Option<Cli> {
    let whole = Cli::command();
    let command = whole.find_subcommand(arguments.get(1)?)?.clone();
    let mut only = Global::augment_args(clap::Command::new("explore")).subcommand(command);
    Cli::from_arg_matches(&only.try_get_matches_from_mut(arguments).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn a_command_alone_is_understood_as_among_all() {
        for line in [
            "explore run --rm -it -e A=B --network none --json demo sh -c true --root x",
            "explore exec --root /x -u 1:2 box sh",
            "explore ls -a --lang zh-CN",
            "explore container ls -q",
            "explore network create --subnet 10.9.0.0/24 lab",
            "explore lesson pid-namespace --yes",
            "explore rm -f -v one two --narrate",
        ] {
            let (alone, whole) = (alone(&words(line)).unwrap(), Cli::try_parse_from(words(line)).unwrap());
            assert_eq!(format!("{alone:?}"), format!("{whole:?}"), "{line}");
        }
    }

    #[test]
    fn what_it_does_not_understand_alone_is_answered_by_all() {
        for line in [
            "explore",
            "explore --json ps",
            "explore rnu",
            "explore run",
            "explore run --no-such-flag demo",
            "explore exec --help",
            "explore network",
            "explore help run",
            "explore --version",
            "explore ps --version",
        ] {
            assert!(alone(&words(line)).is_none(), "{line}");
        }
    }
}
