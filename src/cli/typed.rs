//! From what was typed to a [`Cli`].

use super::{Cli, Global};
use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser};
use std::borrow::Cow;
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
    let arguments = &*with_the_rest_set_off(arguments);
    alone(arguments).or_else(|| with_booleans_said(arguments)).map_or_else(|| Cli::try_parse_from(arguments), Ok)
}

/// Docker's flags that are on or off take a word: `--rm=false`, `-t=1`. Help and mistakes say nothing of it, so it is
/// only looked at where a line was not understood.
fn with_booleans_said(arguments: &[OsString]) -> Option<Cli> {
    let has_word =
        |word: &OsString| word.as_encoded_bytes().starts_with(b"-") && word.as_encoded_bytes().contains(&b'=');
    if !arguments.iter().any(has_word) {
        return None;
    }
    let mut whole = one_command(arguments).unwrap_or_else(Cli::command);
    whole.build();
    Cli::from_arg_matches(&taking_booleans(whole).try_get_matches_from_mut(arguments).ok()?).ok()
}

fn taking_booleans(command: Command) -> Command {
    let taking = |arg: Arg| {
        let is_boolean = match arg.get_action() {
            ArgAction::SetTrue => true,
            ArgAction::Set => arg.get_default_values().iter().any(|value| value == "true" || value == "false"),
            _ => false,
        };
        if !is_boolean {
            return arg;
        }
        arg.action(ArgAction::Set)
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
            .value_parser(boolean)
    };
    command.mut_args(taking).mut_subcommands(taking_booleans)
}

/// As Go's strconv.ParseBool reads it.
fn boolean(text: &str) -> Result<bool, std::str::ParseBoolError> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        other => other.parse(),
    }
}

fn alone(arguments: &[OsString]) -> Option<Cli> {
    Cli::from_arg_matches(&one_command(arguments)?.try_get_matches_from_mut(arguments).ok()?).ok()
}

/// Explore as if it had only the command that was typed.
fn one_command(arguments: &[OsString]) -> Option<Command> {
    let command = Cli::command().find_subcommand(arguments.get(1)?)?.clone();
    Some(Global::augment_args(Command::new("explore").args_override_self(true)).subcommand(command))
}

/// What follows the image, or the container, is its own, flags and `--` included: `run --entrypoint sh demo -c ls`, as
/// docker reads it. clap would look for flags of ours up to the first word that is none, so it is told by a `--` where
/// they end.
fn with_the_rest_set_off(arguments: &[OsString]) -> Cow<'_, [OsString]> {
    let is_flag = |word: &OsString| word.as_encoded_bytes().starts_with(b"-");
    // Most lines have no flag behind a word, and need not be looked at closer.
    if !arguments.windows(2).skip(1).any(|two| !is_flag(&two[0]) && is_flag(&two[1])) {
        return Cow::Borrowed(arguments);
    }
    let mut whole = one_command(arguments).unwrap_or_else(Cli::command);
    whole.build();
    match end_of_flags(&whole, arguments) {
        Some(end) if end < arguments.len() => {
            let (ours, rest) = arguments.split_at(end);
            Cow::Owned(ours.iter().cloned().chain(std::iter::once("--".into())).chain(rest.iter().cloned()).collect())
        }
        _ => Cow::Borrowed(arguments),
    }
}

/// Behind which word a command takes all that is left; `None` for one that does not, and where clap will have to say what
/// is wrong.
fn end_of_flags(whole: &Command, arguments: &[OsString]) -> Option<usize> {
    let mut command = whole;
    let mut words = arguments.iter().enumerate().skip(1);
    while let Some((at, word)) = words.next() {
        let word = word.to_str()?;
        if word == "--" {
            return None;
        }
        if word.len() > 1 && word.starts_with('-') {
            if takes_the_next(command, word)? {
                words.next();
            }
        } else if let Some(sub) = command.find_subcommand(word) {
            command = sub;
        } else {
            let positionals: Vec<&Arg> = command.get_positionals().collect();
            return (positionals.len() == 2 && positionals[1].is_trailing_var_arg_set()).then_some(at + 1);
        }
    }
    None
}

/// Whether the value of a flag is the next word. `None` for a flag that is not known.
fn takes_the_next(command: &Command, word: &str) -> Option<bool> {
    let takes =
        |arg: &Arg| arg.get_action().takes_values() && arg.get_num_args().is_none_or(|range| range.min_values() > 0);
    if let Some(long) = word.strip_prefix("--") {
        let (name, has_value) = long.split_once('=').map_or((long, false), |(name, _)| (name, true));
        let is_it =
            |arg: &&Arg| arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name));
        return command.get_arguments().find(is_it).map(|arg| takes(arg) && !has_value);
    }
    let mut letters = word.get(1..)?.chars();
    while let Some(letter) = letters.next() {
        // `-t=false`: of a flag that is on or off.
        if letter == '=' {
            return Some(false);
        }
        let is_it = |arg: &&Arg| {
            arg.get_short() == Some(letter) || arg.get_all_short_aliases().is_some_and(|all| all.contains(&letter))
        };
        if takes(command.get_arguments().find(is_it)?) {
            return Some(letters.as_str().is_empty());
        }
    }
    Some(false)
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
    fn what_follows_the_image_or_the_container_is_no_flag_of_ours() {
        for (line, set_off) in [
            ("explore run --entrypoint sh demo -c ls", "explore run --entrypoint sh demo -- -c ls"),
            ("explore run --rm demo --rm -v /:/host", "explore run --rm demo -- --rm -v /:/host"),
            ("explore run --rm -itu 1:2 demo -u 0", "explore run --rm -itu 1:2 demo -- -u 0"),
            ("explore run -u1 --name=a demo -- x", "explore run -u1 --name=a demo -- -- x"),
            ("explore container create demo --json", "explore container create demo -- --json"),
            ("explore --json run demo --json", "explore --json run demo -- --json"),
            ("explore exec -it box -e x", "explore exec -it box -- -e x"),
            ("explore top box -ef", "explore top box -- -ef"),
        ] {
            assert_eq!(with_the_rest_set_off(&words(line)), words(set_off), "{line}");
        }
        for line in [
            "explore run --network none -d demo true",
            "explore run -- demo -c ls",
            "explore run --no-such-flag demo -c",
            "explore run --sig-proxy demo true",
            "explore rm one -f",
            "explore logs box --tail 3",
            "explore cp box:/a - -q",
        ] {
            let words = words(line);
            let set_off = with_the_rest_set_off(&words);
            let same = set_off == words || set_off.iter().filter(|word| *word != "--").eq(words.iter());
            assert!(same && Cli::try_parse_from(&*set_off).is_ok() == Cli::try_parse_from(&words).is_ok(), "{line}");
        }
        let understood = parse(&words("explore run --entrypoint echo demo -v /tmp:/b --user=0 x")).unwrap();
        assert!(format!("{understood:?}").contains(r#"command: ["-v", "/tmp:/b", "--user=0", "x"]"#));
    }

    #[test]
    fn a_flag_that_is_on_or_off_takes_a_word_for_it() {
        for (line, like) in [
            ("explore run --rm=true -d=1 --init=false demo sh", "explore run --rm -d demo sh"),
            ("explore run --rm -i=T -dt=False --rm=f demo --x=true -c", "explore run -d -i demo -- --x=true -c"),
            ("explore --json container run -it=0 demo sh", "explore --json container run -i demo sh"),
            ("explore ps --all=TRUE -q=t", "explore ps -a -q"),
            ("explore run --sig-proxy=0 demo", "explore run --sig-proxy=false demo"),
        ] {
            let (said, plain) = (parse(&words(line)).unwrap(), Cli::try_parse_from(words(like)).unwrap());
            assert_eq!(format!("{said:?}"), format!("{plain:?}"), "{line}");
        }
        for line in ["explore run --rm=maybe demo", "explore run --rm=false", "explore ps --all true"] {
            assert!(parse(&words(line)).is_err(), "{line}");
        }
    }

    #[test]
    fn a_flag_that_is_given_twice_has_its_last_value_and_a_list_has_all() {
        let line = "explore run --name a --name b -e A=1 -e B=2 --rm --rm demo";
        for cli in [parse(&words(line)).unwrap(), Cli::try_parse_from(words(line)).unwrap()] {
            let text = format!("{cli:?}");
            assert!(text.contains(r#"name: Some("b")"#) && text.contains(r#"env: ["A=1", "B=2"]"#), "{text}");
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
